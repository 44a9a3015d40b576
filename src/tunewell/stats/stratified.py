"""The interval under a share estimated within strata: Jeffreys-like limits, joined by squaring and adding.

Every array has a leading axis of datasets, so that simulations run the code that users run. The
constants were chosen by simulation (``bench/statistics/corrected.py``) and are not tuned to any one
cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, ndtr, ndtri, stdtrit

from tunewell.stats.inputs import Floats

SHIFT = 0.51
"""Beta limits with (x + SHIFT, n - x + 1 - SHIFT): Jeffreys at .5, Clopper-Pearson at 1."""
CLUSTERED_SHIFT = 0.47
"""The same where the design effect is estimated: Student's quantiles already cost width."""
PSEUDO_WEIGHT = 0.15
"""Weight of the two pseudo-clusters from which each stratum's design effect is shrunk."""
JUDGE_CLUSTERS = 40.0
"""So many labelled clusters the judge's own clustering counts for, times the share of labels that it saves."""
GOOD_JUDGE = 0.4
"""From this share of labels saved on, the judge's clustering is believed fully; below, in proportion."""
_MANY = 5000
FEWEST_VERDICTS = 20
"""With fewer verdicts outside the commonest one, the judge's clustering is not known."""
LEAST_EFFECT = 0.5
"""Few clusters may by chance look less variable than independent rows; this far is believed, with t quantiles."""
FEW = 3.0
"""With so few failures (or successes), the interval is at least that of people alone."""
BLEND = 0.6
"""How far an end moves out to that of people alone where the strata save nothing."""


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


def beta_limits(x: Floats, n: Floats, tail: Floats, shift: float = SHIFT) -> tuple[Floats, Floats]:
    """Limits of a share from x successes of n, elementwise; [0, 1] where n is 0.

    Example:
        >>> import numpy as np
        >>> low, high = beta_limits(np.array([15.0]), np.array([148.0]), np.array([0.025]))
        >>> round(float(low[0]), 3), round(float(high[0]), 3)
        (0.06, 0.158)
    """
    x = np.clip(x, 0.0, n)
    if (
        x.size > _MANY
        and np.ptp(tail) == 0
        and (x == np.round(x)).all()
        and (n == np.round(n)).all()
    ):
        # Simulations of independent labels meet the same few counts again and again.
        pairs, at = np.unique(n.ravel() * 1e6 + x.ravel(), return_inverse=True)
        some = beta_limits(pairs % 1e6, pairs // 1e6, np.full(pairs.size, np.ravel(tail)[0]), shift)
        return some[0][at].reshape(x.shape), some[1][at].reshape(x.shape)
    with np.errstate(invalid="ignore"):
        low = np.where(x <= 1e-9, 0.0, betaincinv(x + 1 - shift, n - x + shift, tail))
        high = np.where(x >= n - 1e-9, 1.0, betaincinv(x + shift, n - x + 1 - shift, 1 - tail))
    return low, high


def share_limits(s: Strata, level: float) -> tuple[Floats, Floats, Floats]:
    """Value, lower and upper end of the share in each dataset, shape (R,) each."""
    quantile = quantiles(s, level)
    effect, alone = effects(s)
    shift = CLUSTERED_SHIFT if s.clustered else SHIFT
    value, low, high = _joined(
        s.successes.sum(1), s.labels.sum(1), s.shares, effect, quantile, s.share_variance, shift
    )
    x, n = s.successes.sum((1, 2))[:, None], s.labels.sum((1, 2))[:, None]
    whole = np.ones_like(x)
    _, bottom, top = _joined(x, n, whole, alone, quantile, np.zeros(len(whole)), shift)
    useless = np.where(strata_ratio(s) > 1.0, BLEND, 0.0)
    failures, successes = (n - x)[:, 0] / alone, x[:, 0] / alone
    up = np.where(failures <= FEW + 1e-6, 1.0, useless)
    down = np.where(successes <= FEW + 1e-6, 1.0, useless)
    high = high + up * np.maximum(top - high, 0.0)
    low = low - down * np.maximum(low - bottom, 0.0)
    return value, np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)


def quantiles(s: Strata, level: float) -> Floats:
    """Normal quantiles for independent labels, Student's for clusters, shape (R,)."""
    q = (1 + level) / 2
    if not s.clustered:
        return np.full(len(s.shares), float(ndtri(q)))
    units = (s.labels.sum(2) > 0).sum(1)
    _, strength, believed = _judged_clustering(s)
    out: Floats = stdtrit(np.maximum(units - 1, 1) + believed * strength, q)
    return out


def effects(s: Strata) -> tuple[Floats, Floats]:
    """Design effects of the stratified share and of people alone, shape (R,) each.

    Ones for independent labels.

    The labels' own estimate counts for as many clusters as carry it (one cluster with all failures
    is no evidence), and is drawn towards what the clustering of the judge's verdicts on all rows
    makes likely. Where the judge says little about people, pseudo-clusters stand in for it.
    """
    if not s.clustered:
        return np.ones(len(s.shares)), np.ones(len(s.shares))
    icc, strength, believed = _judged_clustering(s)
    sizes = s.labels.sum(2)
    ceiling = np.maximum((sizes**2).sum(1) / np.maximum(sizes.sum(1), 1e-12), 1.0)
    likely = 1 + (ceiling - 1) * icc
    found = []
    people = (
        s.successes.sum(2, keepdims=True),
        s.labels.sum(2, keepdims=True),
        np.ones((len(sizes), 1)),
    )
    for x, t, shares in ((s.successes, s.labels, s.shares), people):
        own, carried = _raw_effect(x, t, shares, 0.0)
        padded = np.minimum(_raw_effect(x, t, shares, PSEUDO_WEIGHT)[0], ceiling)
        weight = np.maximum(carried - 1, 0.0)
        drawn = (weight * np.minimum(own, ceiling) + strength * likely) / np.maximum(
            weight + strength, 1e-9
        )
        found.append(np.clip(believed * drawn + (1 - believed) * padded, LEAST_EFFECT, ceiling))
    return found[0], found[1]


def _judged_clustering(s: Strata) -> tuple[Floats, Floats, Floats]:
    """Likely correlation of what the judge leaves open, the clusters it counts for, how far it is believed.

    A judge whose errors are independent shows less clustering than what it leaves open has: with a
    share ``s`` saved, s / (1 - s) of it. One whose errors cluster shows about as much. The larger
    of the two is taken.
    """
    if s.judge_icc is None:
        none = np.zeros(len(s.shares))
        return none, none, none
    saved = np.clip(1.0 - strata_ratio(s), 0.0, 1.0)
    known = ~np.isnan(s.judge_icc)
    icc = np.where(known, s.judge_icc, 0.0) * np.maximum(1.0, (1 - saved) / np.maximum(saved, 0.01))
    believed = np.where(known, np.clip(saved / GOOD_JUDGE, 0.0, 1.0), 0.0)
    return np.clip(icc, 0.0, 1.0), JUDGE_CLUSTERS * saved, believed


def verdict_icc(indicators: Floats, sizes: Floats) -> float:
    """Intraclass correlation of verdicts, from cluster counts of each verdict (G, J) and cluster sizes (G,).

    NaN where it is not known: no cluster of two rows, or hardly any verdict but one.

    Source: the analysis-of-variance estimate (Donner 1986, International Statistical Review 54),
        summed over verdicts.

    Example:
        >>> import numpy as np
        >>> verdict_icc(np.array([[3.0, 0.0], [0.0, 3.0]] * 20), np.full(40, 3.0))
        1.0
    """
    n, units = float(sizes.sum()), sizes.size
    total = indicators.sum(0)
    if n <= units or units < 2 or n - float(total.max()) < FEWEST_VERDICTS:
        return float("nan")
    within = float((total - (indicators**2 / sizes[:, None]).sum(0)).sum()) / (n - units)
    between = float(((indicators**2 / sizes[:, None]).sum(0) - total**2 / n).sum()) / (units - 1)
    typical = (n - float((sizes**2).sum()) / n) / (units - 1)
    return min(max((between - within) / (between + (typical - 1) * within), 0.0), 1.0)


def _raw_effect(x: Floats, t: Floats, shares: Floats, pseudo: float) -> tuple[Floats, Floats]:
    """Variance of the stratified share with clusters against that without, and the number of clusters that carry it.

    Cluster sums of residuals over all strata, each stratum with two light pseudo-clusters (all
    successes, all failures) of its own typical size and of weight ``pseudo``.
    """
    n, total = t.sum(1), x.sum(1)
    holding = np.maximum((t > 0).sum(1), 1)
    typical = n / holding
    padded = n + 2 * pseudo * typical
    rate = np.where(padded > 0, (total + pseudo * typical) / np.maximum(padded, 1e-12), 0.5)
    factor = np.where(n > 0, shares / np.maximum(n, 1e-12), 0.0)
    squares = (factor[:, None] * (x - rate[:, None] * t)).sum(2) ** 2
    units = np.maximum((t.sum(2) > 0).sum(1), 2)
    robust = squares.sum(1)
    carried = robust**2 / np.maximum((squares**2).sum(1), 1e-300)
    robust = robust * units / (units - 1)
    robust += (pseudo * (factor * typical) ** 2 * ((1 - rate) ** 2 + rate**2)).sum(1)
    plain = (factor**2 * padded * rate * (1 - rate)).sum(1)
    return robust / np.maximum(plain, 1e-300), np.minimum(carried, units)


def strata_ratio(s: Strata) -> Floats:
    """Variance with strata against that of people alone, shrunk a little.

    Above 1 the strata save nothing.
    """
    x, n = s.successes.sum(1), s.labels.sum(1)
    rate = (x + 0.5) / (n + 1)
    within = (s.shares**2 * rate * (1 - rate) / (n + 1)).sum(1)
    pooled = (x.sum(1) + 0.5) / (n.sum(1) + 1)
    out: Floats = within / (pooled * (1 - pooled) / (n.sum(1) + 1))
    return out


def _joined(
    x: Floats,
    n: Floats,
    shares: Floats,
    effect: Floats,
    quantile: Floats,
    share_variance: Floats,
    shift: float,
) -> tuple[Floats, Floats, Floats]:
    """Limits of each stratum joined by the method of variance estimates recovery (Zou & Donner 2008)."""
    counts, trials = x / effect[:, None], n / effect[:, None]
    low, high = beta_limits(counts, trials, ndtr(-quantile)[:, None], shift)
    pooled = counts.sum(1, keepdims=True) / np.maximum(trials.sum(1, keepdims=True), 1e-12)
    rate = np.where(trials > 0, counts / np.maximum(trials, 1e-12), pooled)
    value = (shares * rate).sum(1)
    between = ((rate - value[:, None]) ** 2 * shares).sum(1) * share_variance * quantile**2
    down = np.sqrt((shares**2 * (rate - low) ** 2).sum(1) + between)
    up = np.sqrt((shares**2 * (high - rate) ** 2).sum(1) + between)
    return value, value - down, value + up


def effective_rows(indicator: ArrayLike, sizes: ArrayLike) -> float:
    """One over the effective number of rows behind a share, from cluster sums of its indicator and cluster sizes.

    Example:
        >>> import numpy as np
        >>> round(effective_rows(np.ones(50) * [[0.0], [1.0]], np.ones(100)), 4)
        0.0101
    """
    sums, m = (
        np.ravel(np.asarray(indicator, dtype=np.float64)),
        np.ravel(np.asarray(sizes, dtype=np.float64)),
    )
    n, units = m.sum(), max(m.size, 2)
    rate = sums.sum() / n
    if rate <= 0 or rate >= 1:
        return float((m**2).sum() / n**2)
    return float(((sums - rate * m) ** 2).sum() * units / (units - 1) / n**2 / (rate * (1 - rate)))
