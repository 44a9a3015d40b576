"""Losses of a fold trace: of every row, and their mean with an interval over families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.types import Estimate, FoldTrace


def held_out_loss(trace: FoldTrace, evaluation: int) -> NDArray[np.float64]:
    """Loss of every row under the adapters that never saw it, shape (examples,).

    NaN where not measured.
    """
    return _mean(trace.losses[evaluation], trace.held_out)


def trained_loss(trace: FoldTrace, evaluation: int) -> NDArray[np.float64]:
    """Loss of every row under adapters that were trained on it, shape (examples,).

    NaN where not measured.
    """
    return _mean(trace.losses[evaluation], ~trace.held_out)


def _mean(losses: NDArray[Any], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    use = np.isfinite(losses) & where
    total = np.where(use, losses, 0).astype(np.float64).sum(0)
    count = use.sum(0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


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
    from scipy.special import stdtrit

    names, place = np.unique(np.asarray(clusters), return_inverse=True)
    total = float(weights.sum())
    mean = float((values * weights).sum() / total)
    sums = np.bincount(place, weights * (values - mean), minlength=len(names))
    if len(names) < 2:
        return Estimate(
            value=mean,
            low=-np.inf,
            high=np.inf,
            level=level,
            n=len(names),
            method="one family only",
            unit=unit,
        )
    half = float(stdtrit(len(names) - 1, (1 + level) / 2)) * np.sqrt(
        len(names) / (len(names) - 1) * float((sums**2).sum())
    )
    half /= total
    return Estimate(
        value=mean,
        low=mean - half,
        high=mean + half,
        level=level,
        n=len(names),
        method="t interval over families",
        unit=unit,
    )


def loss_estimate(
    trace: FoldTrace, evaluation: int, *, held_out: bool, families: Mapping[str, str]
) -> Estimate:
    """Mean nats per target token at one evaluation, over held-out pairs or over trained-on pairs."""
    losses = trace.losses[evaluation]
    use = np.isfinite(losses) & (trace.held_out if held_out else ~trace.held_out)
    _, rows = np.nonzero(use)
    return clustered_mean(
        losses[use].astype(np.float64),
        trace.tokens[rows].astype(np.float64),
        [families.get(trace.examples[r], trace.examples[r]) for r in rows],
    )
