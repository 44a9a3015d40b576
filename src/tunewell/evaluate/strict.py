"""Ends of an interval that hold one by one, for gates: a verdict rests on one end, not on both together.

A score or t interval misses with its probability on both sides *together*; for shares near 1 and for skewed metrics one
side misses more often (Wilson at p = .98: 8 % instead of 2.5 %; t for the mean of a left-skewed share: 4 %). So a gate
takes the wider of that interval and, for shares, the exact one, for others one corrected for skewness.

Sources: Clopper & Pearson 1934; Cai 2005 (one-sided intervals); Johnson 1978 and Hall 1992 (t corrected for skewness).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tunewell.stats.clustered import cluster_mean
from tunewell.stats.inputs import codes, critical
from tunewell.types import Estimate

Floats = NDArray[np.float64]


def exact_ends(successes: float, n: float, level: float) -> tuple[float, float]:
    """Clopper and Pearson's limits for a share, each missing with at most half of one minus the level.

    Args:
        successes: May be a fraction (effective counts).
        n: Trials, above 0.
        level: Of both together.

    Example:
        >>> [round(x, 4) for x in exact_ends(81, 263, 0.95)]
        [0.2527, 0.3676]
    """
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(successes, n - successes + 1, tail)) if successes > 0 else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - tail)) if successes < n else 1.0
    return low, high


def skewed_ends(x: Floats, groups: NDArray[np.int64], level: float) -> tuple[float, float]:
    """Limits of a mean by Student's t with Johnson's correction for skewness, families as units.

    Args:
        x: Values, shape (n,).
        groups: Codes of the families, shape (n,).
        level: Of both together.
    """
    c = cluster_mean(x, groups)
    if not math.isfinite(c.variance) or c.variance <= 0 or c.units < 3:
        return -math.inf, math.inf
    sums = np.bincount(groups, weights=x - c.value)
    spread = float((sums**2).mean())
    skew = float((sums**3).mean()) / spread**1.5 if spread > 0 else 0.0
    t = critical(level, c.df)
    shift = skew / (6 * math.sqrt(c.units)) * (1 + 2 * t * t)
    error = math.sqrt(c.variance)
    return c.value - error * (t - shift), c.value + error * (t + shift)


def strict_ends(
    estimate: Estimate, worst: Floats, best: Floats, *, families: list[str] | None, span: tuple[float, float] | None
) -> Estimate:
    """The estimate with ends that hold one by one; never narrower.

    Args:
        estimate: Of a mean, or of a mean difference.
        worst: The values with those missing at their least, shape (n,).
        best: The values with those missing at their greatest, shape (n,).
        families: Family of each row; None if every row stands alone.
        span: Least and greatest value where they are the only two that occur (shares); None otherwise.
    """
    groups = codes(families, worst.size)
    if span is not None:
        bottom, width = span[0], span[1] - span[0]
        low = bottom + width * _exact(worst, groups, span, estimate.level)[0]
        high = bottom + width * _exact(best, groups, span, estimate.level)[1]
        name = "exact"
    else:
        low = skewed_ends(worst, groups, estimate.level)[0]
        high = skewed_ends(best, groups, estimate.level)[1]
        name = "corrected for skewness"
    low = min(estimate.low, low) if math.isfinite(low) else estimate.low
    high = max(estimate.high, high) if math.isfinite(high) else estimate.high
    if (low, high) == (estimate.low, estimate.high):
        return estimate
    return estimate.model_copy(update={"low": low, "high": high, "method": f"{estimate.method}; {name}"})


def _exact(x: Floats, groups: NDArray[np.int64], span: tuple[float, float], level: float) -> tuple[float, float]:
    effect = max(1.0, cluster_mean(x, groups, span).design_effect)
    n = x.size / effect
    share = float(((x - span[0]) / (span[1] - span[0])).mean())
    return exact_ends(share * n, n, level)
