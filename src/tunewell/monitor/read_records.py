"""Dated records from any table of rows: which column is the time, a text, a number."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from tunewell.monitor.channel import ChannelTopic, Floats
from tunewell.monitor.records import (
    Categories,
    DatedRecords,
    Ints,
)
from tunewell.types import Value

TIME_NAMES: Final = (
    "created_at",
    "created",
    "creation_date",
    "createdat",
    "timestamp",
    "datetime",
    "date_time",
    "time",
    "at",
    "ts",
    "date",
    "start_time",
    "starttime",
    "published",
    "published_at",
    "posted",
    "opened",
    "opened_at",
    "received",
    "received_at",
    "sent_at",
    "event_time",
    "event_timestamp",
    "logged_at",
    "submitted_at",
    "submitted",
    "asked_at",
    "posted_at",
    "sent",
    "recorded_at",
    "ingested_at",
    "started_at",
    "begin",
    "dt",
    "day",
    "when",
    "datum",
    "erstellt",
    "fecha",
)
ID_NAMES: Final = (
    "id",
    "_id",
    "uuid",
    "key",
    "guid",
    "number",
    "interaction",
    "request_id",
    "ticket",
    "ticket_id",
    "issue_id",
    "question_id",
    "answer_id",
    "message_id",
    "event_id",
    "trace_id",
    "span_id",
    "record_id",
    "row_id",
)
AUTHOR_NAMES: Final = (
    "author",
    "asker",
    "user",
    "user_id",
    "userid",
    "customer",
    "customer_id",
    "creator",
    "reporter",
    "sender",
    "from",
    "owner",
    "person",
    "author_id",
    "username",
    "user_name",
    "login",
    "nick",
    "handle",
    "account",
    "account_id",
    "client",
    "client_id",
    "sender_id",
    "customer_name",
    "asked_by",
    "created_by",
    "reported_by",
    "agent",
    "agent_id",
)
TOTAL_NAMES: Final = (
    "vote",
    "votes",
    "like",
    "likes",
    "helpful",
    "unhelpful",
    "upvote",
    "upvotes",
    "downvote",
    "downvotes",
    "ups",
    "downs",
    "view",
    "views",
    "score",
    "points",
    "reply",
    "replies",
    "comment",
    "comments",
    "answers",
    "follower",
    "followers",
    "favorite",
    "favorites",
    "favourite",
    "favourites",
    "download",
    "downloads",
    "share",
    "shares",
    "num",
    "count",
    "total",
)
"""Parts of the names of numbers that go on growing after the record was made."""

ANSWER_NAMES: Final = (
    "answer",
    "respon",
    "reply",
    "output",
    "completion",
    "assistant",
    "latency",
    "duration",
    "elapsed",
    "seconds",
    "tokens",
    "cost",
    "finish",
    "status",
    "error",
)
"""What a column's name holds that says how the model answers."""

QUALITY_NAMES: Final = (
    "rating",
    "stars",
    "quality",
    "correct",
    "accura",
    "grade",
    "csat",
    "nps",
    "satisf",
    "thumb",
    "resolved",
    "solved",
    "success",
)
"""What a column's name holds that says how well it answers."""

JUDGE_NAMES: Final = (
    "judge",
    "verdict",
    "grader",
    "eval",
)
"""What the name of a judge's column holds."""

MOST_VALUES = 200
"""Distinct values of a category at most."""


class ReadNote(Value):
    """What was found in the columns of a file.

    Attributes:
        time: Column of the time.
        id: Column of the id; empty where lines are counted.
        use: What each column is taken for.
        undated: Rows without a readable time.
        doubled: Rows whose id came before.
        later: Rows that were left out because of their time.
    """

    time: str
    id: str
    use: dict[str, str]
    undated: int
    doubled: int = 0
    later: int = 0


def topic_of(name: str) -> ChannelTopic:
    """What a column says something about, by its name.

    Example:
        >>> topic_of("judge_score"), topic_of("rating"), topic_of("total_s"), topic_of("topic")
        ('judge', 'quality', 'answer', 'input')
    """
    small = name.lower()
    if _holds(small, JUDGE_NAMES):
        return "judge"
    if _holds(small, QUALITY_NAMES):
        return "quality"
    timed = small.endswith(("_s", "_ms"))

    return "answer" if timed or _holds(small, ANSWER_NAMES) else "input"


def _holds(name: str, parts: Sequence[str]) -> bool:
    """Whether a name holds any of some parts."""
    return any(part in name for part in parts)


def is_total(name: str) -> bool:
    """Whether a number is, by its name, a total that goes on growing after the record was made.

    Example:
        >>> is_total("helpful_votes"), is_total("views"), is_total("price"), is_total("account")
        (True, True, False, False)
    """
    parts = re.split(r"[^a-z0-9]+", name.lower())
    return any(part in TOTAL_NAMES for part in parts)


def seconds_of(value: Any) -> float:
    """Seconds since 1970 of a time as people write it; NaN where it is none.

    Example:
        >>> seconds_of("2023-01-01 02:21:46 +0000"), seconds_of("2023-01-01")
        (1672539706.0, 1672531200.0)
        >>> seconds_of(1672539706123), seconds_of("soon")
        (1672539706.123, nan)
    """
    if isinstance(value, bool) or value is None:
        return float("nan")
    if isinstance(value, dt.datetime):
        return _stamp(value)
    if isinstance(value, dt.date):
        return _stamp(dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC))
    if isinstance(value, int | float):
        return _of_number(float(value))
    text = str(value).strip()
    try:
        return _stamp(dt.datetime.fromisoformat(_SPACED_ZONE.sub(r"\1", text)))
    except ValueError:
        pass
    if _NUMBER.fullmatch(text):
        return _of_number(float(text))

    return _by_mail(text)


_SPACED_ZONE: Final = re.compile(r"\s+(Z|UTC|[+-]\d\d:?\d\d)$")
_NUMBER: Final = re.compile(r"\d{9,19}(\.\d+)?")


def _stamp(moment: dt.datetime) -> float:
    """Seconds since 1970; a time without a zone is taken for UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _of_number(value: float) -> float:
    """Seconds, milliseconds, micro- or nanoseconds since 1970, from 1990 to 2100."""
    for unit in (1.0, 1e3, 1e6, 1e9):
        if 6.3e8 <= value / unit <= 4.2e9:
            return value / unit
    return float("nan")


_FORMS: Final = (
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y",
)


def _by_mail(text: str) -> float:
    """Dates as mail headers and spreadsheets write them."""
    from email.utils import parsedate_to_datetime

    if len(text) > 60 or not re.search(r"\d", text):
        return float("nan")
    try:
        return _stamp(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError):
        pass
    for form in _FORMS:
        try:
            return dt.datetime.strptime(text, form).replace(tzinfo=dt.UTC).timestamp()
        except ValueError:
            continue

    return float("nan")


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a row, those of objects in it by dotted names, chats as what was said.

    Example:
        >>> flat({"a": {"b": 1}, "messages": [{"role": "user", "content": "hi"}]})
        {'a.b': 1, 'messages.user': 'hi'}
    """
    out: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            inner = flat(value) if len(value) <= 50 else {}
            out.update({f"{name}.{key}": each for key, each in inner.items()})
        elif _is_chat(value):
            for role in ("user", "assistant"):
                said = [m.get("content") for m in value if m.get("role") == role]
                texts = [each for each in said if isinstance(each, str)]
                if texts:
                    out[f"{name}.{role}"] = "\n".join(texts)
        else:
            out[str(name)] = value

    return out


def _is_chat(value: Any) -> bool:
    """Whether a value is a list of turns."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, Mapping) and "role" in each for each in value)
    )


def read_rows(
    rows: Sequence[Mapping[str, Any]],
    name: str,
    *,
    time: str = "",
    until: dt.datetime | None = None,
) -> tuple[DatedRecords, ReadNote]:
    """A stream of dated records from rows.

    Args:
        rows: As they were read; objects in them are flattened.
        name: Of the stream.
        time: Column of the time; found where it is empty.
        until: Records from this time on are left out, and the others are complete until then; the
            latest record's time where it is None.

    Raises:
        ValueError: No column holds times.
    """
    table = columns_of(rows)
    size = len(rows)
    clock = time or _time_column(table, size)
    if not clock or clock not in table:
        raise ValueError(f"no column of {name} holds the time of each row")
    stamps = np.array([seconds_of(value) for value in table[clock]])
    known = ~np.isnan(stamps)
    early = known if until is None else known & (stamps < until.timestamp())
    dated = np.flatnonzero(early)
    order = dated[np.argsort(stamps[dated], kind="stable")]

    id_column = _id_column(table, size)
    ids = [str(value) for value in table[id_column]] if id_column else _numbered(size)
    kept = _first_of_each(ids, order)
    use = {clock: "time"}
    if id_column:
        use[id_column] = "id"
    picked = {
        column: [values[i] for i in kept.tolist()]
        for column, values in table.items()
        if column not in use
    }
    found = _Sorted(len(kept))
    for column, values in picked.items():
        use[column] = found.take(column, values)
    seconds = stamps[kept].astype(np.int64)
    last = dt.datetime.fromtimestamp(int(seconds[-1]) if len(kept) else 0, dt.UTC)
    records = DatedRecords(
        name=name,
        ids=[ids[i] for i in kept.tolist()],
        seconds=seconds,
        as_of=until or last,
        texts=found.texts,
        categories=found.categories,
        lists=found.lists,
        numbers=found.numbers,
        topics={column: topic_of(column) for column in picked},
        present=found.present,
        links=found.links,
        edited_later=found.edited(seconds),
        totals=tuple(each for each in found.numbers if is_total(each)),
        authors=found.authors,
    )
    note = ReadNote(
        time=clock,
        id=id_column,
        use=use,
        undated=size - int(known.sum()),
        doubled=int(dated.size - kept.size),
        later=int(known.sum() - dated.size),
    )

    return records, note


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """One list a field, None where a row lacks it."""
    table: dict[str, list[Any]] = {}
    for place, row in enumerate(rows):
        for name, value in flat(row).items():
            column = table.get(name)
            if column is None:
                column = table[name] = [None] * place
            elif len(column) < place:
                column.extend([None] * (place - len(column)))
            column.append(value)
    for column in table.values():
        column.extend([None] * (len(rows) - len(column)))

    return table


def _numbered(size: int) -> list[str]:
    """Numbers of the lines, from 1."""
    return [str(place + 1) for place in range(size)]


def _first_of_each(ids: Sequence[str], order: Ints) -> Ints:
    """The rows in order of time, without those whose id came before."""
    seen: set[str] = set()
    kept = []
    for place in order.tolist():
        if ids[place] not in seen:
            seen.add(ids[place])
            kept.append(place)

    return np.array(kept, dtype=np.int64)


def _plain(name: str) -> str:
    """A column's name without what it stands in, in one manner of writing."""
    return name.rsplit(".", 1)[-1].lower().replace("-", "_").replace(" ", "_")


def _time_column(table: Mapping[str, Sequence[Any]], size: int) -> str:
    """The column that dates the rows: by name, then by what it holds."""
    by_name = {_plain(name): name for name in reversed(list(table))}
    likely = [by_name[name] for name in TIME_NAMES if name in by_name]
    others = [name for name in table if re.search(r"time|date|_at$", name, re.IGNORECASE)]
    for name in [*likely, *others, *table]:
        sample = _sample(table[name], size)
        read = [not np.isnan(seconds_of(value)) for value in sample]
        if sample and sum(read) >= 0.9 * len(read):
            return name

    return ""


def _sample(values: Sequence[Any], size: int) -> list[Any]:
    """Some of the values that are there."""
    step = max(size // 400, 1)
    return [value for value in values[::step] if value not in (None, "")]


def _id_column(table: Mapping[str, Sequence[Any]], size: int) -> str:
    """The column that names the rows; empty where none does."""
    by_name = {_plain(name): name for name in reversed(list(table))}
    for wanted in ID_NAMES:
        name = by_name.get(wanted)
        if name is None:
            continue
        values = table[name]
        named = [value for value in values if isinstance(value, str | int)]
        if len(named) >= 0.99 * size and len(set(named)) >= 0.9 * size:
            return name

    return ""


class _Sorted:
    """Columns sorted by what they hold."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.texts: dict[str, list[str]] = {}
        self.categories: dict[str, Categories] = {}
        self.lists: dict[str, list[tuple[str, ...]]] = {}
        self.numbers: dict[str, Floats] = {}
        self.present: dict[str, Floats] = {}
        self.links: dict[str, list[str]] = {}
        self.authors: list[str] = []
        self._later: dict[str, Floats] = {}

    def take(self, name: str, values: list[Any]) -> str:
        """Keep a column as what it is; says what that is."""
        given = [value for value in values if value is not None and value != ""]
        if not given:
            return "empty"
        if len(given) < self.size:
            self.present[name] = np.array(
                [value is not None and value != "" for value in values], dtype=np.float64
            )
        kinds = {type(value) for value in given}
        if kinds <= {list, tuple}:
            return self._list(name, values)
        if kinds <= {int, float}:
            return self._number(name, values, given)

        return self._words(name, values, given)

    def _list(self, name: str, values: list[Any]) -> str:
        """A column of lists of values."""
        flat_values = [
            tuple(str(each)[:100] for each in value[:50] if isinstance(each, str | int))
            if isinstance(value, list | tuple)
            else ()
            for value in values
        ]
        self.lists[name] = flat_values

        return "list of values"

    def _number(self, name: str, values: list[Any], given: list[Any]) -> str:
        """A column of numbers: an author, an id, a date, a few values, or a measure."""
        distinct = len(set(given))
        whole = all(isinstance(value, int) for value in given)
        if whole and _is_name(name, AUTHOR_NAMES):
            return self._author(name, values)
        if whole and distinct > 0.9 * len(given) and len(given) > 200:
            self.links[name] = ["" if value is None else str(value) for value in values]
            return "id"
        if not np.isnan(seconds_of(given[0])) and re.search("time|date|_at$", name):
            return self._date(name, values)
        self.numbers[name] = np.array(
            [float("nan") if value is None or value == "" else float(value) for value in values]
        )
        if whole and distinct <= 20:
            self._category(name, values)
            return "number and category"

        return "number"

    def _words(self, name: str, values: list[Any], given: list[Any]) -> str:
        """A column of strings: a date, an author, a few values, an id, or texts."""
        strings = [str(value) for value in given]
        sample = strings[:: max(len(strings) // 400, 1)]
        if sum(not np.isnan(seconds_of(value)) for value in sample) >= 0.9 * len(sample):
            return self._date(name, values)
        if _is_name(name, AUTHOR_NAMES) and max(map(len, sample)) <= 80:
            return self._author(name, values)
        distinct = len(set(strings))
        longest = float(np.mean([len(value) for value in sample]))
        few = distinct <= MOST_VALUES and distinct <= 0.3 * len(strings)
        if few and longest < 80:
            self._category(name, values)
            return "category"
        spaced = float(np.mean([" " in value.strip() for value in sample]))
        if spaced < 0.3 or longest < 4:
            self.links[name] = ["" if value is None else str(value) for value in values]
            return "id"
        self.texts[name] = ["" if value is None else str(value) for value in values]

        return "text"

    def _author(self, name: str, values: list[Any]) -> str:
        """The column that says who wrote each row; the first one counts."""
        if self.authors:
            self.links[name] = ["" if value is None else str(value) for value in values]
            return "id"
        self.authors = ["" if value is None else str(value) for value in values]
        return "author"

    def _date(self, name: str, values: list[Any]) -> str:
        """A second date of the rows, such as that of their last change."""
        self._later[name] = np.array([seconds_of(value) for value in values])
        return "date"

    def _category(self, name: str, values: list[Any]) -> None:
        """A column of few values."""
        place: dict[str, int] = {}
        codes = np.full(self.size, -1, dtype=np.int64)
        for i, value in enumerate(values):
            if value is None or value == "":
                continue
            codes[i] = place.setdefault(str(value), len(place))
        self.categories[name] = Categories(tuple(place), codes)

    def edited(self, seconds: Ints) -> tuple[str, ...]:
        """Fields that may have been changed later, where a second date says that rows were."""
        changed = any(
            re.search("updat|modif|edit|chang", name, re.IGNORECASE)
            and float(np.nanmean(when > seconds + 3_600)) > 0.01
            for name, when in self._later.items()
        )
        if not changed:
            return ()

        return (*self.texts, *self.categories, *self.lists)


def _is_name(name: str, names: Sequence[str]) -> bool:
    """Whether a column has one of some names."""
    return _plain(name) in names
