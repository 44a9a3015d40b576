"""Differences and win rates: a judge's verdicts on two arms, corrected by people's."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.corrected import corrected_mean, corrected_rate, stratify
from tunewell.stats.inputs import Bools, Floats, Ints, codes, ratio, share, tally, vector
from tunewell.stats.means import difference
from tunewell.stats.people_alone import never_wider
from tunewell.stats.proportions import paired_score
from tunewell.stats.stratified import (
    BLEND,
    FEW,
    LEAST_EFFECT,
    Limits,
    Strata,
    effect_ceiling,
    effective_rows,
    join,
    quantiles,
)
from tunewell.types import Estimate

PSEUDO_WEIGHT = 0.2
"""Weight of the two pseudo-clusters from which the design effect of a difference is shrunk."""
_TESTED_LABELS = 30
_TINY = 1e-300
_ROUNDING = 1e-6


class JudgedArm(NamedTuple):
    """One arm's answers: a judge's verdict on every row, people's on few.

    Attributes:
        judge: The judge's verdict or score on every row, shape (n,).
        human: People's, NaN where there is none, shape (n,).
    """

    judge: ArrayLike
    human: ArrayLike


@dataclass(frozen=True)
class SignedStrata:
    """As `stratified.Strata`, for outcomes of +1, 0 and -1.

    Attributes:
        wins: Labels of +1, shape (R, G, J).
        losses: Labels of -1, shape (R, G, J).
        labels: All labels, shape (R, G, J).
        shares: Share of each stratum among all rows, shape (R, J).
        share_variance: One over the effective number of all rows, shape (R,).
        clustered: Whether a cluster may hold more than one label.
    """

    wins: Floats
    losses: Floats
    labels: Floats
    shares: Floats
    share_variance: Floats
    clustered: bool

    def together(self) -> SignedStrata:
        """The same labels without strata: what people alone can say."""
        datasets = len(self.shares)
        return SignedStrata(
            self.wins.sum(2, keepdims=True),
            self.losses.sum(2, keepdims=True),
            self.labels.sum(2, keepdims=True),
            shares=np.ones((datasets, 1)),
            share_variance=np.zeros(datasets),
            clustered=self.clustered,
        )


def signed_limits(s: SignedStrata, level: float) -> Limits:
    """Value, lower and upper end of wins minus losses in each dataset, shape (R,) each."""
    as_shares = Strata(s.wins, s.labels, s.shares, s.share_variance, s.clustered)
    quantile = quantiles(as_shares, level)
    people = s.together()
    if s.clustered:
        effect = _effect(s)
        alone_effect = _effect(people)
    else:
        effect = alone_effect = np.ones(len(s.shares))
    value, low, high = _joined(s, effect, quantile)
    alone = _joined(people, alone_effect, quantile)

    # Where the strata save nothing, or few verdicts differ, people alone count too.
    decided = (people.wins + people.losses).sum((1, 2))
    few = decided / alone_effect <= FEW + _ROUNDING
    useless = np.where(_variance(s) / _variance(people) > 1.0, BLEND, 0.0)
    out = np.where(few, 1.0, useless)
    high = high + out * np.maximum(alone.high - high, 0.0)
    low = low - out * np.maximum(low - alone.low, 0.0)
    return Limits(value, np.clip(low, -1.0, 1.0), np.clip(high, -1.0, 1.0))


def corrected_difference(
    a: JudgedArm,
    b: JudgedArm,
    *,
    paired: bool = True,
    inclusion: ArrayLike | None = None,
    clusters: Iterable[Hashable] | None = None,
    level: float = 0.95,
    low: float | None = None,
    high: float | None = None,
) -> Estimate:
    """Mean of arm a minus mean of arm b as people would score them.

    From many verdicts of a judge and few of people.

    Args:
        a: The first arm.
        b: The second, of as many rows if paired. A pair counts where people have judged both.
        paired: Whether both arms answered the same rows. If not, the intervals of the arms are
            joined by squaring and adding (Zou & Donner 2008), and ``inclusion`` and ``clusters``
            must be None.
        inclusion: Probability with which each row was drawn for people, shape (n,).
        clusters: Cluster of each row, shape (n,).
        level: Probability of covering, in (0, 1).
        low: Least score that people can give (not the difference).
        high: Greatest score that people can give.

    Returns:
        The difference; its method says how it was made and, from the widths, how many labels the
        judge saves. Verdicts of two values, paired and drawn with equal probability: never wider
        than people's own interval on the same labels, which stands where the judge saves none.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.random(2000) < 0.8, rng.random(2000) < 0.7
        >>> seen = np.arange(2000) < 150
        >>> e = corrected_difference(
        ...     JudgedArm(a.astype(float), np.where(seen, a, np.nan)),
        ...     JudgedArm(b.astype(float), np.where(seen, b, np.nan)))
        >>> e.low < 0.1 < e.high, e.n
        (True, 150)
    """
    first = _checked(a, "a")
    second = _checked(b, "b")
    if paired:
        span = None if low is None or high is None else (low, high)
        rows = _DrawnRows(inclusion, None if clusters is None else list(clusters))
        return _paired_difference(first, second, rows, level, span)

    if inclusion is not None or clusters is not None:
        raise ValueError("'inclusion' and 'clusters' must be None when not paired.")
    return subtract(
        corrected_mean(judge=first.judge, human=first.human, level=level, low=low, high=high),
        corrected_mean(judge=second.judge, human=second.human, level=level, low=low, high=high),
    )


@dataclass(frozen=True)
class _Arm:
    """A `JudgedArm` as checked arrays."""

    judge: Floats
    human: Floats


def _checked(arm: JudgedArm, name: str) -> _Arm:
    return _Arm(
        vector(arm.judge, f"{name}.judge", missing=True),
        vector(arm.human, f"{name}.human", missing=True),
    )


def _paired_difference(
    a: _Arm,
    b: _Arm,
    rows: _DrawnRows,
    level: float,
    span: tuple[float, float] | None,
) -> Estimate:
    sizes = {a.judge.size, b.judge.size, a.human.size, b.human.size}
    if len(sizes) > 1:
        raise ValueError("Both arms' 'judge' and 'human' must be of one length when paired.")
    d = a.human - b.human
    seen = ~np.isnan(d)
    labels = np.concatenate([a.human[seen], b.human[seen]])
    bottom, top = span or (0.0, 1.0)
    width = top - bottom
    if labels.size and np.isin(labels, (bottom, top)).all():
        e = _signed(_pairs(a.judge, b.judge), d / width, rows, level)
        found = _rescaled(e, width)
        if not rows.alike:
            return found
        return never_wider(found, _people_alone(a, b, rows, level, (bottom, top)))
    return corrected_mean(
        judge=a.judge - b.judge,
        human=d,
        inclusion=rows.inclusion,
        clusters=rows.clusters,
        level=level,
        low=-width if span else None,
        high=width if span else None,
    )


def _people_alone(
    a: _Arm,
    b: _Arm,
    rows: _DrawnRows,
    level: float,
    span: tuple[float, float],
) -> Estimate:
    """The paired difference that the same labels give without the judge."""
    seen = ~np.isnan(a.human - b.human)
    clusters = None
    if rows.clusters is not None:
        pairs = zip(rows.clusters, seen, strict=True)
        clusters = [cluster for cluster, is_seen in pairs if is_seen]
    return difference(
        a.human[seen],
        b.human[seen],
        paired=True,
        clusters=clusters,
        level=level,
        low=span[0],
        high=span[1],
    )


def _rescaled(e: Estimate, unit: float) -> Estimate:
    """An estimate in another unit."""
    return Estimate(
        value=unit * e.value,
        low=unit * e.low,
        high=unit * e.high,
        level=e.level,
        n=e.n,
        method=e.method,
    )


def corrected_win_rate(
    *,
    judge: ArrayLike,
    human: ArrayLike,
    inclusion: ArrayLike | None = None,
    clusters: Iterable[Hashable] | None = None,
    level: float = 0.95,
) -> Estimate:
    """How often people prefer arm a, a tie counting one half.

    From many verdicts of a judge and few of people.

    Args:
        judge: The judge's verdict on each pair, on any scale, shape (n,); NaN where it gave none.
        human: 1 (a preferred), .5 (tie), 0 (b preferred), NaN where no person has spoken, shape
            (n,).
        inclusion: Probability with which each pair was drawn for people, shape (n,).
        clusters: Cluster of each pair, shape (n,).
        level: Probability of covering, in (0, 1).

    Returns:
        The win rate, in [0, 1]; one half means no difference.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(1)
        >>> truth = rng.choice([0.0, 0.5, 1.0], p=[0.3, 0.1, 0.6], size=2000)
        >>> human = np.where(np.arange(2000) < 120, truth, np.nan)
        >>> e = corrected_win_rate(judge=truth, human=human)
        >>> e.low < 0.65 < e.high
        True
    """
    f = vector(judge, "judge", missing=True)
    y = vector(human, "human", missing=True)
    labels = y[~np.isnan(y)]
    if not np.isin(labels, (0.0, 0.5, 1.0)).all():
        raise ValueError("'human' must hold 0, .5, 1 or NaN.")
    if np.isin(labels, (0.0, 1.0)).all():
        return corrected_rate(judge=f, human=y, inclusion=inclusion, clusters=clusters, level=level)
    e = _signed(f, 2 * y - 1, _DrawnRows(inclusion, clusters), level)
    return Estimate(
        value=(1 + e.value) / 2,
        low=(1 + e.low) / 2,
        high=(1 + e.high) / 2,
        level=level,
        n=e.n,
        method=e.method,
    )


def subtract(a: Estimate, b: Estimate) -> Estimate:
    """The difference of two independent estimates, their intervals joined by squaring and adding.

    Source: Zou & Donner 2008, Statistics in Medicine 27, equation 3.

    Example:
        >>> a = Estimate(value=0.8, low=0.7, high=0.9, n=50, method="x")
        >>> b = Estimate(value=0.6, low=0.5, high=0.7, n=50, method="x")
        >>> str(subtract(a, b))
        '0.2 [0.0586, 0.341]'
    """
    if a.level != b.level:
        raise ValueError(f"'a' and 'b' must be of one level. Got {a.level} and {b.level} instead.")
    value = a.value - b.value
    down = float(np.hypot(a.value - a.low, b.high - b.value))
    up = float(np.hypot(a.high - a.value, b.value - b.low))
    return Estimate(
        value=value,
        low=value - down,
        high=value + up,
        level=a.level,
        n=a.n + b.n,
        method=f"difference of independent estimates ({_without_saving(a.method)})",
        unit=a.unit,
    )


def _without_saving(method: str) -> str:
    """What a judge saves for one arm says nothing of the difference."""
    parts = method.split("; ")
    return "; ".join(part for part in parts if not part.startswith("saves "))


@dataclass(frozen=True)
class _DrawnRows:
    """How rows were drawn for people, and which belong together.

    Attributes:
        inclusion: Probability with which each was drawn; None means equal.
        clusters: Cluster of each; None means each its own.
    """

    inclusion: ArrayLike | None
    clusters: Iterable[Hashable] | None

    @property
    def alike(self) -> bool:
        """Whether all were drawn with one probability."""
        if self.inclusion is None:
            return True
        return bool(np.ptp(np.asarray(self.inclusion, dtype=np.float64)) <= 0)


def _signed(
    judge: Floats,
    d: Floats,
    rows: _DrawnRows,
    level: float,
) -> Estimate:
    """The mean of outcomes of +1, 0 and -1, NaN where no person has spoken."""
    if not rows.alike:
        return corrected_mean(
            judge=judge,
            human=d,
            inclusion=rows.inclusion,
            clusters=rows.clusters,
            level=level,
            low=-1.0,
            high=1.0,
        )
    s = _signed_strata(judge, d, codes(rows.clusters, d.size))
    limits = signed_limits(s, share(level, "level"))
    value, low, high = (float(end[0]) for end in limits)

    labels = int((~np.isnan(d)).sum())
    method = f"judge corrected by {labels} labels, post-stratified Tango score"
    if labels < _TESTED_LABELS:
        method += f"; fewer than {_TESTED_LABELS} labels: coverage not simulated"
    _, units, _ = s.labels.shape
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        level=level,
        n=units,
        method=method,
    )


def _signed_strata(judge: Floats, d: Floats, groups: Ints) -> SignedStrata:
    """The strata of one dataset."""
    seen = ~np.isnan(d)
    outcome = d[seen]
    strata = stratify(judge, outcome.size)
    count = int(strata.max()) + 1
    g = np.unique(groups[seen], return_inverse=True)[1]
    units = int(g.max(initial=-1)) + 1
    if units < 2:
        raise ValueError(f"labels in 2 clusters or more are needed. Got {units} instead.")

    cell = g * count + strata[seen]

    def counted(which: Bools) -> Floats:
        return tally(cell, which, units * count).reshape(1, units, count)

    sizes = tally(groups)
    factors = []
    for stratum in range(count):
        of_stratum = tally(groups, strata == stratum, sizes.size)
        factors.append(effective_rows(of_stratum, sizes))
    return SignedStrata(
        wins=counted(outcome > 0),
        losses=counted(outcome < 0),
        labels=counted(np.ones(outcome.size, dtype=np.bool_)),
        shares=np.bincount(strata, minlength=count)[None] / d.size,
        share_variance=np.array([max(factors)]),
        clustered=units < outcome.size,
    )


def _pairs(fa: Floats, fb: Floats) -> Floats:
    """The judge's verdict on a pair: its difference.

    Equal verdicts are told apart where both are 0 or 1.
    """
    both = np.concatenate([fa, fb])
    if not np.isin(both[~np.isnan(both)], (0.0, 1.0)).all():
        return fa - fb
    # -1 < both wrong (-.1) < both right (.1) < 1: four strata, in order of the expected difference.
    return np.where(fa == fb, 0.2 * fa - 0.1, fa - fb)


def _effect(s: SignedStrata) -> Floats:
    """Design effect of wins minus losses, as `stratified.effects` for shares, shape (R,)."""
    n = s.labels.sum(1)
    holding = np.maximum((s.labels > 0).sum(1), 1)
    typical = n / holding
    pseudo = 2 * PSEUDO_WEIGHT * typical
    padded = n + pseudo
    d = s.wins - s.losses
    rate = ratio(d.sum(1), padded)
    decided = (s.wins + s.losses).sum(1)
    square = ratio(decided + pseudo, padded)

    factor = np.where(n > 0, ratio(s.shares, n), 0.0)
    residuals = d - rate[:, None] * s.labels
    residual = (factor[:, None] * residuals).sum(2)
    sizes = s.labels.sum(2)
    units = np.maximum((sizes > 0).sum(1), 2)
    robust = (residual**2).sum(1) * units / (units - 1)
    ends = (1 - rate) ** 2 + (1 + rate) ** 2
    robust += (PSEUDO_WEIGHT * (factor * typical) ** 2 * ends).sum(1)
    plain = (factor**2 * padded * (square - rate**2)).sum(1)

    effect = robust / np.maximum(plain, _TINY)
    out: Floats = np.clip(effect, LEAST_EFFECT, effect_ceiling(sizes))
    return out


def _variance(s: SignedStrata) -> Floats:
    """Variance of wins minus losses over the strata, shrunk a little, shape (R,)."""
    w = s.wins.sum(1) + 0.25
    x = s.losses.sum(1) + 0.25
    n = s.labels.sum(1) + 1
    within = (w + x) / n - ((w - x) / n) ** 2
    out: Floats = (s.shares**2 * within / n).sum(1)
    return out


def _joined(s: SignedStrata, effect: Floats, quantile: Floats) -> Limits:
    """Tango's limits of each stratum, joined."""
    b = s.wins.sum(1) / effect[:, None]
    c = s.losses.sum(1) / effect[:, None]
    n = s.labels.sum(1) / effect[:, None]
    empty = n <= 0
    trials = np.where(empty, 1.0, n)
    low, high = paired_score(b, c, trials, quantile[:, None])
    low = np.where(empty, -1.0, low)
    high = np.where(empty, 1.0, high)

    pooled = ratio((b - c).sum(1), n.sum(1))
    rate = np.where(empty, pooled[:, None], (b - c) / trials)
    return join(s.shares, rate, (low, high), s.share_variance * quantile**2)
