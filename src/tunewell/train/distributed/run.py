"""The final adapter by TRL's trainer, on as many GPUs as there are: the same recipe, the same steps, the same files."""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from tunewell.errors import MissingExtraError, ModelError, TaskError
from tunewell.task import TaskFile
from tunewell.train.distributed.job_files import DONE, Order, SharedWork, checkpoints, clear
from tunewell.train.distributed.launch import launch
from tunewell.train.forgetting.general_rows import replay_rows
from tunewell.train.session import TrainingSession
from tunewell.types import Recipe

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
    }
)
"""Parts of a recipe that a final run through TRL carries out. Any other is refused, never dropped."""

PASS_TOKENS = {"cpu": 2048, "cuda": 8192}
"""Of one process in one forward and backward pass: what its memory follows."""

CHECKPOINT_S = {"none": 60.0, "fsdp": 600.0}
"""Least seconds between checkpoints; a sharded model is gathered for each."""


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
        several = "processes" if self.processes > 1 else "process"
        kind = "FSDP" if self.sharding == "fsdp" else "DDP" if self.processes > 1 else "unsharded"
        return f"{self.processes} {several} on {'GPUs' if self.device == 'cuda' else 'the processor'}, {kind}"


@dataclass(frozen=True, eq=False)
class Done:
    """What a final run through TRL gave.

    Attributes:
        bank: The adapter, as `tunewell.train.lora.bank.Bank` keeps it.
        tokens: Training tokens processed, all processes together, padding not counted.
        tokens_per_s: Of them a second of training (loading and checkpoints left out).
    """

    bank: Any
    tokens: int
    tokens_per_s: float


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
    faults = [
        (file.where(f"train.{n}"), f"train.{n}: a final run through TRL cannot carry it out.")
        for n in _not_carried(recipe)
    ]
    if gpus and processes > gpus:
        faults.append(
            (
                file.where("machine.processes"),
                f"machine.processes: {processes} processes for {gpus} GPUs; "
                "each needs one of its own.",
            )
        )
    if machine.sharding == "fsdp" and not gpus:
        faults.append(
            (
                file.where("machine.sharding"),
                "machine.sharding: fsdp needs GPUs, and there is none here: "
                "on a processor it would silently become copies.",
            )
        )
    elif machine.sharding == "fsdp" and processes < 2:
        faults.append(
            (
                file.where("machine.sharding"),
                "machine.sharding: fsdp needs two processes or more. Got 1.",
            )
        )
    if faults:
        raise TaskError(
            faults, hint="train.backend: tunewell trains the final adapter in one process"
        )
    return Place(processes, "cuda" if gpus else "cpu", machine.sharding)


def _gpus() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _not_carried(recipe: Recipe) -> list[str]:
    return [
        n
        for n, field in Recipe.model_fields.items()
        if n not in CARRIED and getattr(recipe, n) != field.default
    ]


def train_final(session: TrainingSession, place: Place, *, cut: int, epochs: int) -> Done:
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
    from safetensors.numpy import load_file, save_file

    folder = session.work / "final"
    order, work, start = _hand_over(session, place, cut=cut, epochs=epochs)
    folder.mkdir(parents=True, exist_ok=True)
    clear(folder, order)
    (folder / "job.json").write_text(order.model_dump_json(), encoding="utf-8")
    total, depth = order.epoch_ends[-1], 1 - cut / session.network.layers
    meter = _Meter(session, depth)
    if not any(step == total for step, _ in checkpoints(folder)):
        work.save(folder / "rows.safetensors")
        save_file(start, folder / "start.safetensors")
        session.free()  # its memory is needed by those who train
        threads = max(1, (os.cpu_count() or 1) // place.processes)
        launch(folder, processes=place.processes, threads=threads, listen=meter.hear)
    result = dict(checkpoints(folder))[total]
    meter.hear(json.loads((result / DONE).read_text(encoding="utf-8")))
    tensors = load_file(result / "adapter_model.safetensors")
    if not all(np.isfinite(t).all() for t in tensors.values()):
        raise ModelError(
            "The final training through TRL diverged: the adapter is not finite.",
            hint="lower train.rate",
        )
    bank = session.bank(cut)
    bank.put(0, tensors)
    return Done(bank, meter.tokens, meter.tokens / max(meter.seconds, 1e-9))


def _hand_over(
    session: TrainingSession, place: Place, *, cut: int, epochs: int
) -> tuple[Order, SharedWork, dict[str, Any]]:
    """The order, the rows in their steps (the very steps of our own loop) and the adapter to begin with."""
    from tunewell.train.lora.job import Job

    recipe, rows = session.recipe, session.rows.rows
    everything = np.ones((1, len(rows)), np.bool_)
    general = replay_rows(session.tokenizer) if recipe.replay else ()
    job = Job(
        session.network,
        rows,
        recipe=recipe,
        cut=cut,
        train=everything,
        measure=~everything,
        replay=general,
    )
    first = len(job.batches(0))
    batches = list(
        itertools.islice((b for e in itertools.count() for b in job.batches(e)), first * epochs)
    )
    ends = tuple(first * (e + 1) for e in range(epochs))
    dtype = str(session.network.head.dtype).removeprefix("torch.")
    order = Order(
        base=str(session.weights.folder),
        recipe=recipe,
        cut=cut,
        dtype=dtype,
        device=place.device,
        processes=place.processes,
        sharding=place.sharding,
        pass_tokens=PASS_TOKENS[place.device],
        horizon=first * recipe.epochs,
        epoch_ends=ends,
        checkpoint_s=CHECKPOINT_S[place.sharding],
    )
    return order, SharedWork.of(job.rows, [b.rows[0] for b in batches]), job.bank.tensors(0)


def how(place: Place) -> str:
    """What trains, in which versions, and where: for the card."""
    names = ("trl", "accelerate", "transformers", "torch")
    return f"{', '.join(f'{n} {importlib.metadata.version(n)}' for n in names)}; {place}"


class _Meter:
    """Progress as the processes tell it: tokens and seconds since the first step, killed runs included."""

    def __init__(self, session: TrainingSession, depth: float) -> None:
        self._session, self._depth = session, depth
        self.tokens, self.seconds = 0, 0.0

    def hear(self, line: dict[str, Any]) -> None:
        self._session.meter.add(max(0, line["tokens"] - self.tokens) * self._depth)
        self.tokens, self.seconds = (
            max(self.tokens, line["tokens"]),
            max(self.seconds, line["seconds"]),
        )
