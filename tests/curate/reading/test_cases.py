"""Situations of public bug reports, read in place; `expected.json` beside each says the right."""

from __future__ import annotations

import io
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import shared_data
from tests.curate.reading.test_shapes import read, read_records
from tunewell.cli.main import main
from tunewell.curate.doctor import doctor, fix
from tunewell.curate.reading.read import ReadResult

CASES = shared_data.CASES / "data"

needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason=shared_data.NO_CASES)
needs_data = pytest.mark.skipif(not shared_data.DATA.is_dir(), reason=shared_data.NO_DATA)


def case(name: str) -> ReadResult:
    [path] = CASES.glob(name)
    return read(path)


@needs_cases
@pytest.mark.parametrize(
    ("name", "rows", "rejects"),
    [
        ("01-*/train.jsonl", 4, 0),
        ("03-*/dolly.jsonl", 3, 0),
        ("03-*/sql.jsonl", 3, 0),
        ("06-*/train.jsonl", 0, 3),
        ("09-*/train.jsonl", 9, 0),
        ("10-*/dpo.jsonl", 4, 0),
        ("10-*/dpo_chat.jsonl", 4, 0),
        ("12-*/train.jsonl", 10, 0),
        ("13-*/train.parquet", 6, 0),
        ("16-*/train.csv", 8, 0),
        ("17-*/train.csv", 6, 0),
        ("18-*/train.csv", 11, 1),
        ("18-*/last.csv", 11, 1),
        ("20-*/set", 18, 0),
        ("22-*/train.txt", 8, 0),
        ("22-*/train.data", 8, 0),
        ("23-*/chatml.jsonl", 8, 0),
        ("23-*/inst.jsonl", 8, 0),
        ("23-*/guanaco.jsonl", 8, 0),
        ("44-*/train.jsonl", 10, 0),
        ("46-*/train.parquet", 6, 0),
        ("55-*/train.jsonl", 4, 0),
        ("60-*/train.jsonl", 3, 0),
    ],
)
def test_rows_and_rejects(name: str, rows: int, rejects: int) -> None:
    batch = case(name)
    assert (len(batch.rows), len(batch.rejects)) == (rows, rejects)
    assert all(row.target and row.input for row in batch.rows)
    for account in batch.accounts:
        assert account.size == account.row_bytes + account.lost_bytes + account.other_bytes


@needs_cases
def test_the_call_is_part_of_the_target() -> None:
    for name in ("01-*/train.jsonl", "46-*/train.parquet"):
        batch = case(name)
        calls = [turn.tool_calls for row in batch.rows for turn in row.example().messages]
        assert any(calls)
    assert "ferry" in case("01-*/train.jsonl").rows[3].example().messages[1].text


@needs_cases
def test_all_twelve_answers_are_targets() -> None:
    batch = case("60-*/train.jsonl")
    assert sum(len(row.example().targets) for row in batch.rows) == 12


@needs_cases
def test_leaks_of_rendered_chats_are_found() -> None:
    [evaluation] = CASES.glob("23-*/eval.jsonl")
    for name in ("inst", "chatml", "guanaco"):
        report = doctor(evaluation.with_name(f"{name}.jsonl"), eval=evaluation)
        leaks = next(found for found in report.findings if found.code == "D11")
        assert len({pair["eval"] for pair in leaks.pairs}) == 2


@needs_cases
def test_contexts_that_differ_are_no_contradiction() -> None:
    for name in ("03-*/dolly.jsonl", "03-*/sql.jsonl"):
        [path] = CASES.glob(name)
        found = {finding.code: finding for finding in doctor(path).findings}
        assert found["D09"].status == "clear"


@needs_cases
def test_test_files_of_a_folder_are_not_trained_on(tmp_path: Path) -> None:
    [path] = CASES.glob("20-*/set")
    _, kept = fix(path, tmp_path / "out.jsonl")
    assert kept <= 12
    assert doctor(path).rows == 12


@needs_cases
def test_unknown_roles_are_read_as_the_hint_says(capsys: pytest.CaptureFixture[str]) -> None:
    [path] = CASES.glob("41-*/train.jsonl")
    main(["doctor", str(path)])
    shown = capsys.readouterr().out
    assert "--role patient=user" in shown
    main(["doctor", str(path), "--role", "patient=user", "--role", "doctor=assistant", "--json"])
    result = json.loads(capsys.readouterr().out)["result"]
    assert not any("patient" in each["why"] for each in result["rejects"])


HINTED: list[list[dict[str, Any]]] = [
    [{"customer_text": "Where is it, please?", "agent_reply": "It is in the hall."}],
    [{"frage": "Wo ist der Zähler?", "antwort": "Im Keller."}],
    [{"chat": [{"role": "robot", "content": "Hello?"}, {"role": "assistant", "content": "Hi."}]}],
    [{"my col": "Where is the meter now?", "your col": "It is down in the cellar."}],
    [{"messages": [{"role": "坐席", "content": "Q?"}, {"role": "assistant", "content": "A."}]}],
]


@pytest.mark.parametrize("records", HINTED)
def test_what_a_hint_says_works_when_typed(
    tmp_path: Path, records: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    batch = read_records(tmp_path, *records)
    assert not batch.rows
    hint = batch.rejects[0].hint
    command = hint.split("tunewell doctor FILE ")[1].split(", or data[]")[0]
    path = str(tmp_path / "rows.jsonl")
    assert main(["doctor", path, *shlex.split(command), "--json"]) in (0, 3)
    result = json.loads(capsys.readouterr().out)["result"]
    assert result["rows"] == len(records)
    assert not result["rejects"]


def test_columns_are_guessed_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("nr,customer_text,agent_reply\n1,Where is it?,In the hall.\n")
    assert main(["doctor", str(path)]) == 0
    assert "guessed that 'customer_text' is the question" in capsys.readouterr().out


def test_standard_input_and_several_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = json.dumps({"prompt": "Where is it?", "completion": "In the hall.", "extra": 1})
    stdin = io.TextIOWrapper(io.BytesIO(f"{row}\n".encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    other = tmp_path / "b.csv"
    other.write_text("prompt;completion\nWho is there?;It is I.\n")
    main(["doctor", "-", str(other), "--json"])
    result = json.loads(capsys.readouterr().out)["result"]
    assert result["rows"] == 2
    unused = [each for each in result["columns"] if each["use"] == "not used"]
    assert [(each["key"], each["rows"], each["example"]) for each in unused] == [("extra", 1, "1")]


def test_each_refusal_has_a_hint(tmp_path: Path) -> None:
    lines = [
        "{not json",
        "[1, 2]",
        '{"messages": [{"role": "alien", "content": "x"}]}',
        '{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}',
        '{"messages": [{"role": "user", "content": 5}]}',
        '{"messages": [{"role": "user", "says": "x"}]}',
        '{"a": 1}',
        '{"question": "x"}',
        '{"text": "<|im_start|>"}',
        '{"question": "x", "choices": ["a", "b"], "answer": "c"}',
        '{"question": "x", "choices": ["a", "b"]}',
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    batch = read(tmp_path / "a.jsonl")
    assert len(batch.rejects) == len(lines)
    assert all(reject.hint for reject in batch.rejects)


_NOT_ROWS = {".flac", ".py", ".md", ".npy", ".yaml", ".yml"}


@needs_data
@pytest.mark.parametrize("limit", [150_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_every_byte_of_the_shared_data_is_accounted_for(limit: int) -> None:
    for path in sorted(shared_data.DATA.rglob("*")):
        is_small = path.is_file() and path.stat().st_size < limit
        if not is_small or path.suffix in _NOT_ROWS or "configs" in path.parts:
            continue
        batch = read(path)
        assert batch.rows or batch.rejects, path
        # A list of recordings has them beside it, in an account of their own.
        *beside, account = batch.accounts
        assert all(each.size == each.row_bytes for each in beside)
        assert account.rows == len(batch.rows)
        assert account.rejects == len(batch.rejects)
        total = account.row_bytes + account.lost_bytes + account.other_bytes
        assert account.size == total
        if path.suffix != ".gz":
            assert total == path.stat().st_size, path
