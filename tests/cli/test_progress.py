"""How far a run is: for whoever watches it, and for ``tunewell status`` beside it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tunewell.cli.main import main
from tunewell.cli.progress import NOTE, Work, noted_in, watched
from tunewell.project import Project
from tunewell.store import Store

TASK = """\
task: {name: desk, about: Answers customers of a supplier., input: a question, output: an answer}
data: [{path: rows.jsonl}]
"""


def until(holds: Callable[[], bool], *, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def clock_of(*times: float) -> Callable[[], float]:
    left = list(times)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def test_a_line_says_how_far_and_how_long() -> None:
    work = Work("evaluate", clock=clock_of(0.0, 120.0))
    assert work.line() == "evaluate: 2 min so far"
    work.step(1, 1000)
    assert "left" not in work.line(), "one in a thousand tells nothing of the rest"
    work.step(400, 1000)
    assert work.line() == "evaluate: 40 % (400 of 1,000), 2 min so far, about 3 min left"
    work.step(1000, 1000)
    assert work.left_s == 0


def test_where_there_is_no_terminal_lines_are_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tunewell.cli.progress.SHOW_AFTER_S", 0.0)
    monkeypatch.setattr("tunewell.cli.progress.TICK_S", 0.01)
    monkeypatch.setattr("tunewell.cli.progress.LINES_AFTER_S", (0.0, 1000.0))
    said: list[str] = []
    with watched("split", quiet=False, below=None, kept_in=None) as step:
        step(3, 6)

        def heard() -> bool:
            said.append(capsys.readouterr().err)
            return "split: 50 % (3 of 6)" in said[-1]

        until(heard)
    assert "".join(said).count("split") == 1, "not a line every moment"


def test_a_quiet_piece_of_work_says_nothing_and_still_leaves_its_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tunewell.cli.progress.SHOW_AFTER_S", 0.0)
    monkeypatch.setattr("tunewell.cli.progress.TICK_S", 0.01)
    with watched("train", quiet=True, below=None, kept_in=tmp_path) as step:
        step(1, 4)
        until(lambda: noted_in(tmp_path).get("total") == 4)
        assert noted_in(tmp_path)["label"] == "train"
    assert capsys.readouterr().err == ""
    assert [*tmp_path.iterdir()] == []
    (tmp_path / NOTE).write_text("half", encoding="utf-8")
    assert noted_in(tmp_path) == {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n', encoding="utf-8")
    return tmp_path


def test_status_says_what_another_process_does(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Project.open(folder) as project, project.store.lock("tunewell run"):
        note = {"label": "train: folds", "done": 1, "total": 4, "left_s": 95.0}
        (project.store.root / NOTE).write_text(json.dumps(note), encoding="utf-8")
        assert main(["status", str(folder)]) == 0
        shown = capsys.readouterr().out
        assert "(tunewell run) since" in shown
        assert "train: folds, 25 %, about 2 min left" in shown
        assert f"next: tunewell status {folder}" in shown
        assert main(["status", str(folder), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["result"]["at_work"]["done"] == 1
    assert main(["status", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["at_work"] is None


def test_what_a_killed_process_left_is_not_taken_for_work(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store(folder) as store:
        (store.root / "lock").write_text("process 1 (tunewell run) since then", encoding="utf-8")
        assert store.holder() == ""
    assert main(["status", str(folder)]) == 0
    assert "at work" not in capsys.readouterr().out
