"""One adapter on given rows: the plain function that compares data under the same budget."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tunewell.errors import DataError
from tunewell.model.base import Progress
from tunewell.model.chat import load_tokenizer
from tunewell.model.weights import Weights
from tunewell.train.arrays import Singles
from tunewell.train.export.peft import model_card, peft_files
from tunewell.train.forgetting.general_rows import replay_rows
from tunewell.train.lora.rows import Rows
from tunewell.train.session import cut_of, rows_of
from tunewell.types import Example, Recipe

if TYPE_CHECKING:
    from tunewell.train.lora.job import Job
    from tunewell.train.lora.network import FrozenDecoder


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
    network: FrozenDecoder | None = None,
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
        network: The base already loaded (`tunewell.train.lora.load.load_network`), to use it more
            than once.

    Raises:
        DataError: No row can be trained on.
    """
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job
    from tunewell.train.lora.load import load_network, release_memory
    from tunewell.train.lora.run import Schedule, run_job

    if seed is not None:
        recipe = recipe.model_copy(update={"seed": seed})
    tokenizer = load_tokenizer(weights.folder)
    mine = rows_of(examples, tokenizer, recipe)
    theirs = rows_of(held_out, tokenizer, recipe)
    if not mine.rows:
        raise _nothing_to_train_on(len(examples), mine, recipe)

    network = network or load_network(weights.folder)
    cut = cut_of(network.layers, recipe.layers)
    adapted = Adapted.begin(network, recipe, cut=cut)
    rows = (*mine.rows, *theirs.rows)
    train = np.arange(len(rows))[None] < len(mine.rows)
    general = replay_rows(tokenizer) if recipe.replay else ()
    job = Job(adapted, rows, train=train, replay=general)

    schedule = Schedule(recipe.epochs, read_every=False)
    total = recipe.epochs * job.epoch_tokens
    if budget_tokens:
        epochs = math.ceil(budget_tokens / job.epoch_tokens)
        steps = steps_for(job, budget_tokens, epochs)
        schedule = Schedule(epochs, max_steps=steps, read_every=False)
        total = min(budget_tokens, epochs * job.epoch_tokens)
    done = run_job(job, schedule, measure=~train, told=_teller(progress, total))

    facts = {"rows": str(len(mine.rows)), "tokens": str(done.tokens)}
    card = model_card(
        base=weights.name,
        recipe=recipe,
        facts=facts,
    )
    files = peft_files(adapted, base=weights.name, card=card)
    first, last = done.readings[0].losses[0], done.readings[-1].losses[0]
    del job, adapted, network
    release_memory()
    return TrainedAdapter(
        files=files,
        tokens=done.tokens,
        steps=done.steps,
        epochs=done.epochs,
        tokens_per_s=done.tokens_per_s,
        losses=_by_id(theirs, last[len(mine.names) :]),
        before=_by_id(theirs, first[len(mine.names) :]),
        too_long=mine.too_long,
    )


def _nothing_to_train_on(
    given: int,
    rows: Rows,
    recipe: Recipe,
) -> DataError:
    return DataError(
        f"none of the {given} rows can be trained on: {len(rows.too_long)} are longer than "
        f"{recipe.max_tokens} tokens, {len(rows.empty)} have no target, the chat template "
        f"refuses {len(rows.refused)}",
        hint="raise train.max_tokens, or look at the rows: tunewell why ROW",
    )


def _by_id(rows: Rows, losses: Singles) -> dict[str, float]:
    return {name: float(loss) for name, loss in zip(rows.names, losses, strict=True)}


def steps_for(
    job: Job,
    budget: int,
    epochs: int,
) -> int:
    """How many steps come nearest to a budget of tokens (at least one)."""
    done = count = 0
    for epoch in range(epochs):
        for batch in job.batches(epoch):
            size = batch.tokens(job.lengths)
            if count and done + size / 2 > budget:
                return count
            done += size
            count += 1
    return count


def _teller(progress: Progress | None, total: int) -> Callable[[int], None]:
    """Tokens since the last call to (tokens done, tokens in all)."""
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        if progress:
            progress(min(done, total), total)

    return tell
