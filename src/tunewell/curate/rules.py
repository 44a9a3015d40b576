"""Rules that the project's definition asks for: kinds, age, languages, words.

Each drop cites its line.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from tunewell.checks.dates import find_date
from tunewell.checks.language import Shares, is_language_unchecked, other_language
from tunewell.checks.segments import count_words, is_unspaced
from tunewell.curate.rows import InputRow, Ledger
from tunewell.curate.unchecked import LANGUAGE_UNCHECKED
from tunewell.task import MaxAge, TaskFile


def kinds(rows: Sequence[InputRow], file: TaskFile, ledger: Ledger) -> None:
    """Drop rows of a kind that does not belong (D01)."""
    rule = file.spec.rules.kinds
    for row in rows:
        if rule.keep and row.kind not in rule.keep:
            ledger.drop(
                row,
                "kinds",
                f"only kinds {', '.join(rule.keep)}",
                cites=file.where("rules.kinds.keep"),
                code="D01",
                evidence=f"kind {row.kind or '(none)'}",
            )
        elif row.kind in rule.drop:
            ledger.drop(
                row,
                "kinds",
                f"no {row.kind}",
                cites=file.where("rules.kinds.drop"),
                code="D01",
                evidence=f"kind {row.kind}",
            )


def as_of(rows: Sequence[InputRow], rule: MaxAge) -> dt.date | None:
    """The day that ages are counted from: the rule's own, else the newest date in the data."""
    return rule.as_of or newest(rows)


def newest(rows: Sequence[InputRow]) -> dt.date | None:
    """The newest date in the data that is certain and not in the future."""
    certain = [row.date for row in rows if row.date and not row.date_note]
    return max(certain or [row.date for row in rows if row.date], default=None)


def date_by_text(rows: Sequence[InputRow], file: TaskFile, ledger: Ledger) -> None:
    """Date rows that carry no date and say themselves for which day they speak ("as of", "last updated")."""
    if file.spec.rules.max_age is None:
        return
    for row in rows:
        # A date field that could not be read does not give way to an older day in the text.
        if row.date is not None or row.date_note == "unread":
            continue
        found = find_date(row.target) or find_date(row.input)
        if found is not None and found.certainty == "stated":
            row.date = found.day
            ledger.change(
                row,
                "age",
                "a row without a date takes the one that its text states",
                cites=file.where("rules.max_age"),
                evidence=f"{found.evidence} → {found.day}",
            )


def age(rows: Sequence[InputRow], file: TaskFile, ledger: Ledger, *, today: dt.date | None) -> None:
    """Drop stale rows (D06), sparing the exceptions."""
    rule = file.spec.rules.max_age
    if rule is None:
        return
    words = (
        f"not older than {rule.days} days on {today}"
        if today
        else f"not older than {rule.days} days"
    )
    for row in rows:
        stale = row.date is not None and today is not None and (today - row.date).days > rule.days
        is_undated = row.date is None and row.date_note != "unread"
        if not stale and not (is_undated and rule.undated == "drop"):
            continue
        spared = next(
            (
                e
                for e in rule.exceptions
                if row.field(e.field).lower() in {v.lower() for v in e.values}
            ),
            None,
        )
        if spared is not None:
            ledger.change(
                row,
                "age",
                f"kept by the exception {spared.field} = {row.field(spared.field)}",
                cites=file.where("rules.max_age.except"),
                evidence=f"date {row.date}",
            )
        elif row.date is None:
            ledger.drop(
                row,
                "age",
                "rows without a date are dropped",
                cites=file.where("rules.max_age.undated"),
                code="D06",
                evidence="no date",
            )
        else:
            ledger.drop(
                row,
                "age",
                words,
                cites=file.where("rules.max_age.days"),
                code="D06",
                evidence=f"date {row.date}",
            )


def languages(row: InputRow, seen: Sequence[Shares], file: TaskFile, ledger: Ledger) -> None:
    """Drop a row whose input or target is certainly in another language (D08)."""
    wanted = file.spec.rules.languages
    if not wanted:
        return
    for part, shares in zip(("input", "target"), seen, strict=False):
        if code := other_language(shares, wanted):
            ledger.drop(
                row,
                "languages",
                f"languages {', '.join(wanted)}",
                cites=file.where("rules.languages"),
                code="D08",
                evidence=f"the {part} is in {code}",
            )
            return
    if any(is_language_unchecked(shares, wanted) for shares in seen):
        ledger.seen(LANGUAGE_UNCHECKED, [row.id])


def words(rows: Sequence[InputRow], file: TaskFile, ledger: Ledger) -> None:
    """Drop rows that are too short or too long, in words (see `count_words`) (D08)."""
    rule = file.spec.rules.words
    for row in rows:
        alone = len(row.turns) == 1  # plain text has no input to measure
        checks = (
            ("input", row.input, 0 if alone else rule.min_input, rule.max_input),
            ("target", row.target, rule.min_target, rule.max_target),
        )
        for part, text, least, most in checks:
            if least <= 1 and not most and text.strip():
                continue
            n = count_words(text)
            if n < least or (most and n > most):
                name, limit = (f"min_{part}", least) if n < least else (f"max_{part}", most)
                place = file.where(f"rules.words.{name}")
                side = "at least" if n < least else "at most"
                ledger.drop(
                    row,
                    "words",
                    f"the {part} has {side} {limit} words",
                    cites=place,
                    code="D08",
                    evidence=f"{n} {'segments' if is_unspaced(text) else 'words'}",
                )
                break
