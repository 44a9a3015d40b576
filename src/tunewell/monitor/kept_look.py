"""A look as it is kept for pages and digests: alarms, and the figures of channels with bands."""

from __future__ import annotations

import datetime as dt
import math
from typing import Final

import numpy as np

from tunewell.lineage import record
from tunewell.monitor.channel import Floats
from tunewell.monitor.found import FeedbackBound
from tunewell.monitor.results import findings_of
from tunewell.monitor.watch import (
    BandedChannel,
    UncheckedChannel,
    Watched,
)
from tunewell.store import Store
from tunewell.types import Alarm, Value

STAGE: Final = "watch"
OUTPUT: Final = "look"

MOST_PERIODS: Final = 550
"""Periods of a channel that are kept, the newest."""

Figures = tuple[float | None, ...]


class KeptChannel(Value):
    """A channel with its band, as pages draw it.

    Attributes:
        stream: Of the records.
        name: Of the channel.
        slice: As ``key=value``; empty for all of the traffic.
        topic: What it says something about.
        unit: Of the figures.
        first: Start of the first period, UTC.
        period_s: Seconds in a period; on average where periods go by records.
        starts: Where they do: the start of each and the end of the last, seconds since 1970.
        as_of: Until when its records are complete, UTC.
        values: The figure of each period; None where nothing was observed.
        expected: What its reference says of each period.
        low: Lower end of the band.
        high: Upper end of the band.
        edited_later: Fields behind it that may have been changed after the record's own time.
    """

    stream: str
    name: str
    slice: str = ""
    topic: str
    unit: str
    first: dt.datetime
    period_s: int
    as_of: dt.datetime
    values: Figures
    expected: Figures
    low: Figures
    high: Figures
    edited_later: tuple[str, ...] = ()
    starts: tuple[int, ...] = ()

    @property
    def title(self) -> str:
        """Stream and name, as alarms call it."""
        return f"{self.stream}: {self.name}" if self.stream else self.name

    @property
    def place(self) -> str:
        """Its slice, where the name does not say it."""
        return "" if self.slice in self.name else self.slice

    def has(
        self,
        alarm: Alarm,
    ) -> bool:
        """Whether an alarm is of this channel."""
        return alarm.channel == self.title and alarm.slice in (self.slice, self.slice or "all")

    def at(
        self,
        period: int,
    ) -> dt.datetime:
        """Start of a period, UTC."""
        if self.starts:
            return dt.datetime.fromtimestamp(self.starts[period], dt.UTC)
        return self.first + dt.timedelta(seconds=period * self.period_s)


class KeptLook(Value):
    """What one look found.

    Attributes:
        at: When it was made, UTC.
        as_of: Until when the records reach, UTC.
        records: How many records were looked at.
        yearly: Probability of any false alarm in a year, over all channels.
        alarms: With their causes.
        channels: Everything that was watched.
        unchecked: What was not, and why.
        notes: What has to be known of the records.
        bounds: What users' feedback says of quality.
    """

    at: dt.datetime
    as_of: dt.datetime
    records: int
    yearly: float
    alarms: tuple[Alarm, ...]
    channels: tuple[KeptChannel, ...]
    unchecked: tuple[UncheckedChannel, ...] = ()
    notes: tuple[str, ...] = ()
    bounds: tuple[FeedbackBound, ...] = ()


def keep_look(
    store: Store,
    watched: Watched,
    *,
    records: int,
    now: dt.datetime,
) -> KeptLook:
    """Keep a look and its findings as a run of the stage ``watch``.

    Args:
        store: Of the project.
        watched: What was found, with causes.
        records: How many records were looked at.
        now: The time.
    """
    look = KeptLook(
        at=now,
        as_of=watched.as_of,
        records=records,
        yearly=watched.yearly,
        alarms=watched.alarms,
        channels=tuple(map(_kept, watched.channels)),
        unchecked=watched.unchecked,
        notes=watched.notes,
        bounds=watched.bounds,
    )
    parameters = {"yearly": watched.yearly, "as_of": watched.as_of.isoformat()}
    with record(store, STAGE, inputs={}, parameters=parameters) as run:
        run.outputs[OUTPUT] = store.put_value(look)
        run.counts["records"] = records
        run.counts["alarms"] = len(look.alarms)
        run.findings += findings_of(watched)
    return look


def last_look(store: Store) -> KeptLook | None:
    """The newest look; None where nobody has looked yet."""
    run = store.last_run(STAGE)
    if run is None or OUTPUT not in run.outputs:
        return None
    return store.get_value(run.outputs[OUTPUT], KeptLook)


def _kept(banded: BandedChannel) -> KeptChannel:
    channel = banded.channel
    size = len(channel.total)
    begin = max(size - MOST_PERIODS, 0)
    return KeptChannel(
        stream=channel.stream,
        name=channel.name,
        slice=channel.slice,
        topic=channel.topic,
        unit=channel.unit,
        first=channel.at(begin),
        period_s=channel.period_s,
        as_of=channel.as_of,
        values=_figures(channel.values[begin:]),
        expected=_figures(banded.expected[begin:]),
        low=_figures(banded.low[begin:]),
        high=_figures(banded.high[begin:]),
        edited_later=channel.edited_later,
        starts=() if channel.edges is None else tuple(channel.edges[begin:].tolist()),
    )


def _figures(values: Floats) -> Figures:
    """Figures to five digits: a chart shows no more."""
    return tuple(
        float(f"{value:.5g}") if math.isfinite(value) else None
        for value in np.asarray(values, np.float64).tolist()
    )
