"""What a record says of its row beside the conversation: id, kind, date, group, tags."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import (
    Callable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from typing import Any

from tunewell.curate.dates import as_date
from tunewell.task import FieldMap

_DATES = (
    "date",
    "created",
    "created_at",
    "timestamp",
    "published",
    "published_at",
    "updated_at",
)

_GROUPS = (
    "document_id",
    "doc_id",
    "document_name",
    "conversation_id",
    "dialogue_id",
    "session_id",
    "thread_id",
    "patient_id",
    "parent_document",
    "doc",
)
"""Columns that say which rows belong together, where the project names none."""

Columns = Mapping[str, Any]
"""A record: the user's columns."""


class Misfit(ValueError):
    """A record that cannot become a row; the message says which rule it breaks."""


def column_of(record: Columns, name: str) -> str:
    """The text of a column.

    Raises:
        Misfit: There is no such column.
    """
    if name not in record:
        raise Misfit(f"column {name!r} is missing")
    return as_text(record[name])


@dataclass(frozen=True, slots=True)
class RowFields:
    """What a record says of its row.

    Attributes:
        record: The user's columns.
        fields: What the user says they are.
    """

    record: Columns
    fields: FieldMap

    def text(self, field: str, default: str = "") -> str:
        """A field, from the user's own column if there is one, else from the one named so."""
        own = getattr(self.fields, field)
        if own:
            return self._first(own) or default
        if field in (self.fields.input, self.fields.target):
            return default
        return as_text(self.record.get(field)) or default

    def id(self, default: str) -> str:
        """The user's own id.

        Args:
            default: Where there is none.

        Raises:
            Misfit: The user names a column that is not there.
        """
        named = self.fields.id
        if named and not self._there(named):
            raise Misfit(f"column {named!r} is missing")
        return self.text("id").strip() or default

    def _first(self, columns: str) -> str:
        """The first value that is not empty among columns between bars (``urls | doc``)."""
        texts = [as_text(self.record[name]) for name in self._there(columns)]
        return next(filter(None, texts), "")

    def _there(self, columns: str) -> Sequence[str]:
        """Which of the columns between bars the record has; a column may have bars in its name."""
        if columns in self.record:
            return (columns,)
        names = map(str.strip, columns.split("|"))
        return [name for name in names if name in self.record]

    def system(self) -> str:
        """The system turn."""
        return as_text(self.record.get(self.fields.system or "system"))

    def date(self) -> dt.date | None:
        """The day: of the user's own column, else of the first known one that holds a date."""
        names = (self.fields.date,) if self.fields.date else _DATES
        dates = map(as_date, map(self.record.get, names))
        return next(filter(None, dates), None)

    def group(self, *, look: bool) -> str:
        """The group; where the user names no column, of the first known one if so wanted."""
        named = self.text("group")
        if any((named, self.fields.group, not look)):
            return named
        for name in _GROUPS:
            text = as_text(self.record.get(name))
            if text.strip():
                return f"{name} {text}"
        return ""

    def tags(self, date: dt.date | None) -> dict[str, str]:
        """The columns that the user wants kept, and what stands for a date and is none."""
        tags = {column: as_text(self.record.get(column)) for column in self.fields.tags}
        stated = self.text("date")
        if stated and date is None:
            tags["date_text"] = stated
        return {name: value for name, value in tags.items() if value}


def as_text(value: Any) -> str:
    """A value as text; None and NaN are empty.

    Example:
        >>> as_text(3.0), as_text(None), as_text(True), as_text(["a"])
        ('3.0', '', 'true', '["a"]')
    """
    if isinstance(value, str):
        return value
    return _TEXT_OF.get(type(value), str)(value)


def _of_nothing(_value: None) -> str:
    return ""


def _of_number(value: float) -> str:
    return "" if math.isnan(value) else str(value)


def _of_truth(value: bool) -> str:
    return json.dumps(value)


def _of_structure(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


_TEXT_OF: Mapping[type, Callable[[Any], str]] = {
    type(None): _of_nothing,
    float: _of_number,
    bool: _of_truth,
    dt.date: dt.date.isoformat,
    dt.datetime: dt.datetime.isoformat,
    list: _of_structure,
    tuple: _of_structure,
    dict: _of_structure,
}
"""How values of types that files can hold are written."""
