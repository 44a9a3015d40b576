from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunewell.errors import DataError
from tunewell.train import fit, measure_speed
from tunewell.types import Example, Recipe

pytest.importorskip("torch")
Make = Callable[..., list[Example]]


def test_the_losses_of_a_tiny_run_are_these(
    tiny: Any, network: Any, examples: Make, recipe: Recipe
) -> None:
    rows = examples(40)
    done = fit(rows[:30], recipe=recipe, weights=tiny, held_out=rows[30:], network=network)
    means = [float(np.mean(list(x.values()))) for x in (done.before, done.losses)]
    assert means == pytest.approx(PINNED, abs=2e-3)
    assert done.epochs == 2.0
    assert set(done.losses) == {r.id for r in rows[30:]}


PINNED = [6.3978, 5.2188]


def test_the_same_seed_gives_the_same_bytes(tiny: Any, examples: Make, recipe: Recipe) -> None:
    first, second, other = (
        fit(examples(20), recipe=recipe, weights=tiny, seed=s) for s in (3, 3, 4)
    )
    name = "adapter_model.safetensors"
    assert first.files[name] == second.files[name]
    assert first.files[name] != other.files[name]


@pytest.mark.parametrize("budget", [500, 2500, 6000])
def test_two_sets_of_rows_get_the_same_budget(
    tiny: Any, examples: Make, recipe: Recipe, budget: int
) -> None:
    few, many = (
        fit(examples(n), recipe=recipe, weights=tiny, budget_tokens=budget) for n in (15, 60)
    )
    for done in (few, many):
        assert abs(done.tokens - budget) <= recipe.tokens_per_batch / 2
    assert few.epochs > many.epochs


def test_nothing_to_train_on_says_why(tiny: Any, examples: Make, recipe: Recipe) -> None:
    with pytest.raises(
        DataError, match="none of the 5 rows can be trained on: 5 are longer than 16 tokens"
    ):
        fit(examples(5), recipe=recipe.model_copy(update={"max_tokens": 16}), weights=tiny)


def test_it_is_saved_as_a_folder(tiny: Any, examples: Make, recipe: Recipe, tmp_path: Path) -> None:
    from tunewell.model.adapter import read_adapter

    done = fit(examples(8), recipe=recipe, weights=tiny, budget_tokens=300)
    assert read_adapter(done.save(tmp_path / "adapter")).plain


@pytest.mark.parametrize("layers", [1.0, 0.5, 0.25])
def test_what_training_measures_is_what_the_saved_adapter_gives(
    tiny: Any, network: Any, examples: Make, recipe: Recipe, tmp_path: Path, layers: float
) -> None:
    """At any depth: the layers below the adapters are part of the model, cached or not."""
    from tunewell.model.local import LocalModel

    rows = examples(30)
    shallow = recipe.model_copy(update={"layers": layers})
    done = fit(rows[:20], recipe=shallow, weights=tiny, held_out=rows[20:], network=network)
    model = LocalModel(tiny, done.save(tmp_path / "adapter"), dtype="float32")
    scores = model.score([e.prompt for e in rows[20:]], [e.target for e in rows[20:]])
    served = {e.id: s.nats / s.tokens for e, s in zip(rows[20:], scores, strict=True)}
    assert done.losses == pytest.approx(served, abs=2e-3)


def test_progress_ends_at_the_end(tiny: Any, examples: Make, recipe: Recipe) -> None:
    seen: list[tuple[int, int]] = []
    done = fit(examples(10), recipe=recipe, weights=tiny, progress=lambda d, t: seen.append((d, t)))
    assert seen[-1] == (done.tokens, done.tokens)


@pytest.mark.parametrize(
    "change", [{"noise": 5.0}, {"weight_decay": 0.5}, {"label_smoothing": 0.2}, {"dropout": 0.5}]
)
def test_every_regulariser_changes_the_result(
    tiny: Any, examples: Make, recipe: Recipe, change: dict[str, float]
) -> None:
    plain, other = (
        fit(examples(10), recipe=r, weights=tiny)
        for r in (recipe, recipe.model_copy(update=change))
    )
    assert plain.files["adapter_model.safetensors"] != other.files["adapter_model.safetensors"]


def test_speed_is_measured_in_every_kind_of_work(tiny: Any, recipe: Recipe) -> None:
    speeds = measure_speed(tiny, recipe.model_copy(update={"max_tokens": 64}), seconds=0.2)
    assert sorted(speeds) == ["folds", "generate", "train", "trunk"]
    assert all(v > 0 for v in speeds.values())


@pytest.mark.parametrize("layers", [1.0, 0.5, 0.25])
def test_the_saved_adapter_has_the_losses_that_training_measured(
    layers: float, tiny: Any, network: Any, examples: Make, recipe: Recipe, tmp_path: Path
) -> None:
    from tunewell.model.local import LocalModel

    rows = examples(24)
    done = fit(
        rows[:18],
        recipe=recipe.model_copy(update={"layers": layers, "max_tokens": 256}),
        weights=tiny,
        held_out=rows[18:],
        network=network,
    )
    model = LocalModel(tiny, done.save(tmp_path / "adapter"), dtype="float32")
    scores = model.score([e.prompt for e in rows[18:]], [e.target for e in rows[18:]])
    for example, score in zip(rows[18:], scores, strict=True):
        assert score.nats / score.tokens == pytest.approx(done.losses[example.id], rel=2e-3)
