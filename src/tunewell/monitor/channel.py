"""What is watched: one figure a day, with what it is made of."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ChannelKind = Literal["count", "share", "mean", "hours", "values", "words"]
"""``count``: records a period. ``share``: of the records of a period. ``mean``: of their values.
``hours``: by hour of the day. ``values``: of a field. ``words``: of the texts."""

ChannelTopic = Literal["traffic", "input", "answer", "quality", "judge", "feedback", "measurement"]
"""What a channel says something about.

``traffic``: how many ask, and who. ``input``: what they ask. ``answer``: how the model answers
(length, latency, refusals, finish reasons). ``quality``: how well, by metrics and people.
``judge``: how the judge scores. ``feedback``: whether and how users respond. ``measurement``:
fields, clocks, gaps.
"""

DAY_S = 86_400


@dataclass(frozen=True)
class Channel:
    """One figure over time, kept as sums so that periods can be added up.

    Attributes:
        name: ``count``, ``share of topic=other``, ``mean of total_s`` …
        kind: How a period's figure is made of its sums.
        unit: Of the figure: ``records/day``, ``share``, ``s`` …
        first: Start of the first period, UTC.
        total: Records counted, or the sum of the values, shape (periods,).
        weight: What ``total`` is divided by: 1 for a count (0 where a period was not observed),
            records for a share or mean, shape (periods,).
        squares: Sum of the squared values of a mean, shape (periods,); empty for other kinds.
        slice: As ``key=value``; empty for all of the traffic.
        topic: What it says something about.
        as_of: Until when the records behind it are complete, UTC.
        edited_later: Fields behind it that may have been changed after the record's own time.
        stream: Name of the stream of records that it is made of.
        period_s: Seconds in a period; on average where periods go by records.
        edges: Where they do: the start of each and the end of the last, seconds since 1970.
    """

    name: str
    kind: ChannelKind
    unit: str
    first: dt.datetime
    total: Floats
    weight: Floats
    as_of: dt.datetime
    squares: Floats = field(default_factory=lambda: np.zeros(0))
    slice: str = ""
    topic: ChannelTopic = "traffic"
    edited_later: tuple[str, ...] = ()
    stream: str = ""
    period_s: int = DAY_S
    edges: NDArray[np.int64] | None = None

    @property
    def by_day(self) -> bool:
        """Whether its periods are days."""
        return self.edges is None and self.period_s == DAY_S

    @property
    def values(self) -> Floats:
        """The figure of each period, shape (periods,); NaN where nothing was observed."""
        seen = self.weight > 0
        out = np.full(self.total.shape, np.nan)
        np.divide(self.total, self.weight, out=out, where=seen)
        return out

    @property
    def key(self) -> tuple[str, str, str]:
        """Stream, name and slice: unique within a look."""
        return self.stream, self.name, self.slice

    def at(self, period: int) -> dt.datetime:
        """Start of a period, UTC."""
        if self.edges is not None:
            return dt.datetime.fromtimestamp(int(self.edges[period]), dt.UTC)
        return self.first + dt.timedelta(seconds=period * self.period_s)

    def within(
        self,
        low_s: float,
        high_s: float,
    ) -> tuple[int, int]:
        """The first period that lies whole in a stretch of time, and the first after those."""
        size = len(self.total)
        if self.edges is not None:
            begin = int(np.searchsorted(self.edges[:-1], low_s))
            end = int(np.searchsorted(self.edges[1:], high_s, side="right"))
        else:
            first = self.first.timestamp()
            begin = math.ceil((low_s - first) / self.period_s)
            end = math.floor((high_s - first) / self.period_s)
        begin = min(max(begin, 0), size)
        return begin, min(max(end, begin), size)
