"""Ends of an interval that hold one by one: a verdict rests on one end, not on both together.

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
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np

from tunewell.stats.clustered import ClusterMean, cluster_mean
from tunewell.stats.inputs import Floats, Ints, codes, critical, tally
from tunewell.types import Estimate

Kind = Literal["share", "mean", "difference"]
Ends = tuple[float, float]
"""Lower and upper limit."""

UNBOUNDED: Final[Ends] = (-math.inf, math.inf)
FEWEST_UNITS: Final = 3
"""With fewer families than this no variance is believed."""
WEIGHT: Final = 0.75
"""Part of a row that is added at the far end for a mean.

Without it, errors of 3 to 6 % near the end of the range.
"""
WEIGHT_OF_DIFFERENCES: Final = 0.2
"""The same for a difference, whose range is twice as wide and whose ends are rarely reached."""
_STEEPEST: Final = 1e4
_HALVINGS: Final = 24


def exact_ends(successes: float, n: float, level: float) -> Ends:
    """Clopper and Pearson's limits for a share, each missing with at most half of one minus level.

    Args:
        successes: May be a fraction (effective counts).
        n: Trials, above 0.
        level: Of both together.

    Example:
        >>> [round(x, 4) for x in exact_ends(81, 263, 0.95)]
        [0.2527, 0.3676]
    """
    from tunewell.stats.special import betaincinv

    tail = (1 - level) / 2
    low, high = 0.0, 1.0
    if successes > 0:
        low = float(betaincinv(successes, n - successes + 1, tail))
    if successes < n:
        high = float(betaincinv(successes + 1, n - successes, 1 - tail))
    return low, high


def skewed_ends(x: Floats, groups: Ints, level: float) -> Ends:
    """Limits of a mean by Student's t with Johnson's correction for skewness, families as units.

    Args:
        x: Values, shape (n,).
        groups: Codes of the families, shape (n,).
        level: Of both together.
    """
    centre = cluster_mean(x, groups)
    if not _varies(centre):
        return UNBOUNDED

    sums = np.bincount(groups, weights=x - centre.value)
    spread = float((sums**2).mean())
    skew = 0.0
    if spread > 0:
        skew = float((sums**3).mean()) / spread**1.5

    t = critical(level, centre.df)
    shift = skew / (6 * math.sqrt(centre.units)) * (1 + 2 * t * t)
    error = math.sqrt(centre.variance)
    return centre.value - error * (t - shift), centre.value + error * (t + shift)


def _varies(centre: ClusterMean) -> bool:
    if centre.units < FEWEST_UNITS:
        return False
    return math.isfinite(centre.variance) and centre.variance > 0


def tilted_ends(x: Floats, groups: Ints, level: float) -> Ends:
    """Score limits of a mean: the data, weighted to have that mean, lie one quantile away from it.

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
    centre = cluster_mean(x, groups)
    if not _varies(centre):
        return UNBOUNDED
    tilting = _Tilting(tally(groups, x), tally(groups), centre.value)
    t = critical(level, centre.df)
    return tilting.limit(t, -1.0), tilting.limit(t, 1.0)


@dataclass(frozen=True)
class _Tilting:
    """Families that are weighted until their mean is the limit.

    Attributes:
        sums: Of each family, shape (families,).
        sizes: Rows of each family, shape (families,).
        value: The mean over rows.
    """

    sums: Floats
    sizes: Floats
    value: float

    @cached_property
    def residual(self) -> Floats:
        """How far each family's sum lies from the mean, from -1 to 1, shape (families,)."""
        residual = self.sums - self.value * self.sizes
        return np.asarray(residual / np.abs(residual).max(), np.float64)

    def at(self, tilt: float, sign: float) -> tuple[float, float]:
        """(weighted mean, its distance to the plain mean in its own standard errors)."""
        weights = np.exp(sign * tilt * self.residual - tilt)

        centre = float(weights @ self.sums) / float(weights @ self.sizes)
        spread = float(weights @ (self.sums - centre * self.sizes) ** 2) / float(weights.sum())
        units, rows = self.sums.size, float(self.sizes.sum())
        error = units / rows * math.sqrt(spread / (units - 1))
        if error <= 0:
            return centre, math.inf
        return centre, sign * (centre - self.value) / error

    def limit(self, t: float, sign: float) -> float:
        """The weighted mean at a distance of ``t``, below (-1) or above (+1) the plain one."""
        low, high = 0.0, 1.0
        while self.at(high, sign)[1] < t and high < _STEEPEST:
            low, high = high, 2 * high

        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if self.at(middle, sign)[1] < t:
                low = middle
            else:
                high = middle
        return self.at(high, sign)[0]


def pseudo_ends(
    x: Floats,
    groups: Ints,
    level: float,
    span: Ends,
    weight: float,
) -> Ends:
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
    centre = cluster_mean(x, groups)
    if not math.isfinite(centre.variance) or centre.units < FEWEST_UNITS:
        return span
    t = critical(level, centre.df)
    sums, sizes = tally(groups, x), tally(groups)
    below, low_error = _with_pseudo_row(sums, sizes, span[0], weight)
    above, high_error = _with_pseudo_row(sums, sizes, span[1], weight)
    return below - t * low_error, above + t * high_error


def _with_pseudo_row(
    sums: Floats,
    sizes: Floats,
    end: float,
    weight: float,
) -> tuple[float, float]:
    """Mean and standard error with a part of a row added at one end of the range."""
    rows = float(sizes.sum()) + weight
    centre = float(sums.sum() + weight * end) / rows

    # The added part of a row is as spread as a whole family of it would be, in proportion to
    # its weight.
    typical = float(sizes.mean())
    squares = float(((sums - centre * sizes) ** 2).sum()) + weight * typical * (end - centre) ** 2
    units = sums.size + weight / typical
    return centre, math.sqrt(squares * units / (units - 1)) / rows


def strict_ends(
    estimate: Estimate,
    worst: Floats,
    best: Floats,
    *,
    families: Sequence[str] | None,
    span: Ends | None = None,
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

    Example:
        >>> from tunewell.stats import mean
        >>> x = np.array([1.0] * 49 + [0.0])
        >>> str(strict_ends(mean(x, low=0, high=1), x, x, families=None, span=(0, 1), kind="share"))
        '0.98 [0.894, 0.999]'
    """
    groups = codes(families, worst.size)
    bottom, top = _ends(worst, groups, estimate.level, span, kind)
    if not np.array_equal(worst, best):
        _, top = _ends(best, groups, estimate.level, span, kind)

    low, high = estimate.low, estimate.high
    if math.isfinite(bottom):
        low = min(low, bottom)
    if math.isfinite(top):
        high = max(high, top)
    if (low, high) == (estimate.low, estimate.high):
        return estimate
    method = f"{estimate.method}; {_method(span, kind)}"
    return estimate.model_copy(update={"low": low, "high": high, "method": method})


def _ends(
    x: Floats,
    groups: Ints,
    level: float,
    span: Ends | None,
    kind: Kind,
) -> Ends:
    if span is None:
        return skewed_ends(x, groups, level)
    if kind == "share":
        return _exact(x, groups, span, level)
    if kind == "mean":
        return _widest(
            tilted_ends(x, groups, level),
            pseudo_ends(x, groups, level, span, WEIGHT),
        )
    return _widest(
        skewed_ends(x, groups, level),
        pseudo_ends(x, groups, level, span, WEIGHT_OF_DIFFERENCES),
    )


def _method(span: Ends | None, kind: Kind) -> str:
    if span is not None and kind == "share":
        return "exact"
    if span is not None and kind == "mean":
        return "score"
    return "corrected for skewness"


def _widest(*ends: Ends) -> Ends:
    """The least and the greatest of the ends that are finite; infinite if none is."""
    lows = [low for low, _ in ends if math.isfinite(low)]
    highs = [high for _, high in ends if math.isfinite(high)]
    return min(lows, default=-math.inf), max(highs, default=math.inf)


def _exact(x: Floats, groups: Ints, span: Ends, level: float) -> Ends:
    """Clopper and Pearson's limits on the effective number of rows, on the scale of ``span``."""
    effect = max(1.0, cluster_mean(x, groups, span).design_effect)
    n = x.size / effect
    width = span[1] - span[0]
    share = float(((x - span[0]) / width).mean())
    low, high = exact_ends(share * n, n, level)
    return span[0] + width * low, span[0] + width * high
