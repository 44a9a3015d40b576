"""Losses of a fold trace: of every row, and their mean with an interval over families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.train.arrays import Floats, Ints, Mask
from tunewell.types import Estimate, FoldTrace

Families = Mapping[str, str]
"""Id of a row to its family; a row that is not there is a family of its own."""


def held_out_loss(trace: FoldTrace, evaluation: int) -> Floats:
    """Loss of every row under the adapters that never saw it, shape (examples,).

    NaN where not measured.
    """
    return _mean(trace.losses[evaluation], trace.held_out)


def trained_loss(trace: FoldTrace, evaluation: int) -> Floats:
    """Loss of every row under adapters that were trained on it, shape (examples,).

    NaN where not measured.
    """
    return _mean(trace.losses[evaluation], ~trace.held_out)


def _mean(losses: NDArray[Any], where: Mask) -> Floats:
    """Mean over the adapters of what was measured there."""
    use = np.isfinite(losses) & where
    total = np.where(use, losses, 0).astype(np.float64).sum(0)
    count = use.sum(0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def families_of(
    trace: FoldTrace,
    rows: Ints,
    families: Families,
) -> list[str]:
    """The family of each of these rows of a trace."""
    names = [trace.examples[row] for row in rows.tolist()]
    return [families.get(name, name) for name in names]


def loss_estimate(
    trace: FoldTrace,
    evaluation: int,
    *,
    held_out: bool,
    families: Families,
) -> Estimate:
    """Mean nats per target token at one evaluation, of held-out pairs or of trained-on pairs."""
    where = trace.held_out if held_out else ~trace.held_out
    return pairs_mean(trace, trace.losses[evaluation], where, families=families)


def pairs_mean(
    trace: FoldTrace,
    values: NDArray[Any],
    where: Mask,
    *,
    families: Families,
) -> Estimate:
    """Mean of a figure of (adapter, row) pairs, weighted by target tokens, over families.

    Args:
        trace: Which rows they are.
        values: Shape (adapters, examples), NaN where not measured.
        where: Which pairs count, same shape.
        families: Row id to family.
    """
    use = np.isfinite(values) & where
    _, rows = np.nonzero(use)
    return clustered_mean(
        values[use].astype(np.float64),
        trace.tokens[rows].astype(np.float64),
        families_of(trace, rows, families),
    )


def clustered_mean(
    values: NDArray[np.floating[Any]],
    weights: NDArray[np.floating[Any]],
    clusters: Sequence[str],
    *,
    level: float = 0.95,
    unit: str = "nats/token",
) -> Estimate:
    """Weighted mean with a t interval over clusters (families), whose rows are not independent.

    The linearised variance of a ratio (Cochran 1977, Sampling Techniques, eq. 6.13), a cluster
    being the unit.

    Example:
        >>> print(clustered_mean(np.array([1.0, 2.0, 3.0, 2.0]), np.ones(4), ["a", "a", "b", "c"]))
        2 [0.137, 3.86]
    """
    from tunewell.stats.special import stdtrit

    names, place = np.unique(np.asarray(clusters), return_inverse=True)
    n = len(names)
    total = float(weights.sum())
    mean = float((values * weights).sum() / total)
    half, method = np.inf, "one family only"
    if n > 1:
        sums = np.bincount(place, weights * (values - mean), minlength=n)
        variance = n / (n - 1) * float((sums**2).sum())
        half = float(stdtrit(n - 1, (1 + level) / 2)) * np.sqrt(variance)
        half /= total
        method = "t interval over families"
    return Estimate(
        value=mean,
        low=mean - half,
        high=mean + half,
        level=level,
        n=n,
        method=method,
        unit=unit,
    )
