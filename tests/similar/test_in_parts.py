"""Rows in parts: what is found is what is found in one piece."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tunewell.engine import Engine
from tunewell.similar import near_pairs, split_words
from tunewell.similar.conversations import ComparedRow, Conversation, whole_texts
from tunewell.similar.in_parts import (
    RowParts,
    WordParts,
    Workplace,
    copies_among,
    find_copies_in_parts,
    find_leaks_in_parts,
    leaks_among,
    near_pairs_in_parts,
)
from tunewell.similar.in_parts.part_files import PartRow
from tunewell.similar.leaks import find_leaks
from tunewell.similar.near_duplicates import Pairs
from tunewell.similar.row_copies import find_copies
from tunewell.similar.word_table import WordTable
from tunewell.split.families import near_in_parts, similar_and_edited
from tunewell.testing.planted import edit, vocabulary

HERE = Engine(workers=1)


def _rows(count: int, *, copies: int = 40, words: int = 40, seed: int = 3) -> list[Conversation]:
    """Questions and answers of drawn words; the last ones are edited copies of others."""
    draw = random.Random(seed)
    known = vocabulary(4_000)
    texts = [" ".join(draw.choices(known, k=words)) for _ in range(count)]
    texts += [edit(text, 0.1, draw) for text in draw.sample(texts, copies)]
    found = []
    for number, text in enumerate(texts):
        asked, said = text[: len(text) // 2], text[len(text) // 2 :]
        found.append(Conversation(f"r{number}", (("user", asked), ("assistant", said))))
    return found


def _whole(rows: Sequence[ComparedRow]) -> WordTable:
    return split_words(whole_texts(rows))


def _equal(one: Pairs, other: Pairs) -> bool:
    return (
        np.array_equal(one.left, other.left)
        and np.array_equal(one.right, other.right)
        and np.array_equal(one.similarity, other.similarity)
    )


@pytest.mark.parametrize(("a_part", "rows_at_once"), [(70, 10_000), (300, 150), (10_000, 10_000)])
def test_pairs_are_the_same_however_the_rows_are_cut(
    tmp_path: Path, a_part: int, rows_at_once: int
) -> None:
    rows = [*_rows(500), Conversation("empty", (("user", ""), ("assistant", "")))]
    parts = RowParts.write(rows, tmp_path / "rows", a_part=a_part)
    words = WordParts.split(parts, tmp_path / "words", _whole, HERE)
    found = near_pairs_in_parts(words, HERE, rows_at_once=rows_at_once)
    assert len(found) >= 40
    assert _equal(found, near_pairs(_whole(rows)))


def test_a_part_that_is_done_again_gives_the_same(tmp_path: Path) -> None:
    """A worker may die with its file half written, or written and not reported."""
    parts = RowParts.write(_rows(300), tmp_path / "rows", a_part=100)
    once = Engine(workers=1)
    twice = _DoneTwice(workers=1)
    found = [
        find_copies_in_parts(parts, tmp_path / name, engine, most=200).found
        for name, engine in (("once", once), ("twice", twice))
    ]
    assert _equal(found[0].pairs, found[1].pairs)
    assert found[0].families == found[1].families


class _DoneTwice(Engine):
    def each(self, function: Callable[[int], pa.Table], count: int) -> list[pa.Table]:
        """Every piece of work but the last one is lost once."""
        super().each(function, max(0, count - 1))
        return super().each(function, count)


def test_rows_read_from_a_part_are_those_that_were_written(tmp_path: Path) -> None:
    row = PartRow("a", (("system", "Be brief."), ("user", "Ü\n?")), "g", "p", '{"name": "f"}')
    parts = RowParts.write([row, row, row], tmp_path / "rows", a_part=2)
    assert list(parts) == [row, row, row]
    assert parts.read(0, every=2) == [row]
    assert (len(parts), parts.parts) == (3, 2)


def test_families_are_those_of_one_piece(tmp_path: Path) -> None:
    rows = _rows(400)
    short = "where is my parcel|where is my parcel now|cancel my order|hello there|where is my bill"
    for number, text in enumerate(short.split("|")):
        turns = (("user", text), ("assistant", f"Answer {number} stands on the page of orders."))
        rows.append(Conversation(f"s{number}", turns))
    parts = RowParts.write(rows, tmp_path / "rows", a_part=90)
    in_parts = near_in_parts(parts, tmp_path / "work", HERE)
    in_one_piece = similar_and_edited(rows)
    assert len(in_parts[1]) >= 40
    assert all(map(_equal, in_parts, in_one_piece))


def test_leaks_are_those_of_one_piece(tmp_path: Path) -> None:
    rows = _rows(400)
    train, tests = rows[:400], rows[400:]
    found = find_leaks_in_parts(
        RowParts.write(train, tmp_path / "train", a_part=150),
        RowParts.write(tests, tmp_path / "tests", a_part=25),
        HERE,
    )
    expected = {(leak.train.id, leak.kind) for leak in find_leaks(train, tests)}
    assert len(expected) >= 38
    assert {(train[leak.train].id, leak.kind) for leak in found} == expected
    place = Workplace(HERE, tmp_path / "place", most=100)
    assert {(leak.train.id, leak.kind) for leak in leaks_among(train, tests, place)} == expected
    assert not list((tmp_path / "place").iterdir())


def test_two_leaks_of_one_name_are_two(tmp_path: Path) -> None:
    turns = (("user", "where is the parcel that I sent"), ("assistant", "On its way."))
    train = [Conversation("a", turns), Conversation("a", turns)]
    place = Workplace(HERE, tmp_path, most=1)
    assert len(leaks_among(train, [Conversation("t", turns)], place)) == 2


def test_planted_copies_are_found_and_nothing_is_left_open(tmp_path: Path) -> None:
    rows = _rows(600)
    looked = copies_among(rows, Workplace(HERE, tmp_path, most=100, a_part=150))
    expected = set(find_copies(rows).pairs.positions())
    assert len(expected) >= 38
    assert set(looked.found.pairs.positions()) == expected
    assert looked.in_words() == ""


def test_copies_that_differ_in_letters_alone_meet(tmp_path: Path) -> None:
    questions = ["turn on the kitchen lamp", "trun on the kitchen lamp", "play some quiet music"]
    fill = _rows(40, copies=0)
    rows = [
        Conversation(text, (("user", text), ("assistant", "lamp" if "lamp" in text else "music")))
        for text in questions
    ]
    spread = [rows[0], *fill, rows[2], rows[1]]
    parts = RowParts.write(spread, tmp_path / "rows", a_part=10)
    found = find_copies_in_parts(parts, tmp_path / "work", HERE, most=12).found
    assert list(found.pairs.positions()) == [(0, 42)]


def test_rows_under_a_standing_instruction_are_not_all_alike(tmp_path: Path) -> None:
    instruction = " ".join(vocabulary(4_000)[-40:])
    rows = []
    for row in _rows(300):
        (_, asked), answer = row.turns
        rows.append(Conversation(row.id, (("user", f"{instruction}\n{asked}"), answer)))
    parts = RowParts.write(rows, tmp_path / "rows", a_part=80)
    looked = find_copies_in_parts(parts, tmp_path / "work", HERE, most=100)
    assert len(looked.apart) == 0
    assert len(looked.found.pairs) >= 38


def test_more_copies_than_a_worker_may_hold_are_counted_as_unchecked(tmp_path: Path) -> None:
    draw = random.Random(5)
    text = " ".join(draw.choices(vocabulary(4_000), k=60))
    rows = []
    for number in range(60):
        said = edit(text, 0.05, draw)
        rows.append(Conversation(f"r{number}", (("user", said[:150]), ("assistant", said[150:]))))
    parts = RowParts.write(rows, tmp_path / "rows", a_part=30)
    looked = find_copies_in_parts(parts, tmp_path / "work", HERE, most=20)
    assert len(looked.apart) > 0
    assert looked.in_words().startswith("unchecked: ")
    assert len(looked.found.pairs) > 0


def test_work_by_numbers_keeps_its_order_in_processes() -> None:
    tables = Engine(workers=2).each(partial(_square, 1), 5)
    assert [table["n"][0].as_py() for table in tables] == [1, 2, 5, 10, 17]


def _square(more: int, number: int) -> pa.Table:
    return pa.table({"n": [number * number + more]})


def test_rows_that_are_all_long_have_no_letters_to_compare(tmp_path: Path) -> None:
    rows = _rows(60, words=80, copies=5)
    looked = copies_among(rows, Workplace(HERE, tmp_path, most=10, a_part=40))
    assert len(looked.found.pairs) >= 4
