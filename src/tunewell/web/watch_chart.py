"""A channel's figures, its band, its alarms and the releases, as the points of a small chart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tunewell.monitor.kept_look import KeptChannel

WIDTH: Final = 600.0
HEIGHT: Final = 150.0
MARGIN: Final = 0.08
"""Free space above and below, as a share of the height."""

WIDEST: Final = 1.0
"""A band is drawn up to so many times the range of the figures beyond them."""

MOST_POINTS: Final = 400
"""Periods that are drawn, the newest."""


@dataclass(frozen=True)
class ChartMark:
    """A moment that is marked.

    Attributes:
        x: Where, in [0, WIDTH].
        label: What happened.
    """

    x: float
    label: str


@dataclass(frozen=True)
class ChannelChart:
    """What a template draws.

    Attributes:
        bands: Polygons of the band, one for each stretch without a gap.
        lines: The figures, one line for each stretch without a gap.
        expected: What the reference says, likewise.
        since: Beginnings of alarms.
        releases: Releases.
        first: The first day that is drawn.
        last: The last one.
        top: Figure at the upper edge.
        bottom: Figure at the lower edge.
        now: The newest figure.
        usual: What the reference says of it.
    """

    bands: tuple[str, ...]
    lines: tuple[str, ...]
    expected: tuple[str, ...]
    since: tuple[ChartMark, ...]
    releases: tuple[ChartMark, ...]
    first: dt.date
    last: dt.date
    top: float
    bottom: float
    now: float | None
    usual: float | None


def channel_chart(
    channel: KeptChannel,
    *,
    since: Sequence[dt.datetime] = (),
    releases: Sequence[tuple[dt.datetime, str]] = (),
) -> ChannelChart | None:
    """The chart of a channel; None where it holds no figure.

    Args:
        channel: The channel.
        since: When its alarms began.
        releases: When something was released, and what.
    """
    size = len(channel.values)
    begin = max(size - MOST_POINTS, 0)
    figures = [channel.values, channel.expected, channel.low, channel.high]
    values, expected, low, high = (series[begin:] for series in figures)
    known = [value for value in values if value is not None]
    if not known:
        return None
    scale = _Scale.of(
        known,
        low,
        high,
    )
    span = _Span(
        channel,
        begin,
        size,
    )
    return ChannelChart(
        bands=tuple(_bands(low, high, scale)),
        lines=tuple(_lines(values, scale)),
        expected=tuple(_lines(expected, scale)),
        since=tuple(span.mark(at, f"since {at:%Y-%m-%d}") for at in since if span.has(at)),
        releases=tuple(span.mark(at, label) for at, label in releases if span.has(at)),
        first=channel.at(begin).date(),
        last=channel.at(size - 1).date(),
        top=scale.top,
        bottom=scale.bottom,
        now=known[-1],
        usual=next((value for value in reversed(expected) if value is not None), None),
    )


@dataclass(frozen=True)
class _Scale:
    """From figures to heights."""

    bottom: float
    top: float
    periods: int

    @classmethod
    def of(
        cls,
        values: Sequence[float],
        low: Sequence[float | None],
        high: Sequence[float | None],
    ) -> _Scale:
        """A scale that holds the figures, and the band as far as it does not dwarf them."""
        reach = (max(values) - min(values)) or abs(values[0]) or 1.0
        ends = [value for value in (*low, *high) if value is not None]
        bottom = max(min([*values, *ends]), min(values) - WIDEST * reach)
        top = min(max([*values, *ends]), max(values) + WIDEST * reach)
        if bottom == top:
            bottom, top = bottom - 0.5, top + 0.5
        return cls(bottom, top, len(low))

    def point(
        self,
        period: int,
        figure: float,
    ) -> str:
        x = WIDTH * (period + 0.5) / max(self.periods, 1)
        inside = min(max(figure, self.bottom), self.top)
        share = (inside - self.bottom) / (self.top - self.bottom)
        y = HEIGHT * (1 - MARGIN - (1 - 2 * MARGIN) * share)
        return f"{x:.1f},{y:.1f}"


@dataclass(frozen=True)
class _Span:
    """The stretch of time that is drawn."""

    channel: KeptChannel
    begin: int
    end: int

    def has(self, at: dt.datetime) -> bool:
        return self.channel.at(self.begin) <= at < self.channel.at(self.end)

    def mark(
        self,
        at: dt.datetime,
        label: str,
    ) -> ChartMark:
        whole = self.channel.at(self.end) - self.channel.at(self.begin)
        x = WIDTH * ((at - self.channel.at(self.begin)) / whole)
        return ChartMark(round(x, 1), label)


def _lines(figures: Sequence[float | None], scale: _Scale) -> Iterable[str]:
    """Lines through the figures, broken where there is none."""
    part: list[str] = []
    for period, figure in enumerate((*figures, None)):
        if figure is not None:
            part.append(scale.point(period, figure))
        elif part:
            # A single point is drawn as a short line: a dot that scales would be an ellipse.
            yield " ".join(part if len(part) > 1 else [part[0], part[0]])
            part = []


def _bands(
    low: Sequence[float | None],
    high: Sequence[float | None],
    scale: _Scale,
) -> Iterable[str]:
    upper: list[str] = []
    lower: list[str] = []
    for period, (down, up) in enumerate(zip((*low, None), (*high, None), strict=True)):
        if down is not None and up is not None:
            upper.append(scale.point(period, up))
            lower.append(scale.point(period, down))
        elif upper:
            yield " ".join([*upper, *reversed(lower)])
            upper, lower = [], []
