"""``tunewell decide``: the decision, readings from a file, a claim under it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from tests.decide.case import alarm, put_look
from tunewell.cli.main import main
from tunewell.decide import decisions
from tunewell.iterate import decide_now
from tunewell.iterate.versions import newest_version
from tunewell.project import Project
from tunewell.releases import release
from tunewell.testing.factories import sample_project

PRICES = "costs: {machine_hour: 0.35, person_hour: 48, wrong_answer: 2, retraining: 900}\n"
LOOP = "decide: {answers_per_day: 150, fewest_rows: 1}\n"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A desk whose version has served since it was trained, and has prices."""
    sample_project(tmp_path, rows=240, outcome="GO").store.close()
    path = tmp_path / "tunewell.yaml"
    kept = [line for line in path.read_text().splitlines() if not line.startswith("costs:")]
    path.write_text("\n".join(kept) + "\n" + PRICES + LOOP, encoding="utf-8")
    return tmp_path


def serve(folder: Path) -> tuple[str, dt.datetime]:
    with Project.open(folder) as project:
        newest = newest_version(project.store)
        assert newest is not None
        release(project.store, "production", newest.model.adapter, signed_by="ann")
        return newest.model.adapter, newest.at


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return dict(json.loads(capsys.readouterr().out)["result"])


def test_a_candidate_waits_for_what_the_project_asks_for(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["decide", str(desk)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("HOLD: ")
    assert "the approval of head of service desk" in shown
    main(["approve", str(desk), "--as", "head of service desk"])
    capsys.readouterr()
    assert main(["decide", str(desk)]) == 0
    assert "next: tunewell promote" in capsys.readouterr().out


def test_readings_make_it_due_and_a_change_of_the_judge_does_not(
    desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    version, trained = serve(desk)
    lines = ["at,version,wrong,n,by"]
    for week in range(20):
        day = (trained + dt.timedelta(days=7 * week + 3)).date()
        lines.append(f"{day},{version[:10]},{20 + 3 * week},200,judge")
    table = tmp_path / "quality.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for _ in range(2):
        assert main(["decide", str(desk), "--readings", str(table), "--json"]) == 0
        found = said(capsys)
    assert found["decision"]["schedule"]["readings"] == 20
    assert len(found["decision"]["schedule"]["cadences"]) == 4

    later = trained + dt.timedelta(days=141)
    with Project.open(desk) as project:
        assert len(decisions(project.store)) == 1, "the same evidence is the same decision"
        due = decide_now(project, now=later)
        assert due.decision.action == "collect", "there are no new rows yet"
        assert due.decision.why.startswith("Retraining is due")
        overdue = decide_now(project, now=later + dt.timedelta(days=30))
        assert overdue.decision.gain is not None
        assert overdue.decision.gain.low > 0.1
        run = project.store.last_run("decide")
        assert run is not None
        assert [(each.code, each.status) for each in run.findings] == [("L07", "found")]

        change = alarm("judge", 0).alarm.model_copy(
            update={"since_low": trained, "since_high": later, "raised": later}
        )
        put_look(project.store, change)
        held = decide_now(project, now=later + dt.timedelta(days=31))
        assert held.decision.action == "hold"
        assert "not the model" in held.decision.why
    assert main(["decide", str(desk), "--settle", "nothing", "--reason", "fixed it"]) == 1
    assert main(["decide", str(desk), "--settle", change.id, "--reason", "fixed"]) == 1
    capsys.readouterr()
    settled = ["decide", str(desk), "--settle", change.id, "--reason", "judge validated"]
    assert main([*settled, "--json"]) == 0
    assert "not the model" not in said(capsys)["decision"]["why"]


def test_a_decision_is_signed_once_it_was_read(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(desk)
    assert main(["decide", str(desk), "--json"]) == 0
    id = said(capsys)["id"]
    assert main(["decide", str(desk), "--sign", "0" * 16]) == 1
    assert "there is no decision" in capsys.readouterr().err
    assert main(["decide", str(desk), "--sign", id, "--against", "--as", "bo"]) == 1
    assert "needs a reason" in capsys.readouterr().err
    assert main(["decide", str(desk), "--sign", id, "--as", "bo", "--json"]) == 0
    assert [each["by"] for each in said(capsys)["signatures"]] == ["bo"]
    assert main(["decide", str(desk), "--against"]) == 1


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ('{"at": "2026-03-01", "version": "x", "wrong": 1, "n": 9}', "no version 'x'"),
        ('{"at": "2026-03-01", "wrong": 1, "n": 9}', "no field 'version'"),
        ('{"at": "soon", "version": "x", "wrong": 1, "n": 9}', "isoformat"),
        ('{"at": "2026-03-01", "version": "x", "wrong": 12, "n": 9}', "wrong is 12 of n = 9"),
        ("[1]", "no field 'n'"),
        ("{", "not JSON"),
    ],
)
def test_what_is_no_reading_is_refused_with_its_line(
    desk: Path, tmp_path: Path, row: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "quality.jsonl"
    table.write_text(f"\n{row}\n", encoding="utf-8")
    assert main(["decide", str(desk), "--readings", str(table)]) == 1
    told = capsys.readouterr().err
    assert "quality.jsonl:2" in told
    assert why in told
    assert "hint:" in told
