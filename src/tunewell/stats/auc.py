"""Area under the ROC curve: how well scores tell two samples apart."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.inputs import Floats, critical, vector
from tunewell.types import Estimate


def auc(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Probability that a score of the first sample is above one of the second; ties count half.

    Args:
        first: Scores, shape (n,).
        second: Scores, shape (m,).
        level: Probability of covering, in (0, 1).

    Returns:
        The area in [0, 1]: 0.5 = the scores tell nothing. ``n`` counts both samples.

    Raises:
        ValueError: A sample is empty or holds something else than finite numbers.

    Source:
        Hanley & McNeil 1982, Radiology 143, equations 1 and 2 (exponential approximation of the
        variance).

    Example:
        >>> str(auc([3, 4, 5, 6], [1, 2, 3, 4]))
        '0.875 [0.607, 1]'
    """
    a = vector(first, "first")
    b = vector(second, "second")
    n, m = len(a), len(b)

    ranks = _ranks(np.concatenate([a, b]))
    pairs_won = float(ranks[:n].sum()) - n * (n + 1) / 2
    area = pairs_won / (n * m)

    half = critical(level) * math.sqrt(_variance(area, n, m))
    return Estimate(
        value=area,
        low=max(0.0, area - half),
        high=min(1.0, area + half),
        level=level,
        n=n + m,
        method="AUC, Hanley-McNeil",
        unit="AUC",
    )


def _ranks(scores: Floats) -> Floats:
    """Ranks from 1, equal scores the mean of theirs."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    ranks: Floats = middle[place]
    return ranks


def _variance(area: float, n: int, m: int) -> float:
    # Probability that two of the first sample both beat one of the second, and the other way about.
    two_beat_one = area / (2 - area)
    one_beats_two = 2 * area**2 / (1 + area)

    total = area * (1 - area)
    total += (n - 1) * (two_beat_one - area**2)
    total += (m - 1) * (one_beats_two - area**2)
    return max(0.0, total) / (n * m)
