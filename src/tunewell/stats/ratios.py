"""Ratios of sums: errors per word, where whole speakers were drawn, not words."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tunewell.stats.inputs import codes
from tunewell.stats.special import stdtrit
from tunewell.types.figures import Estimate

FEWEST_CLUSTERS = 3
"""Fewer say nothing of how much they differ."""


def ratio(
    above: ArrayLike,
    below: ArrayLike,
    *,
    clusters: Iterable[Hashable],
    level: float = 0.95,
    unit: str = "",
) -> Estimate:
    """Sum of ``above`` over sum of ``below``, with an interval from leaving out whole clusters.

    Args:
        above: Such as errors; at least 0, shape (n,).
        below: Such as words; at least 0 and not all 0, shape (n,).
        clusters: Cluster of each row, shape (n,).
        level: Probability of covering, in (0, 1).
        unit: What the ratio counts.

    Returns:
        The ratio; ``n`` is the number of clusters. The upper end is that of the logarithm, for
        rates of speakers are skewed; degrees of freedom are those of as many clusters of one size
        (Kish). Covers .947 to .973 for 3 to 50 clusters, rates of Beta(2, 18), Beta(1, 20) and
        Beta(5, 5) and sizes up to 75 times apart (3,000 draws a cell). Where all is 0, the upper
        end is Clopper and Pearson's for so many clusters.

    Raises:
        ValueError: There are fewer than 3 clusters, or nothing to divide by.

    Source:
        Cochran 1977, Sampling Techniques, section 6.17 (the jackknife of a ratio); Kish 1965,
        Survey Sampling, section 11.7 (clusters of unequal size).

    Example:
        >>> print(ratio([1, 2, 0, 1], [10, 10, 10, 10], clusters="abcd"))
        0.1 [0, 0.367]
    """
    found = _Jackknifed.of(above, below, clusters)
    half = found.half(level)
    return Estimate(
        value=found.value,
        low=max(0.0, found.value - half),
        high=_high(found.value, half, (1 - level) / 2, found.effective),
        level=level,
        n=found.clusters,
        method=_METHOD,
        unit=unit,
    )


def ratio_change(
    before: ArrayLike,
    after: ArrayLike,
    below: ArrayLike,
    *,
    clusters: Iterable[Hashable],
    level: float = 0.95,
    unit: str = "",
) -> Estimate:
    """How much a ratio changes on the same rows: errors per word in noise, less those without.

    Args:
        before: Such as errors, shape (n,).
        after: The same of the same rows afterwards, shape (n,).
        below: Such as words; at least 0 and not all 0, shape (n,).
        clusters: Cluster of each row, shape (n,).
        level: Probability of covering, in (0, 1).
        unit: What the ratio counts.

    Returns:
        The change; ``n`` is the number of clusters. Each end misses in 2 % of draws where changes
        are normal, one end in 3 to 5 % where they are exponential (4 to 16 clusters), and in 8 to
        13 % where one cluster in five changes by .15 and the others not at all (2,000 draws each,
        bench/statistics). Where nothing changes, the ends are Clopper and Pearson's for so many
        clusters.

    Raises:
        ValueError: As `ratio`.

    Example:
        >>> print(ratio_change([1, 2, 0, 1], [3, 4, 3, 2], [10] * 4, clusters="abcd"))
        0.2 [0.0701, 0.33]
    """
    changed = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    found = _Jackknifed.of(changed, below, clusters)
    half = found.half(level)
    if not changed.any():
        half = _unseen((1 - level) / 2, found.effective)
    return Estimate(
        value=found.value,
        low=found.value - half,
        high=found.value + half,
        level=level,
        n=found.clusters,
        method=f"paired {_METHOD}",
        unit=unit,
    )


_METHOD = "ratio, jackknife over clusters, t"


@dataclass(frozen=True)
class _Jackknifed:
    """A ratio of sums and how much it varies.

    Attributes:
        value: The ratio.
        spread: Its variance, by leaving out one cluster after another.
        effective: As many clusters of one size would tell as much (Kish).
        clusters: How many there are.
    """

    value: float
    spread: float
    effective: float
    clusters: int

    @classmethod
    def of(
        cls,
        above: ArrayLike,
        below: ArrayLike,
        clusters: Iterable[Hashable],
    ) -> _Jackknifed:
        place = codes(clusters, len(np.asarray(above)))
        count = int(place.max()) + 1 if len(place) else 0
        if count < FEWEST_CLUSTERS:
            rule = f"'clusters' must name {FEWEST_CLUSTERS} or more. Got {count} instead."
            raise ValueError(rule)
        errors = np.bincount(place, np.asarray(above, np.float64), count)
        words = np.bincount(place, np.asarray(below, np.float64), count)
        rest = words.sum() - words
        if rest.min() <= 0:
            raise ValueError("'below' must not be 0 with any one cluster left out.")
        left_out = (errors.sum() - errors) / rest
        return cls(
            value=float(errors.sum() / words.sum()),
            spread=float(((left_out - left_out.mean()) ** 2).sum()) * (count - 1) / count,
            effective=float(words.sum() ** 2 / (words**2).sum()),
            clusters=count,
        )

    def half(self, level: float) -> float:
        """Half the width of a symmetric interval."""
        quantile = float(stdtrit(max(1.0, self.effective - 1), (1 + level) / 2))
        return quantile * math.sqrt(self.spread)


def _high(value: float, half: float, tail: float, clusters: float) -> float:
    if value == 0:
        return _unseen(tail, clusters)
    return value * math.exp(min(half / value, _MOST_LOG))


_MOST_LOG = 50.0


def _unseen(tail: float, clusters: float) -> float:
    """Largest share of clusters that may be other than all those that were seen."""
    return 1 - float(tail ** (1 / clusters))


def linearised(above: ArrayLike, below: ArrayLike) -> NDArray[np.float64]:
    """Values of which the mean is the ratio of the sums, and the spread that of the ratio.

    What is known of means (clusters, pairs, intervals) then holds for a ratio.

    Args:
        above: Such as errors, shape (n,).
        below: Such as words; at least 0 and not all 0, shape (n,).

    Returns:
        Shape (n,).

    Source:
        Cochran 1977, Sampling Techniques, section 6.3 (the linear approximation of a ratio).

    Example:
        >>> linearised([1, 3, 0], [10, 10, 20]).round(3).tolist()
        [0.1, 0.25, -0.05]
    """
    errors = np.asarray(above, np.float64)
    words = np.asarray(below, np.float64)
    value = errors.sum() / words.sum()
    return np.asarray(value + (errors - value * words) / words.mean())
