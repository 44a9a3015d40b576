"""Made-up fold traces."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunewell.types import FoldTrace


def world(
    *, rows: int = 300, wrong: float = 0.1, memorised: float = 0.0, seed: int = 0
) -> tuple[FoldTrace, Any, Any]:
    """Easy and hard regions of the inputs, wrong targets, a loss that falls where trained on."""
    rng = np.random.default_rng(seed)
    region = rng.integers(0, 6, rows)
    centres = rng.normal(0, 1, (6, 16))
    vectors = centres[region] + rng.normal(0, 0.3, (rows, 16))
    hard = np.asarray([0.5, 1.0, 1.5, 2.0, 2.5, 3.0])[region]
    bad = rng.random(rows) < wrong
    start = hard + 1.5 + bad * 0.3 + rng.normal(0, 0.3, rows)
    held_out = np.arange(rows)[None] % 5 == np.arange(5)[:, None]
    measured = held_out | (np.arange(rows)[None] % 5 == (np.arange(5)[:, None] - 1) % 5)
    end = hard + bad * 1.2 + rng.normal(0, 0.3, (5, rows)) - np.where(held_out, 0, memorised)
    losses = np.stack([np.broadcast_to(start, (5, rows)), end])
    losses = np.where(measured[None], losses, np.nan).astype(np.float32)
    trace = FoldTrace(
        losses=losses,
        tokens=np.full(rows, 8),
        held_out=held_out,
        epochs=np.array([0.0, 1.0]),
        examples=tuple(f"r{i}" for i in range(rows)),
    )
    return trace, vectors, bad
