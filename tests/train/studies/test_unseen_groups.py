"""A group that was never seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.train.project import opened_project
from tunewell.errors import DataError
from tunewell.train import leave_groups_out
from tunewell.train.studies.unseen_groups import GroupLoss, Groups, new_group_failure
from tunewell.types import Estimate, Example, Recipe

pytest.importorskip("torch")

Make = Callable[..., list[Example]]


def test_a_group_that_was_never_seen_is_measured_against_itself_seen(
    tmp_path: Path, examples: Make, recipe: Recipe
) -> None:
    rows = [
        e.model_copy(update={"source": ("north", "south", "west")[i % 3]})
        for i, e in enumerate(examples(32))
    ]
    project = opened_project(tmp_path, rows, recipe)
    found = leave_groups_out(*project)
    assert [g.group for g in found.groups] == ["north", "south", "west"]
    for group in found.groups:
        assert group.rows == 10
        assert group.penalty.value == pytest.approx(group.unseen.value - group.seen.value, abs=1e-4)
    run = project[2].store.last_run("groups")
    assert run is not None
    assert [f.code for f in run.findings] == ["T03"]


def test_one_group_cannot_be_left_out(tmp_path: Path, examples: Make, recipe: Recipe) -> None:
    project = opened_project(tmp_path, examples(20), recipe)
    with pytest.raises(DataError, match="the field 'source' has 1 group of at least 5 rows"):
        leave_groups_out(*project)


def near(value: float, half: float) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, n=40, method="made")


@pytest.mark.parametrize(
    ("penalty", "gain", "status"),
    [(0.1, 0.8, "clear"), (0.9, 0.0, "found"), (0.05, 0.0, "unchecked")],
)
def test_a_group_fails_when_training_gives_it_nothing(
    penalty: float, gain: float, status: str
) -> None:
    fine = GroupLoss(
        group="a",
        rows=40,
        unseen=near(1, 0.1),
        seen=near(1, 0.1),
        penalty=near(0, 0.1),
        gain=near(1, 0.1),
    )
    other = fine.model_copy(
        update={"group": "b", "penalty": near(penalty, 0.1), "gain": near(gain, 0.1)}
    )
    finding = new_group_failure(Groups(field="source", groups=(fine, other)))
    assert finding.status == status
    assert finding.slice == "source=b"
