"""A judge's many verdicts corrected by the few of people: shares and means whose intervals hold.

The judge may be biased in any way. What makes the estimate honest is that people saw a random
sample of the rows, with known probabilities. Shares are post-stratified on the judge's verdict;
means take the judge as a control variate.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

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
    Limits,
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
_FEW_RESIDUALS = 8
_TINY = 1e-300


@dataclass(frozen=True)
class JudgedRows:
    """Rows that a judge has seen, some of them labelled by people.

    Attributes:
        judge: The judge's verdict or score, NaN where it gave none, shape (n,).
        human: People's, NaN where no person has spoken, shape (n,).
        weights: One over the probability with which a row was drawn for people, shape (n,).
        groups: Cluster of each row as a code, shape (n,).
        asked: True where people were asked, shape (n,).
    """

    judge: Floats
    human: Floats
    weights: Floats
    groups: Ints
    asked: Bools

    @property
    def labelled(self) -> Bools:
        """Where a person has spoken."""
        return ~np.isnan(self.human)

    @property
    def silent(self) -> Bools:
        """Where a person was asked and has not answered."""
        return self.asked & ~self.labelled

    @property
    def units(self) -> int:
        """Clusters in which people were asked."""
        return int(np.unique(self.groups[self.asked]).size)

    def answered(self, value: float) -> Floats:
        """People's labels, ``value`` standing in for every answer that is missing."""
        return np.where(self.silent, value, self.human)


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
        same labels alone; nothing where it saves none), and where the ceiling of one half applies:
        a judge that agrees with people no more often than the model passes cannot save more.

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
    f = vector(judge, "judge", missing=True)
    y = vector(human, "human", missing=True)
    labelled = ~np.isnan(y)
    weights = _weights(inclusion, f.size)
    groups = codes(clusters, f.size)
    rows = JudgedRows(f, y, weights, groups, _asked(labelled, asked))
    if not np.isin(y[labelled], (0.0, 1.0)).all():
        raise ValueError("'human' must hold 0, 1 or NaN. Got other values; use corrected_mean.")
    _same_size(f, y)

    share(level, "level")
    strata = stratify(f, int(rows.asked.sum()))
    worst = _strata(rows, strata, rows.answered(0.0))
    limits = share_limits(worst, level)
    if rows.silent.any():
        best = _strata(rows, strata, rows.answered(1.0))
        limits = _either(limits, share_limits(best, level))

    value, low, high = (float(end[0]) for end in limits)
    found = Estimate(
        value=min(max(value, low), high),
        low=low,
        high=high,
        level=level,
        n=rows.units,
        method=_describe(worst, rows),
    )
    # Without the judge, unequal weights have no interval here to hold this one against.
    if np.ptp(weights) > 0 or rows.silent.any():
        return found
    return with_saving(found, _people_alone(rows, level))


def _people_alone(rows: JudgedRows, level: float) -> Estimate:
    """The share that the same labels give without the judge."""
    labels = rows.human[rows.labelled]
    groups = rows.groups[rows.labelled]
    if np.unique(groups).size < labels.size:
        return mean(labels, clusters=groups.tolist(), level=level, low=0.0, high=1.0)
    return proportion(int(labels.sum()), labels.size, level=level)


def _either(worst: Limits, best: Limits) -> Limits:
    """Limits that hold whichever of the two is the case."""
    return Limits(
        value=(worst.value + best.value) / 2,
        low=worst.low,
        high=best.high,
    )


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
    f = vector(judge, "judge", missing=True)
    y = vector(human, "human", missing=True)
    _same_size(f, y)
    span = value_range(low, high)
    labelled = ~np.isnan(y)
    bottom, top = span or (0.0, 1.0)
    two_valued = labelled.any() and np.isin(y[labelled], (bottom, top)).all()
    if power is None and two_valued:
        width = top - bottom
        e = corrected_rate(
            judge=f,
            human=(y - bottom) / width,
            inclusion=inclusion,
            clusters=clusters,
            level=level,
        )
        return Estimate(
            value=bottom + width * e.value,
            low=bottom + width * e.low,
            high=bottom + width * e.high,
            level=level,
            n=e.n,
            method=e.method,
        )

    weights = _weights(inclusion, f.size)
    groups = codes(clusters, f.size)
    if labelled.sum() < 3:
        raise ValueError(f"'human' must hold 3 labels or more. Got {int(labelled.sum())} instead.")
    scored = ~np.isnan(f)
    average = np.nanmean(f) if scored.any() else 0.0
    rows = JudgedRows(np.where(scored, f, average), y, weights, groups, labelled)

    # The judge's mean over all rows, unless the labelled ones were drawn alike: then over the rest.
    drawn_alike = inclusion is None and not labelled.all()
    rest = ~labelled if drawn_alike else np.ones(f.size, dtype=np.bool_)
    if power is None:
        trust = _Trust(_power(rows, rest), chosen=True)
    else:
        trust = _Trust(float(power), chosen=False)
    return _control(rows, rest, trust, level, span)


def stratify(judge: Floats, labels: int) -> Ints:
    """The stratum of each row: the judge's value, or quantile bins of it.

    Rows without a verdict come last.

    Example:
        >>> import numpy as np
        >>> stratify(np.array([0.0, 1.0, np.nan, 1.0]), 30).tolist()
        [0, 1, 2, 1]
    """
    seen = ~np.isnan(judge)
    verdicts = judge[seen]
    out = np.zeros(judge.size, dtype=np.int64)
    values = np.unique(verdicts)
    most = min(max(labels // _LABELS_PER_STRATUM, 2), _MOST_STRATA)
    if values.size > most:
        shares = np.arange(1, most) / most
        cuts = np.unique(np.quantile(verdicts, shares, method="inverted_cdf"))
        bins = np.searchsorted(cuts, verdicts, side="left")
        out[seen] = np.unique(bins, return_inverse=True)[1]
    else:
        out[seen] = np.searchsorted(values, verdicts)
    out[~seen] = out[seen].max(initial=-1) + 1
    return out


def _strata(rows: JudgedRows, strata: Ints, y: Floats) -> Strata:
    """The strata of one dataset.

    Args:
        rows: The dataset.
        strata: Stratum of each row.
        y: People's labels, in which none is missing where people were asked.
    """
    asked = rows.asked
    count = int(strata.max()) + 1
    at = strata[asked]
    w = rows.weights[asked]
    g = np.unique(rows.groups[asked], return_inverse=True)[1]
    units = int(g.max(initial=-1)) + 1
    if units < 2:
        raise ValueError(f"'human' must hold labels in 2 clusters or more. Got {units} instead.")

    # Kish: weights of a stratum are scaled so that they sum to its effective number of labels.
    total = tally(at, w, count)
    squares = tally(at, w**2, count)
    scaled = w * (total / np.maximum(squares, _TINY))[at]
    cell = g * count + at
    labels = tally(cell, scaled, units * count)
    successes = tally(cell, scaled * y[asked], units * count)

    sizes = tally(rows.groups)
    per_stratum = [tally(rows.groups, strata == j, sizes.size) for j in range(count)]
    cluster_sums = np.stack(per_stratum, axis=1)
    factor = max(effective_rows(sums, sizes) for sums in per_stratum)
    return Strata(
        successes.reshape(1, units, count),
        labels.reshape(1, units, count),
        shares=np.bincount(strata, minlength=count)[None] / strata.size,
        share_variance=np.array([factor]),
        clustered=units < int(asked.sum()),
        judge_icc=np.array([verdict_icc(cluster_sums, sizes)]),
    )


def _describe(s: Strata, rows: JudgedRows) -> str:
    labels = int(rows.asked.sum())
    silent = int(rows.silent.sum())
    parts = [f"judge corrected by {labels} labels, post-stratified"]
    if _no_better_than_the_model(rows):
        parts.append("judge no better than the model: at most half of the labels can be saved")
    if silent:
        parts.append(f"{silent} unanswered bounded")
    units = int((s.labels.sum(2) > 0).sum())
    if labels < _TESTED_LABELS:
        parts.append(f"fewer than {_TESTED_LABELS} labels: coverage not simulated")
    if s.clustered and units < _TESTED_CLUSTERS:
        parts.append(f"only {units} labelled clusters: coverage not simulated")
    return "; ".join(parts)


def _no_better_than_the_model(rows: JudgedRows) -> bool:
    """Whether a judge of 0 and 1 agrees with people no more often than the model passes."""
    both = rows.labelled & ~np.isnan(rows.judge)
    judge = rows.judge[both]
    human = rows.human[both]
    if not judge.size or not np.isin(judge, (0.0, 1.0)).all():
        return False
    agreement = float((judge == human).mean())
    passed = float(human.mean())
    return agreement <= passed


@dataclass(frozen=True)
class _Trust:
    """How far the judge is trusted.

    Attributes:
        power: From 0 (people alone).
        chosen: Whether the data chose it, which costs a degree of freedom.
    """

    power: float
    chosen: bool


def _power(rows: JudgedRows, rest: Bools) -> float:
    """The power that minimises the variance (arXiv 2311.01453, section 6).

    0 where it would not pay.
    """
    y = rows.human[rows.labelled]
    f = rows.judge[rows.labelled]
    n = y.size
    a = y - y.mean()
    b = f - f.mean()
    spread = float(rows.judge.var())
    if spread <= 0 or not a.any() or not b.any():
        return 0.0
    squared_correlation = float((a @ b) ** 2 / ((a @ a) * (b @ b)))
    if squared_correlation <= 1.0 / max(n - 2, 1):
        return 0.0
    ratio = n / int(rest.sum())
    return float(a @ b / n / ((1 + ratio) * spread))


def _control(
    rows: JudgedRows,
    rest: Bools,
    trust: _Trust,
    level: float,
    span: tuple[float, float] | None,
) -> Estimate:
    """People's residuals against the trusted part of the judge, plus the judge's mean elsewhere.

    Args:
        rows: All rows.
        rest: Those over which the judge's mean is taken.
        trust: How far the judge is trusted.
        level: Probability of covering.
        span: Least and greatest score that people can give.
    """
    labelled = rows.labelled
    residual = (rows.human - trust.power * rows.judge)[labelled]
    g = np.unique(rows.groups[labelled], return_inverse=True)[1]
    units = int(g.max()) + 1
    if units < 3:
        raise ValueError(f"'human' must hold labels in 3 clusters or more. Got {units} instead.")

    sizes = tally(g, rows.weights[labelled])
    sums = tally(g, rows.weights[labelled] * residual)
    centre = float(sums.sum() / sizes.sum())
    middle = centre
    note = ""
    if span is not None and np.unique(residual).size < _FEW_RESIDUALS:
        # Few values: the ends of the range are added as two pseudo-observations.
        typical = float(sizes.mean())
        judged_part = trust.power * rows.judge[labelled].mean()
        ends = np.array([span[0] - judged_part, span[1] - judged_part])
        sizes = np.append(sizes, [typical, typical])
        sums = np.append(sums, typical * ends)
        middle = float(sums.sum() / sizes.sum())
        note = ", two pseudo-observations"

    variance, df = sums_variance(sums - middle * sizes, sizes)
    if trust.chosen and trust.power != 0.0:
        left = max(df - 1, 1.0)
        variance = variance * df / left
        df = left
    judged, judged_variance = _judged_mean(rows, rest)
    half = critical(level, df) * math.sqrt(variance + trust.power**2 * judged_variance)
    if variance == 0 and span is None:
        half = math.inf
        note = ", no variation seen: give low and high"

    value = trust.power * judged + centre
    low = value + (middle - centre) - half
    high = value + (middle - centre) + half
    if span is not None:
        value = min(max(value, span[0]), span[1])
        low = max(low, span[0])
        high = min(high, span[1])

    labels = int(labelled.sum())
    method = f"judge corrected by {labels} labels, power {trust.power:.2g}, t{note}"
    if labels < _TESTED_LABELS:
        method += f"; fewer than {_TESTED_LABELS} labels: coverage not simulated"
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        level=level,
        n=min(units, labels),
        method=method,
    )


def _judged_mean(rows: JudgedRows, rest: Bools) -> tuple[float, float]:
    """The judge's mean over these rows, and its variance (0 for a single cluster)."""
    f = rows.judge[rest]
    mean = float(f.mean())
    groups = codes(rows.groups[rest].tolist(), f.size)
    sizes = tally(groups)
    if sizes.size < 2:
        return mean, 0.0
    variance, _ = sums_variance(tally(groups, f - mean), sizes)
    return mean, variance


def _asked(labelled: Bools, asked: ArrayLike | None) -> Bools:
    """Where people were asked: where they have answered, if nothing else is known."""
    if asked is None:
        return labelled
    mask = np.asarray(asked, dtype=np.bool_)
    if mask.shape != labelled.shape or (labelled & ~mask).any():
        raise ValueError("'asked' must be True for every row with a label, one value a row.")
    return mask


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
