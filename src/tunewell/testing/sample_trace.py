"""Loss curves of invented folds, and what can be read from them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.types import Estimate, FoldTrace, Split


def sample_trace(
    split: Split, *, evaluations: int = 9, epochs: float = 4.0, seed: int = 0
) -> FoldTrace:
    """Loss curves of the folds: falling, then overfitting from half-way on.

    Args:
        split: Whose folds.
        evaluations: How often the loss was taken, the start included.
        epochs: Epochs at the last of them.
        seed: Of the noise.
    """
    draw = np.random.default_rng(seed)
    ids = split.all_folds
    part = {a.id: a.part for a in split.assignments}
    held = np.array([[part[i] == f"fold-{k}" for i in ids] for k in range(split.folds)])
    at = np.linspace(0.0, epochs, evaluations)
    level = draw.normal(0, 0.25, (1, 1, len(ids)))
    fold = draw.normal(0, 0.05, (1, split.folds, 1))
    train = 1.35 + 2.0 * np.exp(-1.15 * at)
    apart = 0.09 * at + 0.045 * np.maximum(at - 1.5, 0) ** 2
    curves = train[:, None, None] + np.where(held[None], apart[:, None, None], 0.0)
    losses = np.maximum(curves + fold * np.minimum(at, 1.0)[:, None, None] + level, 0.05).astype(
        np.float32
    )
    return FoldTrace(
        losses=losses,
        tokens=draw.integers(12, 48, len(ids)),
        held_out=held,
        epochs=at,
        examples=ids,
    )


def readings(trace: FoldTrace) -> tuple[Estimate, Estimate, Estimate]:
    """Held-out loss, training loss and their gap at epoch 2, over the folds."""
    at = int(np.argmin(np.abs(trace.epochs - 2.0)))
    held = np.array(
        [trace.losses[at, k][trace.held_out[k]].mean() for k in range(trace.held_out.shape[0])]
    )
    train = np.array(
        [trace.losses[at, k][~trace.held_out[k]].mean() for k in range(trace.held_out.shape[0])]
    )

    def over_folds(x: NDArray[Any]) -> Estimate:
        half = 2.78 * float(x.std(ddof=1)) / math.sqrt(len(x))
        mean = float(x.mean())
        return Estimate(
            value=mean,
            low=mean - half,
            high=mean + half,
            n=len(x),
            method="t over folds",
            unit="nats/token",
        )

    return over_folds(held), over_folds(train), over_folds(held - train)
