from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tunewell.errors import ModelError
from tunewell.model.weights import Weights, resolve
from tunewell.testing.tiny import tiny_model_folder
from tunewell.train import fit, merge
from tunewell.types import Example, Message, Recipe

pytest.importorskip("torch")


def test_merged_it_answers_as_base_and_adapter_do(
    tiny: Weights,
    network: Any,
    examples: Callable[..., list[Example]],
    recipe: Recipe,
    tmp_path: Path,
) -> None:
    from tunewell.model.local import LocalModel

    adapter = fit(examples(12), recipe=recipe, weights=tiny, network=network).save(
        tmp_path / "adapter"
    )
    merged = resolve(str(merge(adapter, tiny, tmp_path / "merged")), cache=tmp_path / "cache")
    prompt = (Message(role="user", content="meter bill"),)
    both = [LocalModel(tiny, adapter=adapter, dtype="float32"), LocalModel(merged, dtype="float32")]
    one, other = (m.score([prompt], ["meter"])[0].nats for m in both)
    assert other == pytest.approx(one, abs=1e-4)
    assert one != pytest.approx(
        LocalModel(tiny, dtype="float32").score([prompt], ["meter"])[0].nats, abs=1e-2
    )
    with pytest.raises(ModelError, match="there already"):
        merge(adapter, tiny, tmp_path / "merged")


def test_an_adapter_of_another_base_is_refused(
    tiny: Weights,
    network: Any,
    examples: Callable[..., list[Example]],
    recipe: Recipe,
    tmp_path: Path,
) -> None:
    adapter = fit(examples(4), recipe=recipe, weights=tiny, network=network).save(
        tmp_path / "adapter"
    )
    other = resolve(str(tiny_model_folder(tmp_path / "other", layers=1)), cache=tmp_path / "cache")
    with pytest.raises(ModelError, match=r"has no model\.layers"):
        merge(adapter, other, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
