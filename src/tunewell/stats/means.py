"""Means and differences of two arms, rows clustered or not, missing values bounded and never dropped."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.clustered import cluster_mean, shared_variance, sums_variance
from tunewell.stats.inputs import Floats, Ints, codes, critical, share, value_range, vector
from tunewell.stats.proportions import paired_score, unpaired_score, wilson
from tunewell.types import Estimate

_FEW = 8
"""With fewer rows than this off the commonest value, a t interval cannot be trusted."""

Interval = tuple[float, float, float, int, str]
"""Value, low, high, independent units, method."""


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
    groups = codes(clusters, x.size)
    span = value_range(low, high)
    _within(x, span, "values")
    gaps = np.isnan(x)
    if not gaps.any():
        value, bottom, top, units, method = _mean(x, groups, level, span)
    else:
        span = _needs_range(span, int(gaps.sum()), "values")
        worst = _mean(np.where(gaps, span[0], x), groups, level, span)
        best = _mean(np.where(gaps, span[1], x), groups, level, span)
        value = float(x[~gaps].mean()) if (~gaps).any() else sum(span) / 2
        bottom, top, units = worst[1], best[2], best[3]
        method = f"{worst[4]}, {int(gaps.sum())} missing bounded"
    return Estimate(
        value=value,
        low=min(bottom, value),
        high=max(top, value),
        level=share(level, "level"),
        n=units,
        method=method,
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
    x, y = vector(a, "a", missing=True), vector(b, "b", missing=True)
    if paired and x.size != y.size:
        raise ValueError(
            f"'a' and 'b' must be of one length when paired. Got {x.size} and {y.size} instead."
        )
    groups = codes(clusters, x.size if paired else x.size + y.size)
    span = value_range(low, high)
    _within(x, span, "a")
    _within(y, span, "b")
    missing = int(np.isnan(x).sum() + np.isnan(y).sum())
    interval = _paired if paired else _unpaired
    if missing == 0:
        value, bottom, top, units, method = interval(x, y, groups, level, span)
    else:
        span = _needs_range(span, missing, "a' and 'b")
        worst = interval(_fill(x, span[0]), _fill(y, span[1]), groups, level, span)
        best = interval(_fill(x, span[1]), _fill(y, span[0]), groups, level, span)
        bottom, top, units = worst[1], best[2], best[3]
        value = min(max(_seen_difference(x, y, paired), bottom), top)
        method = f"{worst[4]}, {missing} missing bounded"
    return Estimate(
        value=value,
        low=min(bottom, value),
        high=max(top, value),
        level=share(level, "level"),
        n=units,
        method=method,
    )


def bootstrap(
    values: ArrayLike,
    statistic: Callable[[Floats], float],
    *,
    clusters: Iterable[Hashable] | None = None,
    level: float = 0.95,
    repeats: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Any statistic of rows (median, quantile, ratio of columns) with a bias-corrected, accelerated interval.

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
    from scipy.special import ndtr, ndtri

    x = np.asarray(values, dtype=np.float64)
    if x.ndim not in (1, 2) or len(x) == 0 or not np.isfinite(x).all():
        raise ValueError(
            f"'values' must be finite, one or two dimensions, not empty. Got shape {x.shape} instead."
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
    draws = np.sort(
        [
            float(
                statistic(x[np.concatenate([members[g] for g in rng.integers(units, size=units)])])
            )
            for _ in range(repeats)
        ]
    )
    below = (np.count_nonzero(draws < value) + 0.5 * np.count_nonzero(draws == value)) / repeats
    z0 = float(ndtri(min(max(below, 0.5 / repeats), 1 - 0.5 / repeats)))
    left_out = np.array([float(statistic(np.delete(x, rows, axis=0))) for rows in members])
    lean = left_out.mean() - left_out
    spread = float((lean**2).sum()) ** 1.5
    skew = float((lean**3).sum()) / (6 * spread) if spread > 0 else 0.0
    ends = []
    for tail in ((1 - share(level, "level")) / 2, (1 + level) / 2):
        z = z0 + float(ndtri(tail))
        ends.append(float(np.quantile(draws, float(ndtr(z0 + z / (1 - skew * z))))))
    note = "" if units >= 50 else ", few units: may cover less"
    low, high = min(ends[0], value), max(ends[1], value)
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        n=units,
        method=f"BCa bootstrap, {repeats} draws{note}",
    )


def _mean(x: Floats, groups: Ints, level: float, span: tuple[float, float] | None) -> Interval:
    binary = _binary(x, span)
    c = cluster_mean(x, groups, span or (0.0, 1.0))
    if binary is not None:
        bottom, width = binary
        successes = float(((x - bottom) / width).sum())
        n = x.size / c.design_effect
        z = critical(level) if c.units == x.size else critical(level, max(c.df, 1.0))
        low, high = wilson(successes / c.design_effect, n, z)
        name = "Wilson" if c.units == x.size else f"Wilson, {c.units} clusters"
        return c.value, bottom + width * float(low), bottom + width * float(high), c.units, name
    return _t(x, groups, level, span)


def _t(x: Floats, groups: Ints, level: float, span: tuple[float, float] | None) -> Interval:
    c = cluster_mean(x, groups)
    clustered = c.units < x.size
    name = f"t, cluster-robust, {c.units} clusters" if clustered else "t"
    few = _off_mode(x, groups) < _FEW
    if few and span is not None:
        sizes = np.bincount(groups).astype(np.float64)
        sums = np.bincount(groups, weights=x)
        typical = float(sizes.mean())
        sizes = np.concatenate([sizes, [typical, typical]])
        sums = np.concatenate([sums, [typical * span[0], typical * span[1]]])
        centre = float(sums.sum() / sizes.sum())
        variance, df = sums_variance(sums - centre * sizes, sizes)
        half = critical(level, df) * math.sqrt(variance)
        low, high = max(span[0], centre - half), min(span[1], centre + half)
        return (
            c.value,
            min(low, c.value),
            max(high, c.value),
            c.units,
            f"{name}, two pseudo-observations",
        )
    if few:
        name += ", few distinct values: give low and high"
    if c.units < 2 or (few and np.ptp(x) == 0):
        ends = span or (-math.inf, math.inf)
        return c.value, ends[0], ends[1], c.units, name
    half = critical(level, c.df) * math.sqrt(c.variance)
    low, high = c.value - half, c.value + half
    if span is not None:
        low, high = max(low, span[0]), min(high, span[1])
    return c.value, low, high, c.units, name


def _paired(
    x: Floats, y: Floats, groups: Ints, level: float, span: tuple[float, float] | None
) -> Interval:
    d = x - y
    both = np.concatenate([x, y])
    binary = _binary(both, span)
    if binary is None:
        # Equal outputs give differences of exactly zero: the metric's own spread stands in for its
        # range.
        seen = span or (float(both.min()), float(both.max()))
        width = seen[1] - seen[0]
        return _t(d, groups, level, (-width, width) if width > 0 else None)
    width = binary[1]
    c = cluster_mean(d, groups, (-width, width))
    won, lost = float((d > 0).sum()), float((d < 0).sum())
    z = critical(level) if c.units == d.size else critical(level, max(c.df, 1.0))
    low, high = paired_score(
        won / c.design_effect, lost / c.design_effect, d.size / c.design_effect, z
    )
    name = "Tango score, paired" + ("" if c.units == d.size else f", {c.units} clusters")
    return c.value, width * float(low), width * float(high), c.units, name


def _unpaired(
    x: Floats, y: Floats, groups: Ints, level: float, span: tuple[float, float] | None
) -> Interval:
    gx, gy = groups[: x.size], groups[x.size :]
    value, units = float(x.mean() - y.mean()), int(np.unique(groups).size)
    if np.intersect1d(gx, gy).size:
        influence = np.concatenate([(x - x.mean()) / x.size, -(y - y.mean()) / y.size])
        variance, df = shared_variance(influence, groups)
        name = f"t, {units} clusters shared by the arms"
        if not math.isfinite(variance) or variance == 0:
            return value, *_limits(span), units, name + ", no variation"
        half = critical(level, df) * math.sqrt(variance)
        return value, *_clip(value - half, value + half, span), units, name
    ends = span or (0.0, 1.0)
    cx, cy = cluster_mean(x, _recode(gx), ends), cluster_mean(y, _recode(gy), ends)
    clustered = units < x.size + y.size
    note = f", {units} clusters" if clustered else ""
    binary = _binary(np.concatenate([x, y]), span)
    if binary is not None:
        bottom, width = binary
        ex, ey = cx.design_effect, cy.design_effect
        wins = (
            float(((x - bottom) / width).sum()) / ex,
            x.size / ex,
            float(((y - bottom) / width).sum()) / ey,
        )
        df = _welch(cx.variance, cx.df, cy.variance, cy.df) if clustered else math.inf
        low, high = unpaired_score(*wins, y.size / ey, critical(level, df))
        return (
            value,
            width * float(low),
            width * float(high),
            units,
            "Miettinen-Nurminen score" + note,
        )
    variance = cx.variance + cy.variance
    few = min(_off_mode(x, gx), _off_mode(y, gy)) < _FEW
    if few and span is not None:
        return _unpaired_few(x, y, gx, gy, level, span, note)
    if not math.isfinite(variance) or variance == 0:
        return value, *_limits(span), units, f"Welch t{note}, no variation: give low and high"
    half = critical(level, _welch(cx.variance, cx.df, cy.variance, cy.df)) * math.sqrt(variance)
    warning = ", few distinct values: give low and high" if few else ""
    return value, *_clip(value - half, value + half, span), units, f"Welch t{note}{warning}"


def _unpaired_few(
    x: Floats, y: Floats, gx: Ints, gy: Ints, level: float, span: tuple[float, float], note: str
) -> Interval:
    """Each arm with its own range-aware interval, joined by squaring and adding (Newcombe 1998, method 10's idea)."""
    a, b = _t(x, _recode(gx), level, span), _t(y, _recode(gy), level, span)
    value = a[0] - b[0]
    low = value - math.hypot(a[0] - a[1], b[2] - b[0])
    high = value + math.hypot(a[2] - a[0], b[0] - b[1])
    return (
        value,
        *_clip(low, high, span),
        a[3] + b[3],
        f"t, two pseudo-observations, squared and added{note}",
    )


def _welch(v1: float, df1: float, v2: float, df2: float) -> float:
    total = v1 + v2
    if not math.isfinite(total) or total <= 0:
        return max(min(df1, df2), 1.0)
    return total**2 / (v1**2 / max(df1, 1.0) + v2**2 / max(df2, 1.0))


def _binary(x: Floats, span: tuple[float, float] | None) -> tuple[float, float] | None:
    """Low end and width of a two-valued metric, or None."""
    ends = span or (0.0, 1.0)
    return (ends[0], ends[1] - ends[0]) if bool(np.isin(x, ends).all()) else None


def _off_mode(x: Floats, groups: Ints) -> int:
    """How many clusters hold a value other than the commonest."""
    values, counts = np.unique(x, return_counts=True)
    return int(np.unique(groups[x != values[counts.argmax()]]).size)


def _recode(groups: Ints) -> Ints:
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def _limits(span: tuple[float, float] | None) -> tuple[float, float]:
    return (-math.inf, math.inf) if span is None else (span[0] - span[1], span[1] - span[0])


def _clip(low: float, high: float, span: tuple[float, float] | None) -> tuple[float, float]:
    bottom, top = _limits(span)
    return max(low, bottom), min(high, top)


def _fill(x: Floats, value: float) -> Floats:
    return np.where(np.isnan(x), value, x)


def _seen_difference(x: Floats, y: Floats, paired: bool) -> float:
    if paired:
        d = (x - y)[~np.isnan(x - y)]
        return float(d.mean()) if d.size else 0.0
    sx, sy = x[~np.isnan(x)], y[~np.isnan(y)]
    return float(sx.mean() - sy.mean()) if sx.size and sy.size else 0.0


def _within(x: Floats, span: tuple[float, float] | None, name: str) -> None:
    if span is not None:
        outside = x[(x < span[0]) | (x > span[1])]
        if outside.size:
            raise ValueError(
                f"'{name}' must lie in [{span[0]:g}, {span[1]:g}]. Got {outside[0]:g} instead."
            )


def _needs_range(span: tuple[float, float] | None, missing: int, name: str) -> tuple[float, float]:
    if span is None:
        raise ValueError(
            f"'{name}' hold {missing} missing values: 'low' and 'high' of the metric are needed to bound them."
        )
    return span
