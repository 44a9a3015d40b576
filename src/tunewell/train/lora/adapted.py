"""K adapters on a frozen base, as they are: what rows are measured with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from tunewell.train.arrays import Floats, Ints, Mask, Singles
from tunewell.train.lora.bank import Bank
from tunewell.train.lora.batches import plan
from tunewell.train.lora.device import far, send
from tunewell.train.lora.labels import Labels, labels_of
from tunewell.train.lora.network import FrozenDecoder
from tunewell.train.lora.rows import TrainRow, lengths_of, owners_of
from tunewell.train.lora.states import FreshStates, StatesAtCut, run_to_cut
from tunewell.train.lora.vocabulary import TokenMeasure, greedy_hits, negative_log_likelihood
from tunewell.types import Recipe

EVALUATION_TOKENS = {False: 4096, True: 32_768}
"""Of one batch that is only measured, all adapters together: on the processor, on a GPU."""


@dataclass(frozen=True, eq=False)
class Adapted:
    """A frozen base and the adapters on it.

    Frozen means that base and adapters stay together; training changes the adapters' values.

    Attributes:
        network: The frozen base.
        bank: The adapters.
        recipe: What they are trained with.
        cut: First layer that carries adapters.
    """

    network: FrozenDecoder
    bank: Bank
    recipe: Recipe
    cut: int

    @classmethod
    def begin(
        cls,
        network: FrozenDecoder,
        recipe: Recipe,
        *,
        cut: int,
        adapters: Sequence[int] = (0,),
    ) -> Self:
        """Adapters as they begin: they change nothing yet.

        Args:
            network: The frozen base.
            recipe: Of the adapters: which maps, rank, alpha, dropout, seed.
            cut: First layer that carries adapters.
            adapters: Their numbers (0 … K-1 for the folds).
        """
        products = network.sites(recipe.targets, cut)
        bank = Bank(
            products,
            recipe=recipe,
            adapters=adapters,
            like=network.head,
        )
        return cls(network, bank, recipe, cut)

    def untrained(self) -> Adapted:
        """The same adapters as they begin: the base alone."""
        adapters = self.bank.adapters
        return self.begin(self.network, self.recipe, cut=self.cut, adapters=adapters)

    @property
    def device(self) -> torch.device:
        """Where everything is computed."""
        return self.network.head.device

    @property
    def adapted_share(self) -> float:
        """Share of the layers that carry adapters."""
        return 1 - self.cut / self.network.layers

    def measure(
        self,
        rows: Sequence[TrainRow],
        *,
        which: Mask | None = None,
        states: StatesAtCut | None = None,
        budget: int = 0,
    ) -> Singles:
        """Mean nats per token of each target under each adapter, shape (adapters, targets).

        Args:
            rows: What is measured.
            which: The (adapter, row) pairs that are wanted, all if None; NaN elsewhere.
            states: Of the rows at the cut; computed if None.
            budget: Tokens of one pass of one adapter; `EVALUATION_TOKENS` shared by them if 0.
        """
        return self.by_row(
            rows,
            negative_log_likelihood,
            _mean,
            which=which,
            states=states,
            budget=budget,
        )

    def measure_untrained(
        self,
        rows: Sequence[TrainRow],
        *,
        which: Mask,
        states: StatesAtCut | None = None,
    ) -> Singles:
        """`measure` before training, when all adapters are the base: each row is computed once."""
        rows_wanted = which.any(0)
        # They take turns, so that every adapter measures as many rows.
        first = np.zeros_like(which)
        for row in np.flatnonzero(rows_wanted):
            first[row % len(first), row] = True
        found = self.measure(rows, which=first, states=states)
        owners = owners_of(rows)
        losses = np.nanmax(np.where(first[:, owners], found, -np.inf), axis=0)
        return np.where(which[:, owners], losses[None], np.nan).astype(np.float32)

    def longest_runs(
        self,
        rows: Sequence[TrainRow],
        *,
        which: Mask | None = None,
        states: StatesAtCut | None = None,
    ) -> Singles:
        """The longest run of target tokens that greedy decoding writes itself.

        Given the prompt and the target up to where the run begins, the model continues the target
        word for word. Arguments and shape as `measure`.
        """
        return self.by_row(rows, greedy_hits, _longest_run, which=which, states=states)

    @torch.no_grad()
    def by_row(
        self,
        rows: Sequence[TrainRow],
        of_token: TokenMeasure,
        of_target: Callable[[Floats], float],
        *,
        which: Mask | None = None,
        states: StatesAtCut | None = None,
        budget: int = 0,
    ) -> Singles:
        """A figure of every target of the wanted (adapter, row) pairs from those of its tokens.

        Args:
            rows: As `measure`.
            of_token: The figure of a token.
            of_target: From the figures of a target's tokens to the target's own.
            which: As `measure`.
            states: As `measure`.
            budget: As `measure`.
        """
        adapters = len(self.bank.adapters)
        wanted = np.ones((adapters, len(rows)), np.bool_) if which is None else which
        states = states or FreshStates(self.network, rows, self.cut)
        budget = budget or EVALUATION_TOKENS[far(self.device)] // adapters

        self.bank.refresh()
        ends = np.cumsum([len(row.spans) for row in rows])
        total = int(ends[-1]) if len(ends) else 0
        out = np.full((adapters, total), np.nan, np.float32)
        members = [np.flatnonzero(w) for w in wanted]
        for batch in plan(lengths_of(rows), members, budget=budget):
            labels = labels_of(rows, batch, self.device)
            hidden = send(states.take(batch.rows, batch.length), self.device)
            final = self.final_states(hidden, labels)
            figures = of_token(final, self.network.head, labels.tokens, cap=self.network.cap)
            by_place = labels.split(figures.double().cpu().numpy(), batch.rows.size)
            for place, row in batch.filled:
                adapter = place // batch.rows.shape[1]
                cuts = np.cumsum(rows[row].sizes)[:-1]
                of_each = [of_target(part) for part in np.split(by_place[place], cuts)]
                out[adapter, ends[row] - len(of_each) : ends[row]] = of_each
        return out

    def final_states(self, hidden: Tensor, labels: Labels) -> Tensor:
        """From states at the cut to those that the labels are predicted from.

        Args:
            hidden: Shape (adapters, rows, tokens, width).
            labels: Of the batch.

        Returns:
            Shape (labels, width).
        """
        last = self.network.layers
        hidden = self.network.run(
            hidden,
            first=self.cut,
            last=last,
            bank=self.bank,
            wanted=labels.wanted,
        )
        flat = hidden.reshape(-1, hidden.shape[-1])
        return self.network.finish(flat[labels.at])

    @torch.no_grad()
    def next_token(self, ids: Sequence[int]) -> int:
        """The most probable token after some, under the only adapter."""
        row = TrainRow("", np.asarray(ids, np.int32), len(ids) - 1)
        self.bank.refresh()
        hidden = run_to_cut(self.network, [row], [0], length=len(ids), cut=self.cut)[None]
        last = self.network.layers
        hidden = self.network.run(
            hidden,
            first=self.cut,
            last=last,
            bank=self.bank,
        )
        flat = hidden.reshape(-1, hidden.shape[-1])
        logits = self.network.finish(flat[-1:]) @ self.network.head.T
        return int(logits.argmax())


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0


def _longest_run(hits: Floats) -> float:
    longest = run = 0
    for hit in hits.tolist():
        run = run + 1 if hit else 0
        longest = max(longest, run)
    return float(longest)


def held_out_mean(
    losses: Singles,
    held_out: Mask,
    targets: Ints,
) -> float:
    """Mean nats per target token over all held-out (adapter, row) pairs that were evaluated.

    NaN if there are none.
    """
    use = held_out & np.isfinite(losses)
    weight = np.broadcast_to(targets[None], losses.shape)[use]
    total = weight.sum()
    return float((losses[use] * weight).sum() / total) if total else math.nan
