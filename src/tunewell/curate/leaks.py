"""Leaks (D11): the training side of each is dropped (see `tunewell.similar.leaks`)."""

from __future__ import annotations

from collections.abc import Sequence

from tunewell.curate.receipts import Ledger, StepRule, still_there
from tunewell.curate.rows import InputRow
from tunewell.curate.unchecked import OpenQuestion
from tunewell.similar import THRESHOLD
from tunewell.similar.in_parts import Workplace, leaks_among
from tunewell.similar.leaks import Leak, likely_leaks
from tunewell.similar.same_meaning import not_searched

RowLeak = Leak[InputRow]

_NOT_NEAR_A_TEST_ROW = StepRule(
    step="leaks",
    rule=f"no training row is close to a test row: similarity from {THRESHOLD}",
    code="D11",
)


def drop_leaks(
    rows: Sequence[InputRow],
    tests: Sequence[InputRow],
    ledger: Ledger,
    place: Workplace,
) -> list[RowLeak]:
    """Drop the training side of every leak."""
    leaks = leaks_among(rows, tests, place)
    for leak in leaks:
        evidence = leak.kind
        if leak.edited:
            evidence = f"{leak.kind}, similarity {leak.similarity:.2f}"
        ledger.drop(
            leak.train,
            _NOT_NEAR_A_TEST_ROW,
            evidence=evidence,
            other=leak.test.id,
        )
    return leaks


def report_likely(
    rows: Sequence[InputRow],
    tests: Sequence[InputRow],
    known: Sequence[RowLeak],
    ledger: Ledger,
) -> OpenQuestion:
    """Note the rows that may say the same as a test row in other words; none is dropped.

    Returns:
        What was not looked for.
    """
    for leak in likely_leaks(rows, tests, known):
        ledger.seen(still_there("D11"), [leak.train.id])
    return open_leaks(rows, tests)


def open_leaks(rows: Sequence[InputRow], tests: Sequence[InputRow]) -> OpenQuestion:
    """What is not looked for among so many rows and test rows."""
    return OpenQuestion(not_searched(len(rows) + len(tests)) if tests else "")
