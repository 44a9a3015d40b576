"""Date fields of a whole column: what one value leaves open, the others decide (pitfall D06).

Hand-written because measured so: bench/checks/dates.py has the table of forms beside dateparser,
which reads one value at a time and guesses the order of day and month.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tunewell.checks.calendars import Calendar, gregorian
from tunewell.checks.date_forms import Numbers, Said, Serial, Triple, date_said, day_of, full_year
from tunewell.checks.month_names import is_month, languages_of

DateNote = Literal["", "unread", "placeholder", "order", "future"]
"""What there is to say of a date field.

It is in no form that is known; it stands for "no date"; day and month may be the other way round;
it is later than today.
"""


@dataclass(frozen=True, slots=True)
class FieldDate:
    """What a date field says; the day is None where it is unread or a placeholder."""

    day: dt.date | None
    note: DateNote = ""


_NOTHING = re.compile(
    r"(?i)|n/?a|nan|nat|null|nil|none|no date|unknown|unbekannt|undated|tbd|tba|never|ohne|"
    r"-+|–|—|\?+|\.+|0|-1|0000.*|00[./-]00[./-]0000|[x_]+"
)
_PLACEHOLDERS = frozenset(
    dt.date(*day)
    for day in (
        (1900, 1, 1),
        (1901, 1, 1),
        (1970, 1, 1),
        (1969, 12, 31),
        (1899, 12, 30),
        (1899, 12, 31),
        (2079, 6, 6),
        (2099, 12, 31),
        (2100, 1, 1),
    )
)
"""Days that systems write for "none" and "no end"."""
_FAR_YEARS = re.compile(
    r"(?<!\d)(?:9999|[3-8]999|2[5-9]99|2[12]99|3000|4000|0001|1601|1753|1800|1899)(?!\d)|^9999"
)
_THIS_AGE = 1985
"""Dates with two-digit years are hardly older; the order of their numbers must not make them so."""
_SERIAL_START = dt.date(1899, 12, 30)

Order = Literal["day month year", "month day year", "year month day", "year day month"]
_ORDERS: Mapping[int | None, tuple[Order, ...]] = {
    0: ("year month day", "year day month"),
    2: ("day month year", "month day year"),
    None: ("day month year", "month day year", "year month day"),
}
"""Orders that people use, by where the year stands."""


def read_dates(values: Sequence[str]) -> list[FieldDate]:
    """The days of a column of date fields, each with what there is to say of it.

    Example:
        >>> column = ["03/04/2016", "12/31/2017", "soon", "9999-12-31"]
        >>> [(str(read.day), read.note) for read in read_dates(column)]
        [('2016-03-04', ''), ('2017-12-31', ''), ('None', 'unread'), ('None', 'placeholder')]
        >>> read_dates(["03/04/2016"])
        [FieldDate(day=datetime.date(2016, 4, 3), note='order')]
    """
    distinct = list(dict.fromkeys(values))
    spoken = _languages(distinct)
    said = {value: _said(value, spoken) for value in distinct}
    column = _Column(said.values())
    read = {value: column.read(value, what) for value, what in said.items()}
    return [read[value] for value in values]


def _languages(values: Iterable[str]) -> Counter[str]:
    words = {word for value in values for word in re.findall(r"[^\W\d_]{3,}", value[:60])}
    return languages_of(filter(is_month, words))


def _said(value: str, spoken: Mapping[str, int]) -> Said:
    if _NOTHING.fullmatch(value.strip()) or len(value) > 100:
        return None
    return date_said(value, spoken)


class _Column:
    """What the values of a column show together."""

    def __init__(self, said: Iterable[Said]) -> None:
        alike: dict[tuple[str, int | None], list[Numbers]] = defaultdict(list)
        known: list[Said] = []
        for what in said:
            if isinstance(what, Triple):
                alike[what.mark, what.year_at].append(what.numbers)
            known.append(what)
        self._orders = {kind: _orders(numbers, *kind) for kind, numbers in alike.items()}
        self._calendars = {kind: _calendar(numbers, kind[1]) for kind, numbers in alike.items()}
        serials = sum(isinstance(what, Serial) for what in known)
        self._counts_days = serials > 1 and serials >= sum(what is not None for what in known)

    def read(self, value: str, said: Said) -> FieldDate:
        """What one of them says."""
        text = value.strip()
        if _NOTHING.fullmatch(text) or _FAR_YEARS.search(text):
            return FieldDate(None, "placeholder")
        days = self._days(said)
        if not days:
            return FieldDate(None, "unread")
        # Of two readings the later one: a row is never called stale by a guess.
        day = max(days)
        if day in _PLACEHOLDERS:
            return FieldDate(None, "placeholder")
        if day > dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1):
            return FieldDate(day, "future")
        return FieldDate(day, "order" if len(days) > 1 else "")

    def _days(self, said: Said) -> set[dt.date]:
        """The days that the value may mean."""
        if said is None or isinstance(said, dt.date):
            return {said} if said else set()
        if isinstance(said, Serial):
            return {_SERIAL_START + dt.timedelta(days=said.days)} if self._counts_days else set()

        kind = (said.mark, said.year_at)
        calendar = self._calendars[kind]
        likely = _readings(said.numbers, self._orders[kind], calendar)
        return likely or _readings(said.numbers, _ORDERS[said.year_at], calendar)


def _readings(numbers: Numbers, orders: Iterable[Order], calendar: Calendar) -> set[dt.date]:
    found = {_day(numbers, order, calendar) for order in orders}
    return {day for day in found if day is not None}


def _orders(column: Sequence[Numbers], mark: str, year_at: int | None) -> tuple[Order, ...]:
    """The orders in which most values are days; only one where the column or custom shows it."""
    calendar = _calendar(column, year_at)
    valid = Counter[Order]()
    for order in _ORDERS[year_at]:
        days = [_day(numbers, order, calendar) for numbers in column]
        valid[order] = sum(day is not None and _is_plausible(day, year_at) for day in days)
    most = max(valid.values())
    left = tuple(order for order in _ORDERS[year_at] if valid[order] == most)
    # The year first goes with the month, dots go with the day first, wherever people write so.
    if year_at == 0 or mark == ".":
        return left[:1]
    return left


def _is_plausible(day: dt.date, year_at: int | None) -> bool:
    """Whether data has such a day; years of two digits are of this age."""
    return year_at is not None or day.year >= _THIS_AGE


def _day(numbers: Numbers, order: Order, calendar: Calendar) -> dt.date | None:
    parts = dict(zip(order.split(), numbers, strict=True))
    year, month, day = parts["year"], parts["month"], parts["day"]
    if calendar == "gregorian":
        return day_of(full_year(year), month, day)
    try:
        return gregorian(calendar, year, month, day)
    except (ValueError, OverflowError):
        return None


def _calendar(column: Sequence[Numbers], year_at: int | None) -> Calendar:
    """The calendar in which all years of a column are plausible."""
    if year_at is None:
        return "gregorian"
    years = [numbers[year_at] for numbers in column]
    this_year = dt.datetime.now(dt.UTC).year
    if all(2443 <= year <= this_year + 544 for year in years):
        return "buddhist"
    if not all(1270 <= year <= this_year - 578 for year in years):
        return "gregorian"
    # A Persian year that would lie ahead is an Islamic one, 42 years further on.
    is_persian = max(years) <= this_year - 621
    return "persian" if is_persian else "islamic"


def read_date(value: str) -> FieldDate:
    """The day of a single date field.

    Example:
        >>> read_date("1.3.2024").day, read_date("1457049600000").day
        (datetime.date(2024, 3, 1), datetime.date(2016, 3, 4))
    """
    return read_dates([value])[0]
