"""Agreement between raters, with intervals that hold at thirty items.

Intervals stand on Fisher's z for the number of raters (Fisher 1925, section 38), which steadies the
variance: jackknife over items, Student's t with degrees of freedom from the kurtosis of the
pseudo-values. The plain bootstrap of items covers 90 % at thirty items and three raters; these
cover 94 % and more (``bench/results/statistics_agreement.json``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.inputs import Floats, are_counts, critical, matrix, share
from tunewell.stats.stratified import beta_limits
from tunewell.types import Estimate

Scale = Literal["nominal", "ordinal", "interval", "ratio"]
_CHUNK = 4_000_000
_SHIFT = 0.9
_TINY = 1e-300
_FLOOR = 1e-3


@dataclass(frozen=True)
class Disagreement:
    """How far raters disagree, and would by chance; agreement is one minus their ratio.

    Attributes:
        observed: Mean disagreement within items.
        expected: Mean disagreement between any two ratings.
        observed_without: The first with each item left out, shape (items,).
        expected_without: The second with each item left out, shape (items,).
    """

    observed: float
    expected: float
    observed_without: Floats
    expected_without: Floats


def krippendorff_alpha(
    ratings: ArrayLike, *, scale: Scale = "nominal", level: float = 0.95
) -> Estimate:
    """Krippendorff's alpha: agreement beyond chance among any number of raters.

    Ratings may be missing anywhere.

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
        >>> e = krippendorff_alpha([[1, 2, 3, 1, 2, 3, 1, 2], [1, 2, 3, 1, 2, 3, 1, 3]])
        >>> round(e.value, 3), e.low < e.value < e.high
        (0.824, True)
    """
    x = matrix(ratings, "ratings", missing=True)
    if scale not in ("nominal", "ordinal", "interval", "ratio"):
        raise ValueError(
            f"'scale' must be nominal, ordinal, interval or ratio. Got {scale!r} instead."
        )
    rated = (~np.isnan(x)).sum(0)
    x = x[:, rated >= 2]
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

    per_value = [(x == v).sum(0) for v in values]
    counts = np.stack(per_value, axis=1).astype(np.float64)
    e = _alpha(counts, values, scale, level)
    if scale != "nominal":
        return e

    totals = counts.sum(0)
    agreed = np.zeros(values.size)
    agreed[totals.argmin()] = round(float(counts.sum(1).mean()))
    with_one_more = np.vstack([counts, agreed])
    return _reach(e, _alpha(with_one_more, values, scale, level))


def _alpha(
    counts: Floats,
    values: Floats,
    scale: Scale,
    level: float,
) -> Estimate:
    totals = counts.sum(0)
    distances = _distances(totals[None], values, scale)
    return _one_minus(
        _disagreement(counts, values, scale),
        level,
        name=f"Krippendorff alpha, {scale}",
        largest=float(distances.max()),
        raters=float(counts.sum(1).mean()),
    )


def _reach(e: Estimate, more: Estimate) -> Estimate:
    """The interval where a category is rare.

    It reaches half of the way to the upper end that one more agreed item of it would give.
    """
    halfway = (e.high + more.high) / 2
    return e.model_copy(update={"high": max(e.high, halfway)})


def fleiss_kappa(counts: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Fleiss' kappa: nominal agreement of a fixed number of raters an item.

    They need not be the same ones throughout.

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

    totals = c.sum(0)
    used = np.where(totals > 0, totals, np.inf)
    agreed = np.zeros(c.shape[1])
    agreed[used.argmin()] = c[0].sum()
    with_one_more = np.vstack([c, agreed])
    return _reach(e, _fleiss(with_one_more, level))


def _fleiss(counts: Floats, level: float) -> Estimate:
    parts = _fleiss_parts(counts)
    expected = 1.0 - float((parts.shares**2).sum())
    if expected <= 0:
        raise ValueError("'counts' are all in one category: kappa is undefined.")
    disagreement = Disagreement(
        observed=parts.observed,
        expected=expected,
        observed_without=parts.observed_without,
        expected_without=1.0 - (parts.shares_without**2).sum(1),
    )
    return _one_minus(disagreement, level, name="Fleiss kappa", largest=1.0, raters=parts.raters)


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
    parts = _fleiss_parts(counts)
    categories = parts.shares.size

    def expected(p: Floats) -> Floats:
        spread: Floats = (p * (1 - p)).sum(-1)
        return 1.0 - spread / (categories - 1)

    disagreement = Disagreement(
        observed=parts.observed,
        expected=float(expected(parts.shares)),
        observed_without=parts.observed_without,
        expected_without=expected(parts.shares_without),
    )
    return _one_minus(disagreement, level, name="Gwet AC1", largest=1.0, raters=parts.raters)


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
    distance = _category_distance(t.shape[0], weights)
    e = _cohen(t, distance, level)

    used = t.sum(0) + t.sum(1)
    rare = int(np.where(used > 0, used, np.inf).argmin())
    with_one_more = t.copy()
    with_one_more[rare, rare] += 1
    return _reach(e, _cohen(with_one_more, distance, level))


def _category_distance(k: int, weights: Literal["none", "linear", "quadratic"]) -> Floats:
    """How much a disagreement of two of k categories counts, in [0, 1], shape (k, k)."""
    places = np.arange(k)
    apart = np.abs(np.subtract.outer(places, places)) / (k - 1)
    if weights == "none":
        return (apart > 0).astype(np.float64)
    if weights == "linear":
        return np.asarray(apart)
    return np.asarray(apart**2)


def _cohen(counts: Floats, distance: Floats, level: float) -> Estimate:
    def parts(tables: Floats) -> tuple[Floats, Floats]:
        """Observed and expected disagreement of tables, shape (…, k, k)."""
        n = tables.sum((-2, -1))
        observed: Floats = (tables * distance).sum((-2, -1)) / n
        rows = tables.sum(-1)
        columns = tables.sum(-2)
        by_chance = np.einsum("...i,ij,...j->...", rows, distance, columns)
        return observed, by_chance / n**2

    observed, expected = parts(counts)
    if expected <= 0:
        raise ValueError(
            "'table' has all its counts in one cell of the diagonal: kappa is undefined."
        )

    # All items of a cell are alike: one is left out, and the result counts for each of them.
    cells = np.argwhere(counts > 0)
    rows, columns = cells.T
    tables = np.repeat(counts[None], len(cells), axis=0)
    tables[np.arange(len(cells)), rows, columns] -= 1
    items = counts[rows, columns].astype(int)
    observed_without, expected_without = parts(tables)
    disagreement = Disagreement(
        observed=float(observed),
        expected=float(expected),
        observed_without=np.repeat(observed_without, items),
        expected_without=np.repeat(expected_without, items),
    )
    return _one_minus(disagreement, level, name="Cohen kappa", largest=1.0, raters=2.0)


def pabak(table: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Prevalence-adjusted, bias-adjusted kappa: the share of equal verdicts, rescaled.

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
    k = int(t.shape[0])
    n = float(t.sum())
    equal = float(np.trace(t))
    tail = np.array((1 - share(level, "level")) / 2)
    low, high = beta_limits(np.array(equal), np.array(n), tail, _SHIFT)

    def rescaled(p: float) -> float:
        return (k * p - 1) / (k - 1)

    return Estimate(
        value=rescaled(equal / n),
        low=rescaled(float(low)),
        high=rescaled(float(high)),
        level=level,
        n=int(n),
        method="PABAK, beta limits",
    )


# --- the interval ---------------------------------------------------------------------------------


def _one_minus(
    d: Disagreement,
    level: float,
    *,
    name: str,
    largest: float,
    raters: float,
) -> Estimate:
    """1 - observed / expected, with its interval.

    Args:
        d: Of the items.
        level: Probability of covering.
        name: Of the coefficient.
        largest: Disagreement of two ratings at the most.
        raters: How many an item, on average.
    """
    if d.observed <= 0:
        return _all_agree(d, level, name=name, largest=largest)

    def z(agreement: Floats) -> Floats:
        """Fisher's z for so many raters."""
        above = np.maximum(1 + (raters - 1) * agreement, _FLOOR)
        below = np.maximum(1 - agreement, _TINY)
        out: Floats = np.log(above / below) / 2
        return out

    def back(g: float) -> float:
        return (math.exp(2 * g) - 1) / (math.exp(2 * g) + raters - 1)

    items = d.observed_without.size
    value = 1.0 - d.observed / d.expected
    ratio = d.observed_without / np.maximum(d.expected_without, _TINY)
    # One item may carry all disagreement: without it the logarithm is undefined, half of it stands
    # in.
    ratio = np.where(ratio > 0, ratio, d.observed / d.expected / 2)

    plain = float(z(np.array(value)))
    pseudo = items * plain - (items - 1) * z(1 - ratio)
    off = pseudo - pseudo.mean()
    variance = float((off**2).sum()) / (items - 1) / items
    half = critical(level, _kurtosis_df(off)) * math.sqrt(variance)
    centre = float(np.clip(pseudo.mean(), plain - half / 2, plain + half / 2))
    low = back(max(centre - half, -300.0))
    high = back(min(centre + half, 300.0))
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        level=level,
        n=items,
        method=f"{name}, jackknife of Fisher's z, t",
    )


def _all_agree(
    d: Disagreement,
    level: float,
    *,
    name: str,
    largest: float,
) -> Estimate:
    """No disagreement seen.

    At most this share of items may disagree, each by the largest distance.
    """
    share(level, "level")
    items = d.observed_without.size
    tail = (1.0 - level) / 2
    disagreeing = 1.0 - tail ** (1.0 / items)
    low = 1.0 - disagreeing * largest / d.expected
    return Estimate(
        value=1.0,
        low=max(low, -1.0),
        high=1.0,
        level=level,
        n=items,
        method=f"{name}, no disagreement seen",
    )


def _kurtosis_df(off: Floats) -> float:
    """Degrees of freedom of a variance from centred values, by their kurtosis.

    Few items with much influence make the variance itself uncertain.
    """
    items = off.size
    second = float((off**2).mean())
    fourth = (off**4).mean()
    kurtosis = float(fourth / max(second**2, _TINY))
    excess = max(kurtosis - (items - 3) / (items - 1), 0.5)
    return max(min(2 * items / excess, items - 1.0), 2.0)


# --- disagreement ---------------------------------------------------------------------------------


def _disagreement(counts: Floats, values: Floats, scale: Scale) -> Disagreement:
    """Of items whose ratings are counted by value, shape (items, values)."""
    m = counts.sum(1)
    n = float(m.sum())
    total = counts.sum(0)
    distance = _distances(total[None], values, scale)[0]
    observed = _within(counts, distance, m).sum() / n
    expected = float(total @ distance @ total) / (n * (n - 1))

    rest = total[None] - counts
    size = n - m
    observed_without = np.empty(len(m))
    expected_without = np.empty(len(m))
    step = max(1, _CHUNK // values.size**2)
    for start in range(0, len(m), step):
        part = slice(start, start + step)
        if scale == "ordinal":
            within, across = _ordinal_without(counts, rest, values, part)
        else:
            own = _within(counts[part], distance, m[part])
            within = observed * n - own
            across = np.einsum("ui,ij,uj->u", rest[part], distance, rest[part])
        observed_without[part] = within / size[part]
        expected_without[part] = across / (size[part] * (size[part] - 1))
    return Disagreement(float(observed), expected, observed_without, expected_without)


def _ordinal_without(
    counts: Floats,
    rest: Floats,
    values: Floats,
    part: slice,
) -> tuple[Floats, Floats]:
    """Disagreement within and across items with each item of a part left out.

    The ordinal metric itself depends on how often each value was used.
    """
    m = counts.sum(1)
    met = counts.T @ (counts / (m - 1)[:, None])  # how often each two values met within an item
    d = _distances(rest[part], values, "ordinal")
    within = np.einsum("uij,ij->u", d, met)
    own = np.einsum("ui,uij,uj->u", counts[part], d, counts[part])
    within -= own / (m[part] - 1)
    across = np.einsum("ui,uij,uj->u", rest[part], d, rest[part])
    return within, across


def _within(counts: Floats, distance: Floats, m: Floats) -> Floats:
    out: Floats = np.einsum("ui,ij,uj->u", counts, distance, counts) / (m - 1)
    return out


def _distances(totals: Floats, values: Floats, scale: Scale) -> Floats:
    """Squared differences between values, shape (sets, values, values).

    Ordinal ones depend on the totals.
    """
    if scale == "ordinal":
        upto = np.cumsum(totals, axis=1) - totals / 2
        between: Floats = upto[:, :, None] - upto[:, None, :]
        return between**2

    if scale == "nominal":
        d = 1.0 - np.eye(values.size)
    elif scale == "interval":
        d = np.subtract.outer(values, values) ** 2
    else:
        both = np.add.outer(values, values)
        d = (np.subtract.outer(values, values) / np.where(both > 0, both, 1.0)) ** 2
    return np.repeat(d[None], len(totals), axis=0)


@dataclass(frozen=True)
class _FleissParts:
    """What coefficients of a fixed number of raters are made of.

    Attributes:
        raters: How many an item.
        observed: Observed disagreement.
        observed_without: The same with each item left out, shape (items,).
        shares: Of the categories, shape (categories,).
        shares_without: The same with each item left out, shape (items, categories).
    """

    raters: float
    observed: float
    observed_without: Floats
    shares: Floats
    shares_without: Floats


def _fleiss_parts(counts: ArrayLike) -> _FleissParts:
    c = matrix(counts, "counts")
    m = c.sum(1)
    too_small = min(c.shape) < 2 or (m < 2).any()
    if too_small or (c < 0).any() or np.ptp(m) > 0:
        raise ValueError(
            "'counts' must hold 2 items and 2 categories or more, every row summing to one number "
            f"of raters, 2 or more. Got shape {c.shape}, sums {m.min():g} to {m.max():g}."
        )
    items = c.shape[0]
    raters = float(m[0])
    totals = c.sum(0)
    agree = ((c**2).sum(1) - raters) / (raters * (raters - 1))
    disagree = 1.0 - agree
    return _FleissParts(
        raters=raters,
        observed=float(disagree.mean()),
        observed_without=(disagree.sum() - disagree) / (items - 1),
        shares=totals / m.sum(),
        shares_without=(totals - c) / (m.sum() - raters),
    )


def _table(table: ArrayLike) -> Floats:
    t = matrix(table, "table")
    square = t.shape[0] == t.shape[1] and t.shape[0] >= 2
    if not square or not are_counts(t) or t.sum() < 2:
        raise ValueError(
            f"'table' must be square and hold counts, 2 items or more. Got shape {t.shape}."
        )
    return t
