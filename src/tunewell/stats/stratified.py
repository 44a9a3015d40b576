"""The interval under a share estimated within strata.

Jeffreys-like limits, joined by squaring and adding. Every array has a leading axis of datasets, so
that simulations run the code that users run. The constants were chosen by simulation
(``bench/statistics/corrected.py``) and are not tuned to any one cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.inputs import Floats, are_counts, ratio
from tunewell.stats.special import betaincinv, ndtr, ndtri, stdtrit

SHIFT = 0.51
"""Beta limits with (x + SHIFT, n - x + 1 - SHIFT): Jeffreys at .5, Clopper-Pearson at 1."""
CLUSTERED_SHIFT = 0.47
"""The same where the design effect is estimated: Student's quantiles already cost width."""
PSEUDO_WEIGHT = 0.15
"""Weight of the two pseudo-clusters from which each stratum's design effect is shrunk."""
JUDGE_CLUSTERS = 40.0
"""So many labelled clusters the judge's own clustering counts for.

Times the share of labels that it saves.
"""
GOOD_JUDGE = 0.4
"""From this share of labels saved on, the judge's clustering is believed fully.

Below, in proportion.
"""
_MANY = 5000
FEWEST_VERDICTS = 20
"""With fewer verdicts outside the commonest one, the judge's clustering is not known."""
LEAST_EFFECT = 0.5
"""How far below 1 a design effect is believed, with t quantiles.

Few clusters may by chance look less variable than independent rows.
"""
FEW = 3.0
"""With so few failures (or successes), the interval is at least that of people alone."""
BLEND = 0.6
"""How far an end moves out to that of people alone where the strata save nothing."""
_TINY = 1e-300
_ROUNDING = 1e-6


class Limits(NamedTuple):
    """A value with its interval in each dataset, shape (R,) each."""

    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Strata:
    """Sufficient statistics of many datasets: R datasets, G labelled clusters, J strata.

    Attributes:
        successes: (Weighted) successes among the labels, shape (R, G, J).
        labels: (Weighted) labels, shape (R, G, J); a dataset's sum is its effective number of
            labels.
        shares: Share of each stratum among all rows, shape (R, J), summing to 1.
        share_variance: Variance factor of the shares: one over the effective number of all rows,
            shape (R,).
        clustered: Whether a cluster may hold more than one label.
        judge_icc: Intraclass correlation of the judge's verdicts on all rows, shape (R,); NaN where
            not known.
    """

    successes: Floats
    labels: Floats
    shares: Floats
    share_variance: Floats
    clustered: bool
    judge_icc: Floats | None = None

    def together(self) -> Strata:
        """The same labels without strata: what people alone can say."""
        datasets = len(self.shares)
        return Strata(
            self.successes.sum(2, keepdims=True),
            self.labels.sum(2, keepdims=True),
            shares=np.ones((datasets, 1)),
            share_variance=np.zeros(datasets),
            clustered=self.clustered,
        )


def beta_limits(
    x: Floats,
    n: Floats,
    tail: Floats,
    shift: float = SHIFT,
) -> tuple[Floats, Floats]:
    """Limits of a share from x successes of n, elementwise; [0, 1] where n is 0.

    Example:
        >>> import numpy as np
        >>> low, high = beta_limits(np.array([15.0]), np.array([148.0]), np.array([0.025]))
        >>> round(float(low[0]), 3), round(float(high[0]), 3)
        (0.06, 0.158)
    """
    x = np.clip(x, 0.0, n)
    if x.size > _MANY and np.ptp(tail) == 0 and are_counts(x) and are_counts(n):
        return _repeated_limits(x, n, float(np.ravel(tail)[0]), shift)
    with np.errstate(invalid="ignore"):
        below = betaincinv(x + 1 - shift, n - x + shift, tail)
        above = betaincinv(x + shift, n - x + 1 - shift, 1 - tail)
    low = np.where(x <= 1e-9, 0.0, below)
    high = np.where(x >= n - 1e-9, 1.0, above)
    return low, high


def _repeated_limits(
    x: Floats,
    n: Floats,
    tail: float,
    shift: float,
) -> tuple[Floats, Floats]:
    """`beta_limits` where the same few counts come again and again, as they do in simulations."""
    codes = n.ravel() * 1e6 + x.ravel()
    pairs, at = np.unique(codes, return_inverse=True)
    tails = np.full(pairs.size, tail)
    low, high = beta_limits(pairs % 1e6, pairs // 1e6, tails, shift)
    return low[at].reshape(x.shape), high[at].reshape(x.shape)


def share_limits(s: Strata, level: float) -> Limits:
    """Value, lower and upper end of the share in each dataset, shape (R,) each."""
    quantile = quantiles(s, level)
    effect, alone_effect = effects(s)
    shift = CLUSTERED_SHIFT if s.clustered else SHIFT
    value, low, high = _joined(s, effect, quantile, shift)
    alone = _joined(s.together(), alone_effect, quantile, shift)

    # Where the strata save nothing, or few have failed (or succeeded), people alone count too.
    useless = np.where(strata_ratio(s) > 1.0, BLEND, 0.0)
    total = s.labels.sum((1, 2))
    successes = s.successes.sum((1, 2))
    few_failures = (total - successes) / alone_effect <= FEW + _ROUNDING
    few_successes = successes / alone_effect <= FEW + _ROUNDING
    up = np.where(few_failures, 1.0, useless)
    down = np.where(few_successes, 1.0, useless)
    high = high + up * np.maximum(alone.high - high, 0.0)
    low = low - down * np.maximum(low - alone.low, 0.0)
    return Limits(value, np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0))


def quantiles(s: Strata, level: float) -> Floats:
    """Normal quantiles for independent labels, Student's for clusters, shape (R,)."""
    q = (1 + level) / 2
    if not s.clustered:
        return np.full(len(s.shares), float(ndtri(q)))
    judge = _judged_clustering(s)
    units = (s.labels.sum(2) > 0).sum(1)
    df = np.maximum(units - 1, 1) + judge.believed * judge.clusters
    out: Floats = stdtrit(df, q)
    return out


def effects(s: Strata) -> tuple[Floats, Floats]:
    """Design effects of the stratified share and of people alone, shape (R,) each.

    Ones for independent labels.

    The labels' own estimate counts for as many clusters as carry it (one cluster with all failures
    is no evidence), and is drawn towards what the clustering of the judge's verdicts on all rows
    makes likely. Where the judge says little about people, pseudo-clusters stand in for it.
    """
    if not s.clustered:
        ones = np.ones(len(s.shares))
        return ones, ones
    judge = _judged_clustering(s)
    sizes = s.labels.sum(2)
    ceiling = effect_ceiling(sizes)
    return _effect(s, judge, ceiling), _effect(s.together(), judge, ceiling)


def effect_ceiling(sizes: Floats) -> Floats:
    """Design effect of clusters whose rows are all alike.

    Args:
        sizes: Of the clusters, shape (R, G).
    """
    squares = (sizes**2).sum(1)
    return np.maximum(ratio(squares, sizes.sum(1)), 1.0)


def _effect(s: Strata, judge: _JudgedClustering, ceiling: Floats) -> Floats:
    """Design effect between what labels say and what the judge's clustering makes likely.

    Args:
        s: The datasets, with strata or without.
        judge: What the judge's verdicts say about their clustering.
        ceiling: Design effect of clusters whose rows are all alike, shape (R,).
    """
    likely = 1 + (ceiling - 1) * judge.icc
    own, carried = _raw_effect(s, 0.0)
    padded, _ = _raw_effect(s, PSEUDO_WEIGHT)
    padded = np.minimum(padded, ceiling)

    weight = np.maximum(carried - 1, 0.0)
    total_weight = np.maximum(weight + judge.clusters, 1e-9)
    drawn = (weight * np.minimum(own, ceiling) + judge.clusters * likely) / total_weight
    mixed = judge.believed * drawn + (1 - judge.believed) * padded
    out: Floats = np.clip(mixed, LEAST_EFFECT, ceiling)
    return out


@dataclass(frozen=True)
class _JudgedClustering:
    """What the judge's verdicts on all rows say about the clustering of what they leave open.

    Attributes:
        icc: Likely intraclass correlation, shape (R,).
        clusters: So many labelled clusters it counts for, shape (R,).
        believed: How far, from 0 to 1, shape (R,).
    """

    icc: Floats
    clusters: Floats
    believed: Floats


def _judged_clustering(s: Strata) -> _JudgedClustering:
    """The clustering that the judge makes likely.

    A judge whose errors are independent shows less clustering than what it leaves open has: with a
    share ``s`` saved, s / (1 - s) of it. One whose errors cluster shows about as much. The larger
    of the two is taken.
    """
    if s.judge_icc is None:
        none = np.zeros(len(s.shares))
        return _JudgedClustering(none, none, none)
    saved = np.clip(1.0 - strata_ratio(s), 0.0, 1.0)
    known = ~np.isnan(s.judge_icc)
    shown = np.where(known, s.judge_icc, 0.0)
    left_open = np.maximum(1.0, (1 - saved) / np.maximum(saved, 0.01))
    trusted = np.clip(saved / GOOD_JUDGE, 0.0, 1.0)
    return _JudgedClustering(
        icc=np.clip(shown * left_open, 0.0, 1.0),
        clusters=JUDGE_CLUSTERS * saved,
        believed=np.where(known, trusted, 0.0),
    )


def verdict_icc(indicators: Floats, sizes: Floats) -> float:
    """Intraclass correlation of verdicts.

    NaN where it is not known: no cluster of two rows, or hardly any verdict but one.

    Args:
        indicators: How often each verdict came in each cluster, shape (G, J).
        sizes: Of the clusters, shape (G,).

    Source: the analysis-of-variance estimate (Donner 1986, International Statistical Review 54),
        summed over verdicts.

    Example:
        >>> import numpy as np
        >>> verdict_icc(np.array([[3.0, 0.0], [0.0, 3.0]] * 20), np.full(40, 3.0))
        1.0
    """
    n = float(sizes.sum())
    units = sizes.size
    total = indicators.sum(0)
    others = n - float(total.max())
    if n <= units or units < 2 or others < FEWEST_VERDICTS:
        return float("nan")
    explained = (indicators**2 / sizes[:, None]).sum(0)
    within = float((total - explained).sum()) / (n - units)
    between = float((explained - total**2 / n).sum()) / (units - 1)
    typical = (n - float((sizes**2).sum()) / n) / (units - 1)
    icc = (between - within) / (between + (typical - 1) * within)
    return min(max(icc, 0.0), 1.0)


def _raw_effect(s: Strata, pseudo: float) -> tuple[Floats, Floats]:
    """Variance of the stratified share with clusters against that without.

    Cluster sums of residuals over all strata, each stratum with two light pseudo-clusters (all
    successes, all failures) of its own typical size and of weight ``pseudo``.

    Returns:
        The ratio, and the number of clusters that carry it, shape (R,) each.
    """
    labels = s.labels
    n = labels.sum(1)
    holding = np.maximum((labels > 0).sum(1), 1)
    typical = n / holding
    padded = n + 2 * pseudo * typical
    padded_successes = s.successes.sum(1) + pseudo * typical
    rate = np.where(padded > 0, ratio(padded_successes, padded), 0.5)

    factor = np.where(n > 0, ratio(s.shares, n), 0.0)
    residuals = s.successes - rate[:, None] * labels
    squares = (factor[:, None] * residuals).sum(2) ** 2
    robust = squares.sum(1)
    carried = robust**2 / np.maximum((squares**2).sum(1), _TINY)

    units = np.maximum((labels.sum(2) > 0).sum(1), 2)
    robust = robust * units / (units - 1)
    ends = (1 - rate) ** 2 + rate**2
    robust += (pseudo * (factor * typical) ** 2 * ends).sum(1)
    plain = (factor**2 * padded * rate * (1 - rate)).sum(1)
    return robust / np.maximum(plain, _TINY), np.minimum(carried, units)


def strata_ratio(s: Strata) -> Floats:
    """Variance with strata against that of people alone, shrunk a little.

    Above 1 the strata save nothing.
    """
    x = s.successes.sum(1)
    n = s.labels.sum(1)
    rate = (x + 0.5) / (n + 1)
    within = (s.shares**2 * rate * (1 - rate) / (n + 1)).sum(1)

    total = n.sum(1)
    pooled = (x.sum(1) + 0.5) / (total + 1)
    alone = pooled * (1 - pooled) / (total + 1)
    out: Floats = within / alone
    return out


def _joined(
    s: Strata,
    effect: Floats,
    quantile: Floats,
    shift: float,
) -> Limits:
    """Limits of each stratum joined by the method of variance estimates recovery.

    Zou & Donner 2008.
    """
    x = s.successes.sum(1) / effect[:, None]
    n = s.labels.sum(1) / effect[:, None]
    low, high = beta_limits(x, n, ndtr(-quantile)[:, None], shift)

    pooled = ratio(x.sum(1), n.sum(1))
    rate = np.where(n > 0, ratio(x, n), pooled[:, None])
    return join(s.shares, rate, (low, high), s.share_variance * quantile**2)


def join(
    shares: Floats,
    rate: Floats,
    limits: tuple[Floats, Floats],
    between_factor: Floats,
) -> Limits:
    """Strata joined by squaring and adding, shape (R, J) each.

    Args:
        shares: Of the strata among all rows.
        rate: In each stratum.
        limits: Lower and upper limit in each stratum.
        between_factor: Variance factor of the shares times the squared quantile, shape (R,).
    """
    low, high = limits
    value = (shares * rate).sum(1)
    apart = rate - value[:, None]
    between = (apart**2 * shares).sum(1) * between_factor
    below = (shares * (rate - low)) ** 2
    above = (shares * (high - rate)) ** 2
    down = np.sqrt(below.sum(1) + between)
    up = np.sqrt(above.sum(1) + between)
    return Limits(value, value - down, value + up)


def effective_rows(indicator: ArrayLike, sizes: ArrayLike) -> float:
    """One over the effective number of rows behind a share.

    Args:
        indicator: Sum of the share's indicator in each cluster.
        sizes: Of the clusters.

    Example:
        >>> import numpy as np
        >>> round(effective_rows(np.ones(50) * [[0.0], [1.0]], np.ones(100)), 4)
        0.0101
    """
    sums = np.ravel(np.asarray(indicator, dtype=np.float64))
    m = np.ravel(np.asarray(sizes, dtype=np.float64))
    n = m.sum()
    rate = sums.sum() / n
    if rate <= 0 or rate >= 1:
        return float((m**2).sum() / n**2)
    units = max(m.size, 2)
    residuals = sums - rate * m
    variance = (residuals**2).sum() * units / (units - 1) / n**2
    return float(variance / (rate * (1 - rate)))
