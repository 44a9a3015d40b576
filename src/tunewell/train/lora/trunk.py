"""What the frozen layers make of every token, computed once and kept on disk for all folds, epochs and recipes.

In bf16 a row's states depend a little on its neighbours in the batch, so the batches are fixed by
the rows alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tunewell.store.files import disk_errors, fsync
from tunewell.train.lora.batches import plan
from tunewell.train.lora.device import far, free_bytes, send
from tunewell.train.lora.network import FrozenDecoder
from tunewell.train.lora.rows import TrainRow
from tunewell.types import digest

BUDGET = 4096
"""Tokens of one batch; part of what decides the states, so part of the key."""


def trunk_key(rows: str, *, weights: str, cut: int, dtype: str) -> str:
    """Name of a cache: digest of rows (their tokens, hence tokenizer and template), weights, cut, type, batching."""
    return digest(
        {
            "rows": rows,
            "weights": weights,
            "cut": cut,
            "dtype": dtype,
            "budget": BUDGET,
            "version": 1,
        }
    )[:32]


class Trunk:
    """States before layer ``cut`` of every token of the rows.

    Args:
        path: File of the states, memory-mapped.
        rows: The rows, in order.
        width: Of the states.
        dtype: Of the states.
    """

    def __init__(self, path: Path, rows: Sequence[TrainRow], *, width: int, dtype: Any) -> None:
        self.path = path
        self._lengths = np.asarray([len(r.ids) for r in rows], np.int64)
        self._ends = np.cumsum(self._lengths)
        self._dtype, self._width = dtype, width
        self._states: Any = None

    @property
    def size_bytes(self) -> int:
        """Bytes on disk when full."""
        return int(self._lengths.sum()) * self._width * (2 if self._dtype == torch.bfloat16 else 4)

    def fill(
        self,
        network: FrozenDecoder,
        rows: Sequence[TrainRow],
        *,
        cut: int,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Compute what is not there yet.

        A rerun after a kill goes on at the batch where it stopped.
        """
        done_path = self.path.with_suffix(".json")
        batches = plan(self._lengths, [np.arange(len(rows))], budget=BUDGET)
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            done = (
                json.loads(done_path.read_text(encoding="ascii"))["batches"]
                if done_path.is_file()
                else 0
            )
            if not self.path.is_file() or self.path.stat().st_size != self.size_bytes:
                done = 0
                with self.path.open("wb") as file:
                    file.truncate(self.size_bytes)
        self._open(write=True)
        for i, batch in enumerate(batches):
            if i < done:
                continue
            places = batch.rows[0]
            ids = np.zeros((len(places), batch.length), np.int64)
            for j, r in enumerate(places):
                ids[j, : self._lengths[r]] = rows[r].ids
            with torch.no_grad():
                hidden = network.embed(send(ids, network.head.device))[None]
                hidden = network.run(hidden, first=0, last=cut)[0].cpu()
            for j, r in enumerate(places):
                self._of(int(r)).copy_(hidden[j, : self._lengths[r]])
            if progress:
                progress(int(self._lengths[places].sum()))
            if i % 8 == 7 or i == len(batches) - 1:
                self._note(done_path, i + 1)
        self._open(write=False)
        device = network.head.device
        if far(device) and self.size_bytes < free_bytes(device) / 4:
            self._states = self._states.to(device)

    def take(self, places: Any, length: int) -> Any:
        """States of rows padded with zeros: places (adapters, rows), -1 = none → (adapters, rows, length, width).

        They come from the GPU's memory where all of them fit there.
        """
        if far(self._states.device):
            return self._gather(places, length)
        out = torch.zeros(*places.shape, length, self._width, dtype=self._dtype)
        for i, r in np.ndenumerate(places):
            if r >= 0:
                out[i][: self._lengths[r]] = self._of(int(r))
        return out

    def _gather(self, places: Any, length: int) -> Any:
        """`take` where the states are on a GPU: one operation instead of a copy for each row."""
        within = np.arange(length) < np.where(places >= 0, self._lengths[places], 0)[..., None]
        at = np.where(
            within, (self._ends - self._lengths)[places][..., None] + np.arange(length), 0
        )
        device = self._states.device
        found = self._states.index_select(0, send(at.ravel(), device)).view(*at.shape, self._width)
        return found.mul_(send(within[..., None], device))

    def means(self, ends: Sequence[int]) -> NDArray[np.float32]:
        """Mean state of the first ``ends[i]`` tokens of each row, shape (rows, width)."""
        return np.stack(
            [self._of(i)[:end].float().mean(0).cpu().numpy() for i, end in enumerate(ends)]
        )

    def _of(self, row: int) -> Any:
        return self._states[self._ends[row] - self._lengths[row] : self._ends[row]]

    def _open(self, *, write: bool) -> None:
        shape = (int(self._lengths.sum()), self._width)
        kind = np.int16 if self._dtype == torch.bfloat16 else np.float32
        # Copy-on-write rather than read-only: PyTorch warns about arrays that it could not write
        # to.
        self._map = np.memmap(self.path, dtype=kind, mode="r+" if write else "c", shape=shape)
        self._states = torch.from_numpy(self._map).view(self._dtype)

    def _note(self, path: Path, batches: int) -> None:
        self._map.flush()
        temporary = path.with_suffix(".tmp")
        with disk_errors(path):
            temporary.write_text(json.dumps({"batches": batches}), encoding="ascii")
            fsync(temporary)
            os.replace(temporary, path)
