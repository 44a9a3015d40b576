"""Of which groups a sample has too few, held against the population that it should be like."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tunewell.stats.inputs import share
from tunewell.stats.proportions import wilson
from tunewell.stats.special import ndtri
from tunewell.types import Estimate

SHORT_OF = 0.5
"""A group is short where its share is below this part of its share of the target."""

FEWEST = 3
"""A group of fewer target rows is no kind of its own."""

_LARGEST_SHARE = 0.95
"""Beyond this share of the target, the rows lacking would grow without bound."""


def shortfalls(
    has: Sequence[int], due: Sequence[int], *, level: float = 0.95
) -> list[Estimate | None]:
    """Rows that each group lacks for its share of the target; None where no lack is certain.

    A group counts as short where the upper end of its share lies below half of the lower end of its
    share of the target. Bonferroni's correction makes the intervals hold for all groups together.

    Args:
        has: Rows of each group.
        due: Target rows of each group.
        level: Probability that all intervals cover together, in (0, 1).

    Source:
        Wilson 1927, JASA 22; Bonferroni's inequality.

    Example:
        >>> [str(lack) for lack in shortfalls([100, 2], [50, 50])]
        ['None', '98 [63, 154]']
    """
    groups = len(has)
    rows, target_rows = sum(has), sum(due)
    if rows == 0 or target_rows == 0:
        return [None] * groups

    z = np.full(groups, ndtri(1 - (1 - share(level, "level")) / (2 * groups)))
    _, most = wilson(np.array(has), np.full(groups, rows), z)
    least_due, most_due = wilson(np.array(due), np.full(groups, target_rows), z)
    short = (most < SHORT_OF * least_due) & (np.array(due) >= FEWEST)

    found: list[Estimate | None] = [None] * groups
    for k in np.flatnonzero(short).tolist():
        found[k] = Estimate(
            value=_lacking(due[k] / target_rows, has[k], rows),
            low=_lacking(float(least_due[k]), has[k], rows),
            high=_lacking(float(most_due[k]), has[k], rows),
            level=level,
            n=target_rows,
            method="share of the target, Wilson",
            unit="rows",
        )
    return found


def _lacking(wanted: float, has: int, rows: int) -> float:
    """Rows x with (has + x) / (rows + x) = wanted, at least none."""
    wanted = min(wanted, _LARGEST_SHARE)
    return float(max(0, math.ceil((wanted * rows - has) / (1 - wanted))))
