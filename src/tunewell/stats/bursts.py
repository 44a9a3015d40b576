"""Bursts among many rare things: which of thousands of words are suddenly frequent, at one budget.

Given how often a thing occurs altogether, how many of its occurrences fall into a window is
binomial while nothing changes, whatever its rate. Rare things cannot reach a small p-value at all,
and so cost nothing (Tarone); the limit for a p-value is what makes the expected number of false
bursts in a year the budget.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.inputs import (
    Floats,
    Ints,
    share,
)
from tunewell.stats.special import betainc

_MOST_SEEN = 400
_NOTHING = 1e-9
"""Of the limit: p-values further below it are counted as one."""


def burst_p(
    inside: ArrayLike,
    outside: ArrayLike,
    part: ArrayLike,
    *,
    irregular: float = 1.0,
) -> Floats:
    """Probability of so many occurrences in a window or more, given how many there are.

    Args:
        inside: Occurrences in the window.
        outside: Occurrences in the reference.
        part: The window's share of the records of both, in (0, 1).
        irregular: Variance of their number over that of independent ones.

    Source:
        Przyborowski & Wilenski 1940, Biometrika 31 (the conditional test of two Poisson rates).

    Example:
        >>> float(burst_p(6, 0, 0.01)) < 2e-12, float(burst_p(0, 5, 0.01))
        (True, 1.0)
    """
    x = np.asarray(inside, dtype=np.float64) / irregular
    y = np.asarray(outside, dtype=np.float64) / irregular
    out: Floats = np.where(x > 0, betainc(np.maximum(x, 1e-9), y + 1, part), 1.0)

    return out


def lull_p(
    inside: ArrayLike,
    outside: ArrayLike,
    part: ArrayLike,
    *,
    irregular: float = 1.0,
) -> Floats:
    """Probability of so few occurrences in a window or fewer.

    Args:
        inside: Occurrences in the window.
        outside: Occurrences in the reference.
        part: The window's share of the records of both, in (0, 1).
        irregular: Variance of their number over that of independent ones.

    Example:
        >>> float(lull_p(0, 60, 0.5)) < 1e-17, float(lull_p(0, 0, 0.5))
        (True, 1.0)
    """
    x = np.asarray(inside, dtype=np.float64) / irregular
    y = np.asarray(outside, dtype=np.float64) / irregular
    out: Floats = np.where(y > 0, 1.0 - betainc(x + 1, np.maximum(y, 1e-9), part), 1.0)

    return out


def burst_limit(
    totals: Ints,
    part: float,
    *,
    allowed: float,
    irregular: float = 1.0,
) -> float:
    """The largest p-value that is called a burst in one window.

    Args:
        totals: Occurrences of each thing in window and reference together, shape (things,).
        part: The window's share of the records of both.
        allowed: Expected number of false bursts in the window.
        irregular: Variance of their number over that of independent ones.

    Source:
        Tarone 1990, Biometrics 46: a test that cannot reach the limit is no test.

    Example:
        >>> import numpy as np
        >>> few = burst_limit(np.full(100, 50), 0.01, allowed=1e-5)
        >>> many = burst_limit(np.r_[np.full(100, 50), np.full(9900, 2)], 0.01, allowed=1e-5)
        >>> few == many, 0 < few <= 1e-5
        (True, True)
    """
    share(part, "part")
    counts = np.bincount(np.minimum(np.asarray(totals, dtype=np.int64), _MOST_SEEN))
    frequent = int(counts[_MOST_SEEN]) if counts.size > _MOST_SEEN else 0
    total = np.flatnonzero(counts[1:_MOST_SEEN]) + 1
    # Only p-values within the limit have a part in it, and of these the last millions hardly any.
    first = _fewest_within(total, part, allowed, irregular)
    last = np.minimum(_fewest_within(total, part, allowed * _NOTHING, irregular), total)
    some = first <= total
    size = (last - first + 1)[some]
    if not size.size:
        return allowed / max(frequent, 1)
    of = np.repeat(total[some], size)
    ends = np.cumsum(size)
    x = np.arange(of.size) - np.repeat(ends - size, size) + np.repeat(first[some], size)
    # The p-values that the things can reach, each with what it adds to the expected number.
    p_all = burst_p(x, of - x, part, irregular=irregular)
    beyond = np.append(p_all[1:], 0.0)
    beyond[ends - 1] = 0.0
    w_all = counts[of] * (p_all - beyond)
    order = np.argsort(p_all)
    running = np.cumsum(w_all[order]) + frequent * p_all[order]
    within = int(np.searchsorted(running, allowed, side="right"))
    if within == 0:
        return min(float(p_all[order][0]) * 0.5, allowed)

    return float(min(p_all[order][within - 1], allowed))


def _fewest_within(
    total: Ints,
    part: float,
    limit: float,
    irregular: float,
) -> Ints:
    """Fewest occurrences in a window with a p-value within a limit, ``total + 1`` where none are.

    Args:
        total: Occurrences in window and reference together, shape (things,).
        part: The window's share of the records of both.
        limit: The p-value.
        irregular: Variance of their number over that of independent ones.
    """
    low = np.ones_like(total)
    high = total + 1
    while (low < high).any():
        middle = np.minimum((low + high) // 2, total)
        within = burst_p(middle, total - middle, part, irregular=irregular) <= limit
        open_ones = low < high
        high = np.where(open_ones & within, middle, high)
        low = np.where(open_ones & ~within, middle + 1, low)
    return low


def pooled_irregularity(weekly: Floats, *, least: float = 1.0) -> float:
    """Variance over mean of counts by week, pooled over things and trimmed.

    Args:
        weekly: Counts relative to an even week, shape (things, weeks).
        least: Of the mean a week that a thing must have.
    """
    mean = weekly.mean(1)
    used = weekly[mean >= least]
    if used.shape[0] < 10 or used.shape[1] < 4:
        return 1.0
    ratio = used.var(1, ddof=1) / used.mean(1)
    ordered = np.sort(ratio)
    middle = ordered[: max(math.ceil(0.9 * ordered.size), 1)]

    return float(max(middle.mean() / 0.93, 1.0))
