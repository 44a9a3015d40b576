"""What a column of unknown rows is: an id, a date, a group, a field to break results down by.

Told by its name and by its values together. What is not certain stays without a role: a wrong id or
group would do more harm than none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from tunewell.curate.reading.columns import has_value, plain_key
from tunewell.curate.reading.row_fields import as_date, as_text
from tunewell.types import Value

ColumnRole = Literal["id", "date", "group", "slice", ""]

_GROUP: Final = re.compile(
    r"(?:^|_)(?:conversation|dialog|dialogue|thread|session|document|doc|patient|case|customer"
    r"|client|user|speaker|article|page|url|ticket|order)(?:_?(?:id|ids|no|nr|number|name|key))?$"
)
_ID: Final = re.compile(
    r"(?:^|_)(?:id|ids|uid|uuid|nr|no|num|number|nummer|key|ref|reference|code|case|ticket|job|order"
    r"|record|item|row)(?:_?(?:id|no|nr|number))?$|id$"
)
"""Names of columns whose bare numbers are ids; other numbers are years, prices, counts."""

_PART: Final = re.compile(r"(?:^|_)(?:split|fold|subset|set|partition|row|index|line)(?:_|$)")

_ALMOST_ALL: Final = 0.9
_LONGEST_ID: Final = 64
_LONGEST_SLICE: Final = 40
_FEWEST_ROWS: Final = 20
"""Fewer rows do not tell an id from any other different values."""

_MOST_SLICE_VALUES: Final = 12
_ROWS_PER_SLICE_VALUE: Final = 5
_LARGEST_GROUP: Final = 0.5
"""Share of the rows: a larger group would leave nothing to divide."""


class ColumnLook(Value):
    """One column of the files.

    Attributes:
        name: Its name.
        role: What it looks like; empty where nothing tells.
        rows: How many rows hold something there.
        values: How many different values there are.
        example: The first value.
    """

    name: str
    role: ColumnRole
    rows: int
    values: int
    example: str


def look_at_columns(
    records: Sequence[Mapping[str, Any]], *, but: Iterable[str]
) -> list[ColumnLook]:
    """What each plain column of some records looks like.

    Args:
        records: Raw records, as read.
        but: Columns that are something already, such as the question.

    Example:
        >>> rows = [{"nr": f"T-{n}", "shop": "ab"[n % 2]} for n in range(40)]
        >>> [(c.name, c.role) for c in look_at_columns(rows, but=())]
        [('nr', 'id'), ('shop', 'slice')]
    """
    taken = set(but)
    found: list[ColumnLook] = []
    seen: set[str] = set()
    for name, values in _plain_columns(records).items():
        if name in taken:
            continue
        role = _role(name, values, len(records))
        # The first id and the first date count.
        if role in ("id", "date") and role in seen:
            role = ""
        seen.add(role)
        found.append(
            ColumnLook(
                name=name,
                role=role,
                rows=len(values),
                values=len(set(values)),
                example=values[0][:_LONGEST_ID],
            )
        )
    return found


def _plain_columns(records: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The values of columns that hold texts, numbers and truth values alone."""
    found: dict[str, list[str]] = {}
    nested: set[str] = set()
    for record in records:
        for name, value in record.items():
            if isinstance(value, str | int | float | bool):
                if has_value(value):
                    found.setdefault(name, []).append(as_text(value).strip())
            elif has_value(value):
                nested.add(name)
    return {name: values for name, values in found.items() if name not in nested}


def _role(name: str, values: Sequence[str], rows: int) -> ColumnRole:
    if rows < _FEWEST_ROWS:
        return ""
    if _is_date(values):
        return "date"
    if _is_id(name, values, rows):
        return "id"
    if _is_group(name, values, rows):
        return "group"
    return "slice" if _is_slice(name, values, rows) else ""


def _is_date(values: Sequence[str]) -> bool:
    """Days of a calendar; bare numbers are none."""
    dated = [value for value in values if not value.isdigit() and as_date(value) is not None]
    return len(dated) >= _ALMOST_ALL * len(values)


def _is_id(name: str, values: Sequence[str], rows: int) -> bool:
    if len(values) < rows or len(set(values)) < rows:
        return False
    numbers = all(value.isdigit() for value in values)
    if numbers and not _ID.search(plain_key(name)):
        return False
    return all(len(value) <= _LONGEST_ID and not re.search(r"\s|\.\d", value) for value in values)


def _is_group(name: str, values: Sequence[str], rows: int) -> bool:
    if not _GROUP.search(plain_key(name)) or len(values) < _ALMOST_ALL * rows:
        return False
    counts = Counter(values)
    repeated = len(counts) < _ALMOST_ALL * len(values)
    return (
        repeated
        and len(counts) > _MOST_SLICE_VALUES
        and max(counts.values()) <= (_LARGEST_GROUP * rows)
    )


def _is_slice(name: str, values: Sequence[str], rows: int) -> bool:
    if _PART.search(plain_key(name)) or len(values) < _ALMOST_ALL * rows:
        return False
    counts = Counter(values)
    if len(counts) > min(_MOST_SLICE_VALUES, rows // _ROWS_PER_SLICE_VALUE):
        return False
    if sum(count >= _ROWS_PER_SLICE_VALUE for count in counts.values()) < 2:
        return False
    return all(len(value) <= _LONGEST_SLICE and not re.search(r"\.\d", value) for value in counts)
