"""How far two gradings put the same things in the same order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.inputs import Floats
from tunewell.stats.means import bootstrap
from tunewell.types import Estimate


def rank_correlation(
    a: ArrayLike,
    b: ArrayLike,
    *,
    clusters: Sequence[str] | None = None,
    level: float = 0.95,
    repeats: int = 500,
) -> Estimate:
    """Spearman's rank correlation (ties at their mean rank), by a bootstrap of families.

    Args:
        a: Grades, shape (n,), finite.
        b: Grades of the same things, shape (n,), finite.
        clusters: Family of each thing, shape (n,).
        level: Of the interval.
        repeats: Resamples.

    Returns:
        0 where all grades of one side are equal.

    Source:
        Spearman 1904, American Journal of Psychology 15.

    Example:
        >>> round(rank_correlation([1, 2, 3, 4, 5, 6], [1, 3, 2, 4, 6, 5]).value, 3)
        0.886
    """
    pairs = np.column_stack([a, b]).astype(np.float64)
    return bootstrap(pairs, _spearman, clusters=clusters, level=level, repeats=repeats)


def mean_ranks(values: Floats) -> Floats:
    """The rank of each value from 1, equal values sharing the mean of theirs, shape (n,).

    Example:
        >>> mean_ranks(np.array([30.0, 10.0, 20.0, 10.0])).tolist()
        [4.0, 1.5, 3.0, 1.5]
    """
    _, place, times = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(times)
    ranks: Floats = (last - (times - 1) / 2)[place]
    return ranks


def _spearman(pairs: Floats) -> float:
    a, b = mean_ranks(pairs[:, 0]), mean_ranks(pairs[:, 1])
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
