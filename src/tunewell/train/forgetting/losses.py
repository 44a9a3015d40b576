"""T04: what the model could do before and can no longer: general text and general questions, before and after.

The passages stand for general text of their twelve kinds, so they are the units of the intervals
and the kinds are
strata: between two models that differ at random on every passage, the change would come out as
    often above as below.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.model.files import cache_folder
from tunewell.train.lora.batches import plan
from tunewell.train.lora.rows import Rows, TrainRow
from tunewell.train.lora.states import FreshStates
from tunewell.types import digest

BATCH_TOKENS = {"cpu": 1024, "cuda": 32_768}
"""Of one pass: little padding matters more than large products."""


def general_losses(
    network: Any, rows: Sequence[TrainRow], recipe: Any, cut: int, values: Any, *, weights: str = ""
) -> NDArray[np.float64]:
    """Mean nats per token of every general row, without and with an adapter: shape (2, rows).

    Args:
        network: The frozen base.
        rows: From `general_rows`.
        recipe: Of the adapter.
        cut: First layer with adapters.
        values: Of the adapter's bank.
        weights: Digest of the base: its losses are the same for every adapter, and are kept in the
            cache folder.
    """
    from tunewell.train.lora.job import Job

    everything = np.ones((1, len(rows)), np.bool_)
    job = Job(
        network,
        rows,
        recipe=recipe,
        cut=cut,
        train=~everything,
        measure=everything,
        trunk=FreshStates(network, rows, cut) if cut else None,
    )
    path = _kept(rows, weights, cut, network.head) if weights else None
    before = _read(path, len(rows)) if path else None
    if before is None:
        before = _measured(job)
        if path:
            _write(path, before)
    job.bank.values.copy_(values)
    return np.stack([before, _measured(job)])


def _measured(job: Any) -> NDArray[np.float64]:
    """Mean nats per token of every row."""
    return np.sum(
        [np.nan_to_num(job.evaluate(which)[0]) for which in passes(job)], axis=0, dtype=np.float64
    )


def passes(job: Any) -> Iterator[NDArray[np.bool_]]:
    """The rows of a job of one adapter in passes of rows of like length: masks of shape (1, rows)."""
    budget = BATCH_TOKENS.get(job.network.head.device.type, BATCH_TOKENS["cpu"])
    for batch in plan(job.lengths, [np.arange(len(job.lengths))], budget=budget):
        which = np.zeros((1, len(job.lengths)), np.bool_)
        which[0, batch.rows[0]] = True
        yield which


def _kept(rows: Sequence[TrainRow], weights: str, cut: int, head: Any) -> Path:
    import torch

    what = {
        "rows": Rows(rows=tuple(rows)).key,
        "weights": weights,
        "cut": cut,
        "dtype": str(head.dtype),
        "device": head.device.type,
        "torch": torch.__version__,
        "version": 1,
    }
    return cache_folder() / "general" / f"{digest(what)[:32]}.npy"


def _read(path: Path, rows: int) -> NDArray[np.float64] | None:
    """What was kept, unless it is not there or not whole."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    whole = found.shape == (rows,) and found.dtype == np.float64 and bool(np.isfinite(found).all())
    return np.asarray(found, np.float64) if whole else None


def _write(path: Path, losses: NDArray[np.float64]) -> None:
    """Keep losses, whole or not at all.

    A disk that refuses only costs the next run a few seconds.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            np.save(file, losses, allow_pickle=False)
        os.replace(file.name, path)
    except OSError:
        return
