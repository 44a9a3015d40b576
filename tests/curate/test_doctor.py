from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tunewell.cli.main import main
from tunewell.curate.doctor import doctor, fix
from tunewell.errors import DataError
from tunewell.task import parse_task
from tunewell.testing.planted import Corpus, corpus


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def made() -> Corpus:
    return corpus(seed=5, clean=400, each=20)


@pytest.fixture
def files(tmp_path: Path, made: Corpus) -> tuple[Path, Path]:
    return write(tmp_path / "train.jsonl", made.rows), write(
        tmp_path / "eval.jsonl", made.evaluation
    )


def test_every_planted_defect_is_found_and_clean_rows_are_not(
    made: Corpus, files: tuple[Path, Path]
) -> None:
    report = doctor(files[0], eval=files[1])
    flagged = {
        f.code: {*f.rows, *(i for family in f.families for i in family)} for f in report.findings
    }
    planted: Counter[tuple[str, str]] = Counter()
    caught: Counter[tuple[str, str]] = Counter()
    for plant in made.truth:
        if plant.code:
            planted[plant.code, plant.kind] += 1
            caught[plant.code, plant.kind] += plant.row in flagged[plant.code]
        else:
            assert plant.row not in flagged["D07"], plant
    for code, kind in planted:
        least = 0.85 if "30" in kind else 0.95
        assert caught[code, kind] >= least * planted[code, kind], (code, kind, caught[code, kind])
    sources = {plant.other for plant in made.truth}
    wrong = {row for rows in flagged.values() for row in rows} & (set(made.clean) - sources)
    assert len(wrong) <= 1
    families = next(f.families for f in report.findings if f.code == "D04")
    pairs = {(p.row, p.other) for p in made.truth if p.code == "D04"}
    assert sum(any({a, b} <= set(family) for family in families) for a, b in pairs) >= 0.93 * len(
        pairs
    )


def test_the_json_is_as_documented(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", str(files[0]), "--eval", str(files[1]), "--json"]) == 3
    envelope = json.loads(capsys.readouterr().out)
    assert (envelope["schema"], envelope["command"], envelope["verdict"]) == (
        "tunewell/1",
        "doctor",
        "NO-GO",
    )
    result = envelope["result"]
    assert set(result) == {"rows", "seconds", "findings", "columns", "files", "rejects", "notes"}
    keys = {
        "code",
        "status",
        "why",
        "estimate",
        "threshold",
        "slice",
        "rows",
        "families",
        "pairs",
        "spans",
        "remedy",
    }
    for finding in result["findings"]:
        assert set(finding) <= keys
        assert finding["status"] in {"found", "clear", "unchecked"}
        assert finding["why"]
        if "estimate" in finding:
            assert set(finding["estimate"]) == {"value", "low", "high", "level", "n", "method"}
    leak = next(f for f in result["findings"] if f["code"] == "D11")
    assert set(leak["pairs"][0]) == {"train", "eval", "kind"}
    assert leak["estimate"]["high"] >= leak["estimate"]["value"]
    personal = next(f for f in result["findings"] if f["code"] == "D07")
    span = personal["spans"][0]
    row = next(
        json.loads(line)
        for line in files[0].read_text().splitlines()
        if json.loads(line)["id"] == span["row"]
    )
    text = row["messages"][span["turn"]]["content"][span["start"] : span["end"]]
    assert any(c.isdigit() or c == "@" for c in text)


def test_a_clean_file_exits_0_and_says_what_was_not_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = corpus(seed=1, clean=60, each=0)
    assert main(["doctor", str(write(tmp_path / "a.jsonl", made.rows))]) == 0
    shown = capsys.readouterr().out
    assert "not checked:" in shown
    assert "--eval" not in shown or "D11" in shown


def test_rows_without_an_id_are_called_by_their_line(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"question {i} about the {w} of the house?", "completion": f"It is {w}."}
        for i, w in enumerate(("roof", "door", "cellar"))
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps(r) for r in [*rows, {**rows[0]}]) + "\nnot json\n")
    report = doctor(path)
    found = {f.code: f for f in report.findings}
    assert found["D03"].rows == ("line:4",)
    assert found["D03"].families == (("line:1", "line:4"),)
    assert found["D08"].rows == ("line:5",)
    assert report.formats == {"prompt_completion": 4}


def test_rows_of_one_id_keep_it(tmp_path: Path) -> None:
    row = {"id": "7", "prompt": "what of the roof of the house?", "completion": "It is red."}
    found = {f.code: f for f in doctor(write(tmp_path / "a.jsonl", [row, row])).findings}
    assert found["D03"].rows == ("7",)
    assert found["D08"].status == "clear"


def test_the_rules_of_a_task_apply(tmp_path: Path) -> None:
    made = (("roof", "2026-01-01", "memo"), ("door", "2019-01-01", ""), ("wall", "2026-02-01", ""))
    rows = [
        {"q": f"what of the {w} here?", "a": "It is so.", "day": day, "kind": kind}
        for w, day, kind in made
    ]
    path = write(tmp_path / "rows.jsonl", rows)
    text = """\
task: {name: a, about: a task for tests, input: asked, output: said}
data: [{path: rows.jsonl, fields: {input: q, target: a, date: day}}]
rules: {kinds: {drop: [memo]}, max_age: {days: 365}}
"""
    file = parse_task(text, path=tmp_path / "tunewell.yaml", environment={})
    found = {f.code: f for f in doctor(path, task=file).findings}
    assert found["D01"].rows == ("line:1",)
    assert found["D06"].rows == ("line:2",)
    assert found["D06"].threshold is not None
    assert found["D06"].threshold.origin == "tunewell.yaml:3"


def test_fix_writes_what_survives_and_receipts(tmp_path: Path, files: tuple[Path, Path]) -> None:
    out = tmp_path / "fixed.jsonl"
    read, kept = fix(files[0], out, eval=files[1])
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == kept < read
    again = doctor(out, eval=files[1])
    left = {f.code: len(f.rows) for f in again.findings if f.status == "found"}
    assert left.get("D11", 0) == left.get("D03", 0) == left.get("D07", 0) == 0
    assert left.get("D04", 0) <= 2
    receipts = (tmp_path / "fixed.jsonl.receipts.jsonl").read_text().splitlines()
    assert len({json.loads(line)["row"] for line in receipts}) >= read


def test_nothing_readable_is_a_user_error(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("no\nrows\n")
    with pytest.raises(DataError, match="none of 2 input rows"):
        doctor(path)


def test_a_relative_path_in_a_folder_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tunewell.curate.doctor import doctor

    (tmp_path / "raw").mkdir()
    asked = {"role": "user", "content": "Where is my meter?"}
    answer = {"role": "assistant", "content": "Below."}
    row = json.dumps({"messages": [asked, answer]})
    (tmp_path / "raw" / "a.jsonl").write_text(row + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert doctor(Path("raw/a.jsonl"), eval=Path("raw/a.jsonl")).rows == 1


def test_the_recogniser_of_a_task_finds_names(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    asked = ("Where is the form for the flat?", "", "When do you open on a holiday?")
    rows = [
        {"id": f"r{i}", "prompt": text, "completion": "It lies on the page."}
        for i, text in enumerate(asked)
    ]
    rows[1]["prompt"] = "Hello, my name is Jonas Okoro and I need the form."
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = (
        "task: {name: a, about: a service desk, input: text, output: text}\n"
        "data: [{path: a.jsonl}]\n"
        "rules: {recogniser: context}\n"
    )
    file = parse_task(text, path=tmp_path / "tunewell.yaml", environment={})
    found = next(f for f in doctor(path, task=file).findings if f.code == "D07")
    assert [(s["row"], s["type"]) for s in found.spans] == [("r1", "name")]
    assert next(f for f in doctor(path).findings if f.code == "D07").status == "clear"


def test_a_footer_of_few_among_many_rows_is_found(tmp_path: Path) -> None:
    made = corpus(seed=8, clean=4_000, each=14)
    found = {f.code: f for f in doctor(write(tmp_path / "a.jsonl", made.rows)).findings}
    footers = {plant.row for plant in made.truth if plant.kind == "footer"}
    assert footers <= set(found["D05"].rows)
    assert not set(found["D05"].rows) & set(made.clean)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (["human", "model", "rule"] * 10, ["kept", "dropped", "kept"] * 10),
        (
            [f"woocommerce-{n}.json" for n in range(30)],
            [f"function f{n}() {{}}" for n in range(30)],
        ),
    ],
)
def test_columns_that_hold_no_questions_are_not_guessed_to_be_them(
    tmp_path: Path, asked: list[str], answered: list[str]
) -> None:
    """A guess among a few sources or names of files would find nothing but contradictions."""
    pairs = zip(asked, answered, strict=True)
    rows = [{"source_of_it": one, "agent_said": other} for one, other in pairs]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(DataError, match="no known format"):
        doctor(path)
