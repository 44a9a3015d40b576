"""One training job: K adapters over the same rows, each with its own share of them, measured at every epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from tunewell.train.bank import Bank, rate_at
from tunewell.train.batches import StepBatch, parts, plan
from tunewell.train.checkpoint import Checkpoint
from tunewell.train.device import far, finish, pass_tokens, send, uniform
from tunewell.train.kernels import cross_entropy, greedy_hits, negative_log_likelihood
from tunewell.train.network import FrozenDecoder
from tunewell.train.replay import draw_replay
from tunewell.train.rows import TrainRow
from tunewell.types import Recipe

Stop = Callable[[Sequence["LossReading"]], bool]
Told = Callable[[int], None]
"""Called with the training tokens done since the last call."""

EVALUATION_TOKENS = {False: 4096, True: 32_768}
"""Of one batch that is only measured, all adapters together: on the processor, on a GPU."""


class States(Protocol):
    """Whatever gives the states at the cut: `tunewell.train.trunk.Trunk`, or something that computes them."""

    def take(self, places: NDArray[np.int64], length: int) -> Any:
        """States of rows, padded: places (adapters, rows), -1 = none.

        Gives (adapters, rows, length, width).
        """
        ...


@dataclass(frozen=True, eq=False)
class Labels:
    """Target tokens of a batch.

    Attributes:
        wanted: Places of the states at work in the last layer, of all tokens counted through:
            (adapters, rows, few).
        at: Which of those predicts each target token, shape (labels,).
        tokens: The target tokens, shape (labels,).
        owner: The place in the batch that each belongs to, counted through; on the processor.
    """

    wanted: Any
    at: Any
    tokens: Any
    owner: NDArray[np.int64]


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


class Job:
    """K adapters to train together.

    Args:
        network: The frozen base.
        rows: All rows that anyone trains on or is measured on.
        recipe: Of all adapters.
        cut: First layer that carries adapters.
        train: Which rows each adapter trains on, shape (adapters, rows).
        measure: Which rows each adapter is measured on, shape (adapters, rows).
        adapters: Their numbers (0 … K-1 for the folds).
        trunk: States at the cut; None where the cut is 0 or where they are to be computed anew for
            every batch.
        replay: General rows, of which every epoch takes the recipe's share; the trunk holds them
            behind the others.
    """

    def __init__(
        self,
        network: FrozenDecoder,
        rows: Sequence[TrainRow],
        *,
        recipe: Recipe,
        cut: int,
        train: NDArray[np.bool_],
        measure: NDArray[np.bool_],
        adapters: Sequence[int] = (0,),
        trunk: States | None = None,
        replay: Sequence[TrainRow] = (),
    ) -> None:
        self.network, self.rows, self.recipe, self.cut = network, (*rows, *replay), recipe, cut
        self.train, self.measure, self.trunk = train, measure, trunk
        self._own, self._replay = len(rows), replay
        self.lengths = np.asarray([len(r.ids) for r in self.rows], np.int64)
        self.bank = Bank(
            network.sites(recipe.targets, cut), recipe=recipe, adapters=adapters, like=network.head
        )
        self._members = [np.flatnonzero(t) for t in train]
        self._device = network.head.device
        kept = (
            sum(g.sites[0].inputs + g.outputs for g in self.bank.groups)
            * network.head.element_size()
        )
        self._pass_tokens = pass_tokens(self._device, 2 * kept)

    def batches(self, epoch: int) -> list[StepBatch]:
        """The steps of an epoch, in order."""
        seed = (self.recipe.seed * 1_000_003 + epoch) & 0x7FFFFFFF
        members = self._members
        if self._replay:
            members = [
                np.concatenate([m, self._own + self._general(m, a, epoch)])
                for m, a in zip(members, self.bank.adapters, strict=True)
            ]
        return plan(self.lengths, members, budget=self.recipe.tokens_per_batch, seed=seed)

    def _general(self, own: NDArray[np.int64], adapter: int, epoch: int) -> NDArray[np.int64]:
        tokens = int(self.lengths[own].sum())
        return draw_replay(
            self._replay,
            tokens=tokens,
            share=self.recipe.replay,
            seed=(self.recipe.seed, 3, adapter, epoch),
        )

    @property
    def epoch_tokens(self) -> int:
        """Training tokens of one epoch, all adapters together, general rows left out."""
        return int((self.train * self.lengths[None, : self._own]).sum())

    def states(self, batch: StepBatch) -> Any:
        """States at the cut, shape (adapters, places, tokens, width)."""
        k, places = batch.rows.shape
        if self.trunk is not None:
            return send(self.trunk.take(batch.rows, batch.length), self._device)
        ids = np.zeros((k * places, batch.length), np.int64)
        for i, r in enumerate(batch.rows.ravel().tolist()):
            if r >= 0:
                ids[i, : self.lengths[r]] = self.rows[r].ids
        with torch.no_grad():
            hidden = self.network.embed(send(ids, self._device))[None]
            hidden = self.network.run(hidden, first=0, last=self.cut)[0] if self.cut else hidden[0]
        return hidden.view(k, places, batch.length, -1)

    def labels(self, batch: StepBatch) -> Labels:
        """What is to be predicted, and where: a row's targets stand together, so a window of each row holds them."""
        rows = {i: self.rows[r] for i, r in enumerate(batch.rows.ravel().tolist()) if r >= 0}
        # In steps of 16: oneDNN compiles and keeps a kernel for every new shape.
        few = min(-(-max(1, *(row.targets for row in rows.values())) // 16) * 16, batch.length)
        begins = np.zeros(batch.rows.size, np.int64)
        at: list[NDArray[np.int64]] = []
        for i, row in rows.items():
            begins[i] = min(row.start - 1, batch.length - few)
            at.append(np.arange(row.start - 1, len(row.ids) - 1) - begins[i] + i * few)
        places = (begins + np.arange(len(begins)) * batch.length)[:, None] + np.arange(few)
        tokens = np.concatenate([row.ids[row.start :] for row in rows.values()]).astype(np.int64)
        owner = np.repeat(list(rows), [row.targets for row in rows.values()])
        return Labels(
            wanted=send(places.reshape(*batch.rows.shape, few), self._device),
            at=send(np.concatenate(at), self._device),
            tokens=send(tokens, self._device),
            owner=owner,
        )

    def loss(self, batch: StepBatch, *, step: int = 0) -> tuple[Any, Any]:
        """Sum over adapters of each one's mean loss per target token, and nats of every target token."""
        self.bank.refresh(step=step, rows=batch.rows.shape[1])
        return self._loss(batch, self._counts(batch), noise=(step, 0))

    def backward(self, batch: StepBatch, *, step: int = 0) -> None:
        """The gradients of a step's `loss`, in passes of as many tokens as memory is meant for."""
        self.bank.refresh(step=step, rows=batch.rows.shape[1])
        counts = self._counts(batch)
        for start, part in parts(batch, self.lengths, budget=self._pass_tokens):
            self.bank.select(start, start + part.rows.shape[1])
            self._loss(part, counts, noise=(step, start))[0].backward()

    def _counts(self, batch: StepBatch) -> NDArray[np.int64]:
        """Target tokens of each adapter in a step; an adapter may have none."""
        targets = np.asarray([r.targets for r in self.rows], np.int64)
        return np.where(batch.rows >= 0, targets[batch.rows], 0).sum(1)

    def _loss(
        self, batch: StepBatch, counts: NDArray[np.int64], *, noise: tuple[int, int]
    ) -> tuple[Any, Any]:
        hidden = self.states(batch)
        if self.recipe.noise:
            hidden = hidden + self._noise(hidden, noise)
        labels = self.labels(batch)
        weights = send(
            (1.0 / counts[labels.owner // batch.rows.shape[1]]).astype(np.float32), self._device
        )
        return cross_entropy(
            self._final(hidden, labels),
            self.network.head,
            labels.tokens,
            weights,
            smoothing=self.recipe.label_smoothing,
            cap=self.network.cap,
        )

    def _final(self, hidden: Any, labels: Labels) -> Any:
        """From states at the cut to those that the labels are predicted from, shape (labels, width)."""
        last = self.network.layers
        hidden = self.network.run(
            hidden, first=self.cut, last=last, bank=self.bank, wanted=labels.wanted
        )
        return self.network.finish(hidden.reshape(-1, hidden.shape[-1])[labels.at])

    def _noise(self, hidden: Any, key: tuple[int, int]) -> Any:
        """NEFTune's noise, on the input of the first trained layer (the embeddings where that is the first)."""
        scale = self.recipe.noise / math.sqrt(hidden.shape[-2] * hidden.shape[-1])
        drawn = uniform((self.recipe.seed, 5, *key), hidden.shape, self._device)
        return drawn.mul_(2).sub_(1).mul_(scale).to(hidden.dtype)

    def evaluate(self, which: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Mean nats per target token of the wanted (adapter, row) pairs, NaN elsewhere."""
        return self._by_row(which, negative_log_likelihood, _mean)

    def longest_runs(self, which: NDArray[np.bool_]) -> NDArray[np.float32]:
        """The longest run of target tokens that greedy decoding writes itself, of the wanted pairs.

        NaN elsewhere.

        Given the prompt and the target up to where the run begins, the model continues the target
        word for word.
        """
        return self._by_row(which, greedy_hits, _longest_run)

    @torch.no_grad()
    def _by_row(self, which: NDArray[np.bool_], of_token: Any, of_row: Any) -> NDArray[np.float32]:
        """A figure of every wanted (adapter, row) pair from one of each of its target tokens."""
        out = np.full(which.shape, np.nan, np.float32)
        self.bank.refresh()
        budget = EVALUATION_TOKENS[far(self._device)] // len(which)
        for batch in plan(self.lengths, [np.flatnonzero(w) for w in which], budget=budget):
            labels = self.labels(batch)
            final = self._final(self.states(batch), labels)
            found = (
                of_token(final, self.network.head, labels.tokens, cap=self.network.cap)
                .double()
                .cpu()
                .numpy()
            )
            ends = np.cumsum(np.bincount(labels.owner, minlength=batch.rows.size))
            for i, r in enumerate(batch.rows.ravel().tolist()):
                if r >= 0:
                    start = int(ends[i - 1]) if i else 0
                    out[i // batch.rows.shape[1], r] = of_row(found[start : int(ends[i])])
        return out

    def evaluate_base(self) -> NDArray[np.float32]:
        """The same before training, when all adapters are the base: each row is computed once."""
        wanted = self.measure.any(0)
        first = np.zeros_like(self.measure)
        for row in np.flatnonzero(wanted):
            first[row % len(first), row] = True
        losses = np.nanmax(np.where(first, self.evaluate(first), -np.inf), axis=0)
        return np.where(self.measure, losses[None], np.nan).astype(np.float32)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else 0.0


def _longest_run(hits: NDArray[np.float64]) -> float:
    longest = run = 0
    for hit in hits.tolist():
        run = run + 1 if hit else 0
        longest = max(longest, run)
    return float(longest)


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
