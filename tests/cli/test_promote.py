"""``tunewell promote`` and ``rollback``: what serves, on whose word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tunewell.cli.main import main
from tunewell.errors import UserError
from tunewell.iterate.versions import trained_versions
from tunewell.lineage import record
from tunewell.people import Accounts
from tunewell.people.approvals import approvals
from tunewell.people.promotion import promote
from tunewell.people.signed_release import awaiting_release, release_offer, sign_release
from tunewell.project import Project
from tunewell.releases import release, roll_back, serving
from tunewell.testing.factories import sample_project
from tunewell.types import Trained


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    sample_project(tmp_path, rows=240, outcome="GO", versions=2).store.close()
    return tmp_path


def approve(folder: Path) -> None:
    with Project.open(folder) as project:
        for name in approvals(project).missing:
            assert main(["approve", str(folder), "--as", name]) == 0


def test_a_verdict_and_signatures_are_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample_project(tmp_path, rows=240, outcome="NO-GO").store.close()
    assert main(["promote", "-p", str(tmp_path)]) == 1
    assert "is NO-GO, not GO" in capsys.readouterr().err


def test_a_project_without_a_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stages = ("curate", "split", "train")
    sample_project(tmp_path, rows=240, stages=stages).store.close()
    assert main(["promote", "-p", str(tmp_path)]) == 1
    assert "hint: tunewell run" in capsys.readouterr().err


def test_an_older_version_is_not_what_was_judged(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Project.open(desk) as project:
        first = project.store.runs(stage="train")[0]
        older = project.store.get_value(first.outputs["trained"], Trained).model.id
    assert main(["promote", older, "-p", str(desk)]) == 1
    assert "the last verdict is about" in capsys.readouterr().err


def test_promoted_and_rolled_back(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    approve(desk)
    at = ["-p", str(desk)]
    assert main(["rollback", "--reason", "x y", *at]) == 1
    with Project.open(desk) as project:
        release(project.store, "production", "older", signed_by="ann")
    capsys.readouterr()
    assert main(["promote", "--json", *at]) == 0
    made = json.loads(capsys.readouterr().out)["result"]
    assert made["replaces"] == "older"
    assert made["outcome"] == "GO"
    assert any(one.startswith("verdict:") for one in made["evidence"])
    assert main(["promote", *at]) == 1
    assert "already serves" in capsys.readouterr().err
    assert main(["rollback", "--reason", " ", *at]) == 1
    assert main(["rollback", "--reason", "wrong amounts", *at]) == 0
    with Project.open(desk) as project:
        now = serving(project.store, "production")
        assert now is not None
        assert (now.version, now.rollback, now.reason) == ("older", True, "wrong amounts")
        assert awaiting_release(project) is None, "what was taken back waits for nobody"


def test_status_says_what_serves_and_which_decision_is_of_before(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def status() -> dict[str, Any]:
        capsys.readouterr()
        main(["status", str(desk), "--json"])
        return dict(json.loads(capsys.readouterr().out)["result"])

    assert (status()["serving"], status()["decision"]) == ([], None)
    approve(desk)
    with Project.open(desk) as project:
        release(project.store, "production", "older", signed_by="ann")
        assert awaiting_release(project) is not None
    main(["decide", str(desk)])
    now = status()
    assert [each["version"] for each in now["serving"]] == ["older"]
    assert (now["decision"]["action"], now["decision"]["outdated"]) == ("promote", "")

    main(["promote", "-p", str(desk)])
    assert status()["decision"]["outdated"].startswith("It was made while older served; since")
    main(["status", str(desk)])
    shown = capsys.readouterr().out
    assert "does not hold any more: promote. It was made while older served" in shown
    assert shown.rstrip().endswith(f"next: tunewell decide {desk}")
    read = now["decision"]["id"]
    assert main(["decide", str(desk), "--sign", read]) == 1
    assert "does not hold any more" in capsys.readouterr().err
    main(["decide", str(desk)])
    assert status()["decision"]["outdated"] == ""


def test_a_verdict_beside_a_version_that_no_longer_serves_is_not_released(desk: Path) -> None:
    approve(desk)
    with Project.open(desk) as project:
        old, new = trained_versions(project.store)
        for stage in ("evaluate", "verdict"):
            last = project.store.last_run(stage)
            assert last is not None
            inputs = {**last.inputs, "arm production": "third"}
            parameters = dict(last.parameters)
            with record(project.store, stage, inputs=inputs, parameters=parameters) as run:
                run.outputs |= last.outputs
        release(project.store, "production", "third", signed_by="ann")
        assert awaiting_release(project) is not None
        release(project.store, "production", old, signed_by="ann")
        offer = release_offer(project)
        assert offer is not None
        assert "it compares with third" in offer.outdated
        assert not offer.may_be_signed
        with pytest.raises(UserError, match="compares with third"):
            promote(project, new, place="production", author="ann")
        roll_back(project.store, "production", signed_by="ann", reason="as before")
        assert awaiting_release(project) is not None


def test_owners_with_accounts_sign_in_the_app(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Project.open(desk) as project:
        accounts = Accounts(project.store)
        owner = accounts.create("ann", role="owner", password="long enough words")
    approve(desk)
    capsys.readouterr()
    at = ["-p", str(desk)]
    assert main(["promote", *at]) == 1
    said = capsys.readouterr().err
    with Project.open(desk) as project:
        assert approvals(project).missing == ()
        assert "no owner has signed" in said
        offer = release_offer(project)
        assert offer is not None
        sign_release(project, owner, place="staging", read=offer.artifact, reason="")
    assert main(["promote", *at]) == 0
