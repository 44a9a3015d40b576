"""Two fetches of the same records: what was lost, came late, was edited or renamed in between.

A source that is fetched again shows its newest state. Rows that the earlier fetch held and the
later one lacks were lost or removed; values that differ were changed after the record's own time.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from tunewell.monitor.channel import DAY_S
from tunewell.monitor.evidence.base import CauseEvidence, day_of, moment
from tunewell.monitor.records import Categories, DatedRecords, Ints
from tunewell.plurals import per_cent, plural
from tunewell.stats import proportion
from tunewell.stats.proportions import at_least
from tunewell.types import Estimate, Value

FetchKind = Literal["lost", "late", "edited", "renamed"]

FEWEST: Final = 8
"""Rows of a value before it can be called renamed."""

RENAMED: Final = 0.9
"""Share of a value's rows that have to have the same other value now."""

SETTLED_S: Final = 3 * DAY_S
"""Rows of the last days before the earlier fetch may come late by right."""

LOST_DAY: Final = 0.25
SURE: Final = 1e-4
"""A day lost rows if this share of them is gone, and luck would do it more rarely than this."""


class FetchChange(Value):
    """One thing that differs between two fetches, over the time that both hold.

    Attributes:
        kind: ``lost``: rows that only the earlier one holds; ``late``: that only the later one
            holds, although they are older than the earlier fetch; ``edited``: a field with another
            value; ``renamed``: a value that is another one now in nearly all of its rows.
        stream: Of the records.
        field: Which field; empty for whole rows.
        values: Old and new name of a renamed value.
        share: Of the rows that could have changed.
        at: Where a renamed value's change begins or ends within its own time, UTC; None where all
            of its rows were renamed.
        what: In words.
    """

    kind: FetchKind
    stream: str
    field: str = ""
    values: tuple[str, ...] = ()
    share: Estimate
    at: dt.datetime | None = None
    what: str

    def evidence(self) -> Iterator[CauseEvidence]:
        """What it says of the cause of an alarm: a value renamed backwards to a date is a step."""
        if self.kind == "renamed" and self.at is not None:
            yield CauseEvidence(
                kind="renamed",
                cause="instrumentation",
                stream=self.stream,
                fields=(self.field,),
                values=self.values,
                at=self.at,
                what=self.what,
            )


@dataclass(frozen=True)
class FetchComparison:
    """What differs between two fetches.

    Attributes:
        changes: Whole rows first, then field by field.
        lost_days: Days of which the later fetch lacks rows, as evidence.
        both: Rows that both hold.
        unchecked: What could not be compared, in words.
    """

    changes: tuple[FetchChange, ...]
    lost_days: tuple[CauseEvidence, ...]
    both: int
    unchecked: tuple[str, ...] = ()

    @property
    def evidence(self) -> list[CauseEvidence]:
        """Everything that may explain an alarm."""
        found = list(self.lost_days)
        for change in self.changes:
            found += change.evidence()
        return found

    @property
    def edited(self) -> tuple[str, ...]:
        """Fields that were changed after their rows' own time."""
        fields = [change.field for change in self.changes if change.field]
        return tuple(dict.fromkeys(fields))


def compare_fetches(
    earlier: DatedRecords,
    later: DatedRecords,
) -> FetchComparison:
    """What differs between two fetches of the same records.

    Args:
        earlier: The earlier fetch.
        later: The later one, of the same name.

    Raises:
        ValueError: They have no row in common.
    """
    place = {id: row for row, id in enumerate(earlier.ids)}
    pairs = [(place[id], row) for row, id in enumerate(later.ids) if id in place]
    if not pairs:
        raise ValueError("the two fetches have no row in common")
    old = np.array([pair[0] for pair in pairs], dtype=np.int64)
    new = np.array([pair[1] for pair in pairs], dtype=np.int64)
    changes = [*_lost(earlier, later, old), *_late(earlier, later, new)]
    for name in earlier.categories:
        if name in later.categories:
            changes += _of_field(earlier, later, name, old, new)
    for name in earlier.texts:
        if name in later.texts:
            changes += _of_text(earlier, later, name, old, new)
    for name in earlier.numbers:
        if name in later.numbers:
            changes += _of_number(earlier, later, name, old, new)
    return FetchComparison(
        changes=tuple(changes),
        lost_days=tuple(_lost_days(earlier, later, old)),
        both=len(pairs),
        unchecked=(*_outside(earlier, later), *_in_one_only(earlier, later)),
    )


def _outside(earlier: DatedRecords, later: DatedRecords) -> Iterator[str]:
    """Rows from before the other fetch begins: a shorter export looks the same as a loss."""
    for one, other, which in ((earlier, later, "earlier"), (later, earlier, "later")):
        count = int(np.searchsorted(one.seconds, other.seconds[0]))
        if count:
            yield (
                f"{plural(count, 'row')} of the {which} fetch from before "
                f"{day_of(int(other.seconds[0]))}, where the other fetch begins"
            )


def _in_one_only(earlier: DatedRecords, later: DatedRecords) -> Iterator[str]:
    """Fields that were not read as the same kind of field in both fetches."""
    kinds = (
        (earlier.categories, later.categories),
        (earlier.texts, later.texts),
        (earlier.numbers, later.numbers),
    )
    either: set[str] = set()
    both: set[str] = set()
    for before, after in kinds:
        either |= before.keys() | after.keys()
        both |= before.keys() & after.keys()
    for name in sorted(either - both):
        yield f"{name}, which is not the same kind of field in both fetches"


def _gone(
    earlier: DatedRecords,
    later: DatedRecords,
    old: Ints,
) -> tuple[Ints, Ints]:
    """Rows of the earlier fetch that the later one should hold, and those that it lacks."""
    due = np.flatnonzero(earlier.seconds >= later.seconds[0])
    return due, np.setdiff1d(due, old)


def _lost(
    earlier: DatedRecords,
    later: DatedRecords,
    old: Ints,
) -> Iterator[FetchChange]:
    due, gone = _gone(earlier, later, old)
    if not gone.size:
        return
    days = Counter((earlier.seconds[gone] // DAY_S).tolist())
    worst = ", ".join(f"{day_of(day * DAY_S)} ({count})" for day, count in days.most_common(3))
    yield FetchChange(
        kind="lost",
        stream=later.name,
        share=proportion(int(gone.size), int(due.size)),
        what=f"{plural(int(gone.size), 'row')} of the earlier fetch are gone, most of {worst}",
    )


def _lost_days(
    earlier: DatedRecords,
    later: DatedRecords,
    old: Ints,
) -> Iterator[CauseEvidence]:
    """Days of which far more rows are gone than of the others."""
    due, gone = _gone(earlier, later, old)
    if not gone.size:
        return
    days, rows = np.unique(earlier.seconds[due] // DAY_S, return_counts=True)
    lost = Counter((earlier.seconds[gone] // DAY_S).tolist())
    usual = max(gone.size - max(lost.values()), 1) / due.size
    for day, count in zip(days.tolist(), rows.tolist(), strict=True):
        missing = lost.get(day, 0)
        is_rare = at_least(missing, count, usual) < SURE
        if missing >= LOST_DAY * count and is_rare:
            yield CauseEvidence(
                kind="lost",
                cause="instrumentation",
                stream=later.name,
                at=moment(day * DAY_S),
                what=f"{missing} of the {count} rows of {day_of(day * DAY_S)} that the earlier "
                "fetch held are gone",
            )


def _late(
    earlier: DatedRecords,
    later: DatedRecords,
    new: Ints,
) -> Iterator[FetchChange]:
    until = earlier.as_of.timestamp() - SETTLED_S
    due = np.flatnonzero((later.seconds >= earlier.seconds[0]) & (later.seconds < until))
    late = np.setdiff1d(due, new)
    if late.size:
        yield FetchChange(
            kind="late",
            stream=later.name,
            share=proportion(int(late.size), int(due.size)),
            what=f"{plural(int(late.size), 'row')} came later than the earlier fetch, although "
            "their time is before it",
        )


def _of_field(
    earlier: DatedRecords,
    later: DatedRecords,
    name: str,
    old: Ints,
    new: Ints,
) -> Iterator[FetchChange]:
    before = _values(earlier.categories[name], old)
    after = _values(later.categories[name], new)
    changed = before != after
    seconds = earlier.seconds[old]
    renamed = np.zeros(len(old), dtype=np.bool_)
    for value in np.unique(before[changed]).tolist():
        mine = before == value
        found = _renamed(value, after[mine], seconds[mine])
        if found is None:
            continue
        now, at = found
        moved = mine & (after == now)
        renamed |= moved
        since = f" up to or from {day_of(at)}" if at is not None else " in all of its time"
        yield FetchChange(
            kind="renamed",
            stream=later.name,
            field=name,
            values=(value, now),
            share=proportion(int(moved.sum()), int(mine.sum())),
            at=None if at is None else moment(at),
            what=f"{name}: {value} is called {now} now{since}",
        )
    rest = int((changed & ~renamed).sum())
    if rest:
        yield _edited(later.name, name, rest, len(old))


def _values(
    field: Categories,
    rows: Ints,
) -> np.ndarray:
    names = np.array([*field.values, ""], dtype=object)
    return names[field.codes[rows]].astype(str)


def _renamed(
    value: str,
    after: np.ndarray,
    seconds: Ints,
) -> tuple[str, float | None] | None:
    """The new name of a value, and where its change begins or ends; None where it has none."""
    if not value:
        return None
    others = Counter(after[after != value].tolist())
    now, count = others.most_common(1)[0]
    moved = seconds[after == now]
    if not now or count < FEWEST:
        return None
    inside = (seconds >= moved[0]) & (seconds <= moved[-1])
    if count < RENAMED * int(inside.sum()):
        return None
    if moved[-1] < seconds[-1] - SETTLED_S:
        return now, float(moved[-1])
    if moved[0] > seconds[0] + SETTLED_S:
        return now, float(moved[0])
    return now, None


def _of_text(
    earlier: DatedRecords,
    later: DatedRecords,
    name: str,
    old: Ints,
    new: Ints,
) -> Iterator[FetchChange]:
    was = earlier.texts[name]
    now = later.texts[name]
    rows = zip(old.tolist(), new.tolist(), strict=True)
    changed = sum(was[one] != now[other] for one, other in rows)
    if changed:
        yield _edited(later.name, name, changed, len(old))


def _of_number(
    earlier: DatedRecords,
    later: DatedRecords,
    name: str,
    old: Ints,
    new: Ints,
) -> Iterator[FetchChange]:
    was = earlier.numbers[name][old]
    now = later.numbers[name][new]
    is_same = (was == now) | (np.isnan(was) & np.isnan(now))
    if not is_same.all():
        yield _edited(later.name, name, int((~is_same).sum()), len(old))


def _edited(
    stream: str,
    field: str,
    changed: int,
    of: int,
) -> FetchChange:
    return FetchChange(
        kind="edited",
        stream=stream,
        field=field,
        share=proportion(changed, of),
        what=f"{field} was changed in {plural(changed, 'row')} after their own time",
    )


def with_edits(
    records: DatedRecords,
    comparison: FetchComparison,
) -> tuple[str, ...]:
    """Fields of records that may have been changed later, by all that is known."""
    return tuple(dict.fromkeys([*records.edited_later, *comparison.edited]))


UNCHECKED: Final = "only one fetch is there to look at; compare with --earlier FILE"


def sentences(comparison: FetchComparison) -> Sequence[str]:
    """What differs and what could not be compared, in words."""
    told = [
        f"{change.what} ({per_cent(change.share.value, 1)} of {change.share.n:,})"
        for change in comparison.changes
    ]
    if not told:
        told = [f"{plural(comparison.both, 'row')} in both fetches, none changed, lost or late"]
    return [*told, *(f"unchecked: {each}" for each in comparison.unchecked)]
