"""The p-value that says exactly what an interval says."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from tunewell.types import Estimate

SMALLEST_P: Final = 1e-6
_HALVINGS: Final = 13
"""Of the range of the logarithm: p is found to within 0.2 %."""


def interval_p_value(interval: Callable[[float], Estimate]) -> float:
    """Two-sided p-value of no difference: one minus the level whose interval just touches 0.

    So it agrees with the interval in every case, clusters and missing values included.

    Args:
        interval: From a level, in (0, 1), to the interval of the difference; a higher level must
            not give a narrower one.

    Returns:
        Between `SMALLEST_P` and 1.

    Source:
        Casella & Berger 2002, Statistical Inference, section 9.2.1 (inverting an interval).

    Example:
        >>> from tunewell.stats import mean
        >>> gains = [0.2, 0.1, 0.4, -0.1, 0.3, 0.2, 0.5, 0.1, 0.0, 0.3]
        >>> p = interval_p_value(lambda level: mean(gains, level=level))
        >>> round(p, 3), mean(gains, level=1 - p - 0.001).low > 0
        (0.007, True)
    """

    def excludes_zero(p: float) -> bool:
        found = interval(1 - p)
        return found.low > 0 or found.high < 0

    low, high = math.log(SMALLEST_P), math.log(1 - SMALLEST_P)
    if not excludes_zero(math.exp(high)):
        return 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if excludes_zero(math.exp(middle)):
            high = middle
        else:
            low = middle
    return math.exp(high)
