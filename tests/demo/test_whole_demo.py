"""The demo sizes itself to the machine, keeps raw rows raw, and ends with a verdict."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.conftest import texts
from tunewell.cli.main import main
from tunewell.demo.desk_team import ANNOTATION, EXPERTS, LEFT, REVIEW, SIGN_IN
from tunewell.demo.dumped import everything
from tunewell.demo.make_desk import make_desk
from tunewell.demo.sizing import (
    FEWEST_ROWS,
    FIXED_S,
    LEAST_TOKENS,
    LOOK_SPEED,
    MOST_ROWS,
    MOST_TOKENS,
    demo_size,
    row_seconds,
    token_seconds,
)
from tunewell.demo.whole_demo import approve_all
from tunewell.people import Accounts, Passwords, WorkStore
from tunewell.plan import Speeds
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import load_task
from tunewell.testing.tiny import tiny_model_folder

ROOT = Path(__file__).resolve().parents[2]
SPEEDS = Speeds(train=580, folds=620, trunk=2200, generate=180)
"""Of two cores without AMX, as measured."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "desk"
    make_desk(out, rows=100)
    return out


def times(speeds: Speeds, factor: float) -> Speeds:
    return Speeds(**{name: factor * value for name, value in speeds.model_dump().items()})


def test_a_faster_machine_and_more_time_train_and_ask_more(project: Path) -> None:
    spec = load_task(project).spec
    usual = demo_size(spec, SPEEDS, seconds=900)
    faster = demo_size(spec, times(SPEEDS, 2), seconds=900)
    longer = demo_size(spec, SPEEDS, seconds=1350)
    assert LEAST_TOKENS < usual.tokens < faster.tokens
    assert usual.tokens < longer.tokens
    assert FEWEST_ROWS <= usual.rows <= faster.rows <= MOST_ROWS
    least = demo_size(spec, SPEEDS, seconds=1)
    assert (least.tokens, least.rows) == (LEAST_TOKENS, FEWEST_ROWS)
    most = demo_size(spec, times(SPEEDS, 50), seconds=3600)
    assert (most.tokens, most.rows) == (MOST_TOKENS, MOST_ROWS)


@pytest.mark.parametrize("factor", [0.6, 1, 2, 5])
def test_the_size_is_what_the_work_costs(project: Path, factor: float) -> None:
    spec = load_task(project).spec
    speeds = times(SPEEDS, factor)
    size = demo_size(spec, speeds, seconds=900)
    epochs, folds = spec.train.epochs, spec.split.folds
    curve = 0.125 * 4 + 0.25 * 3 + 0.5 * 3  # epochs over all rows, the smaller shares going longer
    # Once untrained, after each epoch seen and not seen; the curve's second half; three at the end.
    looks = 1 + 2 * epochs + (3 + 2 + 2) + 3
    training = size.tokens * (
        1 / speeds.trunk
        + (epochs + curve) * (folds - 1) / speeds.folds
        + looks / (LOOK_SPEED * speeds.folds)
        + 2 * epochs / speeds.train
    )
    assert training == pytest.approx(size.tokens * token_seconds(spec, speeds))
    answers = size.rows * row_seconds(spec, speeds)
    assert training + answers + FIXED_S == pytest.approx(size.seconds)
    assert size.seconds <= 901 or (size.tokens, size.rows) == (LEAST_TOKENS, FEWEST_ROWS)
    if LEAST_TOKENS < size.tokens < MOST_TOKENS:
        assert size.seconds > 870


def test_every_phase_that_is_slow_makes_the_demo_smaller(project: Path) -> None:
    """Generation alone ten times slower, training alone: nothing is taken to be as fast."""
    spec = load_task(project).spec
    usual = demo_size(spec, SPEEDS, seconds=900)
    for phase in Speeds.model_fields:
        slow = SPEEDS.model_copy(update={phase: getattr(SPEEDS, phase) / 10})
        found = demo_size(spec, slow, seconds=900)
        assert found.tokens < usual.tokens or found.rows < usual.rows, phase
        smallest = (LEAST_TOKENS, FEWEST_ROWS)
        assert found.seconds <= 901 or (found.tokens, found.rows) == smallest, phase


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
        approve_all(file, store)
        approve_all(file, store)
        assert [event.author for event in store.said("approval", subject=file.definition)] == [
            "head of service"
        ]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder of a demo that has run, with a tiny model."""
    folder = tmp_path_factory.mktemp("whole")
    tiny = tiny_model_folder(folder / "tiny")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "TUNEWELL__TRAIN__MODEL": str(tiny),
            "TUNEWELL__EVALUATE__MAX_ROWS": "12",
            "TUNEWELL__EVALUATE__MAX_NEW_TOKENS": "4",
            "TUNEWELL_CACHE": str(folder / "cache"),
        }.items():
            patch.setenv(name, value)
        command = ["demo", str(folder / "d"), "--rows", "120", "--tokens", "5000", "--json"]
        assert main(command) == 0
        yield folder


def test_the_whole_way_with_a_tiny_model(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All stages, the comparison, the tables and the report; a second call takes over."""
    command = ["demo", str(done / "d"), "--rows", "120", "--tokens", "5000"]
    assert main(command) == 0
    told = capsys.readouterr()
    for words in (
        "What was planted",
        "Wrongly dropped: ",
        "curated minus dumped",
        "More rows (D12",
        "Verdict: ",
        "tunewell serve",
    ):
        assert words in told.out
    assert "train: already finished, reused" in told.err
    report = Path(told.out.split("Report: ", 1)[1].strip())
    page = report.read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert "What more rows would buy" in page
    assert main([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["command"] == "demo"
    assert result["verdict"] in {"GO", "NO-GO", "INCONCLUSIVE"}
    assert result["result"]["planted"]


def test_two_experts_find_their_work_and_the_owner_what_one_has_said(done: Path) -> None:
    from fastapi.testclient import TestClient

    from tunewell.people import Sessions
    from tunewell.web import create_app

    folder = done / "d" / "desk"
    note = folder / SIGN_IN
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    passwords = dict(line.split(": ") for line in note.read_text().splitlines()[1:])
    assert list(passwords) == list(EXPERTS)
    with Store(folder) as store:
        book = WorkStore(store)
        assert {batch.title for batch in book.batches()} == {REVIEW, ANNOTATION}
        for name, password in passwords.items():
            account = Passwords(store).check(name, password)
            assert account is not None
            queues = {queue.batch.title: queue for queue in book.queues(account.id)}
            assert queues[REVIEW].left >= LEFT
        first = Accounts(store).by_name(EXPERTS[0])
        assert first is not None
        review = next(batch for batch in book.batches() if batch.title == REVIEW)
        assert book.verdicts(review.id, account=first.id)
        assert store.check_ledger().faults == ()

        app = create_app(Project(load_task(folder), store))
        owner = Accounts(store).create("Olga", role="owner")
        client = TestClient(app)
        client.cookies.set("tunewell", Sessions(store).start(owner))
        page = texts(client.get(f"/batches/{review.id}").text)
        assert EXPERTS[0] in page
        assert "faithful" in page


def test_the_data_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "my-desk"
    assert main(["demo", str(folder), "--data-only", "--rows", "100", "--seed", "11"]) == 0
    assert "clean rows" in capsys.readouterr().out
    assert load_task(folder).spec.people.rubric
    assert (folder / "raw" / "tickets.csv").is_file()


@pytest.mark.slow
def test_the_demo_runs_from_an_installed_wheel(tmp_path: Path) -> None:
    """Its data and definition are in the package: nothing of the repository is at hand."""
    pytest.importorskip("hatchling")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    command = [sys.executable, "-P", "-m", "tunewell", "demo", "desk", "--data-only"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "clean rows" in done.stdout
    assert (tmp_path / "desk" / "guideline.md").is_file()


@pytest.mark.slow
def test_the_demo_ends_with_a_verdict(tmp_path: Path) -> None:
    """With the real model in a small size, as `make demo` calls it."""
    command = [sys.executable, "-m", "tunewell", "demo", str(tmp_path), "--tokens", "4000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr
    assert "Verdict: " in done.stdout
    assert Path(done.stdout.split("Report: ", 1)[1].strip()).is_file()
