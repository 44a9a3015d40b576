"""Rows that repeat each other: exact copies (D03), near-duplicates (D04). One of each is kept."""

from __future__ import annotations

from collections.abc import Sequence

from tunewell.curate.receipts import Ledger, StepRule
from tunewell.curate.rows import (
    Families,
    InputRow,
    ids_of,
    members_of,
    newest_of,
)
from tunewell.curate.which_stays import fallen
from tunewell.similar import (
    THRESHOLD,
    by_key,
    key,
)
from tunewell.similar.conversations import asked_of
from tunewell.similar.row_copies import find_copies
from tunewell.task import TaskFile


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
        rule=f"of identical rows, the {choice} is kept",
        cites=file.where("rules.exact_duplicates"),
        code="D03",
    )
    for family in families:
        kept = newest_of(family) if choice == "newest" else family[0]
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
    keys = [key(asked_of(row), row.target) for row in rows]
    return _rows_at(by_key(keys), rows)


def near(
    rows: Sequence[InputRow],
    file: TaskFile,
    ledger: Ledger,
) -> tuple[Families, Families]:
    """Of edited copies (D04) keep the best (see `tunewell.curate.which_stays`).

    Returns:
        These families, and those of one template (D05).
    """
    found = find_copies(rows)
    families = _rows_at(found.families, rows)
    templates = _rows_at(found.templates, rows)
    if file.spec.rules.near_duplicates == "report":
        equal = set(ids_of(members_of(same(rows), but=1)))
        edited = ids_of(members_of(families, but=1))
        ledger.seen("D04", [row for row in edited if row not in equal])
        return families, templates

    by = StepRule(
        step="near duplicates",
        rule=(
            "of edited copies the newest, cleanest, first stays: "
            f"word similarity from {THRESHOLD}, or slips alone"
        ),
        cites=file.where("rules.near_duplicates"),
        code="D04",
    )
    for copy in fallen(rows, found.pairs):
        ledger.drop(
            rows[copy.row],
            by,
            evidence=f"similarity {copy.similarity:.2f}",
            other=rows[copy.stays].id,
        )
    return families, templates


def likeness(rows: Sequence[InputRow]) -> tuple[Families, Families]:
    """Families of edited copies, and families of rows from one template."""
    found = find_copies(rows)
    return _rows_at(found.families, rows), _rows_at(found.templates, rows)


def _rows_at(groups: Sequence[Sequence[int]], rows: Sequence[InputRow]) -> Families:
    return [[rows[i] for i in group] for group in groups]
