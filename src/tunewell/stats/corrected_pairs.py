"""Differences and win rates: a judge's verdicts on two arms, corrected by people's."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.corrected import corrected_mean, corrected_rate, stratify
from tunewell.stats.inputs import Floats, codes, share, tally, vector
from tunewell.stats.means import difference
from tunewell.stats.people_alone import never_wider
from tunewell.stats.proportions import paired_score
from tunewell.stats.stratified import BLEND, FEW, LEAST_EFFECT, Strata, effective_rows, quantiles
from tunewell.types import Estimate

PSEUDO_WEIGHT = 0.2
"""Weight of the two pseudo-clusters from which the design effect of a difference is shrunk."""


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


def signed_limits(s: SignedStrata, level: float) -> tuple[Floats, Floats, Floats]:
    """Value, lower and upper end of wins minus losses in each dataset, shape (R,) each."""
    as_shares = Strata(s.wins, s.labels, s.shares, s.share_variance, s.clustered)
    quantile = quantiles(as_shares, level)
    one = np.ones((len(s.shares), 1))
    wins, losses, labels = (v.sum(2, keepdims=True) for v in (s.wins, s.losses, s.labels))
    effect = _effect(s.wins, s.losses, s.labels, s.shares)
    alone = _effect(wins, losses, labels, one)
    if not s.clustered:
        effect = alone = np.ones(len(s.shares))
    value, low, high = _joined(
        s.wins, s.losses, s.labels, s.shares, effect, quantile, s.share_variance
    )
    _, bottom, top = _joined(wins, losses, labels, one, alone, quantile, np.zeros(len(one)))
    plain = _plain(s, one)
    few = (wins + losses).sum((1, 2)) / alone <= FEW + 1e-6
    out = np.where(few, 1.0, np.where(plain > 1.0, BLEND, 0.0))
    high = high + out * np.maximum(top - high, 0.0)
    low = low - out * np.maximum(low - bottom, 0.0)
    return value, np.clip(low, -1.0, 1.0), np.clip(high, -1.0, 1.0)


def corrected_difference(
    *,
    judge_a: ArrayLike,
    judge_b: ArrayLike,
    human_a: ArrayLike,
    human_b: ArrayLike,
    paired: bool = True,
    inclusion: ArrayLike | None = None,
    clusters: Iterable[Hashable] | None = None,
    level: float = 0.95,
    low: float | None = None,
    high: float | None = None,
) -> Estimate:
    """Mean of arm a minus mean of arm b as people would score them, from many verdicts of a judge and few of people.

    Args:
        judge_a: The judge's verdict or score of arm a on every row, shape (n,).
        judge_b: The same of arm b, shape (n,) if paired, else (m,).
        human_a: People's verdict or score of arm a, NaN where there is none, shape (n,).
        human_b: The same of arm b. A pair counts where both arms have one.
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
        >>> e = corrected_difference(judge_a=a.astype(float), judge_b=b.astype(float),
        ...     human_a=np.where(seen, a, np.nan), human_b=np.where(seen, b, np.nan))
        >>> e.low < 0.1 < e.high, e.n
        (True, 150)
    """
    fa, fb = vector(judge_a, "judge_a", missing=True), vector(judge_b, "judge_b", missing=True)
    ya, yb = vector(human_a, "human_a", missing=True), vector(human_b, "human_b", missing=True)
    if not paired:
        if inclusion is not None or clusters is not None:
            raise ValueError("'inclusion' and 'clusters' must be None when not paired.")
        a = corrected_mean(judge=fa, human=ya, level=level, low=low, high=high)
        b = corrected_mean(judge=fb, human=yb, level=level, low=low, high=high)
        return subtract(a, b)
    if len({fa.size, fb.size, ya.size, yb.size}) > 1:
        raise ValueError(
            "'judge_a', 'judge_b', 'human_a' and 'human_b' must be of one length when paired."
        )
    d = ya - yb
    seen = d[~np.isnan(d)]
    span = None if low is None or high is None else (low - high, high - low)
    unit = 1.0 if span is None else span[1]
    both = np.concatenate([ya[~np.isnan(d)], yb[~np.isnan(d)]])
    ends = (0.0, 1.0) if low is None or high is None else (low, high)
    if seen.size and np.isin(both, ends).all():
        known = None if clusters is None else list(clusters)
        e = _signed(_pairs(fa, fb), d / unit, inclusion, known, level)
        made = Estimate(
            value=unit * e.value,
            low=unit * e.low,
            high=unit * e.high,
            level=level,
            n=e.n,
            method=e.method,
        )
        if inclusion is not None and np.ptp(np.asarray(inclusion, dtype=np.float64)) > 0:
            return made
        return never_wider(made, _people_alone(ya, yb, known, level, ends))
    return corrected_mean(
        judge=fa - fb,
        human=d,
        inclusion=inclusion,
        clusters=clusters,
        level=level,
        low=None if span is None else span[0],
        high=None if span is None else span[1],
    )


def _people_alone(
    ya: Floats,
    yb: Floats,
    clusters: list[Hashable] | None,
    level: float,
    ends: tuple[float, float],
) -> Estimate:
    """The paired difference that the same labels give without the judge."""
    seen = ~np.isnan(ya - yb)
    own = None
    if clusters is not None:
        own = [cluster for cluster, is_seen in zip(clusters, seen, strict=True) if is_seen]
    return difference(
        ya[seen], yb[seen], paired=True, clusters=own, level=level, low=ends[0], high=ends[1]
    )


def corrected_win_rate(
    *,
    judge: ArrayLike,
    human: ArrayLike,
    inclusion: ArrayLike | None = None,
    clusters: Iterable[Hashable] | None = None,
    level: float = 0.95,
) -> Estimate:
    """How often people prefer arm a, a tie counting one half, from many verdicts of a judge and few of people.

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
        >>> e = corrected_win_rate(judge=truth, human=np.where(np.arange(2000) < 120, truth, np.nan))
        >>> e.low < 0.65 < e.high
        True
    """
    f, y = vector(judge, "judge", missing=True), vector(human, "human", missing=True)
    if not np.isin(y[~np.isnan(y)], (0.0, 0.5, 1.0)).all():
        raise ValueError("'human' must hold 0, .5, 1 or NaN.")
    if np.isin(y[~np.isnan(y)], (0.0, 1.0)).all():
        return corrected_rate(judge=f, human=y, inclusion=inclusion, clusters=clusters, level=level)
    e = _signed(f, 2 * y - 1, inclusion, clusters, level)
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
    down, up = (
        np.hypot(a.value - a.low, b.high - b.value),
        np.hypot(a.high - a.value, b.value - b.low),
    )
    return Estimate(
        value=value,
        low=value - float(down),
        high=value + float(up),
        level=a.level,
        n=a.n + b.n,
        method=f"difference of independent estimates ({_without_saving(a.method)})",
        unit=a.unit,
    )


def _without_saving(method: str) -> str:
    """What a judge saves for one arm says nothing of the difference."""
    parts = method.split("; ")
    return "; ".join(part for part in parts if not part.startswith("saves "))


def _signed(
    judge: Floats,
    d: Floats,
    inclusion: ArrayLike | None,
    clusters: Iterable[Hashable] | None,
    level: float,
) -> Estimate:
    if inclusion is not None and np.ptp(np.asarray(inclusion, dtype=np.float64)) > 0:
        return corrected_mean(
            judge=judge,
            human=d,
            inclusion=inclusion,
            clusters=clusters,
            level=level,
            low=-1.0,
            high=1.0,
        )
    seen = ~np.isnan(d)
    groups = codes(clusters, d.size)
    strata = stratify(judge, int(seen.sum()))
    count = int(strata.max()) + 1
    g = np.unique(groups[seen], return_inverse=True)[1]
    units = int(g.max(initial=-1)) + 1
    if units < 2:
        raise ValueError(f"labels in 2 clusters or more are needed. Got {units} instead.")
    cell = g * count + strata[seen]
    t, wins, losses = (
        tally(cell, w, units * count).reshape(1, units, count)
        for w in (seen[seen], d[seen] > 0, d[seen] < 0)
    )
    sizes = tally(groups)
    factor = max(
        effective_rows(tally(groups, strata == j, sizes.size), sizes) for j in range(count)
    )
    shares = np.bincount(strata, minlength=count)[None] / d.size
    s = SignedStrata(wins, losses, t, shares, np.array([factor]), clustered=units < int(seen.sum()))
    value, low, high = (float(v[0]) for v in signed_limits(s, share(level, "level")))
    n = int(seen.sum())
    method = f"judge corrected by {n} labels, post-stratified Tango score"
    if n < 30:
        method += "; fewer than 30 labels: coverage not simulated"
    return Estimate(
        value=value, low=min(low, value), high=max(high, value), level=level, n=units, method=method
    )


def _pairs(fa: Floats, fb: Floats) -> Floats:
    """The judge's verdict on a pair: its difference, equal verdicts told apart where both are 0 or 1."""
    both = np.concatenate([fa, fb])
    if np.isin(both[~np.isnan(both)], (0.0, 1.0)).all():
        # -1 < both wrong (-.1) < both right (.1) < 1: four strata, in order of the expected difference.
        return np.where(fa == fb, 0.2 * fa - 0.1, fa - fb)
    return fa - fb


def _effect(wins: Floats, losses: Floats, labels: Floats, shares: Floats) -> Floats:
    n = labels.sum(1)
    typical = n / np.maximum((labels > 0).sum(1), 1)
    padded = n + 2 * PSEUDO_WEIGHT * typical
    d = wins - losses
    rate = d.sum(1) / np.maximum(padded, 1e-12)
    square = ((wins + losses).sum(1) + 2 * PSEUDO_WEIGHT * typical) / np.maximum(padded, 1e-12)
    factor = np.where(n > 0, shares / np.maximum(n, 1e-12), 0.0)
    residual = (factor[:, None] * (d - rate[:, None] * labels)).sum(2)
    units = np.maximum((labels.sum(2) > 0).sum(1), 2)
    robust = (residual**2).sum(1) * units / (units - 1)
    robust += (PSEUDO_WEIGHT * (factor * typical) ** 2 * ((1 - rate) ** 2 + (1 + rate) ** 2)).sum(1)
    plain = (factor**2 * padded * (square - rate**2)).sum(1)
    sizes = labels.sum(2)
    ceiling = np.maximum((sizes**2).sum(1) / np.maximum(sizes.sum(1), 1e-12), 1.0)
    out: Floats = np.clip(robust / np.maximum(plain, 1e-300), LEAST_EFFECT, ceiling)
    return out


def _plain(s: SignedStrata, one: Floats) -> Floats:
    """Variance with strata against that of people alone."""

    def variance(wins: Floats, losses: Floats, labels: Floats, shares: Floats) -> Floats:
        w, x, n = wins.sum(1) + 0.25, losses.sum(1) + 0.25, labels.sum(1) + 1
        out: Floats = (shares**2 * ((w + x) / n - ((w - x) / n) ** 2) / n).sum(1)
        return out

    wins, losses, labels = (v.sum(2, keepdims=True) for v in (s.wins, s.losses, s.labels))
    return variance(s.wins, s.losses, s.labels, s.shares) / variance(wins, losses, labels, one)


def _joined(
    wins: Floats,
    losses: Floats,
    labels: Floats,
    shares: Floats,
    effect: Floats,
    quantile: Floats,
    share_variance: Floats,
) -> tuple[Floats, Floats, Floats]:
    b, c, n = (v.sum(1) / effect[:, None] for v in (wins, losses, labels))
    empty = n <= 0
    low, high = paired_score(b, c, np.where(empty, 1.0, n), quantile[:, None])
    pooled = (b - c).sum(1, keepdims=True) / np.maximum(n.sum(1, keepdims=True), 1e-12)
    rate = np.where(empty, pooled, (b - c) / np.where(empty, 1.0, n))
    low, high = np.where(empty, -1.0, low), np.where(empty, 1.0, high)
    value = (shares * rate).sum(1)
    between = ((rate - value[:, None]) ** 2 * shares).sum(1) * share_variance * quantile**2
    down = np.sqrt((shares**2 * (rate - low) ** 2).sum(1) + between)
    up = np.sqrt((shares**2 * (high - rate) ** 2).sum(1) + between)
    return value, value - down, value + up
