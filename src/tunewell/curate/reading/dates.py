"""Fields that hold dates, in the forms that can mean one day only."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any

_FORMS = (
    re.compile(r"\s*(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?:$|[T\s])"),
    re.compile(r"\s*(?P<year>\d{4})[/.](?P<month>\d{1,2})[/.](?P<day>\d{1,2})(?:$|[T\s])"),
    re.compile(r"\s*(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})\s*$"),
)
"""ISO dates and times, year first, and days with points."""

_MILLISECONDS = 1e11
"""A larger number counts milliseconds: as seconds it would be beyond the year 5000."""

_EARLIEST, _LATEST = 1e8, 4.2e9
"""Seconds from 1973 to 2103: other numbers are no dates."""


def as_date(value: Any) -> dt.date | None:
    """A date field: ISO dates and times, ``2024/3/1``, ``1.3.2024``, Unix seconds or milliseconds.

    Else None.

    Example:
        >>> as_date("2024-03-01T10:00:00Z"), as_date("1.3.2024"), as_date("03/04/2024")
        (datetime.date(2024, 3, 1), datetime.date(2024, 3, 1), None)
    """
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _of_number(value)
    return None


def _of_text(text: str) -> dt.date | None:
    for form in _FORMS:
        match = form.match(text)
        if match:
            return _day(**match.groupdict())
    return None


def _day(
    year: str,
    month: str,
    day: str,
) -> dt.date | None:
    try:
        return dt.date(int(year), int(month), int(day))
    except ValueError:
        return None


def _of_number(number: float) -> dt.date | None:
    if not math.isfinite(number):
        return None
    seconds = number / 1000 if abs(number) > _MILLISECONDS else number
    if not _EARLIEST < seconds < _LATEST:
        return None
    return dt.datetime.fromtimestamp(seconds, dt.UTC).date()
