"""Whether values follow each other in time, or chance would order them so."""

from __future__ import annotations

import math
from collections.abc import Sequence


def chance_of_order(counts: Sequence[int], astray: int = 0) -> float:
    """Bound on the probability that rows in random order form one run of each value.

    There are k! orders of the values, over the multinomial coefficient of all orders of the rows.
    Rows that are astray are allowed for: times the ways to choose them and where they stand
    instead.

    Args:
        counts: Rows of each value.
        astray: Rows that stand outside the run of their value.

    Returns:
        The bound, at most 1.

    Source:
        Counting of arrangements, as in the runs test of Wald & Wolfowitz 1940, Annals of
        Mathematical Statistics 11; union bound over the rows astray.

    Example:
        >>> round(chance_of_order([5, 5]), 4)
        0.0079
    """
    rows, values = sum(counts), len(counts)
    log = math.lgamma(values + 1) - math.lgamma(rows + 1)
    for count in counts:
        log += math.lgamma(count + 1)

    ways_astray = math.comb(rows, astray) * max(1, values - 1) ** astray
    return float(min(1.0, math.exp(log) * ways_astray))
