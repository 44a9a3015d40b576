"""One training job: K adapters over the same rows, each with its own share of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from tunewell.train.arrays import Ints, Mask
from tunewell.train.lora.adapted import Adapted
from tunewell.train.lora.bank import Bank
from tunewell.train.lora.batches import NOBODY, StepBatch, draw_replay, parts, plan
from tunewell.train.lora.device import pass_tokens, send, uniform
from tunewell.train.lora.labels import Labels, labels_of
from tunewell.train.lora.rows import TrainRow, lengths_of, targets_of
from tunewell.train.lora.states import FreshStates, StatesAtCut
from tunewell.train.lora.vocabulary import cross_entropy

REPLAY_DRAW, NOISE_DRAW = 3, 5
"""Parts of the keys of random draws, so that no two kinds of draws are the same."""


class Job:
    """K adapters to train together.

    Args:
        adapted: What is trained.
        rows: All rows that anyone trains on or is measured on.
        train: Which rows each adapter trains on, shape (adapters, rows).
        states: At the cut, of the rows and then of those to replay; computed anew for every batch
            if None.
        replay: General rows, of which every epoch takes the recipe's share.
        may_replay: Which of them each adapter may take, shape (adapters, general rows); all if
            None.
    """

    def __init__(
        self,
        adapted: Adapted,
        rows: Sequence[TrainRow],
        *,
        train: Mask,
        states: StatesAtCut | None = None,
        replay: Sequence[TrainRow] = (),
        may_replay: Mask | None = None,
    ) -> None:
        self.adapted = adapted
        self.own_rows = tuple(rows)
        self.rows = (*rows, *replay)
        self.train = train
        self.states = states or FreshStates(adapted.network, self.rows, adapted.cut)
        self.lengths = lengths_of(self.rows)
        everything = np.ones((len(train), len(replay)), np.bool_)
        self._replay = replay
        self._may_replay = everything if may_replay is None else may_replay
        self._targets = targets_of(self.rows)
        self._members = [np.flatnonzero(own) for own in train]
        self._device = adapted.device
        self._pass_tokens = pass_tokens(self._device, self._bytes_per_token())

    @property
    def bank(self) -> Bank:
        """The adapters."""
        return self.adapted.bank

    def _bytes_per_token(self) -> int:
        """What a token leaves behind for the gradients: inputs and outputs, and as much beside."""
        kept = sum(group.inputs + group.outputs for group in self.bank.groups)
        return 2 * kept * int(self.adapted.network.head.element_size())

    def batches(self, epoch: int) -> list[StepBatch]:
        """The steps of an epoch, in order."""
        recipe = self.adapted.recipe
        members = self._members
        if self._replay:
            members = [
                np.concatenate([own, self._general(own, place, epoch)])
                for place, own in enumerate(members)
            ]
        seed = (recipe.seed * 1_000_003 + epoch) & 0x7FFFFFFF
        return plan(self.lengths, members, budget=recipe.tokens_per_batch, seed=seed)

    def _general(
        self,
        own: Ints,
        place: int,
        epoch: int,
    ) -> Ints:
        """The general rows that the adapter at a place takes in an epoch, beside its own."""
        recipe = self.adapted.recipe
        allowed = np.flatnonzero(self._may_replay[place])
        drawn = draw_replay(
            [self._replay[row] for row in allowed.tolist()],
            tokens=int(self.lengths[own].sum()),
            share=recipe.replay,
            seed=(recipe.seed, REPLAY_DRAW, self.bank.adapters[place], epoch),
        )
        return len(self.own_rows) + allowed[drawn]

    @property
    def epoch_tokens(self) -> int:
        """Training tokens of one epoch, all adapters together, general rows left out."""
        own = self.lengths[: len(self.own_rows)]
        return int((self.train * own[None]).sum())

    def labels(self, batch: StepBatch) -> Labels:
        """What a batch is to predict."""
        return labels_of(self.rows, batch, self._device)

    def loss(self, batch: StepBatch, *, step: int = 0) -> tuple[Tensor, Tensor]:
        """Sum over adapters of each one's mean loss per target token, and nats of every token."""
        self.bank.refresh(step=step, rows=batch.rows.shape[1])
        return self._loss(batch, self._counts(batch), noise=(step, 0))

    def backward(self, batch: StepBatch, *, step: int = 0) -> None:
        """The gradients of a step's `loss`, in passes of as many tokens as memory is meant for."""
        self.bank.refresh(step=step, rows=batch.rows.shape[1])
        counts = self._counts(batch)
        for start, part in parts(batch, self.lengths, budget=self._pass_tokens):
            self.bank.select(start, start + part.rows.shape[1])
            loss, _ = self._loss(part, counts, noise=(step, start))
            loss.backward()

    def _counts(self, batch: StepBatch) -> Ints:
        """Target tokens of each adapter in a step; an adapter may have none."""
        return np.where(batch.rows != NOBODY, self._targets[batch.rows], 0).sum(1)

    def _loss(
        self,
        batch: StepBatch,
        counts: Ints,
        *,
        noise: tuple[int, int],
    ) -> tuple[Tensor, Tensor]:
        hidden = send(self.states.take(batch.rows, batch.length), self._device)
        recipe, network = self.adapted.recipe, self.adapted.network
        if recipe.noise:
            hidden = hidden + self._noise(hidden, noise)
        labels = self.labels(batch)
        adapter = labels.owner // batch.rows.shape[1]
        weights = (1.0 / counts[adapter]).astype(np.float32)
        return cross_entropy(
            self.adapted.final_states(hidden, labels),
            network.head,
            labels.tokens,
            send(weights, self._device),
            smoothing=recipe.label_smoothing,
            cap=network.cap,
        )

    def _noise(self, hidden: Tensor, key: tuple[int, int]) -> Tensor:
        """NEFTune's noise (Jain and others 2023), on the input of the first trained layer.

        That is the embeddings where the first layer is trained.
        """
        recipe = self.adapted.recipe
        tokens, width = hidden.shape[-2:]
        scale = recipe.noise / math.sqrt(tokens * width)
        drawn = uniform((recipe.seed, NOISE_DRAW, *key), hidden.shape, self._device)
        return drawn.mul_(2).sub_(1).mul_(scale).to(hidden.dtype)
