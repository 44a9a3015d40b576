"""A judge's many verdicts corrected by the few of people: shares and means whose intervals hold.

The judge may be biased in any way. What makes the estimate honest is that people saw a random
sample of the rows, with known probabilities. Shares are post-stratified on the judge's verdict;
means take the judge as a control variate.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.clustered import sums_variance
from tunewell.stats.inputs import (
    Bools,
    Floats,
    Ints,
    codes,
    critical,
    share,
    tally,
    value_range,
    vector,
)
from tunewell.stats.means import mean
from tunewell.stats.people_alone import with_saving
from tunewell.stats.proportions import proportion
from tunewell.stats.stratified import (
    Strata,
    effective_rows,
    share_limits,
    verdict_icc,
)
from tunewell.types import Estimate

_MOST_STRATA = 5
_LABELS_PER_STRATUM = 10
_TESTED_LABELS = 30
_TESTED_CLUSTERS = 6


def corrected_rate(
    *,
    judge: ArrayLike,
    human: ArrayLike,
    inclusion: ArrayLike | None = None,
    clusters: Iterable[Hashable] | None = None,
    asked: ArrayLike | None = None,
    level: float = 0.95,
) -> Estimate:
    """The share of rows that people would pass, from many verdicts of a judge and few of people.

    Args:
        judge: The judge's verdict or score on every row, shape (n,); NaN where it gave none (those
            rows become a stratum of their own, judged by people alone). More than five distinct
            values are cut at quantiles.
        human: 1 or 0 where a person has spoken, NaN elsewhere, shape (n,).
        inclusion: Probability with which each row was drawn for people, shape (n,), in (0, 1]; None
            means equal.
        clusters: Cluster (document, conversation) of each row, shape (n,).
        asked: True where a person was asked, shape (n,). Asked and not answered widens the interval
            to whatever the answer might have been. None: everyone asked has answered.
        level: Probability of covering, in (0, 1).

    Returns:
        The share, in [0, 1]. ``n`` counts labels (labelled clusters, if clustered). The method
        tells how many labels the judge saves (from the width of this interval and of that of the
        same labels alone; nothing where it saves none), and where the ceiling of one half applies: a judge
        that agrees with people no more often than the model passes cannot save more.

    Raises:
        ValueError: Without two labels (or two labelled clusters), or with labels other than 0 and
            1.

    Notes:
        Simulated in every cell of five rates × {30, 50, 100, 200} labels × six judges × clusters of
        {1, 3, 5} with intraclass correlation {0, .3} (``bench/results/statistics_corrected.json``).
        Where the judge and people hardly ever disagree (fewer than about three disagreements
        expected among the labels), no method can be exact and this one covers more than it says.
        With clusters, the judge's verdicts on all rows
        say how alike the rows of a cluster are: give ``clusters`` for all of them. Fewer than 30
        labels or 6 labelled clusters were not simulated, and the method says so.

    Source:
        Post-stratification with Jeffreys' limits (Brown, Cai & DasGupta 2001) joined by Zou &
        Donner 2008, Statistics in Medicine 27; the ceiling: Dorner et al., ICLR 2025 (arXiv
        2410.13341).

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> truth = rng.random(2000) < 0.8
        >>> judge = np.where(rng.random(2000) < 0.9, truth, ~truth).astype(float)
        >>> human = np.where(np.arange(2000) < 100, truth.astype(float), np.nan)
        >>> e = corrected_rate(judge=judge, human=human)
        >>> e.low < 0.8 < e.high, e.n
        (True, 100)
    """
    f, y = vector(judge, "judge", missing=True), vector(human, "human", missing=True)
    weights = _weights(inclusion, f.size)
    groups = codes(clusters, f.size)
    spoken, silent = _spoken(y, asked)
    if not np.isin(y[spoken], (0.0, 1.0)).all():
        raise ValueError("'human' must hold 0, 1 or NaN. Got other values; use corrected_mean.")
    _same_size(f, y)
    drawn = spoken | silent
    strata = stratify(f, int(drawn.sum()))
    worst = _strata(strata, np.where(silent, 0.0, y), drawn, weights, groups)
    best = _strata(strata, np.where(silent, 1.0, y), drawn, weights, groups)
    value, low, high = (float(v[0]) for v in share_limits(worst, share(level, "level")))
    if silent.any():
        upper = share_limits(best, level)
        value, high = (value + float(upper[0][0])) / 2, float(upper[2][0])
    value = min(max(value, low), high)
    made = Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        n=_units(drawn, groups),
        method=_describe(worst, f, y, drawn, silent),
    )
    # Without the judge, unequal weights have no interval here to hold this one against.
    if np.ptp(weights) > 0 or silent.any():
        return made
    return with_saving(made, _people_alone(y, drawn, groups, level))


def _people_alone(y: Floats, drawn: Bools, groups: Ints, level: float) -> Estimate:
    """The share that the same labels give without the judge."""
    labels = y[drawn]
    if np.unique(groups[drawn]).size < labels.size:
        own = groups[drawn].tolist()
        return mean(labels, clusters=own, level=level, low=0.0, high=1.0)
    return proportion(int(labels.sum()), labels.size, level=level)


def corrected_mean(
    *,
    judge: ArrayLike,
    human: ArrayLike,
    inclusion: ArrayLike | None = None,
    clusters: Iterable[Hashable] | None = None,
    level: float = 0.95,
    low: float | None = None,
    high: float | None = None,
    power: float | None = None,
) -> Estimate:
    """The mean score that people would give, from many scores of a judge and few of people.

    Labels that take only two values (0 and 1, or ``low`` and ``high``) go to `corrected_rate`,
    unless ``power`` is given.

    Args:
        judge: The judge's score on every row, on any scale, shape (n,). NaN counts as its average
            score, which people's labels correct.
        human: People's score where there is one, NaN elsewhere, shape (n,).
        inclusion: Probability with which each row was drawn for people, shape (n,), in (0, 1]; None
            means equal.
        clusters: Cluster of each row, shape (n,).
        level: Probability of covering, in (0, 1).
        low: Least score that people can give.
        high: Greatest score that people can give.
        power: How far the judge is trusted; 0 is people alone. None chooses the power that saves
            most, or 0 where the judge's correlation with people is too weak to pay for choosing it.

    Returns:
        The mean. ``n`` counts labels (labelled clusters, if clustered).

    Source:
        Angelopoulos, Duchi & Zrnic 2023 (arXiv 2311.01453), equation 5 for the estimate; Student's
        t with the degree of freedom of the chosen power taken off; Bell & McCaffrey 2002 for
        clusters.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> truth = rng.normal(3.0, 1.0, 3000)
        >>> human = np.where(np.arange(3000) < 60, truth, np.nan)
        >>> e = corrected_mean(judge=truth + rng.normal(0.5, 0.5, 3000), human=human)
        >>> e.low < 3.0 < e.high, e.high - e.low < 0.4
        (True, True)
    """
    f, y = vector(judge, "judge", missing=True), vector(human, "human", missing=True)
    _same_size(f, y)
    span = value_range(low, high)
    spoken = ~np.isnan(y)
    ends = span or (0.0, 1.0)
    if power is None and spoken.any() and np.isin(y[spoken], ends).all():
        width = ends[1] - ends[0]
        e = corrected_rate(
            judge=f,
            human=(y - ends[0]) / width,
            inclusion=inclusion,
            clusters=clusters,
            level=level,
        )
        scaled = {name: ends[0] + width * getattr(e, name) for name in ("value", "low", "high")}
        return Estimate(level=level, n=e.n, method=e.method, **scaled)
    weights, groups = _weights(inclusion, f.size), codes(clusters, f.size)
    if spoken.sum() < 3:
        raise ValueError(f"'human' must hold 3 labels or more. Got {int(spoken.sum())} instead.")
    f = np.where(np.isnan(f), np.nanmean(f) if (~np.isnan(f)).any() else 0.0, f)
    rest = ~spoken if inclusion is None and (~spoken).any() else np.ones(f.size, dtype=np.bool_)
    own = power is None
    trust = _power(f, y, spoken, rest) if power is None else float(power)
    return _control(f, y, spoken, rest, weights, groups, level, span, trust, own)


def stratify(judge: Floats, labels: int) -> Ints:
    """The stratum of each row: the judge's value, or quantile bins of it.

    Rows without a verdict come last.

    Example:
        >>> import numpy as np
        >>> stratify(np.array([0.0, 1.0, np.nan, 1.0]), 30).tolist()
        [0, 1, 2, 1]
    """
    seen = ~np.isnan(judge)
    out = np.zeros(judge.size, dtype=np.int64)
    values = np.unique(judge[seen])
    most = min(max(labels // _LABELS_PER_STRATUM, 2), _MOST_STRATA)
    if values.size > most:
        cuts = np.unique(np.quantile(judge[seen], np.arange(1, most) / most, method="inverted_cdf"))
        out[seen] = np.searchsorted(cuts, judge[seen], side="left")
        out[seen] = np.unique(out[seen], return_inverse=True)[1]
    else:
        out[seen] = np.searchsorted(values, judge[seen])
    out[~seen] = out[seen].max(initial=-1) + 1
    return out


def _strata(strata: Ints, y: Floats, drawn: Bools, weights: Floats, groups: Ints) -> Strata:
    count = int(strata.max()) + 1
    at, w, g = strata[drawn], weights[drawn], np.unique(groups[drawn], return_inverse=True)[1]
    units = int(g.max()) + 1 if g.size else 0
    if units < 2:
        raise ValueError(f"'human' must hold labels in 2 clusters or more. Got {units} instead.")
    # Kish: weights of a stratum are scaled so that they sum to its effective number of labels.
    total, squares = tally(at, w, count), tally(at, w**2, count)
    a = w * (total / np.maximum(squares, 1e-300))[at]
    cell = g * count + at
    t = tally(cell, a, units * count).reshape(1, units, count)
    x = tally(cell, a * y[drawn], units * count).reshape(1, units, count)
    sizes = tally(groups)
    cluster_sums = np.stack([tally(groups, strata == j, sizes.size) for j in range(count)], axis=1)
    factor = max(effective_rows(column, sizes) for column in cluster_sums.T)
    shares = np.bincount(strata, minlength=count)[None] / strata.size
    icc = np.array([verdict_icc(cluster_sums, sizes)])
    return Strata(
        x, t, shares, np.array([factor]), clustered=units < int(drawn.sum()), judge_icc=icc
    )


def _describe(s: Strata, f: Floats, y: Floats, drawn: Bools, silent: Bools) -> str:
    parts = [f"judge corrected by {int(drawn.sum())} labels, post-stratified"]
    both = drawn & ~silent & ~np.isnan(f)
    if both.any() and np.isin(f[both], (0.0, 1.0)).all():
        agreement, passed = float((f[both] == y[both]).mean()), float(y[both].mean())
        if agreement <= passed:
            parts.append("judge no better than the model: at most half of the labels can be saved")
    if silent.any():
        parts.append(f"{int(silent.sum())} unanswered bounded")
    units = int((s.labels.sum(2) > 0).sum())
    if drawn.sum() < _TESTED_LABELS:
        parts.append(f"fewer than {_TESTED_LABELS} labels: coverage not simulated")
    if s.clustered and units < _TESTED_CLUSTERS:
        parts.append(f"only {units} labelled clusters: coverage not simulated")
    return "; ".join(parts)


def _power(f: Floats, y: Floats, spoken: Bools, rest: Bools) -> float:
    """The power that minimises the variance (arXiv 2311.01453, section 6).

    0 where it would not pay.
    """
    n = int(spoken.sum())
    a, b = y[spoken] - y[spoken].mean(), f[spoken] - f[spoken].mean()
    spread = float(f.var())
    if spread <= 0 or not a.any() or not b.any():
        return 0.0
    squared = float((a @ b) ** 2 / ((a @ a) * (b @ b)))
    if squared <= 1.0 / max(n - 2, 1):
        return 0.0
    return float(a @ b / n / ((1 + n / int(rest.sum())) * spread))


def _control(
    f: Floats,
    y: Floats,
    spoken: Bools,
    rest: Bools,
    weights: Floats,
    groups: Ints,
    level: float,
    span: tuple[float, float] | None,
    trust: float,
    own: bool,
) -> Estimate:
    """People's residuals against ``trust`` times the judge, plus the judge's mean over the other rows."""
    w = weights[spoken]
    residual = (y - trust * f)[spoken]
    g = np.unique(groups[spoken], return_inverse=True)[1]
    units = int(g.max()) + 1
    if units < 3:
        raise ValueError(f"'human' must hold labels in 3 clusters or more. Got {units} instead.")
    sizes, sums = tally(g, w), tally(g, w * residual)
    centre = float(sums.sum() / sizes.sum())
    judged = float(f[rest].mean())
    note = ""
    middle, values = centre, np.unique(residual)
    if span is not None and values.size < 8:
        typical = float(sizes.mean())
        ends = np.array([span[0] - trust * f[spoken].mean(), span[1] - trust * f[spoken].mean()])
        sizes, sums = np.append(sizes, [typical, typical]), np.append(sums, typical * ends)
        middle, note = float(sums.sum() / sizes.sum()), ", two pseudo-observations"
    variance, df = sums_variance(sums - middle * sizes, sizes)
    if own and trust != 0.0:
        variance, df = variance * df / max(df - 1, 1.0), max(df - 1, 1.0)
    other = codes(groups[rest].tolist(), int(rest.sum()))
    m = tally(other)
    spread = sums_variance(tally(other, f[rest] - judged), m)[0] if m.size > 1 else 0.0
    value = trust * judged + centre
    half = critical(level, df) * math.sqrt(variance + trust**2 * spread)
    if variance == 0 and span is None:
        half, note = math.inf, ", no variation seen: give low and high"
    low, high = value + (middle - centre) - half, value + (middle - centre) + half
    if span is not None:
        value = min(max(value, span[0]), span[1])
        low, high = max(low, span[0]), min(high, span[1])
    method = f"judge corrected by {int(spoken.sum())} labels, power {trust:.2g}, t{note}"
    if spoken.sum() < _TESTED_LABELS:
        method += f"; fewer than {_TESTED_LABELS} labels: coverage not simulated"
    n = units if units < spoken.sum() else int(spoken.sum())
    return Estimate(
        value=value, low=min(low, value), high=max(high, value), level=level, n=n, method=method
    )


def _spoken(y: Floats, asked: ArrayLike | None) -> tuple[Bools, Bools]:
    spoken = ~np.isnan(y)
    if asked is None:
        return spoken, np.zeros(y.size, dtype=np.bool_)
    mask = np.asarray(asked, dtype=np.bool_)
    if mask.shape != y.shape or (spoken & ~mask).any():
        raise ValueError("'asked' must be True for every row with a label, one value a row.")
    return spoken, mask & ~spoken


def _weights(inclusion: ArrayLike | None, n: int) -> Floats:
    if inclusion is None:
        return np.ones(n)
    p = vector(inclusion, "inclusion")
    if p.size != n or (p <= 0).any() or (p > 1).any():
        raise ValueError(f"'inclusion' must hold {n} probabilities above 0 and at most 1.")
    return 1.0 / p


def _same_size(f: Floats, y: Floats) -> None:
    if f.size != y.size:
        raise ValueError(
            f"'judge' and 'human' must be of one length. Got {f.size} and {y.size} instead."
        )


def _units(drawn: Bools, groups: Ints) -> int:
    return int(np.unique(groups[drawn]).size)
