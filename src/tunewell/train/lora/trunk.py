"""What the frozen layers make of every token, computed once for all folds, epochs and recipes.

It is kept on disk. In bf16 a row's states depend a little on its neighbours in the batch, so the
batches are fixed by the rows alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tunewell.disk import disk_errors
from tunewell.store.files import fsync
from tunewell.train.arrays import Ints, Singles
from tunewell.train.lora.batches import NOBODY, plan
from tunewell.train.lora.device import far, free_bytes, send
from tunewell.train.lora.network import FrozenDecoder
from tunewell.train.lora.rows import TrainRow, lengths_of
from tunewell.train.lora.states import run_to_cut
from tunewell.types import digest

BUDGET = 4096
"""Tokens of one batch; part of what decides the states, so part of the key."""

NOTED_EVERY = 8
"""Batches after which it is noted how far the cache is filled."""


def trunk_key(
    rows: str,
    *,
    weights: str,
    cut: int,
    dtype: torch.dtype,
) -> str:
    """Name of a cache: digest of all that decides its states.

    Rows (their tokens, hence tokenizer and template), weights, cut, type, batching.
    """
    decides = {
        "rows": rows,
        "weights": weights,
        "cut": cut,
        "dtype": str(dtype),
        "budget": BUDGET,
        "version": 1,
    }
    return digest(decides)[:32]


class Trunk:
    """States before layer ``cut`` of every token of the rows.

    Args:
        path: File of the states, memory-mapped.
        network: The frozen base.
        rows: The rows, in order.
        cut: First layer that is not run.
    """

    def __init__(
        self,
        path: Path,
        network: FrozenDecoder,
        rows: Sequence[TrainRow],
        *,
        cut: int,
    ) -> None:
        self.path = path
        self._network = network
        self._rows = rows
        self._cut = cut
        self._dtype = network.head.dtype
        self._lengths = lengths_of(rows)
        self._ends = np.cumsum(self._lengths)
        self._states: Tensor | None = None

    @property
    def size_bytes(self) -> int:
        """Bytes on disk when full."""
        rows, width = self._shape
        return rows * width * int(self._dtype.itemsize)

    @property
    def _shape(self) -> tuple[int, int]:
        return int(self._lengths.sum()), self._network.width

    def fill(self, progress: Callable[[int], None] | None = None) -> None:
        """Compute what is not there yet.

        A rerun after a kill goes on at the batch where it stopped.

        Args:
            progress: Called with the tokens of every batch.
        """
        batches = plan(self._lengths, [np.arange(len(self._rows))], budget=BUDGET)
        done = self._begin()
        self._open(write=True)
        for number in range(done, len(batches)):
            batch = batches[number]
            places = batch.rows[0].tolist()
            self._compute(places, batch.length)
            if progress:
                progress(int(self._lengths[places].sum()))
            is_last = number == len(batches) - 1
            if is_last or (number + 1) % NOTED_EVERY == 0:
                self._note(number + 1)
        self._open(write=False)
        self._to_device()

    def _begin(self) -> int:
        """Make the file where there is none, and give the number of batches that are in it."""
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_file() and self.path.stat().st_size == self.size_bytes:
                return self._noted()
            with self.path.open("wb") as file:
                file.truncate(self.size_bytes)
        return 0

    def _compute(self, places: Sequence[int], length: int) -> None:
        """Write the states of some rows."""
        hidden = run_to_cut(self._network, self._rows, places, length=length, cut=self._cut).cpu()
        for i, row in enumerate(places):
            self._of(row).copy_(hidden[i, : self._lengths[row]])

    def _to_device(self) -> None:
        """Keep the states on the GPU where all of them fit easily."""
        device = self._network.head.device
        if far(device) and self.size_bytes < free_bytes(device) / 4:
            self._states = self._filled.to(device)

    def take(self, places: Ints, length: int) -> Tensor:
        """See `tunewell.train.lora.states.StatesAtCut`; padded with zeros.

        They come from the GPU's memory where all of them fit there.
        """
        if far(self._filled.device):
            return self._gather(places, length)
        width = self._network.width
        out = torch.zeros(*places.shape, length, width, dtype=self._dtype)
        for i, row in np.ndenumerate(places):
            if row != NOBODY:
                out[i][: self._lengths[row]] = self._of(int(row))
        return out

    def _gather(self, places: Ints, length: int) -> Tensor:
        """`take` where the states are on a GPU: one operation instead of a copy for each row."""
        states = self._filled
        own_lengths = np.where(places != NOBODY, self._lengths[places], 0)
        own_starts = (self._ends - self._lengths)[places]
        token = np.arange(length)
        within = token < own_lengths[..., None]
        at = np.where(within, own_starts[..., None] + token, 0)

        found = states.index_select(0, send(at.ravel(), states.device))
        found = found.view(*at.shape, self._network.width)
        return found.mul_(send(within[..., None], states.device))

    def means(self, ends: Sequence[int], rows: Sequence[int] | None = None) -> Singles:
        """Mean state of the first ``ends[i]`` tokens of a row, shape (ends, width).

        Args:
            ends: How many tokens.
            rows: Of which rows; each row once if None.
        """
        found = []
        for row, end in zip(range(len(ends)) if rows is None else rows, ends, strict=True):
            mean = self._of(row)[:end].float().mean(0)
            found.append(mean.cpu().numpy())
        return np.stack(found)

    @property
    def _filled(self) -> Tensor:
        if self._states is None:
            raise RuntimeError("the trunk is not filled yet")
        return self._states

    def _of(self, row: int) -> Tensor:
        end = self._ends[row]
        return self._filled[end - self._lengths[row] : end]

    def _open(self, *, write: bool) -> None:
        kind = np.int16 if self._dtype == torch.bfloat16 else np.float32
        # Copy-on-write rather than read-only: PyTorch warns about arrays that it could not write
        # to.
        mode = "r+" if write else "c"
        if write:
            # A map of a file with holes ends the process (SIGBUS) when the disk is full.
            with disk_errors(self.path), self.path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, max(1, self.size_bytes))
        self._map = np.memmap(
            self.path,
            dtype=kind,
            mode=mode,
            shape=self._shape,
        )  # type: ignore[call-overload]
        self._states = torch.from_numpy(self._map).view(self._dtype)

    @property
    def _note_path(self) -> Path:
        return self.path.with_suffix(".json")

    def _noted(self) -> int:
        """Batches that are whole on disk."""
        if not self._note_path.is_file():
            return 0
        note = json.loads(self._note_path.read_text(encoding="ascii"))
        return int(note["batches"])

    def _note(self, batches: int) -> None:
        self._map.flush()
        temporary = self._note_path.with_suffix(".tmp")
        with disk_errors(self._note_path):
            temporary.write_text(json.dumps({"batches": batches}), encoding="ascii")
            fsync(temporary)
            os.replace(temporary, self._note_path)
