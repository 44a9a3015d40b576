"""How many kinds there really are, when some are frequent and some are rare."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunewell.stats.inputs import share
from tunewell.types import Estimate


def effective_number(counts: NDArray[np.int64]) -> float:
    """Effective number of kinds: exp of the Shannon entropy of their shares.

    Source: Hill 1973, Ecology 54 (Hill number of order 1).

    Example:
        >>> round(effective_number(np.array([10, 10, 10, 10])), 6)
        4.0
        >>> round(effective_number(np.array([97, 1, 1, 1])), 2)
        1.18
    """
    shares = counts[counts > 0] / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def effective_number_of(
    labels: NDArray[np.int64],
    kinds: int,
    random: np.random.Generator,
    *,
    resamples: int = 200,
    level: float = 0.95,
) -> Estimate:
    """Effective number of kinds of a sample, with a bootstrap interval.

    Rare kinds fall out of a sample, so the number of a sample is below the population's, and that
    of a resample below the sample's. The interval is therefore the basic one, which mirrors the
    resamples at the value; percentiles would cover less than half the time where kinds are even.

    Args:
        labels: The kind of each row, 0 … kinds - 1, shape (n,).
        kinds: How many kinds there are.
        random: Source of the resamples.
        resamples: How many are drawn.
        level: Probability of covering, in (0, 1), where the kinds have some thirty rows each.

    Source:
        Davison & Hinkley 1997, Bootstrap Methods and their Application, equation 5.6 (basic
        bootstrap); Hill 1973.

    Example:
        >>> labels = np.repeat([0, 1, 2, 3], 50)
        >>> str(effective_number_of(labels, 4, np.random.default_rng(0)))
        '4 [4, 4]'
    """
    value = effective_number(np.bincount(labels, minlength=kinds))

    drawn = []
    for _ in range(resamples):
        again = random.choice(labels, len(labels))
        drawn.append(effective_number(np.bincount(again, minlength=kinds)))

    tail = (1 - share(level, "level")) / 2
    lowest, highest = np.quantile(drawn, [tail, 1 - tail])
    low = 2 * value - float(highest)
    high = 2 * value - float(lowest)
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(value, min(high, float(kinds))),
        level=level,
        n=len(labels),
        method="effective number, bootstrap",
        unit="kinds",
    )
