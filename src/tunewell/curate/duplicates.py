"""Rows that repeat each other: exact copies (D03), near-duplicates (D04). One of each is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunewell.curate.receipts import Ledger, StepRule, still_there
from tunewell.curate.rows import (
    Families,
    InputRow,
    ids_of,
    members_of,
    written_of,
)
from tunewell.curate.unchecked import OpenQuestion
from tunewell.curate.which_stays import best_of, fallen
from tunewell.similar import (
    THRESHOLD,
    by_key,
    key,
)
from tunewell.similar.conversations import asked_of
from tunewell.similar.in_parts import CopiesInParts, Workplace, copies_among
from tunewell.similar.same_meaning import not_searched
from tunewell.task import TaskFile

_KEPT = {"first": "the cleanest, the first of these", "newest": "the newest, the cleanest of these"}


def exact(
    rows: Sequence[InputRow],
    file: TaskFile,
    ledger: Ledger,
) -> Families:
    """Keep one of each set of equal rows (D03), equal after normalisation; gives the families."""
    choice = file.spec.rules.exact_duplicates
    families = same(rows)
    if choice == "report":
        ledger.seen("D03", ids_of(members_of(families, but=1)))
        return families

    by = StepRule(
        step="exact duplicates",
        rule=f"of identical rows, {_KEPT[choice]} is kept",
        cites=file.where("rules.exact_duplicates"),
        code="D03",
    )
    for family in families:
        kept = best_of(family, newest=choice == "newest")
        for row in family:
            if row is not kept:
                ledger.drop(
                    row,
                    by,
                    evidence="equal after normalisation",
                    other=kept.id,
                )
    return families


def same(rows: Sequence[InputRow]) -> Families:
    """Families of rows that are equal after normalisation."""
    return _rows_at(by_key([_key_of(row) for row in rows]), rows)


def _key_of(row: InputRow) -> bytes:
    return key(asked_of(row), row.target)


def near(
    rows: Sequence[InputRow],
    file: TaskFile,
    ledger: Ledger,
    place: Workplace,
) -> Likeness:
    """Of edited copies (D04) keep the best (see `tunewell.curate.which_stays`)."""
    looked = copies_among(rows, place)
    like = _likeness(rows, looked)
    families = like.copies
    if file.spec.rules.near_duplicates == "report":
        equal = set(ids_of(members_of(same(rows), but=1)))
        edited = ids_of(members_of(families, but=1))
        ledger.seen("D04", [row for row in edited if row not in equal])
        _report(like.likely, ledger)
        return like

    by = StepRule(
        step="near duplicates",
        rule=(
            "of edited copies the newest, cleanest, first stays: "
            f"word similarity from {THRESHOLD}, or slips alone"
        ),
        cites=file.where("rules.near_duplicates"),
        code="D04",
    )
    for copy in fallen(rows, looked.found.pairs):
        row, stays = rows[copy.row], rows[copy.stays]
        if _key_of(row) == _key_of(stays):
            continue  # equal rows that are still there were left in by the rule for those
        ledger.drop(row, by, evidence=f"similarity {copy.similarity:.2f}", other=stays.id)
    _report(like.likely, ledger)
    return like


def _report(likely: Sequence[tuple[InputRow, InputRow]], ledger: Ledger) -> None:
    """Note the rows that may say the same as another one that is still there."""
    for first, second in likely:
        if not first.dropped and not second.dropped:
            ledger.seen("D04", [second.id])
            ledger.seen(still_there("D04"), [second.id])


@dataclass(frozen=True)
class Likeness:
    """What rows have to do with each other.

    Attributes:
        copies: Families of edited copies.
        templates: Families of rows from one template.
        likely: Pairs that may say the same in other words.
        unchecked: What was not looked at.
    """

    copies: Families
    templates: Families
    likely: list[tuple[InputRow, InputRow]]
    unchecked: OpenQuestion


def likeness(rows: Sequence[InputRow], place: Workplace) -> Likeness:
    """Copies, templates and what may be the same among some rows."""
    written = written_of(rows)
    return _likeness(written, copies_among(written, place))


def _likeness(rows: Sequence[InputRow], looked: CopiesInParts) -> Likeness:
    found = looked.found
    return Likeness(
        copies=_rows_at(found.families, rows),
        templates=_rows_at(found.templates, rows),
        likely=[(rows[i], rows[j]) for i, j in found.likely.positions()],
        unchecked=_open_question(rows, looked),
    )


def _open_question(rows: Sequence[InputRow], looked: CopiesInParts) -> OpenQuestion:
    said = filter(None, [looked.in_words(), not_searched(len(rows))])
    return OpenQuestion("; ".join(said), is_decisive=len(looked.apart) > 0)


def _rows_at(groups: Sequence[Sequence[int]], rows: Sequence[InputRow]) -> Families:
    return [[rows[i] for i in group] for group in groups]
