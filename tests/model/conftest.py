"""One tiny model for the whole room, and the embedded one where the cache or its package has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewell.errors import UserError
from tunewell.model.weights import Weights, resolve
from tunewell.testing.tiny import tiny_model_folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    return tiny_model_folder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_weights(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return resolve(str(tiny), cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def smollm2() -> Weights:
    """The real weights; the first time on a machine this takes about 20 s."""
    try:
        return resolve("smollm2-135m")
    except UserError as error:
        pytest.skip(f"no real weights here: {error.args[0]}")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    try:
        import torch
    except ImportError:
        return
    # Threads that wait for a core that another process holds cost more than they bring.
    torch.set_num_threads(1)
