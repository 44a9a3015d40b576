"""Contradictions (D09): the same question, another answer.

See `tunewell.similar.contradictions`.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewell.curate.receipts import Ledger, StepRule
from tunewell.curate.rows import (
    Families,
    InputRow,
    ids_of,
    newest_of,
)
from tunewell.similar.contradictions import contradictory
from tunewell.task import TaskFile


def contradictions(
    rows: Sequence[InputRow],
    file: TaskFile,
    ledger: Ledger,
    *,
    copies: Sequence[Sequence[InputRow]] = (),
) -> Families:
    """Same or nearly the same input, different target (D09).

    They are reported, or all dropped, or the newest is kept if all are dated.

    Args:
        rows: Those that are still there.
        file: The project's definition.
        ledger: Receipts.
        copies: Families of copies of which one row is kept: what contradicts a dropped copy
            contradicts the kept one.

    Returns:
        The families of rows that contradict each other.
    """
    families = contradictory(rows, copies=copies)
    choice = file.spec.rules.contradictions
    cites = file.where("rules.contradictions")
    for family in families:
        if choice == "drop":
            _drop_all(family, cites, ledger)
        elif choice == "newest" and _has_a_newest(family):
            _keep_newest(family, cites, ledger)
        else:
            ledger.seen("D09", ids_of(family))
    return families


def _has_a_newest(family: Sequence[InputRow]) -> bool:
    """Whether all rows are dated, and not of one day."""
    dates = {row.date for row in family}
    return None not in dates and len(dates) > 1


def _keep_newest(
    family: Sequence[InputRow],
    cites: str,
    ledger: Ledger,
) -> None:
    by = StepRule(
        step="contradictions",
        rule="the newest of contradictory rows is kept",
        cites=cites,
        code="D09",
    )
    kept = newest_of(family)
    for row in family:
        if row is not kept:
            ledger.drop(row, by, evidence=_evidence(family), other=kept.id)


def _drop_all(
    family: Sequence[InputRow],
    cites: str,
    ledger: Ledger,
) -> None:
    by = StepRule(
        step="contradictions",
        rule="contradictory rows are dropped",
        cites=cites,
        code="D09",
    )
    first, second, *rest = family
    ledger.drop(first, by, evidence=_evidence(family), other=second.id)
    for row in (second, *rest):
        ledger.drop(row, by, evidence=_evidence(family), other=first.id)


def _evidence(family: Sequence[InputRow]) -> str:
    return f"same input, {len(family)} answers"
