"""What a judge saves: a corrected interval, held against that of the same people alone."""

from __future__ import annotations

import math
from typing import Final

from tunewell.types import Estimate

_LEAST_SAVED: Final = 0.01
"""Less than one label of a hundred is not worth a word."""


def labels_saved(corrected: Estimate, alone: Estimate) -> float:
    """Share of the labels that the judge saves, below 0 where it costs some.

    Labels go with the inverse square of the width, so it is 1 - (corrected width / width alone)².

    Example:
        >>> wide = Estimate(value=0.5, low=0.4, high=0.6, n=100, method="people")
        >>> narrow = Estimate(value=0.5, low=0.42, high=0.58, n=100, method="judge")
        >>> round(labels_saved(narrow, wide), 2)
        0.36
    """
    own = corrected.high - corrected.low
    plain = alone.high - alone.low
    if not plain or not math.isfinite(own) or not math.isfinite(plain):
        return 0.0
    return 1.0 - (own / plain) ** 2


def with_saving(corrected: Estimate, alone: Estimate) -> Estimate:
    """The corrected estimate; its method says what the judge saves, if it saves anything.

    Args:
        corrected: As it is printed.
        alone: From the same labels without the judge, at the same level.
    """
    saved = labels_saved(corrected, alone)
    if saved < _LEAST_SAVED:
        return corrected
    # Rounded down: what is said never exceeds what the widths show.
    method = f"{corrected.method}; saves {math.floor(100 * saved)}% of labels"
    return corrected.model_copy(update={"method": method})


def never_wider(corrected: Estimate, alone: Estimate) -> Estimate:
    """The narrower of the two, with what is saved: a useless judge then costs nothing.

    For intervals that cover more than they promise, as the post-stratified score interval does
    (``tests/stats/test_people_alone.py``).
    """
    if labels_saved(corrected, alone) > 0:
        return with_saving(corrected, alone)
    method = f"people alone, the judge saves no labels; {alone.method}"
    return alone.model_copy(update={"method": method})
