"""Losses on the general set, without and with an adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunewell.train.forgetting import losses as module
from tunewell.train.forgetting.general_rows import general_rows
from tunewell.train.forgetting.losses import general_losses
from tunewell.train.lora.rows import TrainRow
from tunewell.types import Recipe


@pytest.mark.parametrize("cut", [0, 2])
def test_general_text_is_scored_as_transformers_scores_it(
    tiny: Any, network: Any, tokenizer: Any, recipe: Recipe, cut: int
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from tunewell.train.lora.adapted import Adapted

    rows = general_rows(tokenizer)
    assert sum(r.id.startswith("text") for r in rows) >= 20
    rows = (rows[0], rows[-1])
    adapted = Adapted.begin(network, recipe, cut=cut)
    same = general_losses(adapted, rows)
    np.testing.assert_allclose(same[0], same[1], atol=1e-5)  # B is zero
    adapted.bank.values.add_(0.1)
    moved = general_losses(adapted, rows)
    np.testing.assert_array_equal(moved[0], same[0])
    assert np.abs(moved[1] - same[0]).min() > 0.01
    model = AutoModelForCausalLM.from_pretrained(tiny.folder, dtype=torch.float32)
    for row, loss in zip(rows, same[0], strict=True):
        ids = torch.from_numpy(row.ids.astype(np.int64))[None]
        labels = ids.clone()
        labels[:, : row.start] = -100
        assert model(input_ids=ids, labels=labels).loss.item() == pytest.approx(loss, abs=1e-4)


def rows_of(tokenizer: Any) -> tuple[TrainRow, ...]:
    return general_rows(tokenizer, work=0.0)


def test_the_losses_of_a_base_are_measured_once(
    network: Any, tokenizer: Any, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tunewell.train.lora.adapted import Adapted

    monkeypatch.setattr(module, "cache_folder", lambda: tmp_path)
    seen: list[int] = []
    measure = Adapted.measure

    def counted(self: Any, rows: Any, **how: Any) -> Any:
        seen.append(len(rows))
        return measure(self, rows, **how)

    monkeypatch.setattr(Adapted, "measure", counted)
    rows = rows_of(tokenizer)
    adapted = Adapted.begin(network, recipe, cut=0)
    adapted.bank.values.add_(0.1)

    def measured(weights: str) -> Any:
        seen.clear()
        return general_losses(adapted, rows, weights=weights), sum(seen)

    first, cost = measured("a")
    again, less = measured("a")
    assert (cost, less) == (2 * len(rows), len(rows))
    assert np.array_equal(first, again)
    assert measured("b")[1] == 2 * len(rows)  # another base
    assert measured("")[1] == 2 * len(rows)  # nothing is kept of a base without a digest
    for path in (tmp_path / "general").iterdir():
        path.write_bytes(path.read_bytes()[:-9])
    mended, cost = measured("a")
    assert cost == 2 * len(rows)
    assert np.array_equal(mended, first)
    assert measured("a")[1] == len(rows)
