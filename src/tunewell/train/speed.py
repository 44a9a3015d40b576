"""How fast this machine trains: measured, so that a plan can be printed before anything begins."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tunewell.model.base import GenerateOptions
from tunewell.model.weights import Weights
from tunewell.train.arrays import Mask
from tunewell.train.lora.rows import TrainRow
from tunewell.train.session import cut_of
from tunewell.types import Message, Recipe

if TYPE_CHECKING:
    from tunewell.train.lora.network import FrozenDecoder
    from tunewell.train.lora.states import StatesAtCut

FOLDS = 5
ROW_TOKENS = 128
TARGET_SHARE = 4
"""One token in so many is target."""

MOST_STEPS = 10_000

ANSWERS = 16
ANSWER_TOKENS = 32
PROMPT = "Write a long story about a lighthouse keeper and the sea."


def measure_speed(
    weights: Weights,
    recipe: Recipe,
    *,
    seconds: float = 3.0,
    generate: bool = True,
    network: FrozenDecoder | None = None,
    row_tokens: int = 0,
) -> dict[str, float]:
    """Tokens per second of each kind of work.

    On made-up rows of which a quarter is target.

    Args:
        weights: The base.
        recipe: Its depths, rank and budget decide the speed.
        seconds: How long each kind is measured, at least (after one step to warm up).
        generate: Whether generation is measured too (it loads the model a second time).
        network: The base already loaded.
        row_tokens: Length of the made-up rows; 0 = `ROW_TOKENS`.

    Returns:
        ``train``: at the depth of the final adapter; ``folds``: at the folds' depth over the cached
        trunk, all folds' tokens together; ``trunk``: filling the cache; ``generate``: batched
        answers (0 where not measured).
    """
    from tunewell.train.lora.load import load_network

    network = network or load_network(weights.folder)
    bench = _Bench(network, recipe, seconds, row_tokens or ROW_TOKENS)
    found = {"train": bench.final()}
    with tempfile.TemporaryDirectory() as folder:
        found |= bench.folds(Path(folder))
    found["generate"] = _generation(weights, seconds) if generate else 0.0
    return {k: round(v, 1) for k, v in found.items()}


@dataclass(frozen=True)
class _Bench:
    """What is measured, and for how long."""

    network: FrozenDecoder
    recipe: Recipe
    seconds: float
    row_tokens: int

    def final(self) -> float:
        """One adapter at the depth of the final one."""
        rows = self._rows()
        cut = cut_of(self.network.layers, self.recipe.layers)
        return self._training(rows, cut, train=np.ones((1, len(rows)), np.bool_))

    def folds(self, folder: Path) -> dict[str, float]:
        """All folds over the trunk, and filling it."""
        from tunewell.train.lora.trunk import Trunk

        rows = self._rows()
        train = np.arange(len(rows))[None] % FOLDS != np.arange(FOLDS)[:, None]
        cut = cut_of(self.network.layers, self.recipe.fold_layers)
        if not cut:
            speed = self._training(rows, cut, train=train)
            # Nothing is filled; a pass forward is a third of a training pass.
            return {"folds": speed, "trunk": 3 * speed}

        trunk = Trunk(folder / "states", self.network, rows, cut=cut)
        began = time.perf_counter()
        trunk.fill()
        filled = sum(len(r.ids) for r in rows) / (time.perf_counter() - began)
        return {"folds": self._training(rows, cut, train=train, states=trunk), "trunk": filled}

    def _rows(self) -> list[TrainRow]:
        """Rows for two steps at least."""
        rng = np.random.default_rng(0)
        length = min(self.row_tokens, self.recipe.max_tokens)
        in_two_steps = 2 * FOLDS * self.recipe.tokens_per_batch // length // (FOLDS - 1)
        vocabulary = self.network.head.shape[0]
        rows = []
        for i in range(max(FOLDS * 2, in_two_steps)):
            ids = rng.integers(0, vocabulary, length).astype(np.int32)
            rows.append(TrainRow(str(i), ids, start=length - length // TARGET_SHARE))
        return rows

    def _training(
        self,
        rows: list[TrainRow],
        cut: int,
        *,
        train: Mask,
        states: StatesAtCut | None = None,
    ) -> float:
        """Training tokens per second, all adapters together; the first step warms up."""
        from tunewell.train.lora.adapted import Adapted
        from tunewell.train.lora.device import finish
        from tunewell.train.lora.job import Job

        adapters = range(len(train))
        adapted = Adapted.begin(self.network, self.recipe, cut=cut, adapters=adapters)
        job = Job(adapted, rows, train=train, states=states)
        batches = job.batches(0)
        done = began = 0.0
        for i in range(MOST_STEPS):
            if i == 1:
                finish(adapted.device)
                began = time.perf_counter()
            elif i > 1 and time.perf_counter() - began > self.seconds:
                break
            batch = batches[i % len(batches)]
            job.backward(batch, step=i)
            job.bank.step(rate=1e-9, weight_decay=0.0)
            if i:
                done += batch.tokens(job.lengths)
        finish(adapted.device)
        return done / (time.perf_counter() - began)


def _generation(weights: Weights, seconds: float) -> float:
    """Tokens per second of answers in batches."""
    from tunewell.model.local import LocalModel

    model = LocalModel(weights)
    prompt = (Message(role="user", content=PROMPT),)
    began = time.perf_counter()
    tokens = 0
    while tokens == 0 or time.perf_counter() - began < seconds:
        options = GenerateOptions(
            max_new_tokens=ANSWER_TOKENS,
            temperature=1.0,
            seed=tokens,
        )
        answers = model.generate([prompt] * ANSWERS, options=options)
        tokens += sum(answer.tokens for answer in answers)
    return tokens / (time.perf_counter() - began)
