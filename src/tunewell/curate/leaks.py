"""Leaks (D11): training rows that are, or are close to, a row of the project's own test set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewell.curate.rows import Ledger, Row
from tunewell.similar import THRESHOLD, alike, copies, exact_key, key, near_pairs, only_numbers_differ, split_words

FEW = 3
"""An input of fewer words ("hello there") says too little to be a leak by itself; then the answer must be equal too."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A training row and the test row that it gives away."""

    train: Row
    test: Row
    kind: str
    similarity: float = 1.0


def find_leaks(rows: Sequence[Row], tests: Sequence[Row]) -> list[Leak]:
    """Every training row that leaks, with the nearest test row: exact, normalised, edited, or same document."""
    found: dict[int, Leak] = {}
    if not tests:
        return []
    exact = {exact_key(*_compared(test)): test for test in reversed(tests)}
    same = {key(*_compared(test)): test for test in reversed(tests)}
    groups = {test.group: test for test in reversed(tests) if test.group}
    ids = {test.id: test for test in tests}
    for i, row in enumerate(rows):
        parts = _compared(row)
        if test := exact.get(exact_key(*parts)):
            found[i] = Leak(row, test, "exact")
        elif test := same.get(key(*parts)):
            found[i] = Leak(row, test, "normalised")
        elif test := ids.get(row.parent):
            found[i] = Leak(row, test, "child", 0.0)
        elif test := groups.get(row.group) if row.group else None:
            found[i] = Leak(row, test, "sibling", 0.0)
    for leak_i, leak in _edited(rows, tests, found):
        found[leak_i] = leak
    return [found[i] for i in sorted(found)]


def _compared(row: Row) -> tuple[str, ...]:
    text = row.input
    return (text,) if len(text.split()) >= FEW else (text, row.target)


def _edited(rows: Sequence[Row], tests: Sequence[Row], known: dict[int, Leak]) -> list[tuple[int, Leak]]:
    """Rows that are edited copies of a test row, as a whole or in their inputs."""
    both = [*tests, *rows]
    asked = split_words([row.input if len(row.turns) > 1 else row.target for row in both])
    answers = split_words([row.target for row in both])
    whole = split_words([f"{row.input}\n{row.target}" for row in both])
    by_input, by_row = near_pairs(asked, across=len(tests)), near_pairs(whole, across=len(tests))
    same = alike(asked, by_input.left, by_input.right, least=THRESHOLD)
    best: dict[int, Leak] = {}
    for pairs, keep in ((by_input, same), (by_row, copies(asked, answers, whole, by_row))):
        for k in np.flatnonzero(keep):
            test, at, similarity = int(pairs.left[k]), int(pairs.right[k]), float(pairs.similarity[k])
            row = at - len(tests)
            if row in known or only_numbers_differ(asked, test, at):
                continue
            if row not in best or similarity > best[row].similarity:
                best[row] = Leak(rows[row], tests[test], "edited", similarity)
    return sorted(best.items())


def drop_leaks(rows: Sequence[Row], tests: Sequence[Row], ledger: Ledger) -> list[Leak]:
    """Drop the training side of every leak."""
    leaks = find_leaks(rows, tests)
    for leak in leaks:
        evidence = f"{leak.kind}, similarity {leak.similarity:.2f}" if leak.kind == "edited" else leak.kind
        ledger.drop(leak.train, "leaks", f"no training row is close to a test row: similarity from {THRESHOLD}",
                    code="D11", evidence=evidence, other=leak.test.id)  # fmt: skip
    return leaks
