"""A job under way: trained epoch by epoch, measured, and gone on with after a kill."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tunewell.train.arrays import Mask, Singles
from tunewell.train.lora.bank import rate_at
from tunewell.train.lora.batches import StepBatch
from tunewell.train.lora.checkpoint import Checkpoint
from tunewell.train.lora.device import finish
from tunewell.train.lora.job import Job


@dataclass(frozen=True, eq=False)
class LossReading:
    """One evaluation.

    Attributes:
        epoch: Epochs done.
        losses: Mean nats per target token, shape (adapters, rows); NaN where not evaluated.
    """

    epoch: float
    losses: Singles


StopRule = Callable[[Sequence[LossReading]], bool]
"""Asked after every reading but the first; gets all of them."""

OnTokens = Callable[[int], None]
"""Called with the training tokens done since the last call."""

OnReading = Callable[[LossReading], None]
"""Called with every reading, the adapters being as they were read."""


@dataclass(frozen=True)
class Schedule:
    """How long to train, and when to measure.

    Attributes:
        epochs: Epochs to do.
        planned: Epochs that the learning rate is planned for (``epochs`` if 0), so that a run that
            is stopped early and its repetition walk the same way.
        max_steps: Stop after so many steps (0 = never); the rate is then planned for them.
        read_every: Measure at the end of every epoch, not only before and after.
        read_from: Nothing is measured before so many epochs are done; 0 = also before training.
    """

    epochs: int
    planned: int = 0
    max_steps: int = 0
    read_every: bool = True
    read_from: int = 0

    def reads(self, epoch: float) -> bool:
        """Whether there is a measurement after so many epochs, the end apart."""
        wanted = self.read_every or not epoch
        return wanted and epoch >= self.read_from


@dataclass(frozen=True, eq=False)
class JobResult:
    """What a job gave.

    Attributes:
        readings: In order; the first is before training unless `Schedule.read_from` is later.
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


def run_job(
    job: Job,
    schedule: Schedule,
    *,
    measure: Mask | None = None,
    stop: StopRule | None = None,
    checkpoint: Checkpoint | None = None,
    told: OnTokens | None = None,
    live: OnReading | None = None,
) -> JobResult:
    """Train to the end, or until ``stop`` says so after a reading. See `Running`."""
    running = Running(
        job,
        schedule,
        measure=measure,
        stop=stop,
        checkpoint=checkpoint,
        told=told,
        live=live,
    )
    while running.more:
        running.epoch_on()
    return running.outcome()


class Running:
    """A job under way, epoch by epoch; for searches that train several side by side.

    Args:
        job: What to train.
        schedule: How long.
        measure: Which (adapter, row) pairs are measured, shape (adapters, rows); none if None.
        stop: Whether to stop early.
        checkpoint: Where to go on from and to keep states.
        told: Told of progress.
        live: Told of evaluations.
    """

    def __init__(
        self,
        job: Job,
        schedule: Schedule,
        *,
        measure: Mask | None = None,
        stop: StopRule | None = None,
        checkpoint: Checkpoint | None = None,
        told: OnTokens | None = None,
        live: OnReading | None = None,
    ) -> None:
        self.job = job
        self._schedule = schedule
        self._measure = np.zeros_like(job.train) if measure is None else measure
        self._stop = stop
        self._told = told
        self._live = live
        self._checkpoint = checkpoint or Checkpoint(None)

        per_epoch = len(job.batches(0))
        self._total = per_epoch * schedule.epochs
        self._horizon = per_epoch * (schedule.planned or schedule.epochs)
        if schedule.max_steps:
            self._total = min(schedule.max_steps, self._total)
            self._horizon = schedule.max_steps

        self._epoch = 0
        self._step = 0  # within the epoch
        self._tokens = 0
        self._seconds = 0.0
        self.readings: list[LossReading] = []
        self._resume()
        if not self._begun and schedule.reads(0.0):
            self._read(0.0)
            self._save()

    @property
    def more(self) -> bool:
        """Whether there is anything left to do."""
        if self._finished:
            return False
        if self._stop is None or len(self.readings) < 2:
            return True
        return not self._stop(self.readings)

    @property
    def _begun(self) -> bool:
        """Whether anything was trained or measured."""
        return bool(self.readings) or self.job.bank.steps > 0

    @property
    def _finished(self) -> bool:
        """Whether all steps are done."""
        return self.job.bank.steps >= self._total

    def outcome(self) -> JobResult:
        """What came of it so far."""
        return JobResult(
            readings=tuple(self.readings),
            tokens=self._tokens,
            seconds=self._seconds,
            steps=self.job.bank.steps,
            epochs=self.readings[-1].epoch,
        )

    def _resume(self) -> None:
        state = self._checkpoint.load()
        if state is None:
            return
        arrays, notes = state
        self.job.bank.restore(arrays, steps=notes["optimiser_steps"])
        self._epoch = notes["epoch"]
        self._step = notes["step"]
        self._tokens = notes["tokens"]
        self._seconds = notes["seconds"]
        for epoch, losses in zip(notes["readings"], arrays["losses"], strict=True):
            self.readings.append(LossReading(epoch, losses))
        self._tell(self._tokens)

    def _save(self) -> None:
        if self._checkpoint.path is None:
            return
        losses = np.asarray([r.losses for r in self.readings], np.float32)
        notes = {
            "epoch": self._epoch,
            "step": self._step,
            "tokens": self._tokens,
            "seconds": self._seconds,
            "optimiser_steps": self.job.bank.steps,
            "readings": [r.epoch for r in self.readings],
        }
        self._checkpoint.save({**self.job.bank.state(), "losses": losses}, notes)

    def _tell(self, tokens: int) -> None:
        if self._told:
            self._told(tokens)

    def _read(self, epoch: float) -> None:
        """Measure, and tell of it."""
        job, which = self.job, self._measure
        if self._begun:
            losses = job.adapted.measure(job.own_rows, which=which, states=job.states)
        else:
            losses = job.adapted.measure_untrained(job.own_rows, which=which, states=job.states)
        self.readings.append(LossReading(epoch, losses))
        if self._live:
            self._live(self.readings[-1])

    def epoch_on(self) -> None:
        """Train to the end of the epoch, and measure."""
        batches = self.job.batches(self._epoch)
        saved = time.monotonic()
        for i in range(self._step, len(batches)):
            if self._finished:
                break
            self._one_step(batches[i])
            self._step = i + 1
            if time.monotonic() - saved > self._checkpoint.every_s:
                self._save()
                saved = time.monotonic()

        waited_since = time.perf_counter()
        finish(self.job.adapted.device)
        self._seconds += time.perf_counter() - waited_since

        done = self._epoch + self._step / len(batches)
        if self._step == len(batches):
            self._epoch += 1
            self._step = 0
        if self._schedule.reads(done) or self._finished:
            self._read(done)
        self._save()

    def _one_step(self, batch: StepBatch) -> None:
        began = time.perf_counter()
        recipe, bank = self.job.adapted.recipe, self.job.bank
        self.job.backward(batch, step=bank.steps)
        rate = rate_at(
            bank.steps,
            steps=self._horizon,
            peak=recipe.rate,
            warmup=recipe.warmup,
        )
        bank.step(rate=rate, weight_decay=recipe.weight_decay)
        done = batch.tokens(self.job.lengths)
        self._tokens += done
        self._seconds += time.perf_counter() - began
        self._tell(done)
