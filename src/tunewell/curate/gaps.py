"""What is missing: groups of meaning of which training has too few rows for what the model will meet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from tunewell.similar.shown_families import KEPT, TEST, Island, Map
from tunewell.stats.proportions import wilson
from tunewell.types import Estimate

SHORT_OF = 0.5
"""A group is short where its share of the training rows is below this part of its share of the target's rows."""

FEWEST = 3
"""A group of fewer target rows is no kind of its own."""


def with_gaps(found: Map) -> Map:
    """The map with what is missing on each island, for the share that the test rows have there."""
    has = [island.counts.get(KEPT, 0) for island in found.islands]
    due = [island.counts.get(TEST, 0) for island in found.islands]
    islands = [
        island.model_copy(update={"missing": lack})
        for island, lack in zip(found.islands, gaps(has, due), strict=True)
    ]
    return found.model_copy(update={"islands": tuple(islands)})


def gaps(has: Sequence[int], due: Sequence[int]) -> list[Estimate | None]:
    """Training rows that each group lacks for the share that the target has.

    None where it lacks none for sure.

    A group counts as short where the upper end of its training share lies below half of the lower
    end of its target share (Wilson 1927, 95 % over all groups together).

    Args:
        has: Training rows of each group.
        due: Target rows of each group.

    Example:
        >>> [str(lack) for lack in gaps([100, 2], [50, 50])]
        ['None', '98 [63, 154]']
    """
    n, m, groups = sum(has), sum(due), len(has)
    if not m or not n:
        return [None] * groups
    z = np.full(groups, ndtri(1 - 0.05 / (2 * groups)))
    _, most = wilson(np.array(has), np.full(groups, n), z)
    low, high = wilson(np.array(due), np.full(groups, m), z)
    found: list[Estimate | None] = []
    for k in range(groups):
        if most[k] >= SHORT_OF * low[k] or due[k] < FEWEST:
            found.append(None)
            continue
        value, least, largest = (
            _lacking(share, has[k], n) for share in (due[k] / m, float(low[k]), float(high[k]))
        )
        found.append(
            Estimate(
                value=value,
                low=least,
                high=largest,
                n=m,
                method="share of the target, Wilson",
                unit="rows",
            )
        )
    return found


def _lacking(share: float, has: int, n: int) -> float:
    """Rows x with (has + x) / (n + x) = share, at least none."""
    share = min(share, 0.95)
    return float(max(0, math.ceil((share * n - has) / (1 - share))))


def list_missing(found: Map, *, most: int = 8) -> tuple[str, ...]:
    """What is missing in words, the largest gap first: ``meter, reading, photo: about 98 rows [63, 154]``."""
    short = sorted((i for i in found.islands if i.missing), key=lambda i: -_value(i))
    return tuple(
        f"{', '.join(island.words) or 'rows without telling words'}: about {_value(island):.0f} rows "
        f"[{island.missing.low:.0f}, {island.missing.high:.0f}]"
        for island in short[:most]
        if island.missing
    )


def _value(island: Island) -> float:
    return island.missing.value if island.missing else 0.0
