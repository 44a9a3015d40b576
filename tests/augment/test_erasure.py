"""A person who is erased goes out of what generators wrote too, and does not come back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tunewell.augment import Augmented, Generator, Wanted
from tunewell.augment.erasure import erase_from_augmentations, without_erased
from tunewell.augment.journal import Journal, JournalLine, blank_replies
from tunewell.augment.replies import ERASED
from tunewell.augment.stage import journal_of
from tunewell.curate.erasure import erase
from tunewell.errors import StoreError
from tunewell.model.base import Generation
from tunewell.model.fake import FakeModel
from tunewell.people.erased_people import marks_of, mentions
from tunewell.store import Store
from tunewell.task import GeneratorSpec
from tunewell.testing.faulty_endpoint import rewritten
from tunewell.testing.made_up import augment_made_up, cells_of_rows, made_up_rows
from tunewell.types import Message

PERSON = "Grunhilde Ackerbaum"


def write(prompt: tuple[Message, ...]) -> str:
    """Every third row names the person."""
    asked: dict[str, Any] = json.loads(prompt[-1].content)
    row = json.loads(rewritten(asked))
    if int(asked["ref"][1:], 16) % 3 == 0:
        row["input"] = f"{row['input']} {PERSON} asks."
    return json.dumps(row)


def run(folder: Path) -> tuple[Augmented, FakeModel]:
    model = FakeModel(write)
    wanted = Wanted(cells_of_rows(20), [Generator(GeneratorSpec(model="fake"), model)])
    return augment_made_up(folder, made_up_rows(60), wanted), model


def test_the_journal_and_the_accepted_rows_forget_the_person(tmp_path: Path) -> None:
    before, _ = run(tmp_path)
    marks = marks_of(PERSON)
    with Store(tmp_path) as store:
        journal = journal_of(store)
        assert PERSON in journal.read_text()
        erase(store, PERSON, author="dpo")
        reached = erase_from_augmentations(store, lambda text: mentions([text], PERSON, marks))
        rows = store.examples(before.accepted)
        left = without_erased(store, rows)
        assert PERSON not in journal.read_text()
        with Journal(journal) as lines:
            gone = [line for line in lines.lines if line.reply.reason == ERASED]
        assert len(gone) == reached.replies > 0
        assert all(line.reply.tokens for line in gone), "what was paid stays"
        assert len(rows) - len(left) == reached.rows > 0
        assert oct(journal.stat().st_mode & 0o777) == "0o600"

    after, model = run(tmp_path)
    assert after.rows == 20
    assert len(model.calls) == reached.replies + after.asked - before.asked
    with Store(tmp_path) as store:
        assert without_erased(store, store.examples(after.accepted)) == store.examples(
            after.accepted
        )
    # Another machine, another day: who was erased is named by nobody.
    assert after.cells[0].rejected["personal data"] > 0


def test_a_disk_that_is_full_leaves_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    usual = os.write
    room = 150

    def write_some(handle: int, data: bytes) -> int:
        nonlocal room
        if room <= 0:
            raise OSError(28, "No space left on device")
        written = usual(handle, data[:room])
        room -= written
        return written

    with Journal(path) as journal:
        monkeypatch.setattr(os, "write", write_some)
        journal.write(line("a"))
        with pytest.raises(StoreError, match="the disk is full"):
            journal.write(line("b"))
        room = 10_000
        journal.write(line("c"))
        monkeypatch.undo()
    journal.write(line("too late"))
    with Journal(path) as journal:
        assert [each.ref for each in journal.lines] == ["a", "c"]
        assert journal.damaged == 0


def test_damaged_lines_are_passed_over_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.write(line("a"))
    with path.open("ab") as file:
        file.write(b"\x00" * 40 + b"\n{}\n[1\n\xff\xfe\n")
    with Journal(path) as journal:
        journal.write(line("b"))
        assert journal.damaged == 4
    with Journal(path) as journal:
        assert [each.ref for each in journal.lines] == ["a", "b"]
    assert blank_replies(path, lambda text: False, reason=ERASED) == 0
    with Journal(path) as journal:
        assert journal.damaged == 0


def line(ref: str) -> JournalLine:
    reply = Generation(text="a row", prompt_tokens=3, tokens=1, finish="stop")
    return JournalLine(ref=ref, attempt=0, generator="w", reply=reply)
