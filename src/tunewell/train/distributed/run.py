"""The final adapter by TRL's trainer, on as many GPUs as there are.

The same recipe, the same steps, the same files.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tunewell.disk import disk_errors
from tunewell.errors import MissingExtraError, ModelError, TaskError
from tunewell.task import Machine, TaskFile
from tunewell.train.arrays import Ints, Singles
from tunewell.train.distributed.job_files import DONE, Order, SharedWork, Told, checkpoints, clear
from tunewell.train.distributed.launch import launch
from tunewell.train.forgetting.general_rows import replay_rows
from tunewell.train.session import TrainingSession
from tunewell.types import Recipe

if TYPE_CHECKING:
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job

CARRIED = frozenset(
    {
        "model",
        "rank",
        "alpha",
        "dropout",
        "weight_decay",
        "label_smoothing",
        "noise",
        "replay",
        "rate",
        "epochs",
        "warmup",
        "layers",
        "fold_layers",
        "tokens_per_batch",
        "max_tokens",
        "max_train_tokens",
        "patience",
        "targets",
        "seed",
        "backend",
        "forgetting_tasks",
        "forgetting_documents",
        "turns",
        "preferences",
    }
)
"""Parts of a recipe that a final run through TRL carries out.

Any other is refused, never dropped.
"""

PASS_TOKENS = {"cpu": 2048, "cuda": 8192}
"""Of one process in one forward and backward pass: what its memory follows."""

CHECKPOINT_S = {"none": 60.0, "fsdp": 600.0}
"""Least seconds between checkpoints; a sharded model is gathered for each."""


# --- where it goes --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where a final run goes.

    Attributes:
        processes: How many train together.
        device: ``cpu`` or ``cuda``.
        sharding: ``none`` or ``fsdp``.
    """

    processes: int
    device: str
    sharding: str

    def __str__(self) -> str:
        several = self.processes > 1
        kind = "unsharded"
        if self.sharding == "fsdp":
            kind = "FSDP"
        elif several:
            kind = "DDP"
        count = f"{self.processes} {'processes' if several else 'process'}"
        where = "GPUs" if self.device == "cuda" else "the processor"
        return f"{count} on {where}, {kind}"


def placed(file: TaskFile) -> Place | None:
    """Where the final run goes by ``machine``, or None if it is our own.

    Every fault before anything expensive.

    Raises:
        MissingExtraError: TRL is not installed.
        TaskError: What this machine or TRL cannot do, all of it together.
    """
    recipe, machine = file.spec.train, file.spec.machine
    if recipe.backend != "trl":
        return None
    if find_spec("trl") is None:
        raise MissingExtraError("trl", needed_for="train.backend: trl")
    gpus = _gpus()
    processes = machine.processes or max(1, gpus)
    found = [*_not_carried(recipe), *_machine_faults(machine, processes, gpus)]
    if found:
        faults = [(file.where(name), f"{name}: {what}") for name, what in found]
        hint = "train.backend: tunewell trains the final adapter in one process"
        raise TaskError(faults, hint=hint)
    return Place(processes, "cuda" if gpus else "cpu", machine.sharding)


def _gpus() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _not_carried(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Parts of a recipe that TRL would drop: their names, and what is wrong with them."""
    for name, field in Recipe.model_fields.items():
        if name not in CARRIED and getattr(recipe, name) != field.default:
            yield f"train.{name}", "a final run through TRL cannot carry it out."


def _machine_faults(
    machine: Machine,
    processes: int,
    gpus: int,
) -> Iterator[tuple[str, str]]:
    """What this machine cannot do: names of settings, and what is wrong with them."""
    if gpus and processes > gpus:
        yield (
            "machine.processes",
            f"{processes} processes for {gpus} GPUs; each needs one of its own.",
        )
    if machine.sharding != "fsdp":
        return
    if not gpus:
        yield (
            "machine.sharding",
            "fsdp needs GPUs, and there is none here: on a processor it would silently become "
            "copies.",
        )
    elif processes < 2:
        yield "machine.sharding", "fsdp needs two processes or more. Got 1."


def how(place: Place) -> str:
    """What trains, in which versions, and where: for the card."""
    names = ("trl", "accelerate", "transformers", "torch")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    return f"{versions}; {place}"


# --- the run --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Done:
    """What a final run through TRL gave.

    Attributes:
        adapted: The adapter.
        tokens: Training tokens processed, all processes together, padding not counted.
        tokens_per_s: Of them a second of training (loading and checkpoints left out).
    """

    adapted: Adapted
    tokens: int
    tokens_per_s: float


def train_final(
    session: TrainingSession,
    place: Place,
    *,
    cut: int,
    epochs: int,
) -> Done:
    """Train the final adapter on all rows in processes of TRL's.

    Goes on from the newest checkpoint of a killed run.

    Args:
        session: Rows, base, work folder, progress.
        place: Where.
        cut: First layer that carries adapters.
        epochs: Epochs to do; the rate is planned for the recipe's.

    Raises:
        UserError: The processes did not come to the end.
        ModelError: The adapter is not finite.
    """
    folder = session.work / "final"
    job = _job(session, cut)
    order = _order(session, job, place, epochs=epochs)
    folder.mkdir(parents=True, exist_ok=True)
    clear(folder, order)
    (folder / "job.json").write_text(order.model_dump_json(), encoding="utf-8")

    total = order.epoch_ends[-1]
    meter = _Meter(session, job.adapted.adapted_share)
    if total not in dict(checkpoints(folder)):
        _hand_over(folder, job, epochs=epochs)
        del job
        # Its memory is needed by those who train.
        session.free()
        threads = max(1, (os.cpu_count() or 1) // place.processes)
        launch(
            folder,
            processes=place.processes,
            threads=threads,
            listen=meter.hear,
        )

    result = dict(checkpoints(folder))[total]
    meter.hear(json.loads((result / DONE).read_text(encoding="utf-8")))
    adapted = session.adapted(cut)
    adapted.bank.put(0, _tensors(result))
    return Done(adapted, meter.tokens, meter.tokens / max(meter.seconds, 1e-9))


def _job(session: TrainingSession, cut: int) -> Job:
    """Our own job for the final adapter: its steps and its start are TRL's too."""
    from tunewell.train.lora.job import Job

    rows = session.rows.rows
    general = replay_rows(session.tokenizer) if session.recipe.replay else ()
    everything = np.ones((1, len(rows)), np.bool_)
    return Job(session.adapted(cut), rows, train=everything, replay=general)


def _order(
    session: TrainingSession,
    job: Job,
    place: Place,
    *,
    epochs: int,
) -> Order:
    """What the processes are to do."""
    per_epoch = len(job.batches(0))
    dtype = str(session.network.head.dtype).removeprefix("torch.")
    return Order(
        base=str(session.weights.folder),
        recipe=session.recipe,
        cut=job.adapted.cut,
        dtype=dtype,
        device=place.device,
        processes=place.processes,
        sharding=place.sharding,
        pass_tokens=PASS_TOKENS[place.device],
        horizon=per_epoch * session.recipe.epochs,
        epoch_ends=tuple(per_epoch * (epoch + 1) for epoch in range(epochs)),
        checkpoint_s=CHECKPOINT_S[place.sharding],
    )


def _hand_over(
    folder: Path,
    job: Job,
    *,
    epochs: int,
) -> None:
    """Write the rows in their steps (the very steps of our own loop) and the adapter's start."""
    from safetensors.numpy import save_file

    wanted = len(job.batches(0)) * epochs
    steps: list[Ints] = []
    epoch = 0
    while len(steps) < wanted:
        steps += [batch.rows[0] for batch in job.batches(epoch)]
        epoch += 1
    SharedWork.of(job.rows, steps[:wanted]).save(folder / "rows.safetensors")
    start = folder / "start.safetensors"
    with disk_errors(start):
        save_file(job.bank.tensors(0), start)


def _tensors(checkpoint: Path) -> dict[str, Singles]:
    """The adapter of a checkpoint.

    Raises:
        ModelError: It is not finite.
    """
    from safetensors.numpy import load_file

    tensors = load_file(checkpoint / "adapter_model.safetensors")
    if not all(np.isfinite(t).all() for t in tensors.values()):
        raise ModelError(
            "The final training through TRL diverged: the adapter is not finite.",
            hint="lower train.rate",
        )
    return dict(tensors)


class _Meter:
    """Progress as the processes tell it: tokens and seconds since the first step.

    Killed runs included.
    """

    def __init__(self, session: TrainingSession, depth: float) -> None:
        self._session = session
        self._depth = depth
        self.tokens = 0
        self.seconds = 0.0

    def hear(self, line: Told) -> None:
        """One line of theirs."""
        more = max(0, line["tokens"] - self.tokens)
        self._session.meter.add(more * self._depth)
        self.tokens = max(self.tokens, line["tokens"])
        self.seconds = max(self.seconds, line["seconds"])
