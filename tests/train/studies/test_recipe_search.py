"""Which recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.train.project import opened_project
from tunewell.train import search
from tunewell.train.diagnose.stopping import HeldOut
from tunewell.train.lora.run import LossReading
from tunewell.train.studies.race import Race, RecipeCandidate, Search
from tunewell.train.studies.recipe_search import confirm
from tunewell.types import Estimate, Example, Recipe

pytest.importorskip("torch")
Make = Callable[..., list[Example]]


def test_a_useless_recipe_leaves_the_race_and_the_simplest_of_equals_is_taken(
    tmp_path: Path, examples: Make, recipe: Recipe
) -> None:
    recipe = recipe.model_copy(update={"fold_layers": 1.0})
    same = recipe.model_copy(update={"rank": 8, "alpha": 16.0})
    useless = recipe.model_copy(update={"rate": 1e-6})
    project = opened_project(tmp_path, examples(44), recipe)
    found = search(*project, recipes=(same, recipe, useless))
    assert found.candidates[2].trained == 1.0
    assert "significantly behind" in found.candidates[2].left
    assert found.candidates[2].against_best.low > 0
    assert found.saved == pytest.approx(1 - sum(c.trained for c in found.candidates) / 6)
    assert found.saved >= 1 / 6
    assert found.chosen in {0, 1}
    assert found.candidates[found.best].against_best.value == 0
    run = project[2].store.last_run("search")
    assert run is not None
    assert search(*project, recipes=(same, recipe, useless)) == found  # taken over


class Told:
    """A run whose losses are known, revealed epoch by epoch."""

    def __init__(self, means: list[float], level: Any) -> None:
        noise = np.random.default_rng(int(1e6 * sum(means))).normal(
            0, 0.01, (len(means), len(level))
        )
        rows = [
            (m + level + x - x.mean())[None].astype(np.float32)
            for m, x in zip(means, noise, strict=True)
        ]
        self._all = [LossReading(float(e), x) for e, x in enumerate(rows)]
        self.readings = self._all[:1]

    def epoch_on(self) -> None:
        self.readings = self._all[: len(self.readings) + 1]


def searched(*, chosen: Recipe, own: Recipe) -> Search:
    none = Estimate(value=0.0, low=0.0, high=0.0, n=9, method="t")
    found = tuple(
        RecipeCandidate(recipe=r, changes=c, held_out=none, against_best=none, epochs=1, trained=1)
        for r, c in ((own, "own"), (chosen, "other"))
    )
    return Search(candidates=found, best=1, chosen=1, why="The other leads.", saved=0.5)


@pytest.mark.parametrize(
    ("rank", "behind", "kept", "says"),
    [
        (64, 0.3, 0, "your own recipe is kept"),  # the folds were wrong
        (64, -0.3, 1, "other stands"),
        (64, 0.002, 0, "your own recipe is kept"),  # no better, and not simpler
        (4, 0.002, 1, "other stands"),  # no better for certain, but simpler
        (4, 0.3, 0, "your own recipe is kept"),
    ],
)
def test_what_the_folds_choose_is_held_against_the_own_recipe_at_the_final_depth(
    rank: int, behind: float, kept: int, says: str
) -> None:
    own = Recipe(fold_layers=0.25)
    rng = np.random.default_rng(0)
    level = rng.normal(2.5, 0.4, 80)
    rule = HeldOut(np.ones((1, 80), np.bool_), np.full(80, 9), [str(i) for i in range(80)])

    def at_depth(i: int) -> list[Any]:
        noise = rng.normal(0, 0.1, (2, 80))
        return [(level + 1)[None], *((level + i * behind + n)[None] for n in noise)]

    found = confirm(
        searched(chosen=own.model_copy(update={"rank": rank}), own=own), own, at_depth, rule
    )
    assert found.chosen == kept
    assert says in found.why
    assert found.confirmed is not None
    assert found.confirmed.value == pytest.approx(behind, abs=0.04)


@pytest.mark.parametrize(
    ("levels", "kept", "says"),
    [
        ((0.0, -0.3, -0.5, 0.0), 2, "so it is chosen instead"),  # as on bank questions
        (
            (0.0, -0.3, -0.1, -0.9),
            1,
            "so the choice stays",
        ),  # what the folds rank last stays unseen
        ((0.0, 0.3, 0.2, 0.0), 0, "so the choice stays"),
        ((0.0, 0.3, -0.2, 0.0), 2, "so it is chosen instead"),
    ],
)
def test_the_next_best_of_the_folds_is_tried_at_depth_and_the_rest_is_said_to_be_unknown(
    levels: tuple[float, ...], kept: int, says: str
) -> None:
    own = Recipe(fold_layers=0.25)
    level = np.random.default_rng(0).normal(2.5, 0.4, 80)
    rule = HeldOut(np.ones((1, 80), np.bool_), np.full(80, 9), [str(i) for i in range(80)])
    trained = []

    def at_depth(i: int) -> list[Any]:
        trained.append(i)
        noise = np.random.default_rng(i).normal(0, 0.1, (2, 80))
        return [(level + 1)[None], *((level + levels[i] + n)[None] for n in noise)]

    found = searched(chosen=own.model_copy(update={"rank": 64}), own=own)
    rest = []
    for rate, loss in ((3e-3, 1.0), (3e-4, 2.0)):
        mean = Estimate(value=loss, low=loss, high=loss, n=9, method="t")
        recipe = own.model_copy(update={"rate": rate})
        update = {"recipe": recipe, "changes": f"rate {rate:g}", "held_out": mean}
        rest.append(found.candidates[1].model_copy(update=update))
    found = found.model_copy(update={"candidates": (*found.candidates, *rest)})
    done = confirm(found, own, at_depth, rule)
    assert trained == [0, 1, 2], "the last of the folds is not trained at depth"
    assert done.chosen == kept
    assert "rate 0.003, the next best over the folds, loses" in done.why
    assert says in done.why
    assert "How the others (1 of 4) rank at the final depth is not known" in done.why


def test_nothing_is_confirmed_where_it_would_say_nothing() -> None:
    def never(_: int) -> list[Any]:
        raise AssertionError("trained for nothing")

    rule = HeldOut(np.ones((1, 3), np.bool_), np.ones(3, np.int64), list("abc"))
    own = Recipe(fold_layers=0.25)
    other = own.model_copy(update={"rank": 64})
    same = searched(chosen=other, own=own).model_copy(update={"chosen": 0})
    own_one = confirm(same, own, never, rule)  # the own recipe was chosen
    assert own_one.chosen == 0
    assert "rank at the final depth is not known: all were compared" in own_one.why
    foreign = searched(chosen=other, own=own)
    assert (
        confirm(foreign, own.model_copy(update={"rate": 0.1}), never, rule) is foreign
    )  # it was not compared
    deep = own.model_copy(update={"fold_layers": 1.0})
    whole = searched(chosen=other, own=deep)
    assert confirm(whole, deep, never, rule) is whole  # the folds were at the final depth


def test_a_tie_after_one_epoch_does_not_end_a_recipe_that_still_learns() -> None:
    """As on contract clauses: equal after one epoch, 1 % apart in the end.

    Measured in `bench.training.stopping`.
    """
    level = np.random.default_rng(0).normal(0, 0.5, 60)
    recipes = [Recipe(epochs=3, rank=r, alpha=2 * r) for r in (16, 64, 8, 4)]
    curves = [
        [3.6, 2.95, 2.95, 2.95],
        [3.6, 2.951, 2.8, 2.75],
        [3.6, 2.951, 2.801, 2.751],
        [3.6, 2.9545, 2.7, 2.7],
    ]
    rule = HeldOut(np.ones((1, 60), np.bool_), np.full(60, 9), [str(i) for i in range(60)])
    found = Race(rule, recipes, [Told(c, level) for c in curves], own=recipes[0]).go()
    assert found.best == 1
    assert [c.trained for c in found.candidates] == [2.0, 3.0, 2.0, 1.0]
    assert found.candidates[0].left.startswith("significantly behind")
    assert found.candidates[2].left.startswith("no more than 0.5 % better")
    assert found.candidates[3].left.startswith("no better than")
