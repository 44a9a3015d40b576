"""A tiny model and small made-up rows for the whole room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tunewell.model.chat import load_tokenizer
from tunewell.model.weights import Weights, resolve
from tunewell.testing.tiny import tiny_model_folder
from tunewell.types import Example, Message, Recipe

WORDS = (
    "meter bill tariff outage reading supply contract invoice north south paid due date amount"
).split()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    folder = tiny_model_folder(tmp_path_factory.mktemp("tiny"), layers=4)
    return resolve(str(folder), cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session", autouse=True)
def general_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Losses of general text are not kept where a user keeps them."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("kept")
        patch.setattr("tunewell.train.forgetting.losses.cache_folder", lambda: folder)
        yield


@pytest.fixture(scope="session")
def network(tiny: Weights) -> Any:
    import torch

    from tunewell.train.lora.load import load_network

    return load_network(tiny.folder, dtype=torch.float32)


@pytest.fixture(scope="session")
def tokenizer(tiny: Weights) -> Any:
    return load_tokenizer(tiny.folder)


def make_examples(n: int, *, seed: int = 0, learnable: bool = True) -> list[Example]:
    """Rows whose answer repeats a word of the question, or has nothing to do with it."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(n):
        words = rng.choice(WORDS, int(rng.integers(2, 9)))
        answer = words[0] if learnable else "".join(rng.choice(list("abcdefghijklmnop"), 10))
        turns = (
            Message(role="user", content=" ".join(words)),
            Message(role="assistant", content=str(answer)),
        )
        found.append(Example(id=f"r{i:03}", messages=turns))
    return found


@pytest.fixture(scope="session")
def examples() -> Callable[..., list[Example]]:
    return make_examples


@pytest.fixture
def recipe(tiny: Weights) -> Recipe:
    return Recipe(
        model=str(tiny.folder),
        rank=4,
        alpha=8,
        dropout=0.1,
        rate=1e-2,
        epochs=2,
        tokens_per_batch=256,
        fold_layers=0.5,
    )
