"""Means and differences of two arms.

Rows are clustered or not; missing values are bounded and never dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.clustered import (
    ClusterMean,
    cluster_mean,
    shared_variance,
    sums_variance,
)
from tunewell.stats.inputs import Floats, Ints, codes, critical, share, value_range, vector
from tunewell.stats.proportions import paired_score, unpaired_score, wilson
from tunewell.types import Estimate

_FEW = 8
"""With fewer rows than this off the commonest value, a t interval cannot be trusted."""

Span = tuple[float, float]
"""Least and greatest value."""


@dataclass(frozen=True)
class MeanInterval:
    """A mean, or a difference of means, on the way to an `Estimate`.

    Attributes:
        value: The point estimate.
        low: Lower end.
        high: Upper end.
        units: Independent units.
        method: How it was made.
    """

    value: float
    low: float
    high: float
    units: int
    method: str

    def estimate(self, level: float) -> Estimate:
        """As a figure; the interval holds the value."""
        return Estimate(
            value=self.value,
            low=min(self.low, self.value),
            high=max(self.high, self.value),
            level=share(level, "level"),
            n=self.units,
            method=self.method,
        )

    def clipped(self, span: Span | None) -> MeanInterval:
        """The interval within a range."""
        if span is None:
            return self
        bottom, top = span
        return replace(self, low=max(self.low, bottom), high=min(self.high, top))


@dataclass(frozen=True)
class ClusteredRows:
    """Values, and which of them belong together.

    Attributes:
        x: Shape (n,).
        groups: Cluster of each as a code 0 … G-1, shape (n,).
    """

    x: Floats
    groups: Ints

    def filled(self, value: float) -> ClusteredRows:
        """With a value wherever one is missing."""
        return ClusteredRows(np.where(np.isnan(self.x), value, self.x), self.groups)

    @property
    def off_mode(self) -> int:
        """How many clusters hold a value other than the commonest."""
        values, counts = np.unique(self.x, return_counts=True)
        commonest = values[counts.argmax()]
        return int(np.unique(self.groups[self.x != commonest]).size)


def mean(
    values: ArrayLike,
    *,
    clusters: Iterable[Hashable] | None = None,
    level: float = 0.95,
    low: float | None = None,
    high: float | None = None,
) -> Estimate:
    """The mean of values, with an interval.

    Values that are all 0 or 1 get Wilson's score interval on the effective sample size; others
    Student's t with a cluster-robust (CR2) variance. Where fewer than eight rows differ from the
    commonest value, t does not hold: the range's ends are then added as two pseudo-observations,
    or, without a range, the method says so.

    Args:
        values: Shape (n,). NaN where there is no value; then ``low`` and ``high`` must be given,
            and the interval holds for every way in which the missing ones might have come out.
        clusters: Label of the cluster (document, conversation) of each row, shape (n,).
        level: Probability of covering, in (0, 1).
        low: Least value that the metric can take.
        high: Greatest value that the metric can take.

    Returns:
        The mean of the values seen. ``n`` counts clusters.

    Raises:
        ValueError: On values outside the range, or NaN without a range.

    Source:
        Bell & McCaffrey 2002 (CR2); Korn & Graubard 1998 (effective sample size); Manski 1990
        (bounds).

    Example:
        >>> str(mean([1, 1, 0, 1, 1, 1, 0, 1]))
        '0.75 [0.409, 0.929]'
        >>> str(mean([1, 1, 0, 1, 1, 1, float("nan"), 1], low=0, high=1))
        '0.857 [0.409, 0.978]'
        >>> mean([0.2, 0.4, 0.9, 0.5], clusters=["a", "a", "b", "c"]).n
        3
    """
    x = vector(values, "values", missing=True)
    rows = ClusteredRows(x, codes(clusters, x.size))
    span = value_range(low, high)
    _within(x, span, "values")
    gaps = np.isnan(x)
    if not gaps.any():
        return _mean(rows, level, span).estimate(level)

    missing = int(gaps.sum())
    span = _needs_range(span, missing, "values")
    worst = _mean(rows.filled(span[0]), level, span)
    best = _mean(rows.filled(span[1]), level, span)
    seen = x[~gaps]
    value = float(seen.mean()) if seen.size else sum(span) / 2
    return _bounded(worst, best, value, missing).estimate(level)


def _bounded(
    worst: MeanInterval,
    best: MeanInterval,
    value: float,
    missing: int,
) -> MeanInterval:
    """The interval that holds however the missing values might have come out."""
    return MeanInterval(
        value=value,
        low=worst.low,
        high=best.high,
        units=best.units,
        method=f"{worst.method}, {missing} missing bounded",
    )


def difference(
    a: ArrayLike,
    b: ArrayLike,
    *,
    paired: bool,
    clusters: Iterable[Hashable] | None = None,
    level: float = 0.95,
    low: float | None = None,
    high: float | None = None,
) -> Estimate:
    """Mean of ``a`` minus mean of ``b``, with an interval.

    Values that are all 0 or 1 get score intervals (Tango's if paired, Miettinen and Nurminen's if
    not) on effective counts; others Student's t (Welch's if not paired) with a cluster-robust
    variance.

    Args:
        a: Shape (n,). NaN where there is no value, see `mean`.
        b: Shape (n,) if paired, else (m,).
        paired: Whether ``a[i]`` and ``b[i]`` are of one row.
        clusters: Cluster of each row: shape (n,) if paired, else of the rows of ``a`` and then
            ``b``, shape (n + m,).
        level: Probability of covering, in (0, 1).
        low: Least value that the metric (not the difference) can take.
        high: Greatest value that the metric can take.

    Returns:
        The difference; swapping ``a`` and ``b`` mirrors it exactly.

    Raises:
        ValueError: On unequal lengths of paired arms, values outside the range, or NaN without a
            range.

    Source:
        Tango 1998; Miettinen & Nurminen 1985; Bell & McCaffrey 2002; Manski 1990.

    Example:
        >>> a, b = [1, 1, 1, 0, 1, 1, 1, 1, 0, 1], [0, 1, 0, 0, 1, 0, 1, 1, 0, 1]
        >>> str(difference(a, b, paired=True))
        '0.3 [-0.0608, 0.603]'
    """
    x = vector(a, "a", missing=True)
    y = vector(b, "b", missing=True)
    if paired and x.size != y.size:
        raise ValueError(
            f"'a' and 'b' must be of one length when paired. Got {x.size} and {y.size} instead."
        )
    groups = codes(clusters, x.size if paired else x.size + y.size)
    span = value_range(low, high)
    _within(x, span, "a")
    _within(y, span, "b")

    first = ClusteredRows(x, groups[: x.size])
    second = ClusteredRows(y, groups if paired else groups[x.size :])
    interval = _paired if paired else _unpaired
    missing = int(np.isnan(x).sum() + np.isnan(y).sum())
    if missing == 0:
        return interval(first, second, level, span).estimate(level)

    bottom, top = span = _needs_range(span, missing, "a' and 'b")
    worst = interval(first.filled(bottom), second.filled(top), level, span)
    best = interval(first.filled(top), second.filled(bottom), level, span)
    seen = _seen_difference(x, y, paired)
    value = min(max(seen, worst.low), best.high)
    return _bounded(worst, best, value, missing).estimate(level)


def bootstrap(
    values: ArrayLike,
    statistic: Callable[[Floats], float],
    *,
    clusters: Iterable[Hashable] | None = None,
    level: float = 0.95,
    repeats: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Any statistic of rows with a bias-corrected, accelerated interval.

    A median, a quantile, a ratio of columns.

    Whole clusters are drawn. Use it where no closed form holds; below about 50 clusters it covers
    less than it says for skewed data (Carpenter & Bithell 2000), and the method then says so.

    Args:
        values: Shape (n,) or (n, columns), finite.
        statistic: From an array of rows of that shape to a number.
        clusters: Cluster of each row, shape (n,).
        level: Probability of covering, in (0, 1).
        repeats: Resamples, at least 200.
        seed: Of the resampling.

    Source:
        Efron 1987, JASA 82 (BCa).

    Example:
        >>> import numpy as np
        >>> e = bootstrap(np.arange(100.0), np.median)
        >>> e.value, e.low < 49.5 < e.high
        (49.5, True)
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim not in (1, 2) or len(x) == 0 or not np.isfinite(x).all():
        raise ValueError(
            "'values' must be finite, one or two dimensions, not empty. "
            f"Got shape {x.shape} instead."
        )
    if repeats < 200:
        raise ValueError(f"'repeats' must be 200 or more. Got {repeats} instead.")
    groups = codes(clusters, len(x))
    members = [np.flatnonzero(groups == g) for g in range(int(groups.max()) + 1)]
    units = len(members)
    if units < 3:
        raise ValueError(
            f"'clusters' must name 3 clusters or more for a bootstrap. Got {units} instead."
        )

    value = float(statistic(x))
    rng = np.random.default_rng(seed)
    draws = np.empty(repeats)
    for i in range(repeats):
        drawn = rng.integers(units, size=units)
        rows = np.concatenate([members[g] for g in drawn])
        draws[i] = float(statistic(x[rows]))
    left_out = np.empty(units)
    for i, rows in enumerate(members):
        left_out[i] = float(statistic(np.delete(x, rows, axis=0)))

    share(level, "level")
    low, high = _bca(value, np.sort(draws), left_out, level)
    note = "" if units >= 50 else ", few units: may cover less"
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        level=level,
        n=units,
        method=f"BCa bootstrap, {repeats} draws{note}",
    )


def _bca(
    value: float,
    draws: Floats,
    left_out: Floats,
    level: float,
) -> tuple[float, float]:
    """The bias-corrected, accelerated interval (Efron 1987).

    Args:
        value: The statistic of all rows.
        draws: Of the resamples, rising.
        left_out: With each unit left out.
        level: Probability of covering.
    """
    from tunewell.stats.special import ndtr, ndtri

    half = 0.5 / draws.size
    below = np.count_nonzero(draws < value) + 0.5 * np.count_nonzero(draws == value)
    z0 = float(ndtri(min(max(below / draws.size, half), 1 - half)))

    lean = left_out.mean() - left_out
    spread = float((lean**2).sum()) ** 1.5
    acceleration = float((lean**3).sum()) / (6 * spread) if spread > 0 else 0.0

    def end(tail: float) -> float:
        z = z0 + float(ndtri(tail))
        corrected = float(ndtr(z0 + z / (1 - acceleration * z)))
        return float(np.quantile(draws, corrected))

    return end((1 - level) / 2), end((1 + level) / 2)


# --- one arm --------------------------------------------------------------------------------------


def _mean(rows: ClusteredRows, level: float, span: Span | None) -> MeanInterval:
    ends = _two_valued(rows.x, span)
    if ends is None:
        return _t(rows, level, span)
    c = cluster_mean(rows.x, rows.groups, ends)
    bottom, top = ends
    width = top - bottom
    successes = float(((rows.x - bottom) / width).sum())
    n = rows.x.size
    low, high = wilson(successes / c.design_effect, n / c.design_effect, _quantile(c, n, level))
    return MeanInterval(
        value=c.value,
        low=bottom + width * float(low),
        high=bottom + width * float(high),
        units=c.units,
        method="Wilson" if c.units == n else f"Wilson, {c.units} clusters",
    )


def _quantile(c: ClusterMean, n: int, level: float) -> float:
    """The normal quantile for independent rows, Student's for clusters."""
    if c.units == n:
        return critical(level)
    return critical(level, max(c.df, 1.0))


def _t(rows: ClusteredRows, level: float, span: Span | None) -> MeanInterval:
    few = rows.off_mode < _FEW
    if few and span is not None:
        return _t_with_pseudo_observations(rows, level, span)
    c = cluster_mean(rows.x, rows.groups)
    method = _t_name(c, rows)
    if few:
        method += ", few distinct values: give low and high"

    constant = few and np.ptp(rows.x) == 0
    if c.units < 2 or constant:
        low, high = span or (-math.inf, math.inf)
        return MeanInterval(c.value, low, high, c.units, method)
    half = critical(level, c.df) * math.sqrt(c.variance)
    return MeanInterval(c.value, c.value - half, c.value + half, c.units, method).clipped(span)


def _t_with_pseudo_observations(
    rows: ClusteredRows,
    level: float,
    span: Span,
) -> MeanInterval:
    """Student's t with the ends of the range added as two clusters of typical size."""
    c = cluster_mean(rows.x, rows.groups)
    sizes = np.bincount(rows.groups).astype(np.float64)
    sums = np.bincount(rows.groups, weights=rows.x)
    typical = float(sizes.mean())
    sizes = np.concatenate([sizes, [typical, typical]])
    sums = np.concatenate([sums, [typical * span[0], typical * span[1]]])

    centre = float(sums.sum() / sizes.sum())
    variance, df = sums_variance(sums - centre * sizes, sizes)
    half = critical(level, df) * math.sqrt(variance)
    low = max(span[0], centre - half)
    high = min(span[1], centre + half)
    return MeanInterval(
        value=c.value,
        low=min(low, c.value),
        high=max(high, c.value),
        units=c.units,
        method=f"{_t_name(c, rows)}, two pseudo-observations",
    )


def _t_name(c: ClusterMean, rows: ClusteredRows) -> str:
    clustered = c.units < rows.x.size
    return f"t, cluster-robust, {c.units} clusters" if clustered else "t"


# --- two arms -------------------------------------------------------------------------------------


def _paired(
    a: ClusteredRows,
    b: ClusteredRows,
    level: float,
    span: Span | None,
) -> MeanInterval:
    both = np.concatenate([a.x, b.x])
    d = ClusteredRows(a.x - b.x, a.groups)
    ends = _two_valued(both, span)
    if ends is None:
        # Equal outputs give differences of exactly zero: the metric's own spread stands in for its
        # range.
        bottom, top = span or (float(both.min()), float(both.max()))
        width = top - bottom
        return _t(d, level, (-width, width) if width > 0 else None)

    width = ends[1] - ends[0]
    c = cluster_mean(d.x, d.groups, (-width, width))
    n = d.x.size
    won = float((d.x > 0).sum()) / c.design_effect
    lost = float((d.x < 0).sum()) / c.design_effect
    low, high = paired_score(won, lost, n / c.design_effect, _quantile(c, n, level))
    clusters = "" if c.units == n else f", {c.units} clusters"
    return MeanInterval(
        value=c.value,
        low=width * float(low),
        high=width * float(high),
        units=c.units,
        method=f"Tango score, paired{clusters}",
    )


def _unpaired(
    a: ClusteredRows,
    b: ClusteredRows,
    level: float,
    span: Span | None,
) -> MeanInterval:
    if np.intersect1d(a.groups, b.groups).size:
        return _sharing_clusters(a, b, level, span)
    a = ClusteredRows(a.x, _recode(a.groups))
    b = ClusteredRows(b.x, _recode(b.groups))
    arms = _TwoArms(a, b, span)
    if _two_valued(np.concatenate([a.x, b.x]), span) is not None:
        return arms.score(level)
    few = min(a.off_mode, b.off_mode) < _FEW
    if few and span is not None:
        return arms.squared_and_added(level, span)
    return arms.welch(level, few=few)


def _sharing_clusters(
    a: ClusteredRows,
    b: ClusteredRows,
    level: float,
    span: Span | None,
) -> MeanInterval:
    """Arms on different rows of the same clusters: the influence of each row, summed by cluster."""
    groups = np.concatenate([a.groups, b.groups])
    units = int(np.unique(groups).size)
    of_a = (a.x - a.x.mean()) / a.x.size
    of_b = (b.x - b.x.mean()) / b.x.size
    variance, df = shared_variance(np.concatenate([of_a, -of_b]), groups)

    value = float(a.x.mean() - b.x.mean())
    method = f"t, {units} clusters shared by the arms"
    if not math.isfinite(variance) or variance == 0:
        low, high = _limits(span)
        return MeanInterval(value, low, high, units, f"{method}, no variation")
    half = critical(level, df) * math.sqrt(variance)
    interval = MeanInterval(value, value - half, value + half, units, method)
    return interval.clipped(_limits(span))


class _TwoArms:
    """Two arms that share no cluster, and the ways to hold one against the other."""

    def __init__(self, a: ClusteredRows, b: ClusteredRows, span: Span | None) -> None:
        self.a = a
        self.b = b
        self.span = span
        self.ends = span or (0.0, 1.0)
        self.mean_a = cluster_mean(a.x, a.groups, self.ends)
        self.mean_b = cluster_mean(b.x, b.groups, self.ends)
        self.value = float(a.x.mean() - b.x.mean())
        self.units = self.mean_a.units + self.mean_b.units
        self.clustered = self.units < a.x.size + b.x.size
        self.note = f", {self.units} clusters" if self.clustered else ""

    @property
    def df(self) -> float:
        """Welch's degrees of freedom."""
        return _welch(self.mean_a.variance, self.mean_a.df, self.mean_b.variance, self.mean_b.df)

    def score(self, level: float) -> MeanInterval:
        """Of two-valued metrics: Miettinen and Nurminen's score on effective counts."""
        bottom, top = self.ends
        width = top - bottom
        effect_a = self.mean_a.design_effect
        effect_b = self.mean_b.design_effect
        low, high = unpaired_score(
            float(((self.a.x - bottom) / width).sum()) / effect_a,
            self.a.x.size / effect_a,
            float(((self.b.x - bottom) / width).sum()) / effect_b,
            self.b.x.size / effect_b,
            critical(level, self.df if self.clustered else math.inf),
        )
        return MeanInterval(
            value=self.value,
            low=width * float(low),
            high=width * float(high),
            units=self.units,
            method=f"Miettinen-Nurminen score{self.note}",
        )

    def squared_and_added(self, level: float, span: Span) -> MeanInterval:
        """Each arm with its own range-aware interval, joined by squaring and adding.

        The idea of Newcombe 1998, method 10.
        """
        a = _t(self.a, level, span)
        b = _t(self.b, level, span)
        value = a.value - b.value
        interval = MeanInterval(
            value=value,
            low=value - math.hypot(a.value - a.low, b.high - b.value),
            high=value + math.hypot(a.high - a.value, b.value - b.low),
            units=a.units + b.units,
            method=f"t, two pseudo-observations, squared and added{self.note}",
        )
        return interval.clipped(_limits(span))

    def welch(self, level: float, *, few: bool) -> MeanInterval:
        """Welch's t with cluster-robust variances."""
        variance = self.mean_a.variance + self.mean_b.variance
        if not math.isfinite(variance) or variance == 0:
            low, high = _limits(self.span)
            method = f"Welch t{self.note}, no variation: give low and high"
            return MeanInterval(self.value, low, high, self.units, method)
        half = critical(level, self.df) * math.sqrt(variance)
        warning = ", few distinct values: give low and high" if few else ""
        interval = MeanInterval(
            value=self.value,
            low=self.value - half,
            high=self.value + half,
            units=self.units,
            method=f"Welch t{self.note}{warning}",
        )
        return interval.clipped(_limits(self.span))


def _welch(
    v1: float,
    df1: float,
    v2: float,
    df2: float,
) -> float:
    total = v1 + v2
    if not math.isfinite(total) or total <= 0:
        return max(min(df1, df2), 1.0)
    return total**2 / (v1**2 / max(df1, 1.0) + v2**2 / max(df2, 1.0))


def _two_valued(x: Floats, span: Span | None) -> Span | None:
    """Both values of a two-valued metric, or None."""
    ends = span or (0.0, 1.0)
    return ends if bool(np.isin(x, ends).all()) else None


def _recode(groups: Ints) -> Ints:
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def _limits(span: Span | None) -> Span:
    """Least and greatest difference of two values within a range."""
    if span is None:
        return -math.inf, math.inf
    return span[0] - span[1], span[1] - span[0]


def _seen_difference(x: Floats, y: Floats, paired: bool) -> float:
    """Difference of the values that there are; 0 where an arm has none."""
    if paired:
        d = (x - y)[~np.isnan(x - y)]
        return float(d.mean()) if d.size else 0.0
    seen_x = x[~np.isnan(x)]
    seen_y = y[~np.isnan(y)]
    if not seen_x.size or not seen_y.size:
        return 0.0
    return float(seen_x.mean() - seen_y.mean())


def _within(x: Floats, span: Span | None, name: str) -> None:
    if span is None:
        return
    low, high = span
    outside = x[(x < low) | (x > high)]
    if outside.size:
        raise ValueError(f"'{name}' must lie in [{low:g}, {high:g}]. Got {outside[0]:g} instead.")


def _needs_range(span: Span | None, missing: int, name: str) -> Span:
    if span is None:
        raise ValueError(
            f"'{name}' hold {missing} missing values: "
            "'low' and 'high' of the metric are needed to bound them."
        )
    return span
