"""F1 averaged over classes, with an interval that covers on twenty rows as on a thousand.

The bootstrap cannot do it: a sample without an error has no spread, and a third of the samples of
twenty rows at 95 % right have none.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tunewell.stats.inputs import Bools, Floats, Ints, codes, share, tally
from tunewell.types import Estimate

_PSEUDO_ERRORS: Final = 1.0
"""Errors of each class that the lower end takes for granted, shared among its wrong answers."""
_PSEUDO_HITS: Final = 1.0
"""Right answers of each class that the upper end takes for granted."""
_ALMOST_NONE: Final = 1e-9
_MOST_DRAWS: Final = 4000
_FEWEST_DRAWS: Final = 400
_MOST_NUMBERS: Final = 8_000_000
"""Drawn at most, so that 150 classes take a second and not a minute."""
_SEED: Final = 0

NO_CLASS: Final = -1
"""Code of an answer that names none of the classes."""


def macro_f1(
    gold: ArrayLike,
    named: ArrayLike,
    *,
    missing: ArrayLike | None = None,
    clusters: Iterable[Hashable] | None = None,
    level: float = 0.95,
) -> Estimate:
    """F1 averaged over the classes of the gold answers.

    Args:
        gold: Class of each row, 0 to k - 1, each at least once, shape (n,).
        named: Class that the answer names, -1 for none of them, shape (n,).
        missing: True where there is no answer: it counts as wrong for the lower end and as right
            for the upper one, shape (n,).
        clusters: Cluster of each row, shape (n,).
        level: Probability of covering, in (0, 1).

    Returns:
        The average, in [0, 1]. ``n`` counts clusters.

    Notes:
        Each end is a quantile of F1 over tables of gold against named classes that are drawn from a
        Dirichlet distribution, with one more error of each class for the lower end and one more
        right answer for the upper: what Clopper and Pearson do for one share. Independent rows were
        simulated for 20, 40 and 100 rows, 2 and 4 classes, even and skewed, 30 to 100 % right,
        errors spread or all into one class: 95 % or more in every cell (700 redraws each). Of
        clusters one cell was (30 documents of four rows). ``tests/stats/test_macro_f1.py`` holds a
        smaller grid to 94 % less what chance allows. Clusters divide the counts by the design
        effect of the average's influence function.

    Source:
        Goutte & Gaussier 2005, A Probabilistic Interpretation of Precision, Recall and F-Score.

    Example:
        >>> e = macro_f1([0, 1] * 10, [0, 1] * 10)
        >>> e.value, e.low < 0.95, e.high
        (1.0, True, 1.0)
    """
    truth = np.asarray(gold, dtype=np.int64)
    said = np.asarray(named, dtype=np.int64)
    if truth.shape != said.shape or truth.ndim != 1 or not truth.size:
        raise ValueError("'gold' and 'named' must hold one class a row, for one row or more.")
    tail = (1 - share(level, "level")) / 2
    gaps = _gaps(missing, truth.size)
    groups = codes(clusters, truth.size)

    worst = np.where(gaps, -1, said)
    best = np.where(gaps, truth, said)
    low = _end(truth, worst, groups, tail, upper=False)
    high = _end(truth, best, groups, 1 - tail, upper=True)
    seen = ~gaps
    value = _average(_table(truth[seen], worst[seen], int(truth.max()) + 1))
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        level=level,
        n=int(np.unique(groups).size),
        method=_method(int(gaps.sum())),
        unit="share",
    )


def _method(missing: int) -> str:
    method = "average of class F1, Dirichlet tables"
    return f"{method}; {missing} without an answer bounded" if missing else method


def _gaps(missing: ArrayLike | None, rows: int) -> Bools:
    if missing is None:
        return np.zeros(rows, dtype=np.bool_)
    gaps = np.asarray(missing, dtype=np.bool_)
    if gaps.shape != (rows,):
        raise ValueError(f"'missing' must hold {rows} values. Got shape {gaps.shape} instead.")
    return gaps


def _table(gold: Ints, named: Ints, classes: int) -> Floats:
    """Rows by gold and named class; the last column holds those that name none of the classes."""
    column = np.where((named >= 0) & (named < classes), named, classes)
    counts = np.bincount(gold * (classes + 1) + column, minlength=classes * (classes + 1))
    return counts.reshape(classes, classes + 1).astype(np.float64)


def _average(tables: NDArray[np.float64]) -> float:
    """Of one table; a class without rows and answers is left out."""
    f1, known = _class_f1(tables)
    return float(f1[known].mean()) if known.any() else 0.0


def _class_f1(tables: Floats) -> tuple[Floats, Bools]:
    """F1 of each class, shape (…, k), and whether it has any rows or answers."""
    classes = tables.shape[-2]
    diagonal = np.arange(classes)
    hits = tables[..., diagonal, diagonal]
    both = tables.sum(-1) + tables[..., :classes].sum(-2)
    return 2 * hits / np.maximum(both, 1e-300), both > 0


def _end(
    gold: Ints,
    named: Ints,
    groups: Ints,
    quantile: float,
    *,
    upper: bool,
) -> float:
    classes = int(gold.max()) + 1
    table = _table(gold, named, classes)
    diagonal = np.arange(classes)
    if upper and table[diagonal, diagonal].sum() == gold.size:
        return 1.0

    table = table / _design_effect(table, gold, named, groups)
    padded = table + (_ALMOST_NONE if upper else _PSEUDO_ERRORS / classes)
    hits = _PSEUDO_HITS if upper else _ALMOST_NONE
    padded[diagonal, diagonal] = table[diagonal, diagonal] + hits

    draws = int(np.clip(_MOST_NUMBERS // padded.size, _FEWEST_DRAWS, _MOST_DRAWS))
    rng = np.random.default_rng(_SEED)
    # Gamma variables: F1 does not mind that they are not divided by their sum.
    f1, _ = _class_f1(rng.standard_gamma(padded, size=(draws, *padded.shape)))
    return float(np.quantile(f1.mean(-1), quantile))


def _design_effect(table: Floats, gold: Ints, named: Ints, groups: Ints) -> float:
    """How much less the rows of a cluster are worth than independent ones, 1 or more.

    One error that fills a cluster of typical size stands in for the errors that were not seen.
    """
    sizes = tally(groups)
    if sizes.max() <= 1:
        return 1.0
    influence = _influence(table, gold, named)
    unseen = 1.0 / gold.size**2
    typical = float((sizes**2).sum() / sizes.sum())
    together = float((tally(groups, influence) ** 2).sum()) * sizes.size / max(sizes.size - 1, 1)
    apart = float((influence**2).sum())
    found = (together + typical * unseen) / (apart + unseen)
    return float(np.clip(found, 1.0, sizes.max()))


def _influence(table: Floats, gold: Ints, named: Ints) -> Floats:
    """What each row adds to the average, to first order, shape (n,)."""
    classes = len(table)
    f1, _ = _class_f1(table)
    both = np.maximum(table.sum(1) + table[:, :classes].sum(0), 1.0)
    inside = (named >= 0) & (named < classes)
    place = np.where(inside, named, 0)
    of_gold = (2.0 * (gold == named) - f1[gold]) / both[gold]
    of_named = np.where(inside, -f1[place] / both[place], 0.0)
    out: Floats = (of_gold + of_named) / classes
    return out
