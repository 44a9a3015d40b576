"""How far every channel moved at one time: what moved together says more than what moved most."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tunewell.monitor.channel import (
    Channel,
    ChannelTopic,
    Floats,
)
from tunewell.monitor.evidence.base import TimeWindow

MOVED: Final = 4.0
"""Standard errors beyond which a channel has moved, with dozens of them looked at."""

LEANS: Final = 2.0
"""Standard errors beyond which one leans."""

FEWEST_BEFORE: Final = 14
FEWEST_AFTER: Final = 2
"""Periods on either side without which nothing is said."""

MOST_MEMORY: Final = 0.8
WEEK: Final = 7


@dataclass(frozen=True)
class Movement:
    """How far one channel moved.

    Attributes:
        channel: Which.
        before: Its figure before the change.
        after: Its figure since.
        z: The difference in standard errors, for the days of the week and the days' own variation.
        records: Records behind ``after``.
    """

    channel: Channel
    before: float
    after: float
    z: float
    records: float

    @property
    def topic(self) -> ChannelTopic:
        """What the channel says something about."""
        return self.channel.topic

    @property
    def has_moved(self) -> bool:
        """Whether it did, beyond doubt."""
        return abs(self.z) >= MOVED

    @property
    def leans(self) -> bool:
        """Whether it may have."""
        return abs(self.z) >= LEANS


def movements(channels: Iterable[Channel], window: TimeWindow) -> tuple[Movement, ...]:
    """How far each channel moved at a time; those with too few periods are left out."""
    found = []
    for channel in channels:
        moved = movement(channel, window)
        if moved is not None:
            found.append(moved)
    return tuple(found)


def movement(channel: Channel, window: TimeWindow) -> Movement | None:
    """How far a channel moved at a time; None with too few periods on either side."""
    before = slice(*channel.within(window.begin_s, window.low_s))
    after = slice(*channel.within(window.high_s, window.end_s))
    if channel.kind not in ("count", "share", "mean"):
        return None
    weight_before = channel.weight[before]
    weight_after = channel.weight[after]
    if (weight_before > 0).sum() < FEWEST_BEFORE or (weight_after > 0).sum() < FEWEST_AFTER:
        return None

    levels = _week_levels(channel, before)
    residual = channel.values - levels[np.arange(len(channel.values)) % WEEK]
    was = _pooled(residual[before], weight_before)
    now = _pooled(residual[after], weight_after)
    error = math.hypot(was.error, _as_noisy(was, now))
    if error <= 0:
        return None
    level = float(np.average(levels))
    return Movement(
        channel=channel,
        before=level + was.mean,
        after=level + now.mean,
        z=(now.mean - was.mean) / error,
        records=float(
            channel.total[after].sum() if channel.kind == "count" else weight_after.sum()
        ),
    )


def _week_levels(channel: Channel, stretch: slice) -> Floats:
    """The usual figure of each day of the week, shape (7,); one figure for other periods."""
    total = channel.total[stretch]
    weight = channel.weight[stretch]
    place = np.arange(stretch.start, stretch.stop) % WEEK
    if not channel.by_day:
        place = np.zeros_like(place)
    sums = np.bincount(
        place,
        total,
        minlength=WEEK,
    )
    weights = np.bincount(
        place,
        weight,
        minlength=WEEK,
    )
    overall = total.sum() / max(weight.sum(), 1e-12)
    # A few records of weight on each day draw it to the mean of all.
    pull = 2.0 if channel.kind == "count" else max(weight.sum() / max(len(total), 1), 1.0)
    levels: Floats = (sums + pull * overall) / (weights + pull)
    if not channel.by_day:
        levels[:] = overall
    return levels


@dataclass(frozen=True)
class _Pooled:
    """A mean over periods.

    Attributes:
        mean: Weighted.
        error: Its standard error.
        spread: Standard deviation of a period of weight 1, for the memory of neighbours.
        weight: In all.
    """

    mean: float
    error: float
    spread: float
    weight: float


def _pooled(residual: Floats, weight: Floats) -> _Pooled:
    seen = weight > 0
    values = residual[seen]
    weights = weight[seen]
    total = float(weights.sum())
    mean = float((values * weights).sum() / total)
    off = values - mean
    count = max(len(values) - 1, 1)
    spread = math.sqrt(float((weights * off**2).sum() / count) * _memory(off))
    return _Pooled(mean, spread / math.sqrt(total), spread, total)


def _memory(off: Floats) -> float:
    """How many times as much a mean varies because neighbours are alike."""
    squares = float((off**2).sum())
    if len(off) < FEWEST_BEFORE or squares <= 0:
        return 1.0
    phi = float((off[1:] * off[:-1]).sum()) / squares
    phi = min(max(phi, 0.0), MOST_MEMORY)
    return (1 + phi) / (1 - phi)


def _as_noisy(was: _Pooled, now: _Pooled) -> float:
    """Standard error of the later mean: few periods are taken to vary as those before."""
    return was.spread / math.sqrt(now.weight)


def strongest(found: Sequence[Movement], *topics: ChannelTopic) -> Movement | None:
    """The one that moved most among those of some topics; None without any."""
    among = [moved for moved in found if moved.topic in topics]
    return max(among, key=lambda moved: abs(moved.z), default=None)


def window_of(
    since_low: dt.datetime,
    since_high: dt.datetime,
    end: dt.datetime,
) -> TimeWindow:
    """The window of a change; one that began and was seen on the same day has a day behind it."""
    high = min(since_high, end)
    return TimeWindow(low=min(since_low, high), high=high, end=end)
