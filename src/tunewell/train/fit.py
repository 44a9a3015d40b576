"""One adapter on given rows: the plain function that compares data under the same budget."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tunewell.errors import DataError
from tunewell.model.base import Progress
from tunewell.model.chat import load_tokenizer
from tunewell.model.weights import Weights
from tunewell.train.export import model_card, peft_files
from tunewell.train.replay import replay_rows
from tunewell.train.rows import encode_rows
from tunewell.types import Example, Recipe


@dataclass(frozen=True, eq=False)
class TrainedAdapter:
    """One trained adapter.

    Attributes:
        files: The PEFT folder: file name to content.
        tokens: Training tokens processed, prompt and target, repetitions counted.
        steps: Optimiser steps.
        epochs: Passes over the rows.
        tokens_per_s: Training speed.
        losses: Held-out id to nats per target token, after training.
        before: The same before training.
        too_long: Ids of rows left out because they exceed ``recipe.max_tokens``.
    """

    files: Mapping[str, bytes]
    tokens: int
    steps: int
    epochs: float
    tokens_per_s: float
    losses: Mapping[str, float]
    before: Mapping[str, float]
    too_long: tuple[str, ...]

    def save(self, folder: Path) -> Path:
        """Write the PEFT folder; gives it."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.files.items():
            (folder / name).write_bytes(data)
        return folder


def fit(
    examples: Sequence[Example],
    *,
    recipe: Recipe,
    weights: Weights,
    held_out: Sequence[Example] = (),
    budget_tokens: int | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
    network: Any = None,
) -> TrainedAdapter:
    """Train one adapter at the recipe's depth, for its epochs or for a budget of training tokens.

    With a budget the rows are repeated as often as it takes (or not all seen once); the learning
    rate is planned for the whole of it and nothing stops early, so that two sets of rows get the
    same training.

    Args:
        examples: What to train on.
        recipe: How.
        weights: The base, from `tunewell.model.weights.resolve`.
        held_out: Measured before and after, never trained on.
        budget_tokens: Training tokens to process, prompt and target.
        seed: Instead of the recipe's.
        progress: Called with (tokens done, tokens in all).
        network: The base already loaded (`tunewell.train.network.load_network`), to use it more
            than once.

    Raises:
        DataError: No row can be trained on.
    """
    from tunewell.train.loop import Job, run_job
    from tunewell.train.network import load_network, release_memory
    from tunewell.train.setting import cut_of

    recipe = recipe if seed is None else recipe.model_copy(update={"seed": seed})
    tokenizer = load_tokenizer(weights.folder)
    mine = encode_rows(examples, tokenizer, max_tokens=recipe.max_tokens)
    theirs = encode_rows(held_out, tokenizer, max_tokens=recipe.max_tokens)
    if not mine.rows:
        raise DataError(
            f"none of the {len(examples)} rows can be trained on: {len(mine.too_long)} are longer than "
            f"{recipe.max_tokens} tokens, {len(mine.empty)} have no target, the chat template refuses "
            f"{len(mine.refused)}",
            hint="raise train.max_tokens, or look at the rows: tunewell why ROW",
        )
    rows = (*mine.rows, *theirs.rows)
    train = np.arange(len(rows))[None] < len(mine.rows)
    network = network or load_network(weights.folder)
    general = replay_rows(tokenizer) if recipe.replay else ()
    job = Job(
        network,
        rows,
        recipe=recipe,
        cut=cut_of(network.layers, recipe.layers),
        train=train,
        measure=~train,
        replay=general,
    )
    epochs, steps = recipe.epochs, 0
    if budget_tokens:
        epochs = math.ceil(budget_tokens / job.epoch_tokens)
        steps = steps_for(job, budget_tokens, epochs)
    total = min(budget_tokens or math.inf, epochs * job.epoch_tokens)
    done = run_job(
        job, epochs=epochs, max_steps=steps, told=_teller(progress, int(total)), read_every=False
    )
    card = model_card(
        base=weights.name,
        recipe=recipe,
        facts={"rows": str(len(mine.rows)), "tokens": str(done.tokens)},
    )
    layers = None if job.cut == 0 else range(job.cut, network.layers)
    first, last = done.readings[0].losses[0], done.readings[-1].losses[0]
    files = peft_files(
        job.bank.tensors(0),
        recipe=recipe,
        base=weights.name,
        layers=layers,
        card=card,
        transposed=network.transposed,
    )
    del job, network
    release_memory()
    return TrainedAdapter(
        files=files,
        tokens=done.tokens,
        steps=done.steps,
        epochs=done.epochs,
        tokens_per_s=done.tokens_per_s,
        losses={r.id: float(last[i + len(mine.rows)]) for i, r in enumerate(theirs.rows)},
        before={r.id: float(first[i + len(mine.rows)]) for i, r in enumerate(theirs.rows)},
        too_long=mine.too_long,
    )


def steps_for(job: Any, budget: int, epochs: int) -> int:
    """How many steps come nearest to a budget of tokens (at least one)."""
    done = count = 0
    for epoch in range(epochs):
        for batch in job.batches(epoch):
            size = int(job.lengths[batch.rows[batch.rows >= 0]].sum())
            if done + size / 2 > budget and count:
                return count
            done += size
            count += 1
    return count


def _teller(progress: Progress | None, total: int) -> Callable[[int], None]:
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        if progress:
            progress(min(done, total), total)

    return tell
