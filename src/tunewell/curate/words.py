"""People's words taken up into the data: a correction takes its row's place, gold changes the answer of its row."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from tunewell.curate.rows import InputRow, Ledger
from tunewell.people.row_changes import PeopleChanges, WrittenAnswer

CITES = "tunewell serve"


def take_up(rows: list[InputRow], words: PeopleChanges, ledger: Ledger) -> None:
    """Put people's words in the rows, with receipts.

    Called before any rule, so that every rule holds for them too.

    A corrected row of the review pool becomes a new row of origin ``correction`` (``annotation``
    where annotators settled its answer), whose parent is the row corrected; the old one is dropped,
    since two answers to one question would contradict each other. A row that already says what
    people settled on stays as it is. A row with gold keeps its id and gets the answer that people
    settled on. Words on rows that are no longer there are left out.
    """
    gold = {w.example: w for w in words.gold}
    corrections = {w.example: w for w in words.corrections}
    made: list[InputRow] = []
    waiting = deque(rows)
    while waiting:
        row = waiting.popleft()
        if row.id in gold:
            _settle(row, gold[row.id], ledger)
        elif row.id in corrections and not row.held and row.target != corrections[row.id].target:
            made.append(_corrected(row, corrections[row.id], ledger))
            waiting.append(made[-1])  # what was corrected may have been corrected again
    rows += made


def _settle(row: InputRow, word: WrittenAnswer, ledger: Ledger) -> None:
    turns = _answered(row.turns, word.target)
    new_tags = {k: v for k, v in word.tags.items() if row.tags.get(k) != v}
    if turns == row.turns and not new_tags:
        return
    row.turns, row.tags = turns, {**row.tags, **new_tags}
    ledger.change(
        row,
        "gold",
        "the answer that people settled on is the row's gold; it is never trained on",
        cites=CITES,
        evidence=f"{word.by}, guideline {word.version}",
    )


def _corrected(row: InputRow, word: WrittenAnswer, ledger: Ledger) -> InputRow:
    reviewed = word.by == "review"
    made = replace(
        row,
        id=f"{row.id}#{'corrected' if reviewed else 'annotated'}",
        turns=_answered(row.turns, word.target),
        tags={**row.tags, **word.tags},
        parent=row.id,
        origin="correction" if reviewed else "annotation",
    )
    rule = (
        "a reviewer wrote the answer as it should be"
        if reviewed
        else "annotators settled the answer"
    )
    ledger.change(
        made,
        "correction",
        rule,
        cites=CITES,
        other=row.id,
        evidence=f"{word.by}, guideline {word.version}",
    )
    ledger.drop(
        row,
        "correction",
        "a person's corrected answer takes this row's place",
        cites=CITES,
        code="D10",
        other=made.id,
    )
    return made


def _answered(turns: list[tuple[str, str]], target: str) -> list[tuple[str, str]]:
    asked = turns[:-1] if turns and turns[-1][0] == "assistant" else turns
    return [*asked, ("assistant", target)]
