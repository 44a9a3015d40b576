"""The demo sizes itself to the machine, keeps raw rows raw, and ends with a verdict."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from examples.desk.compare import everything
from examples.desk.demo import FIXED_S, LEAST_TOKENS, REAL_SHARE, approve, demo, token_budget
from examples.desk.make import make

from tunewell.plan import Speeds
from tunewell.store import Store
from tunewell.task import load_task
from tunewell.testing.tiny import tiny_model_folder

ROOT = Path(__file__).resolve().parents[2]
SPEEDS = Speeds(train=390, folds=390, trunk=1000, generate=80)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "desk"
    make(out, rows=100)
    return out


def test_a_faster_machine_and_more_time_train_on_more(project: Path) -> None:
    spec = load_task(project).spec
    twice = Speeds(train=780, folds=780, trunk=2000, generate=160)
    usual = token_budget(spec, SPEEDS, seconds=600)
    assert LEAST_TOKENS < usual < token_budget(spec, twice, seconds=600)
    assert usual < token_budget(spec, SPEEDS, seconds=900)
    assert token_budget(spec, SPEEDS, seconds=1) == LEAST_TOKENS


def test_the_budget_is_what_the_work_costs(project: Path) -> None:
    spec = load_task(project).spec
    tokens = token_budget(spec, SPEEDS, seconds=600)
    epochs, folds = spec.train.epochs, spec.split.folds
    curve = 0.125 * 4 + 0.25 * 3 + 0.5 * 3  # epochs over all rows, the smaller shares going longer
    training = tokens * (1 / 1000 + (epochs + curve) * (folds - 1) / 390 + 2 * epochs / 390)
    answers = 4 * spec.evaluate.max_rows * spec.evaluate.max_new_tokens / 80
    assert training / REAL_SHARE + answers + FIXED_S <= 600
    assert training / REAL_SHARE + answers + FIXED_S > 580


def test_everything_is_everything_and_nothing_of_the_test_set(project: Path) -> None:
    file = load_task(project)
    rows = everything(file)
    texts = [row.target for row in rows]
    assert any("haha" in t or "!" in t for t in texts), "small talk stays in"
    assert any("confidential" in t or "registered in" in t or "liability" in t for t in texts), (
        "so do footers"
    )
    assert not any(row.source == "exam" for row in rows)
    assert all(row.messages[0].role == "system" and row.target.strip() for row in rows)


def test_everybody_approves_once(project: Path, tmp_path: Path) -> None:
    file = load_task(project)
    with Store(tmp_path) as store:
        approve(file, store)
        approve(file, store)
        assert [event.author for event in store.said("approval", subject=file.definition)] == [
            "head of service"
        ]


def test_the_whole_way_with_a_tiny_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All stages, the comparison, the tables and the report.

    A second call takes over what is finished.
    """
    tiny = tiny_model_folder(tmp_path / "tiny")
    for name, value in {
        "TRAIN__MODEL": str(tiny),
        "EVALUATE__MAX_ROWS": "12",
        "EVALUATE__MAX_NEW_TOKENS": "4",
    }.items():
        monkeypatch.setenv(f"TUNEWELL__{name}", value)
    monkeypatch.setenv("TUNEWELL_CACHE", str(tmp_path / "cache"))
    report = demo(tmp_path, seed=7, rows=120, minutes=1, tokens=5000)
    first = capsys.readouterr()
    page = report.read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert "What more rows would buy" in page
    for words in (
        "What was planted",
        "Wrongly dropped: ",
        "curated minus dumped",
        "More rows (D12",
        "Verdict: ",
        str(report.name),
    ):
        assert words in first.out
    demo(tmp_path, seed=7, rows=120, minutes=1, tokens=5000)
    second = capsys.readouterr()
    assert second.out.split("Report: ")[0] == first.out.split("Report: ")[0]
    assert "train: already finished, reused" in second.err


@pytest.mark.slow
def test_the_demo_ends_with_a_verdict(tmp_path: Path) -> None:
    """With the real model in a small size, as `make demo` calls it."""
    command = [
        sys.executable,
        str(ROOT / "examples" / "desk" / "demo.py"),
        "--out",
        str(tmp_path),
        "--tokens",
        "4000",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr
    assert "Verdict: " in done.stdout
    assert Path(done.stdout.split("Report: ", 1)[1].strip()).is_file()
