"""One training job: K adapters over the same rows, each with its own share of them, measured at every epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from tunewell.train.lora.bank import Bank
from tunewell.train.lora.batches import StepBatch, draw_replay, parts, plan
from tunewell.train.lora.device import far, pass_tokens, send, uniform
from tunewell.train.lora.kernels import cross_entropy, greedy_hits, negative_log_likelihood
from tunewell.train.lora.network import FrozenDecoder
from tunewell.train.lora.rows import TrainRow
from tunewell.types import Recipe

EVALUATION_TOKENS = {False: 4096, True: 32_768}
"""Of one batch that is only measured, all adapters together: on the processor, on a GPU."""


class States(Protocol):
    """Whatever gives the states at the cut: `tunewell.train.lora.trunk.Trunk`, or something that computes them."""

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
