"""Leaks of rows in parts into test rows in parts (see `tunewell.similar.leaks`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from tunewell.engine import Engine
from tunewell.similar.in_parts.part_files import RowParts
from tunewell.similar.in_parts.workplace import Workplace
from tunewell.similar.leaks import Leak, RowT, find_leaks

_KINDS = ("exact", "normalised", "prefix", "child", "sibling", "edited", "paraphrased")
"""From what a leak is told by first to what it is told by last."""


@dataclass(frozen=True)
class LeakOfParts:
    """A training row and the test row that it gives away.

    Attributes:
        train: Number of the training row.
        test: Number of the test row.
        kind: See `tunewell.similar.leaks.Leak`.
        similarity: Of their words, in [0, 1].
    """

    train: int
    test: int
    kind: str
    similarity: float


def leaks_among(rows: Sequence[RowT], tests: Sequence[RowT], place: Workplace) -> list[Leak[RowT]]:
    """Every training row that leaks: in one piece, or in parts where there are many rows."""
    if place.takes_in_one_piece(len(rows) + len(tests)) or not tests:
        return find_leaks(rows, tests)
    with place.scratch() as folder:
        found = find_leaks_in_parts(
            place.write(rows, folder / "rows"),
            place.write(tests, folder / "tests"),
            place.engine,
        )
    return [Leak(rows[leak.train], tests[leak.test], leak.kind, leak.similarity) for leak in found]


def find_leaks_in_parts(rows: RowParts, tests: RowParts, engine: Engine) -> list[LeakOfParts]:
    """Every training row that leaks, with the nearest test row.

    Each part of the rows is held against each part of the test rows: the work grows with the rows
    times the parts of the test set, of which there is one as a rule.

    Args:
        rows: Training rows.
        tests: Test rows.
        engine: Where the parts are worked on.
    """
    found: dict[int, LeakOfParts] = {}
    for table in engine.each(partial(_leaks_of, rows, tests), rows.parts * tests.parts):
        for each in table.to_pylist():
            leak = LeakOfParts(**each)
            known = found.get(leak.train)
            if known is None or _rank(leak) < _rank(known):
                found[leak.train] = leak
    return [found[train] for train in sorted(found)]


def _rank(leak: LeakOfParts) -> tuple[int, float, int]:
    return _KINDS.index(leak.kind), -leak.similarity, leak.test


def _leaks_of(rows: RowParts, tests: RowParts, number: int) -> pa.Table:
    part, part_of_tests = divmod(number, tests.parts)
    train, test = rows.read(part), tests.read(part_of_tests)
    # By their places: two rows may have one name.
    place_of_train = {id(row): i for i, row in enumerate(train, rows.firsts[part])}
    place_of_test = {id(row): i for i, row in enumerate(test, tests.firsts[part_of_tests])}
    leaks = find_leaks(train, test)
    return pa.table(
        {
            "train": pa.array([place_of_train[id(leak.train)] for leak in leaks], pa.int64()),
            "test": pa.array([place_of_test[id(leak.test)] for leak in leaks], pa.int64()),
            "kind": pa.array([leak.kind for leak in leaks], pa.string()),
            "similarity": pa.array([leak.similarity for leak in leaks], pa.float64()),
        }
    )
