"""What was found, as alarms: since when, how large, in which records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np

from tunewell.monitor.bursts import Burst, BurstWatch
from tunewell.monitor.channel import (
    DAY_S,
    Channel,
    ChannelTopic,
)
from tunewell.monitor.clock import ClockStep
from tunewell.monitor.gaps import LongGap
from tunewell.monitor.moved import LevelStep, LevelWatch
from tunewell.monitor.records import DatedRecords, Ints
from tunewell.stats import proportion
from tunewell.types import Alarm, Estimate
from tunewell.types.values import digest

EXAMPLES = 10
MOST_TERMS = 8
CODES: Mapping[ChannelTopic, str] = {
    "traffic": "L03",
    "input": "L03",
    "answer": "L04",
    "quality": "L04",
    "judge": "L06",
    "feedback": "L04",
    "measurement": "L10",
}
"""The pitfall of a channel that left its band, by what it says something about."""


def alarm_of_step(
    watch: LevelWatch,
    step: LevelStep,
    records: DatedRecords,
    yearly: float,
) -> Alarm:
    """The alarm of a level that was left."""
    channel = watch.channel
    grid = watch.grid
    raised = grid.at(step.raised + 1)
    since = grid.at(step.since)
    rows = _in_slice(records, channel)

    return Alarm(
        id=_id(channel.stream, channel.name, channel.slice, since.isoformat()),
        channel=_named(channel.stream, channel.name),
        slice=channel.slice or "all",
        raised=raised,
        as_of=min(channel.as_of, raised),
        since=since,
        since_low=grid.at(step.earliest),
        since_high=grid.at(step.latest),
        before=step.before,
        after=step.after,
        size=step.size,
        p_value=min(1.0, step.p_value * yearly / watch.yearly),
        code=CODES[channel.topic],
        examples_before=_examples(records, rows, grid.at(step.reference), since),
        examples_after=_examples(records, rows, since, raised),
    )


def _in_slice(
    records: DatedRecords,
    channel: Channel,
) -> Ints:
    """Records of a channel's slice."""
    name, _, value = channel.slice.partition("=")
    categories = records.categories.get(name)
    if not value or categories is None or value not in categories.values:
        return np.arange(len(records))
    return np.flatnonzero(categories.codes == categories.values.index(value))


def alarm_of_burst(
    watch: BurstWatch,
    burst: Burst,
    records: DatedRecords,
    kind: str,
    alpha: float,
    yearly: float,
) -> Alarm:
    """The alarm of words or values that became frequent, or are gone."""
    grid = watch.grid
    raised = grid.at(burst.raised + 1)
    begin = burst.raised + 1 - burst.window
    terms = [watch.terms[term] for term in burst.terms]
    rows = watch.records_of(burst.terms[0], 0, burst.raised)
    inside = rows[watch.period[rows] >= begin]
    first_seen = records.seconds[inside[0]] if inside.size else None
    since = grid.at(begin) if first_seen is None else _moment(int(first_seen))
    before = _share(burst.before, burst.of_before)
    after = _share(burst.seen, burst.of)
    label = "new or more frequent" if burst.up else "gone or less frequent"
    shown = ", ".join(terms[:MOST_TERMS])

    return Alarm(
        id=_id(records.name, kind, terms[0], since.isoformat()),
        channel=_named(records.name, f"{kind} {label}"),
        slice=shown,
        raised=raised,
        as_of=raised,
        since=since,
        since_low=grid.at(begin),
        since_high=raised,
        before=before,
        after=after,
        size=_apart(before, after),
        p_value=min(1.0, burst.p_value * watch.looks * yearly / alpha),
        code="L03" if kind == "words" else "L10",
        examples_before=_examples(records, rows, grid.first, grid.at(begin)),
        examples_after=_examples(records, rows, grid.at(begin), raised),
    )


def alarm_of_clock(
    step: ClockStep,
    records: DatedRecords,
    start_s: int,
    scale: float,
) -> Alarm:
    """The alarm of hours of the day that have moved."""

    def at(day: int) -> dt.datetime:
        """Start of a day."""
        return _moment(start_s + day * DAY_S)

    raised = at(step.raised + 1)
    rows = np.arange(len(records))

    return Alarm(
        id=_id(records.name, "hour of day", str(step.hours), at(step.since).isoformat()),
        channel=_named(records.name, "hour of day"),
        slice=f"clock {step.hours:+d} h",
        raised=raised,
        as_of=raised,
        since=at(step.since),
        since_low=at(step.earliest),
        since_high=at(step.latest),
        size=Estimate(
            value=step.hours,
            low=step.least,
            high=step.most,
            n=int(step.after.sum()),
            method="likeliest shift of the hours of the day",
            unit="h",
        ),
        p_value=min(1.0, step.p_value * scale),
        code="L10",
        examples_before=_examples(records, rows, at(step.since - 7), at(step.since)),
        examples_after=_examples(records, rows, at(step.since), raised),
    )


def alarm_of_gap(
    gap: LongGap,
    records: DatedRecords,
    scale: float,
) -> Alarm:
    """The alarm of a stretch without records."""
    start = _moment(gap.start_s)
    clear = _moment(gap.clear_s)
    rows = np.arange(len(records))
    end = clear if gap.end_s is None else _moment(gap.end_s + 1)
    return Alarm(
        id=_id(records.name, "gap", "", start.isoformat()),
        channel=_named(records.name, "gap"),
        slice="all",
        raised=clear,
        as_of=clear,
        since=start,
        since_low=start,
        since_high=start,
        before=Estimate.exact(gap.expected, n=0, unit="records expected"),
        after=Estimate.exact(0.0, n=0, unit="records"),
        size=Estimate.exact(-gap.expected, n=0, unit="records"),
        p_value=min(1.0, gap.p_value * scale),
        code="L10",
        examples_before=_examples(records, rows, start - dt.timedelta(days=1), start)
        or _examples(records, rows, start - dt.timedelta(days=7), start + dt.timedelta(seconds=1)),
        examples_after=_examples(records, rows, clear, end),
    )


def _share(
    hits: int,
    of: int,
) -> Estimate:
    """A share of records."""
    return proportion(hits, max(of, 1)).model_copy(update={"unit": "share"})


def _apart(
    before: Estimate,
    after: Estimate,
) -> Estimate:
    """Difference of two independent shares, by their own intervals (Newcombe 1998, method 10)."""
    value = after.value - before.value
    down = float(np.hypot(after.value - after.low, before.high - before.value))
    up = float(np.hypot(after.high - after.value, before.value - before.low))
    return Estimate(
        value=value,
        low=value - down,
        high=value + up,
        n=before.n + after.n,
        method="difference of shares, at the time of the alarm",
        unit="share",
    )


def _examples(
    records: DatedRecords,
    rows: Ints,
    start: dt.datetime,
    stop: dt.datetime,
) -> tuple[str, ...]:
    """Ten ids of a stretch of time, evenly spread over it."""
    seconds = records.seconds[rows]
    inside = rows[(seconds >= start.timestamp()) & (seconds < stop.timestamp())]
    if inside.size > EXAMPLES:
        inside = inside[np.linspace(0, inside.size - 1, EXAMPLES).astype(int)]
    return tuple(records.ids[i] for i in inside.tolist())


def _named(
    stream: str,
    name: str,
) -> str:
    """A channel's name with its stream's."""
    return f"{stream}: {name}" if stream else name


def _id(*parts: str) -> str:
    """The same for the same channel, slice and beginning, whenever it is looked at."""
    return digest(list(parts))[:16]


def _moment(seconds: int) -> dt.datetime:
    """A moment of seconds since 1970, UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
