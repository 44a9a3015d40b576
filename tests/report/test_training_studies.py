from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report.pages import read
from tunewell.project import Project
from tunewell.report.html_page import page
from tunewell.report.interval_charts import sign
from tunewell.report.memorised_rows import MOST_DOTS, memorised_rows
from tunewell.report.results import Results, gather
from tunewell.report.training_charts import growth, scatter
from tunewell.report.training_studies import group_strips, recipe_strips, sizes
from tunewell.testing.factories import SampleProject, sample_project
from tunewell.testing.sample_studies import ask_training, sample_curve, sample_groups
from tunewell.types import Estimate, FoldTrace, Recipe

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def asked_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleProject]:
    made = sample_project(tmp_path_factory.mktemp("asked"), rows=150)
    ask_training(made.store, made.file.spec.train, groups=("Germany", "Austria", HOSTILE))
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def answered(asked_project: SampleProject) -> Results:
    return gather(Project(asked_project.file, asked_project.store))


def test_what_was_asked_of_the_training_stands_in_the_report(answered: Results) -> None:
    html = page(answered)
    assert answered.asked.curve is not None
    for words in (
        "What more rows would buy",
        "Does it hold for a new region?",
        "Recipes compared",
        "memorised",
        "What was learned, by slice",
        "By how much twice the rows, of all kinds",
    ):
        assert words in html
    assert {"D12", "T03"} <= {f.code for f in answered.findings}
    assert "Not measured yet" not in html
    assert HOSTILE not in html
    assert "&lt;img" in html
    assert not read(html).faults


def test_what_was_not_asked_is_said_with_the_command(results: Results) -> None:
    html = page(results)
    assert "Not measured yet" in html
    assert {"--curve", "--leave-out", "--search"} <= set(
        re.findall(r"tunewell train (--[a-z-]+)", html)
    )


def test_answers_about_other_rows_are_left_out(
    asked_project: SampleProject, tmp_path: Path
) -> None:
    made = sample_project(tmp_path / "other", rows=150, versions=2)
    try:
        early = next(r for r in made.store.runs(stage="train"))
        late = made.store.last_run("train")
        assert late is not None
        assert early.id != late.id
        ask_training(made.store, made.file.spec.train)
        curve = made.store.last_run("curve")
        assert curve is not None
        made.store.save_run(
            curve.model_copy(update={"inputs": early.inputs, "id": "20260101T000000-curve"})
        )
        found = gather(Project(made.file, made.store)).asked
        assert found.curve is not None  # the one about the rows at hand is still there
        assert len([f for f in found.findings if f.code == "D12"]) == 1
        assert not gather(Project(made.file, made.store)).asked == type(found)()
        made.store.save_run(late.model_copy(update={"inputs": {"examples": "0" * 64}}))
        assert gather(Project(made.file, made.store)).asked.curve is None
    finally:
        made.store.close()


@pytest.mark.parametrize(
    ("changed", "shown"),
    [({"backend": "trl"}, True), ({"forgetting_tasks": ["a"]}, True), ({"rank": 3}, False)],
)
def test_what_only_the_final_run_knows_does_not_part_it_from_the_answers(
    tmp_path: Path, changed: dict[str, Any], shown: bool
) -> None:
    made = sample_project(tmp_path / "final", rows=80)
    try:
        ask_training(made.store, made.file.spec.train)
        train = made.store.last_run("train")
        assert train is not None
        recipe = {**(train.parameters.get("recipe") or {}), **changed}
        made.store.save_run(
            train.model_copy(update={"parameters": {**train.parameters, "recipe": recipe}})
        )
        asked = gather(Project(made.file, made.store)).asked
        assert (asked.curve is not None, bool(asked.groups), asked.search is not None) == (
            shown,
            shown,
            shown,
        )
    finally:
        made.store.close()


def test_every_point_of_the_learning_curve_is_drawn_and_said() -> None:
    curve = sample_curve()
    drawn = str(growth(sizes(curve)))
    assert drawn.count('<g class="iv tuned">') == 4
    assert drawn.count('<g class="iv open">') == 2
    label = re.search(r'aria-label="([^"]*)"', drawn)
    assert label is not None
    assert label.group(1).count("(forecast)") == 2
    assert f"{curve.measured[-1].rows:,} rows" in label.group(1)
    heights = [float(y) for y in re.findall(r'<svg x="[0-9.]+%" y="([0-9.]+)%"', drawn)]
    assert heights == sorted(heights)  # a falling loss goes down the page, forecast included


def trace_of(gaps: list[float]) -> FoldTrace:
    n = len(gaps)
    held = np.zeros((2, n), bool)
    held[0] = True
    losses = np.full((2, 2, n), 2.0, np.float32)
    losses[1, 1] = 2.0 - np.asarray(gaps, np.float32)
    return FoldTrace(
        losses,
        np.full(n, 10, np.int64),
        held,
        np.asarray([0.0, 1.0]),
        tuple(f"r{i}" for i in range(n)),
    )


def test_rows_memorised_are_those_more_than_a_nat_below_the_diagonal() -> None:
    found = memorised_rows(trace_of([0.1, 1.4, 0.9, 1.01, -0.3]), epoch=1.0)
    assert found is not None
    assert (found.known, found.rows) == (2, 5)
    assert found.names == ("r1", "r3")
    drawn = str(scatter(found.dots, label="x"))
    assert drawn.count('class="dot memorised"') == 2
    assert drawn.count('class="dot new"') == 3


def test_many_rows_are_thinned_and_none_known_memorised_is_lost() -> None:
    gaps = np.random.default_rng(0).normal(0.2, 0.4, 3000)
    gaps[:7] = 1.5
    found = memorised_rows(trace_of(gaps.tolist()), epoch=None)
    assert found is not None
    assert len(found.dots) <= MOST_DOTS
    assert found.known == int((gaps > 1.0).sum())
    assert {d.row for d in found.dots if d.memorised} == {
        f"r{i}" for i in np.flatnonzero(gaps > 1.0)
    }


def test_a_trace_without_pairs_draws_nothing() -> None:
    trace = trace_of([0.1, 0.2])
    trace.losses[1, 1] = np.nan
    assert memorised_rows(trace, epoch=1.0) is None
    assert memorised_rows(None, epoch=1.0) is None


def test_groups_stand_worst_first_and_recipes_best_first(answered: Results) -> None:
    groups = group_strips(sample_groups(("a", "b", "c")))
    assert list(groups.rows) == ["c (90 rows)", "a (210 rows)", "b (150 rows)"]
    assert answered.asked.search is not None
    values = [row[0].value for row in recipe_strips(answered.asked.search).rows.values()]
    assert values == sorted(values)
    assert len(values) == 8


@pytest.mark.parametrize(
    ("low", "high", "wanted", "kind"),
    [(0.1, 0.3, -1, "nogo"), (-0.3, -0.1, -1, "go"), (0.1, 0.3, 1, "go"), (-0.1, 0.1, 1, "open")],
)
def test_the_sign_of_an_interval(low: float, high: float, wanted: int, kind: str) -> None:
    assert (
        sign(Estimate(value=(low + high) / 2, low=low, high=high, n=5, method="t"), wanted=wanted)
        == kind
    )


def test_asking_an_untrained_project_is_refused(tmp_path: Path) -> None:
    made = sample_project(tmp_path / "untrained", rows=60, stages=("curate",))
    try:
        with pytest.raises(ValueError, match="not been trained"):
            ask_training(made.store, Recipe())
    finally:
        made.store.close()
