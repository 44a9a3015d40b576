"""Ends of an interval that hold one by one, for gates: a verdict rests on one end, not on both together.

A score or t interval misses with its probability on both sides *together*; for shares near 1 and
for skewed metrics one side misses more often (Wilson at p = .98: 8 % instead of 2.5 %; t for the
mean of a metric near its upper end: up to 10 %). So a gate takes the widest of several ends
(measured: bench/results/evaluation-gates.json):

* shares: the exact one;
* means of a metric with a range: a score interval, whose variance is taken where the mean would be
  the end itself (by exponential tilting, as Wilson's interval does for shares), and one with a part
  of a row at the far end of the range;
* differences of such metrics: t corrected for skewness, and one with a part of a row at the far
    end;
* everything else: t corrected for skewness.

Sources: Clopper & Pearson 1934; Cai 2005 (one-sided intervals); Johnson 1978 and Hall 1992 (t
corrected for skewness); Efron 1981 (nonparametric tilting); Agresti & Coull 1998
(pseudo-observations).
"""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from tunewell.stats.clustered import cluster_mean
from tunewell.stats.inputs import codes, critical, tally
from tunewell.types import Estimate

Floats = NDArray[np.float64]
Kind = Literal["share", "mean", "difference"]

WEIGHT: Final = 0.75
"""Part of a row that is added at the far end for a mean. Without it, errors of 3 to 6 % near the end of the range."""
WEIGHT_OF_DIFFERENCES: Final = 0.2
"""The same for a difference, whose range is twice as wide and whose ends are rarely reached."""
_STEEPEST: Final = 1e4
_HALVINGS: Final = 24


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


def tilted_ends(x: Floats, groups: NDArray[np.int64], level: float) -> tuple[float, float]:
    """Score limits of a mean: where the data, weighted so that their mean is the limit, lie one quantile away.

    The families' weights are ``exp(tilt * residual)``; the variance is that of the weighted
    families, so it grows as the limit leaves the crowded end of the range. For shares of
    independent rows these are Wilson's limits.

    Args:
        x: Values, shape (n,).
        groups: Codes of the families, shape (n,).
        level: Of both together.

    Example:
        >>> x = np.array([1.0] * 15 + [0.0] * 5)
        >>> [round(e, 2) for e in tilted_ends(x, np.arange(20), 0.95)]
        [0.51, 0.9]
    """
    c = cluster_mean(x, groups)
    if not math.isfinite(c.variance) or c.variance <= 0 or c.units < 3:
        return -math.inf, math.inf
    sums, sizes = tally(groups, x), tally(groups)
    residual: Floats = sums - c.value * sizes
    t = critical(level, c.df)
    return _tilted(sums, sizes, residual, c.value, t, -1.0), _tilted(
        sums, sizes, residual, c.value, t, 1.0
    )


def _tilted(
    sums: Floats, sizes: Floats, residual: Floats, value: float, t: float, sign: float
) -> float:
    """The weighted mean whose distance to ``value`` is ``t`` of its own standard errors, below (-1) or above (+1)."""
    rows, units = float(sizes.sum()), sums.size
    scale = float(np.abs(residual).max())

    def at(tilt: float) -> tuple[float, float]:
        weights = np.exp(sign * tilt * residual / scale - tilt)
        centre = float(weights @ sums) / float(weights @ sizes)
        spread = float(weights @ (sums - centre * sizes) ** 2) / float(weights.sum())
        error = units / rows * math.sqrt(spread / (units - 1))
        return centre, sign * (centre - value) / error if error > 0 else math.inf

    low, high = 0.0, 1.0
    while at(high)[1] < t and high < _STEEPEST:
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle)[1] < t else (low, middle)
    return at(high)[0]


def pseudo_ends(
    x: Floats, groups: NDArray[np.int64], level: float, span: tuple[float, float], weight: float
) -> tuple[float, float]:
    """Limits of a mean by Student's t, each with a part of a row added at its own end of the range.

    Args:
        x: Values, shape (n,).
        groups: Codes of the families, shape (n,).
        level: Of both together.
        span: Least and greatest possible value.
        weight: How much of a row is added.

    Example:
        >>> x = np.array([1.0] * 15 + [0.0] * 5)
        >>> [round(e, 2) for e in pseudo_ends(x, np.arange(20), 0.95, (0.0, 1.0), 0.75)]
        [0.51, 0.96]
    """
    c = cluster_mean(x, groups)
    if not math.isfinite(c.variance) or c.units < 3:
        return span
    sums, sizes = tally(groups, x), tally(groups)
    ends = []
    for sign, end in zip((-1.0, 1.0), span, strict=True):
        rows = x.size + weight
        centre = float(sums.sum() + weight * end) / rows
        # The added part of a row is as spread as a whole family of it would be, in proportion to
        # its weight.
        typical = float(sizes.mean())
        squares = (
            float(((sums - centre * sizes) ** 2).sum()) + weight * typical * (end - centre) ** 2
        )
        units = c.units + weight / typical
        ends.append(
            centre + sign * critical(level, c.df) * math.sqrt(squares * units / (units - 1)) / rows
        )
    return ends[0], ends[1]


def strict_ends(
    estimate: Estimate,
    worst: Floats,
    best: Floats,
    *,
    families: list[str] | None,
    span: tuple[float, float] | None = None,
    kind: Kind = "mean",
) -> Estimate:
    """The estimate with ends that hold one by one; never narrower.

    Args:
        estimate: Of a mean, or of a mean difference.
        worst: The values with those missing at their least, shape (n,).
        best: The values with those missing at their greatest, shape (n,).
        families: Family of each row; None if every row stands alone.
        span: Least and greatest possible value; None where there is none.
        kind: ``share`` if those two are the only values that occur, ``difference`` of two arms,
            else ``mean``.
    """
    groups = codes(families, worst.size)
    ends: list[tuple[float, float]] = []
    same = np.array_equal(worst, best)
    for x in (worst,) if same else (worst, best):
        if kind == "share" and span is not None:
            width = span[1] - span[0]
            share = _exact(x, groups, span, estimate.level)
            ends.append((span[0] + width * share[0], span[0] + width * share[1]))
        elif kind == "mean" and span is not None:
            ends.append(
                _widest(
                    tilted_ends(x, groups, estimate.level),
                    pseudo_ends(x, groups, estimate.level, span, WEIGHT),
                )
            )
        else:
            skewed = skewed_ends(x, groups, estimate.level)
            added = (
                pseudo_ends(x, groups, estimate.level, span, WEIGHT_OF_DIFFERENCES)
                if span
                else skewed
            )
            ends.append(_widest(skewed, added))
    name = {"share": "exact", "mean": "score"}.get(kind if span else "", "corrected for skewness")
    bottom, top = ends[0][0], ends[-1][1]
    low = min(estimate.low, bottom) if math.isfinite(bottom) else estimate.low
    high = max(estimate.high, top) if math.isfinite(top) else estimate.high
    if (low, high) == (estimate.low, estimate.high):
        return estimate
    return estimate.model_copy(
        update={"low": low, "high": high, "method": f"{estimate.method}; {name}"}
    )


def _widest(*ends: tuple[float, float]) -> tuple[float, float]:
    """The least and the greatest of the ends that are finite; infinite if none is."""
    lows = [low for low, _ in ends if math.isfinite(low)]
    highs = [high for _, high in ends if math.isfinite(high)]
    return min(lows, default=-math.inf), max(highs, default=math.inf)


def _exact(
    x: Floats, groups: NDArray[np.int64], span: tuple[float, float], level: float
) -> tuple[float, float]:
    effect = max(1.0, cluster_mean(x, groups, span).design_effect)
    n = x.size / effect
    share = float(((x - span[0]) / (span[1] - span[0])).mean())
    return exact_ends(share * n, n, level)
