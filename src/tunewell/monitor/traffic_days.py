"""The days of a project's traffic: how many records each has, and which days are one block."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa

from tunewell.monitor.kept_blocks import KeptBlocks
from tunewell.monitor.moved import OLD_WEEKS
from tunewell.monitor.periods import EPOCH
from tunewell.store import Store
from tunewell.store.traffic_tables import interactions

STRETCH_DAYS: Final = 32
"""Days whose blocks become one block once they are over; more than the memory of fresh terms."""

AT_ONCE: Final = 1_000
"""Days that one query counts."""

PartKind = Literal["block", "feedback"]
"""Interactions and feedback."""

Counts = dict[int, tuple[int, int]]
"""By day since 1970: rows, and rows that may still be replaced."""


def day_counts(
    store: Store,
    table: sa.Table,
) -> Counts:
    """How many rows each day has.

    Args:
        store: Of the project.
        table: Interactions or feedback.
    """
    open_rows: dict[str, int] = {}
    if "state" in table.c:
        day = sa.func.substr(table.c.at, 1, 10)
        unsure = sa.select(day.label("day"), sa.func.count().label("rows")).group_by(day)
        found = store.rows(unsure.where(table.c.state == "unconfirmed"))
        open_rows = {row.day: int(row.rows) for row in found}
    first = store.value(sa.select(sa.func.min(table.c.at)))
    last = store.value(sa.select(sa.func.max(table.c.at)))
    if first is None:
        return {}
    counts = {}
    stop = _number(last[:10]) + 1
    for start in range(_number(first[:10]), stop, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, stop))
        days = [(_day(number), _day(number + 1)) for number in numbers]
        for row in store.rows(_rows_of_days(table, days)):
            if row.rows:
                counts[_number(row.day)] = (int(row.rows), open_rows.get(row.day, 0))
    return dict(sorted(counts.items()))


def _rows_of_days(
    table: sa.Table,
    days: list[tuple[str, str]],
) -> sa.Select[Any]:
    """How many rows some days have, counted on the index: a group over all rows sorts them."""
    columns = (sa.column("day", sa.String), sa.column("next_day", sa.String))
    # As a common table: SQLite names no columns of plain values.
    span = sa.values(*columns, name="some_days").data(days).cte("span")
    inside = (table.c.at >= span.c.day) & (table.c.at < span.c.next_day)
    rows = sa.select(sa.func.count()).select_from(table).where(inside).scalar_subquery()
    return sa.select(span.c.day.label("day"), rows.label("rows"))


def _number(day: str) -> int:
    return (dt.date.fromisoformat(day) - EPOCH.date()).days


def _day(number: int) -> str:
    return (EPOCH.date() + dt.timedelta(days=number)).isoformat()


def is_old(store: Store) -> bool:
    """Whether a project's traffic is old enough for its reference to stand."""
    first = store.value(sa.select(sa.func.min(interactions.c.at)))
    last = store.value(sa.select(sa.func.max(interactions.c.at)))
    if first is None:
        return False
    span = dt.datetime.fromisoformat(last) - dt.datetime.fromisoformat(first)
    return span.days >= 7 * OLD_WEEKS + 1


@dataclass(frozen=True)
class TrafficPart:
    """Days of traffic that are one block.

    Attributes:
        kind: Interactions or feedback.
        name: Under which it is kept.
        stretch: The stretch of days that it is in.
        days: Each since 1970, with its rows and those that may still be replaced.
    """

    kind: PartKind
    name: str
    stretch: int
    days: tuple[tuple[int, int, int], ...]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(rows for _, rows, _ in self.days)

    @property
    def span(self) -> tuple[dt.datetime, dt.datetime]:
        """Its first moment and the first after it."""
        first, last = self.days[0][0], self.days[-1][0] + 1
        return EPOCH + dt.timedelta(days=first), EPOCH + dt.timedelta(days=last)


def parts_of(
    files: KeptBlocks,
    counts: Counts,
    kind: PartKind,
) -> Iterator[TrafficPart]:
    """Blocks without a reference: a stretch that is over is one, of the last each day is one."""
    stretches: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for day in sorted(counts):
        stretches[day // STRETCH_DAYS].append((day, *counts[day]))
    last = max(stretches, default=0)
    for stretch, days in sorted(stretches.items()):
        if stretch < last:
            yield TrafficPart(kind, files.name(kind, days), stretch, tuple(days))
            continue
        for each in days:
            yield TrafficPart(kind, files.name(kind, [each]), stretch, (each,))
