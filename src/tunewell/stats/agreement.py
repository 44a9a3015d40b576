"""Agreement between raters, with intervals that hold at thirty items.

Intervals stand on Fisher's z for the number of raters (Fisher 1925, section 38), which steadies the
variance: jackknife over items, Student's t with degrees of freedom from the kurtosis of the
pseudo-values. The plain bootstrap of items covers 90 % at thirty items and three raters; these
cover 94 % and more (``bench/results/statistics_agreement.json``).
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.inputs import Floats, critical, matrix, share
from tunewell.stats.stratified import beta_limits
from tunewell.types import Estimate

Scale = Literal["nominal", "ordinal", "interval", "ratio"]
_CHUNK = 4_000_000
_SHIFT = 0.9


def krippendorff_alpha(
    ratings: ArrayLike, *, scale: Scale = "nominal", level: float = 0.95
) -> Estimate:
    """Krippendorff's alpha: agreement beyond chance among any number of raters, ratings missing anywhere.

    Args:
        ratings: Shape (raters, items), NaN where a rater did not rate an item. Items with fewer
            than two ratings say nothing about agreement and do not count.
        scale: Which differences matter: ``nominal`` (any), ``ordinal`` (by rank), ``interval``,
            ``ratio`` (values 0 and above).
        level: Probability of covering, in (0, 1).

    Returns:
        Alpha, 1 for perfect agreement, 0 for chance. ``n`` counts items with two ratings or more.

    Raises:
        ValueError: Where alpha is undefined: all ratings equal, or fewer than two items rated
            twice.

    Source:
        Krippendorff 2011, Computing Krippendorff's alpha-reliability; the ordinal metric: equation
        on page 6.

    Example:
        >>> e = krippendorff_alpha([[1, 2, 3, 1, 2, 3, 1, 2], [1, 2, 3, 1, 2, 3, 1, 3]], scale="nominal")
        >>> round(e.value, 3), e.low < e.value < e.high
        (0.824, True)
    """
    x = matrix(ratings, "ratings", missing=True)
    if scale not in ("nominal", "ordinal", "interval", "ratio"):
        raise ValueError(
            f"'scale' must be nominal, ordinal, interval or ratio. Got {scale!r} instead."
        )
    x = x[:, (~np.isnan(x)).sum(0) >= 2]
    if x.shape[1] < 2:
        raise ValueError(
            f"'ratings' must hold 2 items or more with two ratings each. Got {x.shape[1]} instead."
        )
    values = np.unique(x[~np.isnan(x)])
    if values.size < 2:
        raise ValueError("'ratings' are all equal: alpha is undefined.")
    if scale == "ratio" and values[0] < 0:
        raise ValueError(
            f"'ratings' must be 0 or above on a ratio scale. Got {values[0]:g} instead."
        )
    counts = np.stack([(x == v).sum(0) for v in values], axis=1).astype(np.float64)
    e = _alpha(counts, values, scale, level)
    if scale != "nominal":
        return e
    rare = np.zeros(values.size)
    rare[counts.sum(0).argmin()] = round(float(counts.sum(1).mean()))
    return _reach(e, _alpha(np.vstack([counts, rare]), values, scale, level))


def _alpha(counts: Floats, values: Floats, scale: Scale, level: float) -> Estimate:
    observed, expected, left_out = _disagreements(counts, values, scale)
    largest = float(_distances(counts.sum(0)[None], values, scale).max())
    name, raters = f"Krippendorff alpha, {scale}", float(counts.sum(1).mean())
    return _one_minus(observed, expected, left_out, level, name, largest, raters)


def _reach(e: Estimate, more: Estimate) -> Estimate:
    """Where a category is rare, half of the way to the upper end that one more agreed item of it would give."""
    return e.model_copy(update={"high": max(e.high, (e.high + more.high) / 2)})


def fleiss_kappa(counts: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Fleiss' kappa: nominal agreement of a fixed number of raters an item, not the same ones throughout.

    Args:
        counts: How many raters put each item in each category, shape (items, categories), equal row
            sums of 2 or more.
        level: Probability of covering, in (0, 1).

    Source:
        Fleiss 1971, Psychological Bulletin 76.

    Example:
        >>> round(fleiss_kappa([[3, 0], [0, 3], [2, 1], [3, 0], [1, 2]]).value, 3)
        0.444
    """
    c = matrix(counts, "counts")
    e = _fleiss(c, level)
    rare = np.zeros(c.shape[1])
    used = np.where(c.sum(0) > 0, c.sum(0), np.inf)
    rare[used.argmin()] = c[0].sum()
    return _reach(e, _fleiss(np.vstack([c, rare]), level))


def _fleiss(counts: Floats, level: float) -> Estimate:
    observed, left_observed, whole, less = _fleiss_parts(counts)
    expected = 1.0 - float((whole**2).sum())
    if expected <= 0:
        raise ValueError("'counts' lie in one category: kappa is undefined.")
    left = np.stack([left_observed, 1.0 - (less**2).sum(1)])
    return _one_minus(
        observed, expected, left, level, "Fleiss kappa", 1.0, float(np.sum(counts, axis=1)[0])
    )


def gwet_ac1(counts: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Gwet's AC1: nominal agreement that does not collapse where one category is rare.

    Args:
        counts: As for `fleiss_kappa`.
        level: Probability of covering, in (0, 1).

    Source:
        Gwet 2008, British Journal of Mathematical and Statistical Psychology 61, equation 8.

    Example:
        >>> round(gwet_ac1([[2, 0]] * 90 + [[1, 1]] * 9 + [[0, 2]]).value, 2)
        0.9
    """
    observed, left_observed, whole, less = _fleiss_parts(counts)
    categories = whole.size

    def expected(p: Floats) -> Floats:
        out: Floats = 1.0 - (p * (1 - p)).sum(-1) / (categories - 1)
        return out

    left = np.stack([left_observed, expected(less)])
    return _one_minus(
        observed,
        float(expected(whole)),
        left,
        level,
        "Gwet AC1",
        1.0,
        float(np.sum(counts, axis=1)[0]),
    )


def cohen_kappa(
    table: ArrayLike,
    *,
    weights: Literal["none", "linear", "quadratic"] = "none",
    level: float = 0.95,
) -> Estimate:
    """Cohen's kappa of two raters.

    Args:
        table: Counts, shape (k, k): rows are the first rater's categories, columns the second's, in
            one order.
        weights: How a disagreement counts: all alike, by distance, or by squared distance of the
            categories.
        level: Probability of covering, in (0, 1).

    Source:
        Cohen 1960, 1968; interval by leaving out one item on the scale of log(1 - kappa).

    Example:
        >>> round(cohen_kappa([[90, 5], [4, 1]]).value, 2), round(pabak([[90, 5], [4, 1]]).value, 2)
        (0.13, 0.82)
    """
    t = _table(table)
    if weights not in ("none", "linear", "quadratic"):
        raise ValueError(f"'weights' must be none, linear or quadratic. Got {weights!r} instead.")
    k = t.shape[0]
    apart = np.abs(np.subtract.outer(np.arange(k), np.arange(k))) / (k - 1)
    distance = {"none": (apart > 0).astype(np.float64), "linear": apart, "quadratic": apart**2}[
        weights
    ]

    def parts(counts: Floats) -> tuple[Floats, Floats]:
        n = counts.sum((-2, -1))
        observed = (counts * distance).sum((-2, -1)) / n
        rows, columns = counts.sum(-1), counts.sum(-2)
        return observed, np.einsum("...i,ij,...j->...", rows, distance, columns) / n**2

    def whole(counts: Floats) -> Estimate:
        observed, expected = parts(counts)
        if expected <= 0:
            raise ValueError("'table' lies in one cell of its diagonal: kappa is undefined.")
        cells = np.argwhere(counts > 0)
        less = np.repeat(counts[None], len(cells), axis=0)
        less[np.arange(len(cells)), cells[:, 0], cells[:, 1]] -= 1
        left = np.repeat(
            np.stack(parts(less)), counts[cells[:, 0], cells[:, 1]].astype(int), axis=1
        )
        return _one_minus(float(observed), float(expected), left, level, "Cohen kappa", 1.0, 2.0)

    e, more = whole(t), t.copy()
    used = t.sum(0) + t.sum(1)
    rare = int(np.where(used > 0, used, np.inf).argmin())
    more[rare, rare] += 1
    return _reach(e, whole(more))


def pabak(table: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Prevalence-adjusted, bias-adjusted kappa of two raters: the share of equal verdicts, rescaled.

    Args:
        table: As for `cohen_kappa`.
        level: Probability of covering, in (0, 1).

    Source:
        Byrt, Bishop & Carlin 1993, J. Clinical Epidemiology 46. Interval of the share: limits four
        fifths of the way from Jeffreys' to Clopper and Pearson's, since Wilson's cover 92 % at some
        shares of 30 items.

    Example:
        >>> str(pabak([[90, 5], [4, 1]]))
        '0.82 [0.675, 0.915]'
    """
    t = _table(table)
    k, n, equal = t.shape[0], float(t.sum()), float(np.trace(t))
    tail = np.array((1 - share(level, "level")) / 2)
    low, high = beta_limits(np.array(equal), np.array(n), tail, _SHIFT)
    value, bottom, top = ((k * float(p) - 1) / (k - 1) for p in (equal / n, low, high))
    return Estimate(
        value=value, low=bottom, high=top, level=level, n=int(n), method="PABAK, beta limits"
    )


def _one_minus(
    observed: float,
    expected: float,
    left: Floats,
    level: float,
    name: str,
    largest: float,
    raters: float,
) -> Estimate:
    """1 - observed / expected, with leave-one-out values (2, items) of both."""
    items = left.shape[1]
    if observed <= 0:
        # No disagreement seen: at most this share of items may disagree, each by the largest
        # distance.
        share(level, "level")
        bound = 1.0 - ((1.0 - level) / 2) ** (1.0 / items)
        low = max(1.0 - bound * largest / expected, -1.0)
        return Estimate(
            value=1.0,
            low=low,
            high=1.0,
            level=level,
            n=items,
            method=f"{name}, no disagreement seen",
        )
    value = 1.0 - observed / expected
    ratio = left[0] / np.maximum(left[1], 1e-300)
    # One item may carry all disagreement: without it the logarithm is undefined, half of it stands
    # in.
    ratio = np.where(ratio > 0, ratio, observed / expected / 2)
    floor = 1e-3

    def scale(a: Floats) -> Floats:
        out: Floats = (
            np.log(np.maximum(1 + (raters - 1) * a, floor) / np.maximum(1 - a, 1e-300)) / 2
        )
        return out

    plain = float(scale(np.array(value)))
    pseudo = items * plain - (items - 1) * scale(1 - ratio)
    off = pseudo - pseudo.mean()
    variance = float((off**2).sum()) / (items - 1) / items
    # Few items with much influence make the variance itself uncertain: degrees of freedom from the
    # kurtosis.
    tails = float((off**4).mean() / max(float((off**2).mean()) ** 2, 1e-300))
    df = max(min(2 * items / max(tails - (items - 3) / (items - 1), 0.5), items - 1.0), 2.0)
    half = critical(level, df) * math.sqrt(variance)
    centre = float(np.clip(pseudo.mean(), plain - half / 2, plain + half / 2))
    low, high = (
        (math.exp(2 * g) - 1) / (math.exp(2 * g) + raters - 1)
        for g in (max(centre - half, -300.0), min(centre + half, 300.0))
    )
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        level=level,
        n=items,
        method=f"{name}, jackknife of Fisher's z, t",
    )


def _disagreements(counts: Floats, values: Floats, scale: Scale) -> tuple[float, float, Floats]:
    """Observed and expected disagreement, and both with each item left out, shape (2, items)."""
    m = counts.sum(1)
    total, n = counts.sum(0), float(m.sum())
    full = _distances(total[None], values, scale)[0]
    observed, expected = (
        _within(counts, full, m).sum() / n,
        float(total @ full @ total) / (n * (n - 1)),
    )
    rest, size = total[None] - counts, n - m
    pairs = counts.T @ (counts / (m - 1)[:, None])  # how often each two values met within an item
    left = np.empty((2, len(m)))
    step = max(1, _CHUNK // values.size**2)
    for start in range(0, len(m), step):
        part = slice(start, start + step)
        if scale == "ordinal":
            # The metric itself depends on how often each value was used.
            d = _distances(rest[part], values, scale)
            within = np.einsum("uij,ij->u", d, pairs)
            within -= np.einsum("ui,uij,uj->u", counts[part], d, counts[part]) / (m[part] - 1)
            across = np.einsum("ui,uij,uj->u", rest[part], d, rest[part])
        else:
            own = _within(counts[part], full, m[part])
            within = observed * n - own
            across = np.einsum("ui,ij,uj->u", rest[part], full, rest[part])
        left[0, part] = within / size[part]
        left[1, part] = across / (size[part] * (size[part] - 1))
    return float(observed), expected, left


def _within(counts: Floats, distance: Floats, m: Floats) -> Floats:
    out: Floats = np.einsum("ui,ij,uj->u", counts, distance, counts) / (m - 1)
    return out


def _distances(totals: Floats, values: Floats, scale: Scale) -> Floats:
    """Squared differences between values, shape (sets, values, values).

    Ordinal ones depend on the totals.
    """
    if scale == "nominal":
        d = 1.0 - np.eye(values.size)
    elif scale == "interval":
        d = np.subtract.outer(values, values) ** 2
    elif scale == "ratio":
        both = np.add.outer(values, values)
        d = (np.subtract.outer(values, values) / np.where(both > 0, both, 1.0)) ** 2
    else:
        upto = np.cumsum(totals, axis=1) - totals / 2
        out: Floats = (upto[:, :, None] - upto[:, None, :]) ** 2
        return out
    return np.repeat(d[None], len(totals), axis=0)


def _fleiss_parts(counts: ArrayLike) -> tuple[float, Floats, Floats, Floats]:
    """Observed disagreement, the same with each item left out, shares of the categories, the same left out."""
    c = matrix(counts, "counts")
    m = c.sum(1)
    if (c < 0).any() or (m < 2).any() or np.ptp(m) > 0 or c.shape[1] < 2 or c.shape[0] < 2:
        raise ValueError(
            f"'counts' must hold 2 items and 2 categories or more, every row summing to one number of raters, "
            f"2 or more. Got shape {c.shape}, sums {m.min():g} to {m.max():g}."
        )
    items, raters = c.shape[0], float(m[0])
    agree = ((c**2).sum(1) - raters) / (raters * (raters - 1))
    disagree = 1.0 - agree
    left = (disagree.sum() - disagree) / (items - 1)
    whole = c.sum(0) / m.sum()
    less = (c.sum(0) - c) / (m.sum() - raters)
    return float(disagree.mean()), left, whole, less


def _table(table: ArrayLike) -> Floats:
    t = matrix(table, "table")
    if (
        t.shape[0] != t.shape[1]
        or t.shape[0] < 2
        or (t < 0).any()
        or (t != np.round(t)).any()
        or t.sum() < 2
    ):
        raise ValueError(
            f"'table' must be square and hold counts, 2 items or more. Got shape {t.shape}."
        )
    return t
