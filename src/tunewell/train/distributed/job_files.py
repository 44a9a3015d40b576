"""What the processes of a final run are handed, and hand back.

One folder of JSON and safetensors, no pickle.

======================  ==============================================================
``job.json``            `Order`
``rows.safetensors``    `SharedWork`: token ids, target places, the rows of every step
``start.safetensors``   the adapter before the first step, by PEFT's names
``told``                a line of JSON for every step done, see `Told`
``error-RANK.json``     why a process gave up, see `Failure`
``log``                 whatever the processes and their libraries print
``checkpoint-STEP/``    the Trainer's; whole when ``done.json`` lies in it
======================  ==============================================================
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypedDict

import numpy as np

from tunewell.disk import disk_errors
from tunewell.train.arrays import Ints, TokenIds
from tunewell.train.lora.rows import Span, TrainRow, lengths_of
from tunewell.types import Recipe, Value

DONE = "done.json"


class Told(TypedDict):
    """How far a run is: steps done, training tokens, seconds."""

    step: int
    tokens: int
    seconds: float


class Failure(TypedDict):
    """Why a process gave up, what to do, when, and which process it was."""

    why: str
    hint: str
    at: float
    rank: int


class Order(Value):
    """What to do.

    Attributes:
        base: Folder of the base model.
        recipe: The recipe; ``epochs`` is what its rate was planned for.
        cut: First layer that carries adapters.
        dtype: Type to compute in: ``bfloat16`` or ``float32``.
        device: ``cpu`` or ``cuda``.
        processes: How many train together.
        sharding: ``none`` or ``fsdp``.
        pass_tokens: Of one process in one forward and backward pass.
        horizon: Steps that the learning rate is planned for.
        epoch_ends: Steps done at the end of every epoch.
        checkpoint_s: Least seconds between two checkpoints within an epoch.
    """

    base: str
    recipe: Recipe
    cut: int
    dtype: Literal["bfloat16", "float32"]
    device: Literal["cpu", "cuda"]
    processes: int
    sharding: Literal["none", "fsdp"]
    pass_tokens: int
    horizon: int
    epoch_ends: tuple[int, ...]
    checkpoint_s: float

    @property
    def about(self) -> dict[str, Any]:
        """What a checkpoint must agree on to be gone on from.

        Everything but the number of processes.
        """
        return self.model_dump(mode="json", exclude={"processes", "pass_tokens", "checkpoint_s"})


@dataclass(frozen=True, eq=False)
class SharedWork:
    """Rows and steps.

    Attributes:
        ids: Token ids of every row.
        spans: Row, begin and end of every target, shape (targets, 3).
        steps: Rows of each step, longest first.
    """

    ids: tuple[TokenIds, ...]
    spans: Ints
    steps: tuple[Ints, ...]

    @classmethod
    def of(cls, rows: Sequence[TrainRow], steps: Sequence[Ints]) -> Self:
        """From rows as they are trained on."""
        spans = [(i, *span) for i, row in enumerate(rows) for span in row.spans]
        return cls(tuple(row.ids for row in rows), np.asarray(spans, np.int64), tuple(steps))

    @property
    def rows(self) -> list[TrainRow]:
        """The rows as they are trained on."""
        spans: dict[int, list[Span]] = {}
        for row, start, end in self.spans.tolist():
            spans.setdefault(row, []).append((start, end))

        rows = []
        for i, ids in enumerate(self.ids):
            own = tuple(spans[i])
            rows.append(TrainRow(str(i), ids, own[0][0], spans=own))
        return rows

    @property
    def lengths(self) -> Ints:
        """Tokens of every row."""
        return lengths_of(self.rows)

    def save(self, path: Path) -> None:
        """Write it."""
        from safetensors.numpy import save_file

        arrays = {
            "ids": np.concatenate(self.ids),
            "lengths": self.lengths,
            "spans": self.spans,
            "steps": np.concatenate(self.steps),
            "sizes": np.asarray([len(step) for step in self.steps], np.int64),
        }
        with disk_errors(path):
            save_file(arrays, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it."""
        from safetensors.numpy import load_file

        found = load_file(path)
        ids = np.split(found["ids"], np.cumsum(found["lengths"])[:-1])
        steps = np.split(found["steps"], np.cumsum(found["sizes"])[:-1])
        return cls(tuple(ids), found["spans"], tuple(steps))


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """Whole checkpoints as (steps done, folder), the newest last."""
    found = []
    for path in folder.glob("checkpoint-*"):
        if (path / DONE).is_file():
            _, _, step = path.name.rpartition("-")
            found.append((int(step), path))
    return sorted(found)


def clear(folder: Path, order: Order) -> None:
    """Ready a folder for an order.

    What a killed run left goes if it is broken or was made for another order.
    """
    kept = set()
    if _order_of(folder) == order.about:
        kept = {path for _, path in checkpoints(folder)}
    for path in folder.glob("checkpoint-*"):
        if path not in kept:
            shutil.rmtree(path, ignore_errors=True)
    for path in (*folder.glob("error-*.json"), folder / "told"):
        path.unlink(missing_ok=True)


def _order_of(folder: Path) -> dict[str, Any] | None:
    """What the checkpoints in a folder were made for, if that can be read."""
    try:
        return Order.model_validate_json((folder / "job.json").read_bytes()).about
    except (OSError, ValueError):
        return None


def told(path: Path, start: int) -> tuple[list[Told], int]:
    """The whole lines of a file from a byte on, and where the next one begins."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            data = file.read()
    except FileNotFoundError:
        return [], start
    end = data.rfind(b"\n") + 1
    return [json.loads(line) for line in data[:end].splitlines()], start + end
