"""One look at dated records: every channel against its reference, at one false-alarm budget."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tunewell.monitor.alarms import (
    alarm_of_burst,
    alarm_of_clock,
    alarm_of_gap,
    alarm_of_step,
)
from tunewell.monitor.build import (
    count_channel,
    level_channels,
    linked_channels,
    novelty_channel,
)
from tunewell.monitor.bursts import BurstWatch
from tunewell.monitor.channel import DAY_S, Channel
from tunewell.monitor.clock import clock_steps, hours_by_day
from tunewell.monitor.found import (
    BandedChannel,
    ReferencePeriod,
    UncheckedChannel,
    Watched,
)
from tunewell.monitor.gaps import long_gaps
from tunewell.monitor.moved import LevelWatch, first_reference
from tunewell.monitor.periods import Grid, grid_of
from tunewell.monitor.records import DatedRecords, Ints
from tunewell.monitor.words import (
    TermTable,
    TextTerms,
    fresh_terms,
    term_table,
    text_terms,
)
from tunewell.stats import Budget
from tunewell.types import Alarm

__all__ = ["BandedChannel", "ReferencePeriod", "UncheckedChannel", "Watched", "look"]

WEIGHTS = {
    "count": 5.0,
    "levels": 5.0,
    "words": 5.0,
    "values": 2.0,
    "clock": 1.5,
    "gaps": 1.5,
}
"""How the yearly budget is shared by what is watched."""

FEWEST_RECORDS = 4
MANY_RECORDS = 50_000
"""A word that fewer than four records hold, or one in fifty thousand, cannot become a burst."""


@dataclass
class _Found:
    """What has been found so far."""

    alarms: list[Alarm] = field(default_factory=list)
    channels: list[BandedChannel] = field(default_factory=list)
    unchecked: list[UncheckedChannel] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def skip(self, channel: str, reason: str, slice: str = "") -> None:
        """Something could not be watched."""
        self.unchecked.append(UncheckedChannel(channel=channel, slice=slice, reason=reason))


def look(
    records: DatedRecords | Sequence[DatedRecords],
    *,
    reference: tuple[dt.datetime, dt.datetime] | None = None,
    yearly: float = 0.05,
    extra: Sequence[Channel] = (),
    holidays: bool = True,
) -> Watched:
    """Look at everything that dated records show, period by period, as if each were the last.

    An alarm says what was known at its own time: nothing after the period in which it was raised
    has a part in it.

    Args:
        records: One stream, or several that are watched together.
        reference: First moment of the first reference and the first after it; sixteen weeks from
            the first record (a third of a shorter stream) where it is None.
        yearly: Probability of any false alarm in a year, over all channels together.
        extra: Channels that the records do not hold, on the same periods.
        holidays: Whether few records at Christmas and Easter are usual.

    Raises:
        ValueError: There are no records, or no period after the reference.
    """
    streams = [records] if isinstance(records, DatedRecords) else list(records)
    streams = [stream for stream in streams if len(stream)]
    if not streams:
        raise ValueError("there are no dated records to look at")
    as_of = min(stream.as_of for stream in streams)
    last_s = int(as_of.timestamp()) + 1
    grid = grid_of(min(int(stream.seconds[0]) for stream in streams), last_s)
    first = first_reference(grid, reference)
    if grid.periods <= first[1]:
        raise ValueError("the records end before their reference does")

    shares = Budget(yearly=yearly, channels=tuple(WEIGHTS), weights=tuple(WEIGHTS.values()))
    found = _Found()
    said = {stream.name: _said(stream, grid, first[1]) for stream in streams if stream.texts}
    novelty = [
        novelty_channel(stream, grid, said[stream.name].new)
        for stream in streams
        if stream.name in said
    ]
    _levels(streams, grid, first, shares, found, [*novelty, *extra], holidays)
    for stream in streams:
        _terms(stream, said.get(stream.name), grid, first, shares, found, len(streams))
        _clock(stream, grid, first, shares, found, len(streams))
        _gaps(stream, grid, first, shares, found, len(streams))
        _note_edits(stream, found)
    alarms = sorted(found.alarms, key=lambda alarm: (alarm.raised, alarm.p_value))

    return Watched(
        alarms=tuple(alarms),
        channels=tuple(found.channels),
        unchecked=tuple(found.unchecked),
        as_of=as_of,
        yearly=yearly,
        notes=tuple(found.notes),
    )


def _levels(
    streams: Sequence[DatedRecords],
    grid: Grid,
    first: tuple[int, int],
    shares: Budget,
    found: _Found,
    extra: Sequence[Channel],
    holidays: bool,
) -> None:
    """Counts, shares and means."""
    counts = [count_channel(stream, grid) for stream in streams if not _is_regular(stream)]
    levels = [each for stream in streams for each in level_channels(stream, grid, first[1])]
    levels += [*linked_channels(streams, grid), *extra]
    free = grid.holidays().astype(np.float64) if holidays else None
    for stream in streams:
        if _is_regular(stream):
            found.skip("count", "records come at regular times", stream.name)
    by_name = {stream.name: stream for stream in streams}
    for group, channels in (("count", counts), ("levels", levels)):
        for channel in channels:
            watch = LevelWatch(
                channel,
                grid,
                yearly=shares.alpha(group) / len(channels),
                reference=first,
                leave_out=free if group == "count" else None,
            )
            if watch.why_not:
                found.skip(channel.name, watch.why_not, channel.slice)
                continue
            found.channels.append(watch.look())
            for step in watch.steps:
                stream = by_name[channel.stream]
                found.alarms.append(alarm_of_step(watch, step, stream, shares.yearly))


def _is_regular(records: DatedRecords) -> bool:
    """Whether records come by the clock, as measurements do."""
    apart = np.diff(records.seconds)
    return apart.size > 20 and float(np.mean(apart == np.median(apart))) > 0.9


def _said(stream: DatedRecords, grid: Grid, stop: int) -> TextTerms:
    """The terms of a stream's texts."""
    texts = ("\n".join(parts) for parts in zip(*stream.texts.values(), strict=True))
    few = max(FEWEST_RECORDS, len(stream) // MANY_RECORDS)
    before = int(np.searchsorted(grid.of(stream.seconds), stop))

    return text_terms(texts, fewest=few, reference=before)


def _terms(
    stream: DatedRecords,
    said: TextTerms | None,
    grid: Grid,
    first: tuple[int, int],
    shares: Budget,
    found: _Found,
    streams: int,
) -> None:
    """Words of the texts, and values of the fields."""
    period = grid.of(stream.seconds)
    tables: list[tuple[str, TermTable, float, bool]] = []
    if said is not None:
        tables.append(("words", said.table, shares.alpha("words"), False))
    values = value_terms(stream)
    if values is not None:
        tables.append(("values", values, shares.alpha("values"), True))
    for kind, table, alpha, down in tables:
        if not table.terms:
            found.skip(kind, "no term is in four records", stream.name)
            continue
        for group in groups_of(stream):
            table = fresh_terms(table, group, stream.seconds)
        watch = BurstWatch(table, period, grid, yearly=alpha / streams, start=first[1], down=down)
        for burst in watch.look():
            found.alarms.append(alarm_of_burst(watch, burst, stream, kind, alpha, shares.yearly))


def groups_of(stream: DatedRecords) -> list[Sequence[str]]:
    """What binds records together: their author, and the thread that they belong to."""
    candidates = [*stream.links.values(), stream.authors]
    some = [each for each in candidates if len(each)]
    return [each for each in some if 20 <= len(set(each)) < 0.95 * len(each)]


def value_terms(stream: DatedRecords) -> TermTable | None:
    """Each record's values of its fields as terms; None where it has no such fields."""
    terms: list[set[str]] = [set() for _ in range(len(stream))]
    some = False
    for name, categories in stream.categories.items():
        if name in stream.totals:
            continue
        some = True
        labels = [f"{name}={value}" for value in categories.values]
        for row, code in enumerate(categories.codes.tolist()):
            if code >= 0:
                terms[row].add(labels[code])
    for name, lists in stream.lists.items():
        some = True
        for row, values in enumerate(lists):
            terms[row].update(f"{name}={value}" for value in values)

    return term_table(terms) if some else None


def _clock(
    stream: DatedRecords,
    grid: Grid,
    first: tuple[int, int],
    shares: Budget,
    found: _Found,
    streams: int,
) -> None:
    """Hours of the day."""
    if _is_regular(stream):
        return
    start_s = grid.start_s // DAY_S * DAY_S
    days = (grid.start_s + grid.periods * grid.period_s - start_s) // DAY_S
    counts = hours_by_day(_first_of_each_day(stream), start_s, days)
    begin = max(first[1] * grid.period_s // DAY_S, 1)
    steps, why = clock_steps(counts, yearly=shares.alpha("clock") / streams, start=begin)
    if why:
        found.skip("hour of day", why, stream.name)
    for step in steps:
        scale = shares.yearly / (shares.alpha("clock") / streams)
        found.alarms.append(alarm_of_clock(step, stream, start_s, scale))


def _first_of_each_day(stream: DatedRecords) -> Ints:
    """Times of the first record that each author made on each day: one busy person is one."""
    if not len(stream.authors):
        return stream.seconds
    seen: set[tuple[str, int]] = set()
    kept = []
    for author, second in zip(stream.authors, stream.seconds.tolist(), strict=True):
        key = (author, second // DAY_S)
        if not author or key not in seen:
            seen.add(key)
            kept.append(second)

    return np.array(kept, dtype=np.int64)


def _gaps(
    stream: DatedRecords,
    grid: Grid,
    first: tuple[int, int],
    shares: Budget,
    found: _Found,
    streams: int,
) -> None:
    """Stretches without records."""
    if _is_regular(stream):
        return
    gaps, why = long_gaps(
        stream.seconds,
        start_s=grid.start_s + first[1] * grid.period_s,
        as_of_s=int(min(stream.as_of.timestamp(), grid.start_s + grid.periods * grid.period_s)),
        yearly=shares.alpha("gaps") / streams,
    )
    if why:
        found.skip("gaps", why, stream.name)
    for gap in gaps:
        scale = shares.yearly / (shares.alpha("gaps") / streams)
        found.alarms.append(alarm_of_gap(gap, stream, scale))


def _note_edits(stream: DatedRecords, found: _Found) -> None:
    """What the user has to know of fields that show a later state."""
    if stream.edited_later:
        fields = ", ".join(stream.edited_later)
        found.notes.append(
            f"{stream.name}: rows were changed after their own time; {fields} show the state at "
            "the export, not at the time"
        )
    for name in stream.totals:
        found.skip(
            name,
            "a total at the time of the export, of records of unequal age: no trend can be claimed",
            stream.name,
        )
