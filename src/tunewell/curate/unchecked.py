"""What a check of rows leaves open: it is counted and named, never taken for "clear"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tunewell.checks.date_columns import read_dates
from tunewell.checks.language import Shares
from tunewell.checks.personal.unproven import find_unproven, is_known_language
from tunewell.curate.receipts import Ledger
from tunewell.curate.rows import InputRow, clip
from tunewell.plurals import plural
from tunewell.types import Finding

LANGUAGE_UNCHECKED = "D08 language unchecked"
"""Under this name the ledger notes rows whose language could not be told: they are kept."""

_SHOWN = 3


@dataclass(frozen=True)
class OpenQuestion:
    """Something about some rows that could not be checked.

    Attributes:
        said: In words; empty if nothing is open.
        is_decisive: Whether the pitfall cannot be called clear because of it.
    """

    said: str = ""
    is_decisive: bool = False


def with_open_question(finding: Finding, question: OpenQuestion) -> Finding:
    """The finding with what could not be checked; "clear" becomes "unchecked" where it matters."""
    if not question.said:
        return finding
    becomes_open = finding.status == "clear" and question.is_decisive
    status = "unchecked" if becomes_open else finding.status
    why = question.said if becomes_open else f"{finding.why}; {question.said}"
    return finding.model_copy(update={"status": status, "why": why})


def settle_dates(rows: Sequence[InputRow]) -> None:
    """Read the date fields of a source as a column: all show the order of day and month."""
    stated = [row for row in rows if row.date_said]
    for row, read in zip(stated, read_dates([row.date_said for row in stated]), strict=True):
        row.date, row.date_note = read.day, read.note
        if read.note == "unread":
            row.tags["date_text"] = row.date_said
        else:
            row.tags.pop("date_text", None)


def open_dates(rows: Iterable[InputRow]) -> OpenQuestion:
    """Date fields that could not be read, or not for certain."""
    noted: dict[str, list[str]] = {}
    for row in rows:
        if row.date_note:
            noted.setdefault(row.date_note, []).append(row.date_said)

    said = [
        f"{words.format(len(values))} ({_examples(values)})"
        for note, words in _NOTES.items()
        if (values := noted.get(note))
    ]
    return OpenQuestion("; ".join(said), is_decisive="unread" in noted)


_NOTES = {
    "unread": "dates that could not be read, unchecked: {}",
    "order": "dates with day and month in an unknown order, taken as the later day: {}",
    "placeholder": "placeholders instead of a date, taken as undated: {}",
    "future": "dates in the future, which no age is counted from: {}",
}


def open_languages(names: Sequence[str], total: int) -> OpenQuestion:
    """Rows whose language could not be told.

    Args:
        names: What to call the rows.
        total: How many rows were looked at.
    """
    if not names:
        return OpenQuestion()
    said = (
        f"language unchecked in {len(names)} of {total} rows: too short, mixed, code or not "
        f"known ({_first(names)})"
    )
    return OpenQuestion(said, is_decisive=len(names) >= total)


def open_languages_of(ledger: Ledger, total: int) -> OpenQuestion:
    """As `open_languages`, for the rows that curation noted."""
    return open_languages(ledger.rows.get(LANGUAGE_UNCHECKED, []), total)


PERSONAL_UNCHECKED = "D07 unchecked"
"""Under this name the ledger notes numbers of which nothing could be proved."""


def unproven_in(
    row: InputRow,
    languages: Sequence[Shares],
    *,
    name: str = "",
) -> list[str]:
    """What in a row may be personal data, though nothing proves it; at most one for a row.

    Args:
        row: The row.
        languages: How likely each language of its input and target is.
        name: What to call it; its id if empty.
    """
    is_known = all(map(is_known_language, languages))
    for _, text in row.turns:
        said = find_unproven(text, is_known=is_known)
        if said:
            return [f"{name or row.id}: {said}"]
    return []


def open_personal(unproven: Sequence[str]) -> OpenQuestion:
    """Numbers of which nothing could be proved."""
    if not unproven:
        return OpenQuestion()
    said = (
        f"unchecked: numbers in {plural(len(unproven), 'row')}, of countries or in languages "
        f"that are not known ({_first(unproven)})"
    )
    return OpenQuestion(said, is_decisive=True)


def _examples(values: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(values))
    return _first([repr(clip(value, 40)) for value in distinct])


def _first(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown}, …" if len(names) > _SHOWN else shown
