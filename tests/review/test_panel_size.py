"""How large a panel has to be."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tunewell.errors import UserError
from tunewell.review import plan_panel
from tunewell.stats import proportion
from tunewell.task import TaskSpec, parse_task

TASK = """
task: {name: a, about: answers questions, input: question, output: answer}
data: [{path: a.jsonl}]
metrics: [{name: label}]
people: {raters: 3, minutes_per_verdict: 2, rubric: [{name: right, question: "Is it right?"},
         {name: clear, question: "How clear?", scale: 1-5}]}
"""


def spec(gates: str) -> TaskSpec:
    return parse_task(TASK + f"gates: {gates}\n", path=Path("tunewell.yaml"), environment={}).spec


def test_a_share_against_its_threshold_has_the_power_that_was_asked_for() -> None:
    """Simulated: true share .9, threshold .8; Wilson's interval is above it in 80 % of panels."""
    plan = plan_panel(
        spec("[{metric: right, kind: level, at_least: 0.8}]"), available=1000, expected=0.9
    )
    assert plan.rows == 108
    assert (plan.raters, plan.verdicts, plan.hours) == (3, 324, 10.8)
    luck = random.Random(1)
    trials = 2000
    hits = sum(
        proportion(sum(luck.random() < 0.9 for _ in range(plan.rows)), plan.rows).low >= 0.8
        for _ in range(trials)
    )
    assert (
        0.76 < hits / trials < 0.88
    )  # 80 %, two standard errors of the simulation and the lattice of counts


def test_gains_need_the_outputs_of_both_arms() -> None:
    plan = plan_panel(
        spec("[{metric: clear, kind: gain, at_least: 0.2, against: base}]"), available=1000
    )
    assert plan.arms == ("tuned", "base")
    assert plan.needs[0].paired
    assert plan.verdicts == plan.rows * 2 * 3


def test_other_metrics_with_people_required_need_the_fewest() -> None:
    plan = plan_panel(
        spec("[{metric: label, kind: gain, at_least: 0.1, people: required}]"), available=1000
    )
    assert plan.rows == 30


def test_too_few_rows_are_said() -> None:
    plan = plan_panel(spec("[{metric: right, kind: level, at_least: 0.8}]"), available=40)
    assert plan.rows == 40
    assert plan.short == ("right >= 0.8",)


def test_what_cannot_be_planned_says_so() -> None:
    with pytest.raises(UserError, match=r"both 0\.8"):
        plan_panel(
            spec("[{metric: right, kind: level, at_least: 0.8}]"), available=40, expected=0.8
        )
    bare = parse_task(
        TASK.split("people:", maxsplit=1)[0], path=Path("tunewell.yaml"), environment={}
    ).spec
    with pytest.raises(UserError, match="no rubric"):
        plan_panel(bare, available=40)
