from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.evaluate.conftest import EvaluatedProject, FakeModel
from tunewell.errors import TaskError, UserError
from tunewell.evaluate import arms as module
from tunewell.evaluate import decide, evaluate
from tunewell.evaluate.baselines import BASELINES
from tunewell.model.base import Model
from tunewell.project import Project
from tunewell.types import Comparison

ARMS = (
    "evaluate.arms=[{name: production, model: live}, {name: mild, model: mild}, "
    "{name: bad, model: bad}]"
)
RIGHT = {"live": 0.6, "mild": 0.75, "bad": 0.1}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []

    def opener(model: str, url: str, here: Callable[[], Model]) -> Callable[[], Model]:
        def opens() -> Model:
            asked.append(model)
            return FakeModel(model, RIGHT[model], 2.5)

        return opens

    monkeypatch.setattr(module, "_opener", opener)
    return asked


def test_production_and_candidates_answer_the_same_rows_paired_and_corrected(
    project: EvaluatedProject, opened: list[str]
) -> None:
    gates = "gates=[{metric: label, kind: gain, at_least: 0.05, against: production}]"
    file = project.file(overrides=[ARMS, gates])
    project.approve(file)
    made = evaluate(
        project.dataset,
        project.split,
        project.version,
        Project(file, project.store),
        models=project.models,
    )
    assert made.arms == ("base", "prompted", "tuned", "production", "mild", "bad")
    assert set(opened) == set(RIGHT)
    by: dict[tuple[str, str], Comparison] = {
        (c.arm, c.against): c
        for c in made.comparisons
        if c.metric == "label" and not c.slice and c.against not in BASELINES
    }
    assert set(by) == {
        ("tuned", "base"),
        ("tuned", "prompted"),
        ("prompted", "base"),
        ("tuned", "production"),
        ("tuned", "mild"),
        ("tuned", "bad"),
        ("mild", "production"),
        ("bad", "production"),
    }
    assert by["tuned", "production"].estimate.low > 0
    assert by["bad", "production"].estimate.high < 0
    corrected = [by[a, "production"] for a in ("tuned", "mild", "bad")]
    for c in corrected:
        assert c.adjusted is not None
        assert c.p_value is not None
        assert c.adjusted >= c.p_value
    assert sum(c.adjusted > c.p_value for c in corrected if c.adjusted and c.p_value) >= 1
    assert by["prompted", "base"].adjusted is None or by["tuned", "base"].adjusted is not None
    assert not [
        c for c in made.comparisons if c.metric == "nats" and "production" in (c.arm, c.against)
    ]
    verdict = decide(made, Project(file, project.store), [])
    assert verdict.outcome == "GO"
    assert "production" in verdict.criteria[0].name


def test_another_candidate_is_another_evaluation(
    project: EvaluatedProject, opened: list[str]
) -> None:
    one = project.file(overrides=["evaluate.arms=[{name: production, model: live}]"])
    two = project.file(overrides=["evaluate.arms=[{name: production, model: mild}]"])
    for file in (one, one, two):
        evaluate(
            project.dataset,
            project.split,
            None,
            Project(file, project.store),
            models=project.models,
        )
    assert opened.count("live") == 1
    assert opened.count("mild") == 1


@pytest.mark.parametrize(
    ("arms", "why"),
    [
        ("[{name: production}]", "exactly one of version, adapter and model"),
        ("[{name: production, model: a, version: b}]", "exactly one of version, adapter and model"),
        ("[{name: production, version: a, url: 'http://x'}]", "a url needs the name of a model"),
        ("[{name: tuned, model: a}]", "is an arm of every evaluation"),
        ("[{name: a, model: a}, {name: a, model: b}]", "two arms have one name: a"),
    ],
)
def test_arms_that_do_not_hold_together_are_refused(
    project: EvaluatedProject, arms: str, why: str
) -> None:
    with pytest.raises(TaskError) as error:
        project.file(overrides=[f"evaluate.arms={arms}"])
    assert why in str(error.value)


def test_missing_versions_and_adapters_are_named(project: EvaluatedProject, tmp_path: Path) -> None:
    for arms, why in (
        ("version: v7", "no model version 'v7'"),
        ("adapter: old", "holds no adapter_model"),
    ):
        file = project.file(overrides=[f"evaluate.arms=[{{name: production, {arms}}}]"])
        with pytest.raises(UserError, match=why):
            evaluate(
                project.dataset,
                project.split,
                None,
                Project(file, project.store),
                models=project.models,
            )
