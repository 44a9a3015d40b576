"""The definitions that come with Tunewell hold together and fit the data they name."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tunewell.curate import curate
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import TaskFile, load_task

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("banking", "desk", "legal", "notes")
TRAINED_TOKENS_PER_S = 165
GENERATED_TOKENS_PER_S = 80
MINUTES = 40


def folder_of(name: str) -> Path:
    """Where a definition lies: that of the demo is within the package."""
    return ROOT / "src/tunewell/demo" if name == "desk" else ROOT / "examples" / name


def definition(name: str) -> TaskFile:
    """One of the definitions, without what the environment may add."""
    return load_task(folder_of(name), environment={})


@pytest.mark.parametrize("name", NAMES)
def test_it_holds_together(name: str) -> None:
    spec = definition(name).spec
    assert spec.task.instruction
    assert spec.evaluate.prompt, "the prompted arm deserves a prompt of its own"
    assert spec.gates
    assert any(gate.kind == "gain" and gate.against == "prompted" for gate in spec.gates)
    assert all(gate.people == "not needed" for gate in spec.gates), (
        "an example must be able to end with GO"
    )


@pytest.mark.parametrize("name", NAMES)
def test_its_choices_are_commented(name: str) -> None:
    text = (folder_of(name) / "tunewell.yaml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert len(re.findall(r"\s#\s", text)) >= 8


@pytest.mark.parametrize("name", ["banking", "legal", "notes"])
def test_its_budget_ends_within_the_time(name: str) -> None:
    """Two cores: the final run, its check on one fold, the folds, three arms' answers."""
    spec = definition(name).spec
    tokens = spec.train.max_train_tokens
    assert tokens > 0
    share = (spec.split.folds - 1) / spec.split.folds
    full = tokens * spec.train.epochs * (1 + share) / TRAINED_TOKENS_PER_S
    folds = tokens * spec.train.epochs * spec.split.folds * share / 620 + tokens / 500
    answers = 3 * spec.evaluate.max_rows * spec.evaluate.max_new_tokens / GENERATED_TOKENS_PER_S
    assert (full + folds + answers) / 60 < MINUTES * 0.75


def data_root() -> Path:
    """Where the published data lies, or a skip."""
    root = Path(os.environ.get("TUNEWELL_DATA", ROOT.parent / "shared" / "data"))
    if not root.is_dir():
        pytest.skip("set TUNEWELL_DATA to the folder with the published data")
    return root


@pytest.mark.parametrize("name", ["banking", "legal", "notes"])
def test_its_files_have_the_columns(name: str) -> None:
    root = data_root()
    for source in definition(name).spec.data:
        path = Path(source.path.replace("$TUNEWELL_DATA", str(root)))
        text = path.read_text(encoding="utf-8-sig")
        wanted = [
            source.fields.input,
            source.fields.target,
            source.fields.kind,
            *source.fields.group.split("|"),
        ]
        wanted += re.findall(r"\{(\w+)\}", source.template)
        assert all(column.strip() in text for column in wanted if column)


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # daft leaves its workers' pipes open
def test_the_test_texts_in_the_training_file_of_banking77_are_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = data_root()
    monkeypatch.setenv("TUNEWELL_DATA", str(root))
    seen = {text.strip().lower() for text, _ in csv_rows(root / "banking77" / "test.csv")}
    twice = [
        f"train.csv:{line}"
        for text, line in csv_rows(root / "banking77" / "train.csv")
        if text.strip().lower() in seen
    ]
    assert len(twice) == 6
    with Store(tmp_path) as store:
        dataset = curate(Project(definition("banking"), store))
        for row in twice:
            last = store.receipts(dataset, row=row)[-1]
            assert (last.action, last.code) == ("dropped", "D11")
            assert last.other in dataset.held_out


@pytest.mark.slow
def test_legal_goes_through_to_its_verdict(tmp_path: Path) -> None:
    """`tunewell run examples/legal` as a new user types it, on the embedded model."""
    data = data_root()
    folder = tmp_path / "legal"
    shutil.copytree(ROOT / "examples" / "legal", folder, ignore=shutil.ignore_patterns(".tunewell"))
    command = [sys.executable, "-m", "tunewell.cli.main", "run", str(folder), "--json"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=MINUTES * 60,
        env={**os.environ, "TUNEWELL_DATA": str(data)},
    )
    told = json.loads(done.stdout)
    assert told["verdict"] in {"GO", "NO-GO", "INCONCLUSIVE"}, done.stderr
    assert done.returncode == {"GO": 0, "NO-GO": 3, "INCONCLUSIVE": 4}[told["verdict"]]
    names = {c["name"].split(":")[0] for c in told["result"]["verdict"]["criteria"]}
    assert names == {"rouge_l", "must_not", "support"}
    assert Path(told["result"]["report"]).stat().st_size > 50_000


def csv_rows(path: Path) -> list[tuple[str, int]]:
    """Text and first line of every row."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        last, rows = 0, []
        for cells in reader:
            rows.append((cells[0], last + 1))
            last = reader.line_num
    return rows[1:]
