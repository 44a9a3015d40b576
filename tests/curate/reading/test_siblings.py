"""Siblings of the documented shapes, each of which was misread or lost once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.curate.reading.siblings import (
    ASKED,
    CHATS,
    FRAMES,
    REFUSED,
    RENDERED,
    SIDES,
    A,
    Q,
    Turns,
    W,
)
from tests.curate.reading.test_shapes import one, read, read_records
from tunewell.curate.rows import InputRow
from tunewell.curate.write import write_rows
from tunewell.store.chat_rows import chat_row


def turns_of(row: InputRow) -> Turns:
    """Turns with what was thought before them."""
    found: Turns = []
    for turn in row.example().messages:
        thought = f"~{turn.reasoning}~" if turn.reasoning else ""
        found.append((turn.role, thought + turn.text))
    return found


@pytest.mark.parametrize("name", CHATS)
def test_a_sibling_is_read(tmp_path: Path, name: str) -> None:
    record, turns = CHATS[name]
    batch = read_records(tmp_path, record, record)
    assert batch.rejects == []
    assert [turns_of(row) for row in batch.rows] == [turns, turns]


@pytest.mark.parametrize("name", RENDERED)
def test_a_rendered_chat_is_taken_apart(tmp_path: Path, name: str) -> None:
    text, turns = RENDERED[name]
    assert turns_of(one(tmp_path, {"text": text})) == turns


@pytest.mark.parametrize("name", SIDES)
def test_the_better_of_two_answers_is_the_target(tmp_path: Path, name: str) -> None:
    row = one(tmp_path, SIDES[name])
    assert row.turns == ASKED
    assert [turn.content for turn in row.rejected] == [W]


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "rows.json").write_text(FRAMES[name])
    batch = read(tmp_path / "rows.json")
    assert batch.rejects == []
    assert [row.turns for row in batch.rows] == [
        ASKED,
        [("user", "b"), ("assistant", "c")],
    ]
    [account] = batch.accounts
    assert account.size == account.row_bytes + account.other_bytes


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_misread_is_refused(tmp_path: Path, name: str) -> None:
    record, why = REFUSED[name]
    batch = read_records(tmp_path, record, record)
    assert not batch.rows
    assert why in batch.rejects[0].why
    assert batch.rejects[0].hint


@pytest.mark.parametrize("said", ["a red house", "yes", "Fig. 3 shows the house."])
def test_a_text_in_a_column_called_image_is_text(tmp_path: Path, said: str) -> None:
    batch = read_records(tmp_path, {"prompt": Q, "completion": A, "image": said})
    assert [row.turns for row in batch.rows] == [ASKED]
    assert [each.key for each in batch.unused_keys] == ["image"]


def test_further_right_answers_are_kept_and_written(tmp_path: Path) -> None:
    row = one(tmp_path, {"question": Q, "answers": {"text": [A, "Down."], "answer_start": [1, 2]}})
    assert row.example().references == (A, "Down.")
    write_rows([row], tmp_path / "out.jsonl")
    [again] = read(tmp_path / "out.jsonl").rows
    assert again.example().references == (A, "Down.")


def test_what_is_known_of_a_row_is_written_and_read_back(tmp_path: Path) -> None:
    record: dict[str, Any] = {
        "id": "a",
        "question": Q,
        "answer": A,
        "kind": "note",
        "date": "2024-05-01",
        "group": "g",
        "parent": "p",
        "region": "north",
    }
    row = one(tmp_path, record, fields={"tags": ["region"]})
    write_rows([row], tmp_path / "out.jsonl")
    [again] = read(tmp_path / "out.jsonl").rows
    assert chat_row(again.example()) == chat_row(row.example())
    assert (again.kind, str(again.date), again.group, again.parent) == (
        "note",
        "2024-05-01",
        "g",
        "p",
    )
    assert again.tags == {"region": "north"}


def test_what_a_file_says_beside_its_rows_is_named(tmp_path: Path) -> None:
    rows = [{"question": Q, "answer": A}, {"question": "b", "answer": "c"}]
    (tmp_path / "a.json").write_text(json.dumps({"version": "1.1", "data": rows}))
    [unused] = read(tmp_path / "a.json").unused_keys
    assert (unused.key, unused.example) == ("version (beside the rows)", "1.1")


def test_a_table_without_names_says_so(tmp_path: Path) -> None:
    lines = ["Where is it?,In the cellar.", "Who is there?,It is me.", "Why?,It is so."]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    batch = read(tmp_path / "a.csv")
    assert len(batch.rejects) == 3
    assert "looks like a row" in batch.rejects[0].why
    (tmp_path / "b.csv").write_text("\n".join(["question,answer", *lines]) + "\n")
    assert len(read(tmp_path / "b.csv").rows) == 3


def test_the_files_of_a_hub_folder_are_named_with_their_folder(tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        line = json.dumps({"question": f"{Q} {split}", "answer": A})
        (tmp_path / split / "rows.jsonl").write_text(line + "\n")
    batch = read(tmp_path)
    assert [row.held for row in batch.rows] == [True, False]
    assert "test/rows.jsonl" in batch.notes[0]
