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

from tunewell.curate.reading.columns import Columns, Misfit
from tunewell.curate.reading.dates import as_date
from tunewell.curate.rows import clip
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


def column_of(record: Columns, name: str, use: str) -> str:
    """The text of a column that the user names, which is now used for this.

    Raises:
        Misfit: There is no such column.
    """
    if name not in record:
        names = ", ".join(list(record)[:8])
        raise Misfit(
            f"column {name!r} is missing",
            f"the columns are {clip(names, 120)}: correct data[].fields",
        )
    return as_text(record.use(name, use))


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
            return self._first(own, field) or default
        return as_text(self.record.take((field,), field)) or default

    def id(self, default: str) -> str:
        """The user's own id.

        Args:
            default: Where there is none.

        Raises:
            Misfit: The user names a column that is not there.
        """
        named = self.fields.id
        if named and not self._there(named):
            raise Misfit(f"column {named!r} is missing", "correct data[].fields: id")
        return self.text("id").strip() or default

    def _first(self, columns: str, use: str) -> str:
        """The first value that is not empty among columns between bars (``urls | doc``)."""
        for name in self._there(columns):
            text = as_text(self.record.use(name, use))
            if text:
                return text
        return ""

    def _there(self, columns: str) -> Sequence[str]:
        """Which of the columns between bars the record has; a column may have bars in its name."""
        if columns in self.record:
            return (columns,)
        names = map(str.strip, columns.split("|"))
        return [name for name in names if name in self.record]

    def date(self) -> dt.date | None:
        """The day: of the user's own column, else of the first known one that holds a date."""
        names = (self.fields.date,) if self.fields.date else _DATES
        for name in names:
            day = as_date(self.record.get(name))
            if day is not None:
                self.record.use(name, "date")
                return day
        return None

    def group(self, *, look: bool) -> str:
        """The group; where the user names no column, of the first known one if so wanted."""
        named = self.text("group")
        if any((named, self.fields.group, not look)):
            return named
        for name in self.record.free(_GROUPS):
            text = as_text(self.record[name])
            if text.strip():
                self.record.use(name, "group")
                return f"{name} {text}"
        return ""

    def tags(self, date: dt.date | None) -> dict[str, str]:
        """The columns that the user wants kept, and what stands for a date and is none."""
        tags = {}
        for column in self.fields.tags:
            if column in self.record:
                tags[column] = as_text(self.record.use(column, "tag"))
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
    if isinstance(value, bytes | bytearray | memoryview):
        raise Misfit(
            "a column holds bytes that are no text",
            "leave the column out of data[].fields, or write its text",
        )
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
