"""A turn of the loop, with the tiny model: what is new, the version, its promotion."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.iterate.loop_project import asked_in_use, lines, loop_project
from tunewell.iterate import Iteration, iterate
from tunewell.people import Accounts
from tunewell.people.accepted_findings import accept_finding
from tunewell.people.approvals import claim_approval
from tunewell.project import Project
from tunewell.releases import history, serving
from tunewell.testing.tiny import tiny_model_folder
from tunewell.types import Split


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("TUNEWELL_CACHE", str(tmp_path / "cache"))
    model = tiny_model_folder(tmp_path / "model")
    return loop_project(tmp_path / "project", model)


def turn(project: Project, *, when_due: bool = False) -> Iteration:
    with project.store.lock("test"):
        return iterate(project, author="cron", when_due=when_due)


class StoppedTurn(BaseException):
    """Ends a turn where a kill might."""


def stopped(project: Project, line: str) -> None:
    """A turn that ends when it says this."""

    def say(text: str) -> None:
        if text == line:
            raise StoppedTurn

    with project.store.lock("test"):
        iterate(project, author="cron", say=say)


def state(made: Iteration, name: str) -> str:
    return next(step.state for step in made.steps if step.name == name)


def rows_held_out(project: Project) -> frozenset[str]:
    run = project.store.last_run("split")
    assert run is not None
    return frozenset(project.store.get_value(run.outputs["split"], Split).ids("test"))


def let_through(project: Project) -> None:
    """What the tiny model cannot do is accepted, and the owner approves the definition."""
    run = project.store.last_run("verdict")
    assert run is not None
    for code in sorted({f.code for f in run.findings if f.status == "found" and f.blocking}):
        reason = "a model of two layers says nothing"
        accept_finding(project.store, code, reason=reason, until="2099-01-01", author="ann")
    claim_approval(project, "owner", login="ann")


def test_a_correction_from_use_becomes_a_promoted_version(project: Project) -> None:
    first = turn(project)
    assert (first.serving, first.promoted, first.outcome) == ("", False, "INCONCLUSIVE")
    assert first.decision.action == "collect"
    held_out = rows_held_out(project)

    let_through(project)
    earned = turn(project)
    assert earned.version == first.version
    assert state(earned, "train") == "reused"
    assert (earned.outcome, earned.promoted) == ("GO", True)
    release = serving(project.store, "production")
    assert release is not None
    assert (release.version, release.signed_by) == (first.version, "cron")
    assert f"decision {earned.decision_id}" == release.reason

    asked_in_use(project.store, 1, corrected="Counter 1 is in hall A.")
    asked_in_use(project.store, 1, corrected="Counter 1 is in hall B, on the left.")
    asked_in_use(project.store, 2)
    idle = turn(project, when_due=True)
    assert idle.version == ""
    assert idle.decision.action == "hold"

    with pytest.raises(StoppedTurn):
        stopped(project, "evaluate …")
    second = turn(project)
    assert state(second, "train") == "reused", "what was finished before the stop is kept"
    assert state(second, "evaluate") == "done"
    assert second.difference is not None
    assert second.difference.added == ("use-0190-0001",)
    assert second.version not in {"", first.version}
    assert rows_held_out(project) == held_out, "what judged the serving version is not dealt anew"
    taken = project.store.examples(second_dataset(project), ids=["use-0190-0001"])
    assert taken[0].target == "Counter 1 is in hall B, on the left."
    assert taken[0].origin == "production"

    if second.promoted:
        assert len(history(project.store, "production")) == 2
    again = turn(project)
    assert again.version in {"", second.version}
    assert state(again, "curate") == "reused"


def second_dataset(project: Project) -> str:
    run = project.store.last_run("curate")
    assert run is not None
    return run.outputs["examples"]


def test_nothing_is_promoted_without_the_owners_signature(project: Project) -> None:
    turn(project)
    let_through(project)
    Accounts(project.store).create("owner", role="owner", password="long enough words")
    Accounts(project.store).create("ann", role="expert", password="long enough words")
    made = turn(project)
    assert not made.promoted
    assert serving(project.store, "production") is None
    assert "owner" in " ".join([made.decision.why, *made.decision.would_change])


def test_new_rows_do_not_deal_the_test_set_anew(project: Project) -> None:
    turn(project)
    let_through(project)
    assert turn(project).promoted
    held_out = rows_held_out(project)
    path = project.file.root / "rows.jsonl"
    path.write_text(lines(0, 60) + lines(60, 8), encoding="utf-8")
    made = turn(project)
    assert made.difference is not None
    assert len(made.difference.added) == 8
    assert held_out <= rows_held_out(project)
