"""Losses on the general set without and with an adapter; the base's own are kept."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tunewell.model.files import cache_folder
from tunewell.train.arrays import Floats
from tunewell.train.lora.rows import Rows, TrainRow
from tunewell.types import digest

if TYPE_CHECKING:
    from tunewell.train.lora.adapted import Adapted

BATCH_TOKENS = {"cpu": 1024, "cuda": 32_768}
"""Of one pass: little padding matters more than large products."""


def general_losses(
    adapted: Adapted,
    rows: Sequence[TrainRow],
    *,
    weights: str = "",
) -> Floats:
    """Mean nats per token of every general row, without and with an adapter: shape (2, rows).

    Args:
        adapted: One adapter.
        rows: From `tunewell.train.forgetting.general_rows.general_rows`.
        weights: Digest of the base: its losses are the same for every adapter, and are kept in the
            cache folder. Nothing is kept if empty.
    """
    path = _kept(adapted, rows, weights) if weights else None
    before = _read(path, len(rows)) if path else None
    if before is None:
        before = _measured(adapted.untrained(), rows)
        if path:
            _write(path, before)
    return np.stack([before, _measured(adapted, rows)])


def _measured(adapted: Adapted, rows: Sequence[TrainRow]) -> Floats:
    """Mean nats per token of every row."""
    losses = adapted.measure(rows, budget=pass_budget(adapted))
    return losses[0].astype(np.float64)


def pass_budget(adapted: Adapted) -> int:
    """Tokens of one pass over rows that are measured once."""
    return BATCH_TOKENS.get(adapted.device.type, BATCH_TOKENS["cpu"])


def _kept(
    adapted: Adapted,
    rows: Sequence[TrainRow],
    weights: str,
) -> Path:
    """Where the base's losses are kept: by all that decides them."""
    import torch

    what = {
        "rows": Rows(rows=tuple(rows)).key,
        "weights": weights,
        "cut": adapted.cut,
        "dtype": str(adapted.network.head.dtype),
        "device": adapted.device.type,
        "torch": torch.__version__,
        "version": 1,
    }
    return cache_folder() / "general" / f"{digest(what)[:32]}.npy"


def _read(path: Path, rows: int) -> Floats | None:
    """What was kept, unless it is not there or not whole."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if found.shape != (rows,) or found.dtype != np.float64:
        return None
    return np.asarray(found, np.float64) if np.isfinite(found).all() else None


def _write(path: Path, losses: Floats) -> None:
    """Keep losses, whole or not at all.

    A disk that refuses only costs the next run a few seconds.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent,
            suffix=".tmp",
            delete=False,
        ) as file:
            np.save(file, losses, allow_pickle=False)
        os.replace(file.name, path)
    except OSError:
        return
