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

from tunewell.checks.date_columns import read_date
from tunewell.curate.reading.columns import Columns, Misfit
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

    def date_said(self) -> str:
        """The date field as it stands: the user's own column, else the likeliest known one.

        That is the first that can be read, else the first that says anything.
        """
        names = (self.fields.date,) if self.fields.date else _DATES
        there = [name for name in names if name in self.record]
        if not there:
            return ""
        said = {name: as_text(self.record[name]) for name in there}
        stated = [name for name in there if said[name]]
        readable = [name for name in stated if as_date(said[name]) is not None]
        chosen = next(iter([*readable, *stated]), "")
        if not chosen:
            return ""
        self.record.use(chosen, "date")
        return said[chosen]

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

    def tags(self) -> dict[str, str]:
        """The columns that the user wants kept, and those that stand under ``tags``."""
        tags = self._written_tags()
        for column in self.fields.tags:
            if column in self.record:
                tags[column] = as_text(self.record.use(column, "tag"))
        return {name: value for name, value in tags.items() if value}

    def _written_tags(self) -> dict[str, str]:
        """Tags as Tunewell writes them: an object of texts."""
        value = self.record.get("tags") if self.record.is_free("tags") else None
        if not isinstance(value, Mapping):
            return {}
        if not all(isinstance(each, str) for each in (*value, *value.values())):
            return {}
        self.record.use("tags", "tags")
        return dict(value)


def as_date(value: Any) -> dt.date | None:
    """The day of one date field, if it is certain without the others of its column.

    Example:
        >>> as_date("2024-03-01T10:00:00Z"), as_date("1.3.2024"), as_date("03/04/2024")
        (datetime.date(2024, 3, 1), datetime.date(2024, 3, 1), None)
    """
    text = as_text(value)
    if not text:
        return None
    read = read_date(text)
    return None if read.note == "order" else read.day


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
            "a column holds bytes that are not text",
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
