"""How fast this machine trains: measured, so that a plan can be printed before anything is begun."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tunewell.model.base import GenerateOptions
from tunewell.model.weights import Weights
from tunewell.types import Message, Recipe

FOLDS = 5
ROW_TOKENS = 128


def measure_speed(
    weights: Weights,
    recipe: Recipe,
    *,
    seconds: float = 3.0,
    generate: bool = True,
    network: Any = None,
) -> dict[str, float]:
    """Tokens per second of each kind of work, on made-up rows of 128 tokens of which a quarter is target.

    Args:
        weights: The base.
        recipe: Its depths, rank and budget decide the speed.
        seconds: How long each kind is measured, at least (after one step to warm up).
        generate: Whether generation is measured too (it loads the model a second time).
        network: The base already loaded.

    Returns:
        ``train``: at the depth of the final adapter; ``folds``: at the folds' depth over the cached
        trunk, all folds' tokens together; ``trunk``: filling the cache; ``generate``: batched
        answers (0 where not measured).
    """
    from tunewell.train.lora.load import load_network

    network = network or load_network(weights.folder)
    rows = _rows(network, recipe)
    found = {"train": _training(network, rows, recipe, seconds, folds=False)}
    with tempfile.TemporaryDirectory() as folder:
        found |= _over_trunk(network, rows, recipe, seconds, Path(folder))
    found["generate"] = _generation(weights, seconds) if generate else 0.0
    return {k: round(v, 1) for k, v in found.items()}


def _rows(network: Any, recipe: Recipe) -> list[Any]:
    from tunewell.train.lora.rows import TrainRow

    rng = np.random.default_rng(0)
    length = min(ROW_TOKENS, recipe.max_tokens)
    count = max(FOLDS * 2, 2 * FOLDS * recipe.tokens_per_batch // length // (FOLDS - 1))
    return [
        TrainRow(
            str(i),
            rng.integers(0, network.head.shape[0], length).astype(np.int32),
            start=length - length // 4,
        )
        for i in range(count)
    ]


def _training(
    network: Any, rows: list[Any], recipe: Recipe, seconds: float, *, folds: bool, trunk: Any = None
) -> float:
    from tunewell.train.lora.device import finish
    from tunewell.train.lora.job import Job
    from tunewell.train.session import cut_of

    n = len(rows)
    if folds:
        train = np.arange(n)[None] % FOLDS != np.arange(FOLDS)[:, None]
        cut = cut_of(network.layers, recipe.fold_layers)
    else:
        train, cut = np.ones((1, n), np.bool_), cut_of(network.layers, recipe.layers)
    job = Job(
        network,
        rows,
        recipe=recipe,
        cut=cut,
        train=train,
        measure=train,
        adapters=range(len(train)),
        trunk=trunk,
    )
    batches = job.batches(0)
    done = began = 0.0
    for i in range(10_000):
        if i == 1:
            finish(network.head.device)
            began = time.perf_counter()
        elif i > 1 and time.perf_counter() - began > seconds:
            break
        batch = batches[i % len(batches)]
        job.backward(batch, step=i)
        job.bank.step(rate=1e-9, weight_decay=0.0)
        done += 0 if i == 0 else float(job.lengths[batch.rows[batch.rows >= 0]].sum())
    finish(network.head.device)
    return done / (time.perf_counter() - began)


def _over_trunk(
    network: Any, rows: list[Any], recipe: Recipe, seconds: float, folder: Path
) -> dict[str, float]:
    from tunewell.train.lora.trunk import Trunk
    from tunewell.train.session import cut_of

    cut = cut_of(network.layers, recipe.fold_layers)
    tokens = sum(len(r.ids) for r in rows)
    if not cut:
        speed = _training(network, rows, recipe, seconds, folds=True)
        return {"folds": speed, "trunk": 3 * speed}
    trunk = Trunk(folder / "states", rows, width=network.width, dtype=network.head.dtype)
    began = time.perf_counter()
    trunk.fill(network, rows, cut=cut)
    filled = tokens / (time.perf_counter() - began)
    return {
        "folds": _training(network, rows, recipe, seconds, folds=True, trunk=trunk),
        "trunk": filled,
    }


def _generation(weights: Weights, seconds: float) -> float:
    from tunewell.model.local import LocalModel

    model = LocalModel(weights)
    prompt = (
        Message(role="user", content="Write a long story about a lighthouse keeper and the sea."),
    )
    began = time.perf_counter()
    tokens = 0
    while tokens == 0 or time.perf_counter() - began < seconds:
        options = GenerateOptions(max_new_tokens=32, temperature=1.0, seed=tokens)
        tokens += sum(g.tokens for g in model.generate([prompt] * 16, options=options))
    return tokens / (time.perf_counter() - began)
