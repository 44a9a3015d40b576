"""What the processes of a final run are handed, and hand back: one folder of JSON and safetensors, no pickle.

======================  ==============================================================
``job.json``            `Order`
``rows.safetensors``    `SharedWork`: token ids, target places, the rows of every step
``start.safetensors``   the adapter before the first step, by PEFT's names
``told``                a line of JSON for every step done: ``step``, ``tokens``, ``seconds``
``error-RANK.json``     why a process gave up: ``why``, ``at``
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
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from tunewell.train.lora.rows import TrainRow
from tunewell.types import Recipe, Value

DONE = "done.json"


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
        """What a checkpoint must agree on to be gone on from: everything but the number of processes."""
        return self.model_dump(mode="json", exclude={"processes", "pass_tokens", "checkpoint_s"})


@dataclass(frozen=True, eq=False)
class SharedWork:
    """Rows and steps.

    Attributes:
        ids: Token ids of every row.
        starts: Where the target of each row begins.
        steps: Rows of each step, longest first.
    """

    ids: tuple[NDArray[np.int32], ...]
    starts: NDArray[np.int32]
    steps: tuple[NDArray[np.int64], ...]

    @classmethod
    def of(cls, rows: Sequence[TrainRow], steps: Sequence[NDArray[np.int64]]) -> Self:
        """From rows as they are trained on."""
        return cls(
            tuple(r.ids for r in rows), np.asarray([r.start for r in rows], np.int32), tuple(steps)
        )

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of every row."""
        return np.asarray([len(i) for i in self.ids], np.int64)

    def save(self, path: Path) -> None:
        """Write it."""
        from safetensors.numpy import save_file

        sizes = np.asarray([len(s) for s in self.steps], np.int64)
        save_file(
            {
                "ids": np.concatenate(self.ids),
                "lengths": self.lengths,
                "starts": self.starts,
                "steps": np.concatenate(self.steps),
                "sizes": sizes,
            },
            path,
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it."""
        from safetensors.numpy import load_file

        found = load_file(path)
        ids = np.split(found["ids"], np.cumsum(found["lengths"])[:-1])
        return cls(
            tuple(ids),
            found["starts"],
            tuple(np.split(found["steps"], np.cumsum(found["sizes"])[:-1])),
        )


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """Whole checkpoints as (steps done, folder), the newest last."""
    found = [p for p in folder.glob("checkpoint-*") if (p / DONE).is_file()]
    return sorted((int(p.name.rpartition("-")[2]), p) for p in found)


def clear(folder: Path, order: Order) -> None:
    """Ready a folder for an order: what a killed run left goes if it is broken or was made for another order."""
    try:
        same = Order.model_validate_json((folder / "job.json").read_bytes()).about == order.about
    except (OSError, ValueError):
        same = False
    whole = {path for _, path in checkpoints(folder)} if same else set()
    for path in folder.glob("checkpoint-*"):
        if path not in whole:
            shutil.rmtree(path, ignore_errors=True)
    for path in (*folder.glob("error-*.json"), folder / "told"):
        path.unlink(missing_ok=True)


def told(path: Path, start: int) -> tuple[list[dict[str, Any]], int]:
    """The whole lines of a file from a byte on, and where the next one begins."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            data = file.read()
    except FileNotFoundError:
        return [], start
    end = data.rfind(b"\n") + 1
    return [json.loads(line) for line in data[:end].splitlines()], start + end
