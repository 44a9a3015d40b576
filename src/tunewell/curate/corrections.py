"""People's corrections and gold answers, taken up into the data.

A correction takes its row's place, gold changes the answer of its row.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from tunewell.curate.receipts import Ledger, StepRule
from tunewell.curate.rows import InputRow
from tunewell.people.row_changes import PeopleChanges, WrittenAnswer
from tunewell.types import Origin

CITES = "tunewell serve"

_GOLD = StepRule(
    step="gold",
    rule="the answer that people settled on is the row's gold; it is never trained on",
    cites=CITES,
)


@dataclass(frozen=True)
class _Writer:
    """Who wrote an answer anew.

    Attributes:
        suffix: Of the new row's id.
        origin: Of the new row.
        by: What its receipt says.
    """

    suffix: str
    origin: Origin
    by: StepRule


_REVIEWER = _Writer(
    suffix="corrected",
    origin="correction",
    by=StepRule(
        step="correction",
        rule="a reviewer wrote the answer as it should be",
        cites=CITES,
    ),
)
_ANNOTATORS = _Writer(
    suffix="annotated",
    origin="annotation",
    by=StepRule(
        step="correction",
        rule="annotators settled the answer",
        cites=CITES,
    ),
)
_REPLACED = StepRule(
    step="correction",
    rule="a person's corrected answer takes this row's place",
    cites=CITES,
    code="D10",
)


def take_up(
    rows: list[InputRow],
    words: PeopleChanges,
    ledger: Ledger,
) -> None:
    """Put people's words in the rows, with receipts.

    Called before any rule, so that every rule holds for them too.

    A corrected row of the review pool becomes a new row of origin ``correction`` (``annotation``
    where annotators settled its answer), whose parent is the row corrected; the old one is dropped,
    since two answers to one question would contradict each other. A row that already says what
    people settled on stays as it is. A row with gold keeps its id and gets the answer that people
    settled on. Words on rows that are no longer there are left out.
    """
    gold = {word.example: word for word in words.gold}
    corrections = {word.example: word for word in words.corrections}
    made: list[InputRow] = []
    waiting = deque(rows)
    while waiting:
        row = waiting.popleft()
        if row.id in gold:
            _settle(row, gold[row.id], ledger)
            continue
        word = corrections.get(row.id)
        if word is not None and not row.held and row.target != word.target:
            made.append(_corrected(row, word, ledger))
            waiting.append(made[-1])  # what was corrected may have been corrected again
    rows += made


def _settle(
    row: InputRow,
    word: WrittenAnswer,
    ledger: Ledger,
) -> None:
    tags = {**row.tags, **word.tags}
    if (row.target, row.tags) == (word.target, tags):
        return
    row.answer(word.target)
    row.tags = tags
    ledger.change(row, _GOLD, evidence=_written_by(word))


def _corrected(
    row: InputRow,
    word: WrittenAnswer,
    ledger: Ledger,
) -> InputRow:
    """The row with a person's answer; the old one is dropped."""
    writer = _REVIEWER if word.by == "review" else _ANNOTATORS
    made = replace(
        row.copy(),
        id=f"{row.id}#{writer.suffix}",
        tags={**row.tags, **word.tags},
        parent=row.id,
        origin=writer.origin,
    )
    made.answer(word.target)
    ledger.change(made, writer.by, other=row.id, evidence=_written_by(word))
    ledger.drop(row, _REPLACED, other=made.id)
    return made


def _written_by(word: WrittenAnswer) -> str:
    return f"{word.by}, guideline {word.version}"
