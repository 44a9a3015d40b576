"""One look at dated records: every channel against its reference, at one false-alarm budget."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from tunewell.engine import in_processes
from tunewell.monitor.alarms import (
    alarm_of_burst,
    alarm_of_clock,
    alarm_of_gap,
    alarm_of_step,
)
from tunewell.monitor.build import (
    RARE,
    cluster_channels,
    count_channel,
    is_rare,
    level_channels,
    linked_channels,
    novelty_channel,
)
from tunewell.monitor.bursts import BurstWatch
from tunewell.monitor.channel import DAY_S, Channel, Floats
from tunewell.monitor.clock import clock_steps, hours_by_day
from tunewell.monitor.clock_hour import hour_steps
from tunewell.monitor.found import (
    BandedChannel,
    ReferencePeriod,
    UncheckedChannel,
    Watched,
)
from tunewell.monitor.gaps import long_gaps
from tunewell.monitor.missing import missing_channels
from tunewell.monitor.moved import LevelWatch, first_reference
from tunewell.monitor.periods import Grid, grid_by_records, grid_of
from tunewell.monitor.records import DatedRecords, Ints
from tunewell.monitor.stream_terms import StreamTerms, middle_of, numbered, stream_terms
from tunewell.monitor.topics_of_texts import TOO_FEW_TEXTS
from tunewell.stats import Budget
from tunewell.stats.steps import QuietYears, quiet_years, remember_years, remembered_years
from tunewell.types import Alarm

__all__ = ["BandedChannel", "ReferencePeriod", "UncheckedChannel", "Watched", "look"]

WEIGHTS = {
    "count": 5.0,
    "levels": 5.0,
    "words": 5.0,
    "values": 2.0,
    "clusters": 1.5,
    "clock": 1.5,
    "gaps": 1.5,
}
"""How the yearly budget is shared by what is watched."""


@dataclass
class _Found:
    """What has been found so far, and how many processes look for it."""

    workers: int = 1
    alarms: list[Alarm] = field(default_factory=list)
    channels: list[BandedChannel] = field(default_factory=list)
    unchecked: list[UncheckedChannel] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def skip(
        self,
        channel: str,
        reason: str,
        slice: str = "",
    ) -> None:
        """Something could not be watched."""
        self.unchecked.append(UncheckedChannel(channel=channel, slice=slice, reason=reason))


def look(
    records: DatedRecords | Sequence[DatedRecords],
    *,
    reference: tuple[dt.datetime, dt.datetime] | None = None,
    yearly: float = 0.05,
    extra: Sequence[Channel] = (),
    holidays: bool = True,
    kept: Mapping[str, StreamTerms] | None = None,
    workers: int = 1,
    every: int = 0,
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
        kept: What is known of the terms of a stream, by its name; read from its texts otherwise.
        workers: Processes that quiet years are simulated in.
        every: Records in a period, of all streams together; 0 for days (hours of young streams).

    Raises:
        ValueError: There are no records, or no period after the reference.
    """
    streams = [records] if isinstance(records, DatedRecords) else list(records)
    streams = [stream for stream in streams if len(stream)]
    if not streams:
        raise ValueError("there are no dated records to look at")
    as_of = min(stream.as_of for stream in streams)
    grid = watched_grid(streams, as_of, every)
    first = first_reference(grid, reference)
    if grid.periods <= first[1]:
        raise ValueError("the records end before their reference does")

    shares = Budget(yearly=yearly, channels=tuple(WEIGHTS), weights=tuple(WEIGHTS.values()))
    found = _Found(workers=workers)
    said = dict(kept or {})
    for stream in streams:
        if stream.name not in said:
            said[stream.name] = stream_terms(stream, grid, first)
    novelty = []
    for stream in streams:
        new = said[stream.name].new
        if new is None:
            continue
        channel = novelty_channel(stream, grid, new)
        if is_rare(channel, first):
            found.skip(channel.name, RARE, stream.name)
        else:
            novelty.append(channel)
    found.unchecked += missing_channels(streams, [channel.topic for channel in extra])
    _levels(streams, grid, first, shares, found, [*novelty, *extra], holidays)
    _clusters(streams, said, grid, first, shares, found)
    for stream in streams:
        _terms(stream, said[stream.name], grid, first, shares, found, len(streams))
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


def watched_grid(
    streams: Sequence[DatedRecords],
    as_of: dt.datetime,
    every: int = 0,
) -> Grid:
    """The periods of some streams.

    Args:
        streams: None of them empty.
        as_of: Until when all of them are complete.
        every: Records in a period; 0 for days or hours.

    Raises:
        ValueError: So few records in a period make too many periods.
    """
    last_s = int(as_of.timestamp()) + 1
    if not every:
        return grid_of(min(int(stream.seconds[0]) for stream in streams), last_s)
    seconds = np.sort(np.concatenate([stream.seconds for stream in streams]))
    return grid_by_records(seconds[seconds < last_s], every)


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
    _watch_levels(counts, by_name, grid, first, (shares, "count"), found, free)
    _watch_levels(levels, by_name, grid, first, (shares, "levels"), found)


def _watch_levels(
    channels: Sequence[Channel],
    by_name: Mapping[str, DatedRecords],
    grid: Grid,
    first: tuple[int, int],
    budget: tuple[Budget, str],
    found: _Found,
    leave_out: Floats | None = None,
) -> None:
    """Each channel of a group against its reference, at the group's share of the budget."""
    shares, group = budget
    watches = []
    for channel in channels:
        watch = LevelWatch(
            channel,
            grid,
            yearly=shares.alpha(group) / len(channels),
            reference=first,
            leave_out=leave_out,
        )
        if watch.why_not:
            found.skip(channel.name, watch.why_not, channel.slice)
            continue
        watches.append(watch)
    if found.workers > 1:
        _simulate_years(watches, grid, found.workers)
    for watch in watches:
        found.channels.append(watch.look())
        for step in watch.steps:
            stream = by_name[watch.channel.stream]
            found.alarms.append(alarm_of_step(watch, step, stream, shares.yearly))


def _simulate_years(
    watches: Sequence[LevelWatch],
    grid: Grid,
    workers: int,
) -> None:
    """Simulate the quiet years that some channels' thresholds need in several processes."""
    known = remembered_years()
    wanted = {quiet_years(watch.fit(), plan=grid.plan) for watch in watches}
    new = [years for years in wanted if years.name not in known]
    largest = in_processes(new, QuietYears.simulate, workers) if len(new) > 1 else []
    names = [years.name for years in new]
    remember_years(dict(zip(names, largest, strict=False)))


def _clusters(
    streams: Sequence[DatedRecords],
    said: Mapping[str, StreamTerms],
    grid: Grid,
    first: tuple[int, int],
    shares: Budget,
    found: _Found,
) -> None:
    """What is asked, by clusters of the reference's texts, and what is in none of them."""
    by_name: dict[str, DatedRecords] = {}
    channels: list[Channel] = []
    for stream in streams:
        clustered = said[stream.name].clustered
        if clustered is None:
            found.skip("clusters of texts", TOO_FEW_TEXTS, stream.name)
            continue
        before = int(np.searchsorted(grid.of(stream.seconds), first[1]))
        by_name[stream.name] = clustered
        channels += cluster_channels(clustered, grid, before)
    # Clusters are made of the first half, and what is usual is read from the second.
    rest = (middle_of(first), first[1])
    _watch_levels(channels, by_name, grid, rest, (shares, "clusters"), found)


def _is_regular(records: DatedRecords) -> bool:
    """Whether records come by the clock, as measurements do."""
    apart = np.diff(records.seconds)
    return apart.size > 20 and float(np.mean(apart == np.median(apart))) > 0.9


def _terms(
    stream: DatedRecords,
    said: StreamTerms,
    grid: Grid,
    first: tuple[int, int],
    shares: Budget,
    found: _Found,
    streams: int,
) -> None:
    """Words of the texts, and values of the fields."""
    period = grid.of(stream.seconds)
    for kind, days, down in (("words", said.words, False), ("values", said.values, True)):
        if days is None:
            continue
        if not days.terms:
            found.skip(kind, "no term is in four records", stream.name)
            continue
        alpha = shares.alpha(kind)
        watch = BurstWatch(days, period, grid, yearly=alpha / streams, start=first[1], down=down)
        for burst in watch.look():
            found.alarms.append(alarm_of_burst(watch, burst, stream, kind, alpha, shares.yearly))


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
    days = (grid.end_s - start_s) // DAY_S
    counts = hours_by_day(_first_of_each_day(stream), start_s, days)
    begin = max((grid.second_of(first[1]) - grid.start_s) // DAY_S, 1)
    # Half for shifts of several hours, half for one hour.
    half = shares.alpha("clock") / streams / 2
    steps, why = clock_steps(counts, yearly=half, start=begin)
    if why:
        found.skip("hour of day", why, stream.name)
    else:
        day = dt.datetime.fromtimestamp(start_s, dt.UTC).date()
        steps += hour_steps(counts, first=day, start=begin, yearly=half, larger=steps)
    for step in steps:
        scale = shares.yearly / half
        found.alarms.append(alarm_of_clock(step, stream, start_s, scale))


def _first_of_each_day(stream: DatedRecords) -> Ints:
    """Times of the first record that each author made on each day: one busy person is one."""
    marks = stream.author_marks
    if marks is None:
        marks = numbered(stream.authors)
    if not marks.size:
        return stream.seconds
    # Seconds ascend, so within a day a stable order by author is one by time.
    day = stream.seconds // DAY_S
    again = np.zeros(marks.size, dtype=np.bool_)
    for begin, end in pairwise([0, *(np.flatnonzero(np.diff(day)) + 1).tolist(), marks.size]):
        order = np.argsort(marks[begin:end], kind="stable")
        author = marks[begin:end][order]
        same = (author[1:] == author[:-1]) & (author[1:] != 0)
        again[begin + order[1:][same]] = True
    kept: Ints = stream.seconds[~again]
    return kept


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
        start_s=grid.second_of(first[1]),
        as_of_s=int(min(stream.as_of.timestamp(), grid.end_s)),
        yearly=shares.alpha("gaps") / streams,
    )
    if why:
        found.skip("gaps", why, stream.name)
    for gap in gaps:
        scale = shares.yearly / (shares.alpha("gaps") / streams)
        found.alarms.append(alarm_of_gap(gap, stream, scale))


def _note_edits(
    stream: DatedRecords,
    found: _Found,
) -> None:
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
