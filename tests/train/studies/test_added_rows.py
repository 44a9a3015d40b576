"""Added rows against as many tokens of their parents, on the same held-out rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.train.conftest import make_examples
from tests.train.project import opened_project
from tunewell.errors import DataError
from tunewell.train import train
from tunewell.train.diagnose.stopping import HeldOut
from tunewell.train.session import TrainingSession
from tunewell.train.studies.added_rows import (
    Sides,
    added_rows,
    overall_gain,
    verdict_of,
)
from tunewell.types import Estimate, Example, Recipe

pytest.importorskip("torch")

Make = Callable[..., list[Example]]


def children(parents: list[Example], count: int, *, learnable: bool = True) -> list[Example]:
    """More rows of the same kind, each as the child of a row of the folds."""
    rows = make_examples(count, seed=77, learnable=learnable)
    made = []
    for i, row in enumerate(rows):
        parent = parents[i % (len(parents) - 2)]
        told = {"id": f"{parent.id}~a-{i}", "parent": parent.id, "origin": "augmentation"}
        made.append(row.model_copy(update=told))
    return made


def test_both_sides_have_the_same_tokens_and_no_child_is_near_its_parent(
    tmp_path: Path, examples: Make, recipe: Recipe
) -> None:
    dataset, split, project = opened_project(tmp_path, examples(20), recipe)
    rows = project.store.examples(dataset)
    sides = Sides.of(rows, split, children(rows, 30), recipe)
    shortest = min(sides.tokens[row.id] for row in sides.again)
    assert abs(sides.count(sides.added) - sides.count(sides.again)) <= shortest
    place = {a.id: a for a in sides.split(split, "x").assignments}
    for row in (*sides.added, *sides.again):
        assert place[row.id].part == place[row.parent].part
        assert place[row.id].family == place[row.parent].family
    assert {row.parent for row in sides.again} <= {row.parent for row in sides.added}


def test_a_trial_is_recorded_and_taken_over(tmp_path: Path, examples: Make, recipe: Recipe) -> None:
    dataset, split, project = opened_project(tmp_path, examples(26), recipe)
    added = children(project.store.examples(dataset), 40)
    found = added_rows(dataset, split, added, project)
    assert found.rows == 40
    assert found.gain.low <= found.gain.value <= found.gain.high
    assert found.detectable > 0
    assert found.verdict == verdict_of(found.gain)
    assert found.again_tokens == pytest.approx(found.tokens, rel=0.02)
    assert added_rows(dataset, split, added, project) == found
    runs = project.store.runs(stage="augment-trial", status="finished")
    assert len(runs) == 1


def test_rows_whose_parents_are_in_no_fold_cannot_be_tried(
    tmp_path: Path, examples: Make, recipe: Recipe
) -> None:
    dataset, split, project = opened_project(tmp_path, examples(20), recipe)
    (row,) = children(project.store.examples(dataset), 1)
    of_test = row.model_copy(update={"parent": split.ids("test")[0]})
    with pytest.raises(DataError, match="none of the added rows"):
        added_rows(dataset, split, [of_test], project)


def with_children(tmp_path: Path, rows: list[Example], recipe: Recipe) -> tuple[object, ...]:
    dataset, split, project = opened_project(tmp_path, rows, recipe)
    store = project.store
    added = children(store.examples(dataset), 12)
    sides = Sides(store.examples(dataset), added, [], {})
    place = {a.id: a for a in split.assignments}
    every = [*store.examples(dataset), *added]
    assignments = [
        *split.assignments,
        *(place[row.parent].model_copy(update={"id": row.id}) for row in added),
    ]
    assert len(sides.rows) == len(every)
    both = dataset.model_copy(update={"examples": store.put_examples(every)})
    dealt = split.model_copy(update={"assignments": tuple(sorted(assignments, key=lambda a: a.id))})
    return both, dealt, project


def test_training_sees_synthetic_rows_and_is_never_measured_on_them(
    tmp_path: Path, examples: Make, recipe: Recipe
) -> None:
    from tunewell.model.weights import resolve
    from tunewell.project import Project
    from tunewell.store.traces import trace_from_bytes
    from tunewell.types import Dataset, Split

    dataset, split, project = with_children(tmp_path, examples(24), recipe)
    assert isinstance(dataset, Dataset)
    assert isinstance(split, Split)
    assert isinstance(project, Project)
    with TrainingSession(
        dataset, split, recipe, resolve(recipe.model), project.store, tmp_path / "work"
    ) as session:
        masks = session.fold_masks()
        synthetic = np.asarray(["~a-" in row.id for row in session.rows.rows])
        assert synthetic.sum() == 12
        assert not masks.measure[:, synthetic].any()
        assert not masks.held_out[:, synthetic].any()
        own = session.fold[None] == np.arange(session.folds)[:, None]
        assert not (masks.train & own).any(), "no fold sees a child of a row that it leaves out"
        assert masks.train[:, synthetic].sum() == 12 * (session.folds - 1)

    trained = train(dataset, split, project)
    assert trained.model.trained_on == 34
    assert trained.held_out_loss.n == 22
    trace = trace_from_bytes(project.store.files.open(trained.trace).read_bytes())
    measured = np.isfinite(trace.losses[-1])
    names = np.asarray(["~a-" in name for name in trace.examples])
    assert not measured[:, names].any()
    assert (measured & trace.held_out).sum(0)[~names].tolist() == [1] * 22


def test_the_interval_knows_of_the_luck_of_a_training() -> None:
    """Rows of a fold that move together are worth no more than one."""
    rng = np.random.default_rng(0)
    folds = np.repeat(np.arange(5), 200)
    luck = rng.normal(0, 0.1, 5)
    gains = luck[folds] + rng.normal(0, 0.05, 1000)
    names = [str(i) for i in range(1000)]
    rule = HeldOut(np.ones((1, 1000), np.bool_), np.full(1000, 5), names)
    found = overall_gain(gains, rule, folds)
    assert found.method == "t interval over folds"
    assert found.high - found.low > 0.1


def test_verdicts() -> None:
    def gain(low: float, high: float) -> Estimate:
        return Estimate(value=(low + high) / 2, low=low, high=high, n=9, method="made")

    assert verdict_of(gain(0.01, 0.2)) == "pays"
    assert verdict_of(gain(-0.01, 0.2)) == "adds nothing"
    assert verdict_of(gain(-0.2, -0.1)) == "hurts"
