"""Curation of many rows: in parts the same rows fall, and what was not compared is said."""

from __future__ import annotations

import json
import random
from functools import partial
from pathlib import Path

import pytest

from tunewell.curate.doctor import doctor
from tunewell.curate.pipeline import Curated, apply_rules, read, seen
from tunewell.engine import Engine
from tunewell.similar import same_meaning
from tunewell.similar.in_parts import Workplace
from tunewell.store import Store
from tunewell.task import TaskFile, parse_task
from tunewell.testing.planted import corpus, edit, vocabulary


def _project(folder: Path, *, clean: int, each: int) -> TaskFile:
    made = corpus(seed=4, clean=clean, each=each)
    for name, rows in (("data", made.rows), ("tests", made.evaluation)):
        lines = [json.dumps(row) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = (
        "task: {name: desk, about: Answers of a desk., input: a question, output: an answer}\n"
        "data:\n  - {path: data.jsonl}\n  - {path: tests.jsonl, role: test}\n"
    )
    return parse_task(text, path=folder / "tunewell.yaml", environment={})


def _in_parts(monkeypatch: pytest.MonkeyPatch, folder: Path, *, a_part: int) -> None:
    """From here on a hundred rows are many."""
    place = Workplace(Engine(workers=1), folder / "parts", most=100, a_part=a_part)
    monkeypatch.setattr(Workplace, "of", lambda _file: place)


def _fallen(done: Curated, *codes: str) -> set[tuple[str, str]]:
    return {(row, code) for row, code in done.ledger.fates().items() if code in codes}


def test_the_same_copies_and_leaks_fall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _project(tmp_path, clean=400, each=15)
    fallen = partial(_fallen, apply_rules(file, read(file)))
    assert len(fallen("D04")) >= 40
    assert len(fallen("D11")) >= 25

    _in_parts(monkeypatch, tmp_path, a_part=300)
    in_parts = apply_rules(file, read(file))
    assert _fallen(in_parts, "D04", "D11") == fallen("D04", "D11")
    assert not list((tmp_path / "parts").iterdir())


def test_pairs_that_were_not_compared_are_unchecked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred and twenty copies of one letter, and no worker may hold more than twenty."""
    draw = random.Random(7)
    letter = " ".join(draw.choices(vocabulary(4_000), k=60))
    rows = []
    for number in range(120):
        text = edit(letter, 0.05, draw)
        rows.append({"id": str(number), "prompt": text[:150], "completion": text[150:]})
    lines = [json.dumps(row) for row in rows]
    (tmp_path / "data.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = (
        "task: {name: desk, about: Answers of a desk., input: a question, output: an answer}\n"
        "data: [{path: data.jsonl}]\n"
    )
    file = parse_task(text, path=tmp_path / "tunewell.yaml", environment={})
    _in_parts(monkeypatch, tmp_path, a_part=20)

    found = [
        *doctor(tmp_path / "data.jsonl", task=file).findings,
        *seen(file, apply_rules(file, read(file))),
    ]
    of_copies = [finding for finding in found if finding.code == "D04"]
    assert len(of_copies) == 2
    for finding in of_copies:
        assert finding.status != "clear"
        assert "of similar rows, because more than 20 rows resemble each other" in finding.why


def test_what_a_killed_process_left_is_gone_when_the_next_one_begins(tmp_path: Path) -> None:
    file = _project(tmp_path, clean=5, each=1)
    with Store(tmp_path):
        place = Workplace.of(file)
    assert tmp_path in place.folder.parents
    gone = 2**22 + 1  # larger than any process number
    left = place.folder / f"{gone}-parts-abc"
    with place.scratch() as own:
        left.mkdir()
        (left / "rows").mkdir()
        with Store(tmp_path) as store, store.lock("curate"):
            assert own.is_dir()
            assert not left.exists()


def test_what_is_not_looked_for_among_many_rows_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _project(tmp_path, clean=20, each=1)
    names = ("D04", "D11")

    def whys() -> list[str]:
        report = doctor(tmp_path / "data.jsonl", eval=tmp_path / "tests.jsonl")
        found = [*report.findings, *seen(file, apply_rules(file, read(file)))]
        return [finding.why for finding in found if finding.code in names]

    said = "rows that say the same in other words were not looked for"
    assert not any(said in why for why in whys())
    monkeypatch.setattr(same_meaning, "MOST_ROWS", 10)
    assert [said in why for why in whys()] == [True] * 4
