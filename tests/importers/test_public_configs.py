"""Every public configuration: no key without a line, and a project that validates."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import Made, ignored, made, write
from tests.shared_data import DATA, NO_DATA
from tunewell.errors import UserError
from tunewell.importers.source_files import read_value
from tunewell.types import Unscored

CONFIGS = DATA / "configs"
FEW = 6
"""Every so many files are tried by default; all of them with the slow tests."""

pytestmark = pytest.mark.skipif(not CONFIGS.is_dir(), reason=NO_DATA)

CLASS_OF_EVERY_SAMPLE = (
    "Match",
    "Includes",
    "FuzzyMatch",
    "JsonMatch",
    "MatchWithSolvers",
    "Translate",
)


def files(step: int) -> list[Path]:
    return sorted(CONFIGS.rglob("*.y*ml"))[::step]


def family(path: Path) -> str:
    return path.relative_to(CONFIGS).parts[0]


def import_all(step: int, folder: Path) -> tuple[Counter[str], Counter[str], list[str]]:
    """How many files there are and validate, and which were refused."""
    tried: Counter[str] = Counter()
    valid: Counter[str] = Counter()
    refused = []
    for number, path in enumerate(files(step)):
        tried[family(path)] += 1
        try:
            found = made(path, folder / str(number))
        except UserError as error:
            refused.append(path.name if error.hint and path.name in error.message else "?")
            continue
        assert ignored(path, found.result) == []
        assert all(line.why or line.fate == "carried over" for line in found.result.lines)
        valid[family(path)] += 1
    return tried, valid, refused


def test_a_sixth_of_them_in_passing(tmp_path: Path) -> None:
    tried, valid, refused = import_all(FEW, tmp_path)
    assert valid.total() >= 0.93 * tried.total()
    assert "?" not in refused


@pytest.mark.slow
def test_all_of_them(tmp_path: Path) -> None:
    tried, valid, refused = import_all(1, tmp_path)
    assert tried == {"axolotl": 193, "llamafactory": 80, "openai_evals": 366}
    training = tried["axolotl"] + tried["llamafactory"]
    assert valid["axolotl"] + valid["llamafactory"] >= 0.95 * training
    assert valid["openai_evals"] >= 0.95 * tried["openai_evals"]
    assert "?" not in refused
    assert len(refused) == tried.total() - valid.total()


def with_samples(path: Path, data: Path) -> Path:
    """Samples of our own for every evaluation of a file, in the format of its class."""
    for entry in read_value(path).values():
        arguments = entry.get("args")
        if isinstance(arguments, dict) and isinstance(arguments.get("samples_jsonl"), str):
            write(data / arguments["samples_jsonl"], [sample(n) for n in range(3)])
    return data


def sample(number: int) -> dict[str, Any]:
    answer = '{"n": ' + str(number) + "}"
    return {"input": [{"role": "user", "content": f"Question {number}?"}], "ideal": answer}


def runs(found: Made) -> bool:
    """Whether a right answer gets a better value than a wrong one from every metric."""
    rows = found.rows()
    assert len(rows) >= 3
    for metric in found.metrics().values():
        right = metric(rows[1].target, rows[1], task=found.file.spec)
        wrong = metric("qqq", rows[1], task=found.file.spec)
        if isinstance(right, Unscored) or isinstance(wrong, Unscored):
            return False
        if not right.value > wrong.value:
            return False
    return bool(found.metrics())


def run_all(step: int, folder: Path) -> tuple[int, int, Counter[str]]:
    evals = [path for path in files(1) if family(path) == "openai_evals"][::step]
    good = judged = 0
    named: Counter[str] = Counter()
    for number, path in enumerate(evals):
        data = with_samples(path, folder / f"data-{number}")
        try:
            found = made(path, folder / str(number), data=data)
        except UserError as error:
            named[error.message.split(": ")[1]] += 1
            continue
        if found.file.spec.people.rubric:
            judged += 1
            again = made(path, folder / f"judged-{number}", data=data, judge="fake")
            assert again.file.spec.metrics[0].options["metric"] == "judge"
        elif found.folder.joinpath("data/samples.jsonl").is_file():
            good += runs(found)
        else:
            named["its samples are on the hub"] += 1
    return len(evals), good + judged, named


def test_a_sixth_of_the_evals_run_with_fake_answers(tmp_path: Path) -> None:
    tried, runnable, named = run_all(FEW, tmp_path)
    assert runnable >= 0.85 * tried
    assert runnable + named.total() == tried


@pytest.mark.slow
def test_all_evals_run_with_fake_answers(tmp_path: Path) -> None:
    tried, runnable, named = run_all(1, tmp_path)
    assert tried == 366
    assert runnable >= 0.8 * tried
    assert runnable + named.total() == tried
