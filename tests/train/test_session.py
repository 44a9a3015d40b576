"""What ways of training share is given back, whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.train.project import make_project
from tunewell.train.session import TrainingSession
from tunewell.types import Example, Recipe

pytest.importorskip("torch")


def test_memory_is_given_back_and_checkpoints_stay_when_something_fails(
    tmp_path: Path, examples: Callable[..., list[Example]], recipe: Recipe, tiny: Any
) -> None:
    dataset, split, _, store = make_project(tmp_path, examples(12), recipe, folds=2)
    work = tmp_path / "work"
    work.mkdir()
    session = TrainingSession(dataset, split, recipe, tiny, store, work)

    def cut_off() -> None:
        with session:
            assert session.network.layers == 4
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        cut_off()
    assert session._network is None
    assert work.is_dir()
    session.remove_checkpoints()
    assert not work.exists()
