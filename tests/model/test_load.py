"""One rule for the device and the type of a base, whoever loads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewell.errors import ModelError
from tunewell.model.load import best_type, load_model
from tunewell.model.local import LocalModel
from tunewell.model.weights import Weights

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("native", [True, False])
def test_a_gpu_computes_in_bf16_only_where_it_has_instructions_for_it(
    native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def supported(*, including_emulation: bool) -> bool:
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    wanted = torch.bfloat16 if native else torch.float32
    assert best_type(torch.device("cuda")) == wanted


def test_training_and_evaluation_load_a_base_alike(tiny_weights: Weights) -> None:
    from tunewell.train.lora.load import load_network

    head = load_network(tiny_weights.folder).head
    model = LocalModel(tiny_weights)._network.model
    assert (head.dtype, head.device) == (model.dtype, model.device)
    assert not head.requires_grad


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded") as error:
        load_model(tmp_path, name="smollm2-135m")
    assert f"'smollm2-135m' in '{tmp_path}'" in error.value.message
