"""A job under way: trained epoch by epoch, measured, and gone on with after a kill."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewell.train.lora.bank import rate_at
from tunewell.train.lora.batches import StepBatch
from tunewell.train.lora.checkpoint import Checkpoint
from tunewell.train.lora.device import finish
from tunewell.train.lora.job import Job

Stop = Callable[[Sequence["LossReading"]], bool]


Told = Callable[[int], None]
"""Called with the training tokens done since the last call."""


@dataclass(frozen=True, eq=False)
class LossReading:
    """One evaluation.

    Attributes:
        epoch: Epochs done.
        losses: Mean nats per target token, shape (adapters, rows); NaN where not evaluated.
    """

    epoch: float
    losses: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class JobResult:
    """What a job gave.

    Attributes:
        readings: In order; the first is before training.
        tokens: Training tokens processed, all adapters together, padding not counted.
        seconds: Spent on training steps (not on evaluations).
        steps: Optimiser steps.
        epochs: Epochs done.
    """

    readings: tuple[LossReading, ...]
    tokens: int
    seconds: float
    steps: int
    epochs: float

    @property
    def tokens_per_s(self) -> float:
        """Training speed, in tokens of all adapters per second."""
        return self.tokens / self.seconds if self.seconds else 0.0


def held_out_mean(
    losses: NDArray[np.float32], held_out: NDArray[np.bool_], targets: NDArray[np.int64]
) -> float:
    """Mean nats per target token over all held-out (adapter, row) pairs that were evaluated.

    NaN if there are none.
    """
    use = held_out & np.isfinite(losses)
    weight = np.broadcast_to(targets[None], losses.shape)[use]
    return float((losses[use] * weight).sum() / weight.sum()) if weight.sum() else math.nan


def run_job(
    job: Job,
    *,
    epochs: int,
    planned: int = 0,
    stop: Stop | None = None,
    max_steps: int = 0,
    checkpoint: Checkpoint | None = None,
    told: Told | None = None,
    live: Callable[[LossReading], None] | None = None,
    read_every: bool = True,
) -> JobResult:
    """Train to the end, or until ``stop`` says so after a reading.

    Args:
        job: What to train.
        epochs: Epochs to do.
        planned: Epochs that the learning rate is planned for (``epochs`` if 0), so that a run that
            is stopped early and its repetition walk the same way.
        stop: Asked after every reading but the first; gets all of them.
        max_steps: Stop after so many steps (0 = never); the rate is then planned for them.
        checkpoint: Where to go on from and to keep states.
        told: Called with tokens done.
        live: Called with every reading.
        read_every: Measure at the end of every epoch, not only before and after.
    """
    running = Running(
        job,
        epochs,
        planned=planned,
        stop=stop,
        max_steps=max_steps,
        checkpoint=checkpoint,
        told=told,
        live=live,
        read_every=read_every,
    )
    while running.more:
        running.epoch_on()
    return running.outcome()


class Running:
    """A job under way, epoch by epoch; for searches that train several side by side.

    See `run_job`.
    """

    def __init__(
        self,
        job: Job,
        epochs: int,
        *,
        planned: int = 0,
        stop: Stop | None = None,
        max_steps: int = 0,
        checkpoint: Checkpoint | None = None,
        told: Told | None = None,
        live: Callable[[LossReading], None] | None = None,
        read_every: bool = True,
    ) -> None:
        self.job, self.live, self.read_every = job, live, read_every
        self._stop = stop or (lambda _: False)
        self._told = told or (lambda _: None)
        self._checkpoint = checkpoint or Checkpoint(None)
        per_epoch = len(job.batches(0))
        self._total = min(max_steps, per_epoch * epochs) if max_steps else per_epoch * epochs
        self._horizon = max_steps or per_epoch * (planned or epochs)
        self._epoch, self._step = 0, 0  # step: within the epoch
        self._tokens, self._seconds = 0, 0.0
        self.readings: list[LossReading] = []
        self._resume()
        if not self.readings:
            self._read(0.0)
            self._save()

    @property
    def more(self) -> bool:
        """Whether there is anything left to do."""
        if self.job.bank.steps >= self._total:
            return False
        return not (len(self.readings) > 1 and self._stop(self.readings))

    def outcome(self) -> JobResult:
        """What came of it so far."""
        return JobResult(
            tuple(self.readings),
            self._tokens,
            self._seconds,
            self.job.bank.steps,
            self.readings[-1].epoch,
        )

    def _resume(self) -> None:
        state = self._checkpoint.load()
        if state is None:
            return
        arrays, notes = state
        self.job.bank.restore(arrays, steps=notes["optimiser_steps"])
        self._epoch, self._step, self._tokens, self._seconds = (
            notes[n] for n in ("epoch", "step", "tokens", "seconds")
        )
        self.readings = [
            LossReading(e, arrays["losses"][i]) for i, e in enumerate(notes["readings"])
        ]
        self._told(self._tokens)

    def _save(self) -> None:
        if self._checkpoint.path is None:
            return
        losses = np.stack([r.losses for r in self.readings])
        notes = {
            "epoch": self._epoch,
            "step": self._step,
            "tokens": self._tokens,
            "seconds": self._seconds,
            "optimiser_steps": self.job.bank.steps,
            "readings": [r.epoch for r in self.readings],
        }
        self._checkpoint.save({**self.job.bank.state(), "losses": losses}, notes)

    def _read(self, epoch: float) -> None:
        base = not self.readings
        losses = self.job.evaluate_base() if base else self.job.evaluate(self.job.measure)
        self.readings.append(LossReading(epoch, losses))
        if self.live:
            self.live(self.readings[-1])

    def epoch_on(self) -> None:
        """Train to the end of the epoch, and measure."""
        batches = self.job.batches(self._epoch)
        saved = time.monotonic()
        for i in range(self._step, len(batches)):
            if self.job.bank.steps >= self._total:
                break
            self._one_step(batches[i])
            self._step = i + 1
            if time.monotonic() - saved > self._checkpoint.every_s:
                self._save()
                saved = time.monotonic()
        ended = time.perf_counter()
        finish(self.job.network.head.device)
        self._seconds += time.perf_counter() - ended
        done = self._epoch + self._step / len(batches)
        if self._step == len(batches):
            self._epoch, self._step = self._epoch + 1, 0
        if self.read_every or self.job.bank.steps >= self._total:
            self._read(done)
        self._save()

    def _one_step(self, batch: StepBatch) -> None:
        began = time.perf_counter()
        recipe, bank = self.job.recipe, self.job.bank
        self.job.backward(batch, step=bank.steps)
        rate = rate_at(bank.steps, steps=self._horizon, peak=recipe.rate, warmup=recipe.warmup)
        bank.step(rate=rate, weight_decay=recipe.weight_decay)
        done = int(self.job.lengths[batch.rows[batch.rows >= 0]].sum())
        self._tokens += done
        self._seconds += time.perf_counter() - began
        self._told(done)
