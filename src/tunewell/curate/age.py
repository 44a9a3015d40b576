"""Stale rows (D06): older than the project's definition allows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from tunewell.checks.dates import find_date
from tunewell.curate.receipts import Ledger, StepRule
from tunewell.curate.rows import InputRow
from tunewell.task import (
    Exemption,
    MaxAge,
    TaskFile,
)


def as_of(rows: Sequence[InputRow], rule: MaxAge) -> dt.date | None:
    """The day that ages are counted from: the rule's own, else the newest date in the data."""
    return rule.as_of or newest(rows)


def newest(rows: Iterable[InputRow]) -> dt.date | None:
    """The newest date in the data."""
    dates = {row.date for row in rows}
    return max(filter(None, dates), default=None)


def date_by_text(
    rows: Iterable[InputRow],
    file: TaskFile,
    ledger: Ledger,
) -> None:
    """Date rows that carry no date and say themselves for which day they speak.

    They say "as of" or "last updated". Nothing is dated where no rule asks for ages.
    """
    by = StepRule(
        step="age",
        rule="a row without a date takes the one that its text states",
        cites=file.where("rules.max_age"),
    )
    for row in _undated(rows, file):
        found = find_date(row.target) or find_date(row.input)
        if found is not None and found.certainty == "stated":
            row.date = found.day
            ledger.change(row, by, evidence=f"{found.evidence} → {found.day}")


def _undated(rows: Iterable[InputRow], file: TaskFile) -> list[InputRow]:
    if file.spec.rules.max_age is None:
        return []
    return [row for row in rows if row.date is None]


def age(
    rows: Iterable[InputRow],
    file: TaskFile,
    ledger: Ledger,
    *,
    today: dt.date | None,
) -> None:
    """Drop stale rows, sparing the exceptions.

    Args:
        rows: Those to look at.
        file: The project's definition.
        ledger: Receipts.
        today: The day that ages are counted from; without one no dated row is stale.
    """
    rule = file.spec.rules.max_age
    if rule is None:
        return
    undated = StepRule(
        step="age",
        rule="rows without a date are dropped",
        cites=file.where("rules.max_age.undated"),
        code="D06",
    )
    too_old = StepRule(
        step="age",
        rule=_limit_in_words(rule, today),
        cites=file.where("rules.max_age.days"),
        code="D06",
    )
    for row in rows:
        if not _is_stale(row, rule, today):
            continue
        evidence = f"date {row.date}"
        if is_spared(row, "age", file, ledger, evidence=evidence):
            continue
        if row.date is None:
            ledger.drop(row, undated, evidence="no date")
        else:
            ledger.drop(row, too_old, evidence=evidence)


def _limit_in_words(rule: MaxAge, today: dt.date | None) -> str:
    words = f"not older than {rule.days} days"
    return f"{words} on {today}" if today else words


def _is_stale(
    row: InputRow,
    rule: MaxAge,
    today: dt.date | None,
) -> bool:
    if row.date is None:
        return rule.undated != "keep"
    return today is not None and (today - row.date).days > rule.days


def is_spared(
    row: InputRow,
    step: str,
    file: TaskFile,
    ledger: Ledger,
    *,
    evidence: str,
) -> bool:
    """Whether an exception of ``rules.max_age`` spares a row; it gets a receipt that says so.

    Args:
        row: A row that would be dropped.
        step: The step that would.
        file: The project's definition.
        ledger: Receipts.
        evidence: What the step saw.
    """
    rule = file.spec.rules.max_age
    for exception in rule.exceptions if rule else ():
        if _matches(row, exception):
            value = row.field(exception.field)
            by = StepRule(
                step=step,
                rule=f"kept by the exception {exception.field} = {value}",
                cites=file.where("rules.max_age.except"),
            )
            ledger.change(row, by, evidence=evidence)
            return True
    return False


def _matches(row: InputRow, exception: Exemption) -> bool:
    value = row.field(exception.field).lower()
    return value in map(str.lower, exception.values)
