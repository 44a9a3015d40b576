"""Channels from dated records: how many, of which kind, how long, how often answered."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from tunewell.monitor.channel import (
    DAY_S,
    Channel,
    ChannelKind,
    ChannelTopic,
    Floats,
)
from tunewell.monitor.periods import Grid
from tunewell.monitor.records import (
    Categories,
    DatedRecords,
    Ints,
)
from tunewell.monitor.topics_of_texts import CLUSTER, OUT

LEAST_SHARE = 0.02
"""Of the records that a value must have for a channel of its own."""
MOST_CHANNELS = 40
"""Of one stream; those with the most records are kept."""
RARE = "too few texts of its reference hold a word of their own; new words are watched one by one"
ANSWERED_WITHIN_DAYS = 1
_CLIP = 0.005
"""Share of the values at either end of a number that are drawn in to the rest."""


def count_channel(
    records: DatedRecords,
    grid: Grid,
) -> Channel:
    """Records a period."""
    period = grid.of(records.seconds)
    unit = "records/hour" if grid.unit == "hours" else "records/day"
    return Channel(
        name="count",
        kind="count",
        unit=unit,
        first=grid.first,
        total=_sums(period, np.ones(len(records)), grid),
        weight=grid.exposure(),
        as_of=records.as_of,
        topic="traffic",
        stream=records.name,
        period_s=grid.period_s,
        edges=grid.edges,
    )


def level_channels(
    records: DatedRecords,
    grid: Grid,
    stop: int,
) -> list[Channel]:
    """Shares of values, means of numbers, lengths of texts, and fields that are there or not.

    Args:
        records: The stream.
        grid: Its periods.
        stop: First period after the reference, which decides what has a channel.
    """
    columns = _Columns(records, grid)
    before = int(np.searchsorted(columns.period, stop))
    out: list[Channel] = []
    for name in records.categories:
        if name not in records.totals:
            out += columns.shares(name, before)
    for name, values in records.numbers.items():
        if name not in records.totals:
            out.append(
                columns.mean(f"mean of {name}", clipped(values, before), _topic(records, name))
            )
    for name, texts in records.texts.items():
        characters = records.lengths.get(name)
        if characters is None:
            characters = lengths_of(texts)
        made = columns.mean(f"length of {name}", np.log1p(characters), _topic(records, name))
        out.append(replace(made, unit="log characters"))
    for name, present in records.present.items():
        out.append(columns.share(f"share with {name}", present, "measurement"))
    out.sort(key=lambda channel: -float(channel.weight.sum()))

    return out[:MOST_CHANNELS]


def lengths_of(texts: Iterable[str]) -> Floats:
    """Characters of each text, NaN for an empty one, shape (texts,)."""
    return np.array([len(text) or np.nan for text in texts], dtype=np.float64)


def cluster_channels(
    records: DatedRecords,
    grid: Grid,
    before: int,
) -> list[Channel]:
    """The share of each cluster of texts, and of what is in none.

    Args:
        records: The stream, with its clusters.
        grid: Its periods.
        before: Records of the reference.
    """
    columns = _Columns(records, grid)
    return [*columns.shares(CLUSTER, before), *columns.shares(OUT, before)]


def novelty_channel(
    records: DatedRecords,
    grid: Grid,
    new: Floats,
) -> Channel:
    """How much of the texts is in words that the reference does not hold."""
    made = _Columns(records, grid).mean("new words in texts", new, "input")
    return replace(made, unit="share")


def is_rare(
    channel: Channel,
    reference: tuple[int, int],
) -> bool:
    """Whether the mean of a thing that is never negative rests on too few records that have it.

    With fewer than about one in a period, sums are far from normal, and one word used eight times
    is an alarm: 10 of 83 made-up services of few words had one in 218 quiet days.

    Args:
        channel: The mean.
        reference: First period, and the first after it, that say what is usual.
    """
    part = slice(*reference)
    total = float(channel.total[part].sum())
    squares = float(channel.squares[part].sum())
    observed = int((channel.weight[part] > 0).sum())
    # As many records of one size would have this sum and this sum of squares.
    holding = total**2 / squares if squares else 0.0
    return holding < observed


def linked_channels(
    streams: Sequence[DatedRecords],
    grid: Grid,
) -> list[Channel]:
    """How often records of one stream are answered in another, and each stream's share of both."""
    out: list[Channel] = []
    for asked in streams:
        for said in streams:
            link = _link(asked, said)
            if link:
                out.append(_answered(asked, said, link, grid))
                out.append(_part_of_both(asked, said, grid))

    return out


def clipped(
    values: Floats,
    before: int,
) -> Floats:
    """Numbers with the outermost half per cent drawn in, so that one record is no alarm.

    Args:
        values: Of each record.
        before: Records of the reference, which say where half a per cent is.
    """
    known = values[:before]
    known = known[~np.isnan(known)]
    if known.size < 20:
        return values
    low, high = np.quantile(known, [_CLIP, 1 - _CLIP])
    out: Floats = np.clip(values, low, high)

    return out


def _topic(
    records: DatedRecords,
    name: str,
) -> ChannelTopic:
    """What a column says something about."""
    return records.topics.get(name, "input")


def _sums(
    period: Ints,
    values: Floats,
    grid: Grid,
) -> Floats:
    """Sums of values by period."""
    inside = (period >= 0) & (period < grid.periods)
    sums = np.bincount(period[inside], weights=values[inside], minlength=grid.periods)
    return sums.astype(np.float64)


class _Columns:
    """The columns of a stream by period, as channels.

    Args:
        records: The stream.
        grid: Its periods.
    """

    def __init__(
        self,
        records: DatedRecords,
        grid: Grid,
    ) -> None:
        self.records = records
        self.grid = grid
        self.period = grid.of(records.seconds)

    def _channel(
        self,
        name: str,
        kind: ChannelKind,
        topic: ChannelTopic,
        total: Floats,
        weight: Floats,
    ) -> Channel:
        """A channel of its sums by period."""
        return Channel(
            name=name,
            kind=kind,
            unit="share" if kind == "share" else "",
            first=self.grid.first,
            total=total,
            weight=weight,
            as_of=self.records.as_of,
            topic=topic,
            stream=self.records.name,
            period_s=self.grid.period_s,
            edges=self.grid.edges,
        )

    def share(
        self,
        name: str,
        hits: Floats,
        topic: ChannelTopic,
    ) -> Channel:
        """Share of the records with a hit; those whose hit is NaN do not count."""
        known = ~np.isnan(hits)
        period = self.period[known]
        total = _sums(period, hits[known], self.grid)
        return self._channel(name, "share", topic, total, _counts(period, self.grid))

    def shares(
        self,
        name: str,
        before: int,
    ) -> list[Channel]:
        """A channel for each value that is frequent enough, and not nearly always there."""
        field = self.records.categories[name]
        size = len(field.values)
        often = _frequent(field, before)
        if not often:
            return []
        known = (field.codes >= 0) & (self.period >= 0) & (self.period < self.grid.periods)
        # All values of a field are counted in one pass.
        cells = self.period[known] * size + field.codes[known]
        counted = np.bincount(cells, minlength=self.grid.periods * size)
        table: Floats = counted.reshape(self.grid.periods, size).astype(np.float64)
        weight: Floats = table.sum(1)
        edited = (name,) if name in self.records.edited_later else ()
        topic = _topic(self.records, name)
        out = []
        for code in often:
            label = f"{name}={field.values[code]}"
            total: Floats = table[:, code].copy()
            made = self._channel(f"share of {label}", "share", topic, total, weight)
            out.append(replace(made, slice=label, edited_later=edited))
        return out

    def mean(
        self,
        name: str,
        values: Floats,
        topic: ChannelTopic,
    ) -> Channel:
        """The mean of a number, of the records that have it."""
        known = ~np.isnan(values)
        period = self.period[known]
        figures = values[known]
        total = _sums(period, figures, self.grid)
        made = self._channel(name, "mean", topic, total, _counts(period, self.grid))
        return replace(made, squares=_sums(period, figures**2, self.grid))


def _counts(
    period: Ints,
    grid: Grid,
) -> Floats:
    """How many there are by period."""
    inside = (period >= 0) & (period < grid.periods)
    return np.bincount(period[inside], minlength=grid.periods).astype(np.float64)


def _frequent(
    field: Categories,
    before: int,
) -> list[int]:
    """Codes of values that are frequent enough in a reference, and not nearly always there."""
    codes = field.codes[:before]
    counts = np.bincount(codes[codes >= 0], minlength=len(field.values))
    share = counts / max(int(counts.sum()), 1)
    often: list[int] = np.flatnonzero((share >= LEAST_SHARE) & (share <= 1 - LEAST_SHARE)).tolist()
    if len(often) == 2 and int((counts > 0).sum()) == 2:
        # The share of one says that of the other.
        return [max(often, key=lambda code: field.values[code])]
    return often


def _link(
    asked: DatedRecords,
    said: DatedRecords,
) -> str:
    """The column of one stream that holds ids of another."""
    if asked is said:
        return ""
    ids = set(asked.ids)
    for name, values in said.links.items():
        sample = [value for value in values[:: max(len(values) // 500, 1)] if value]
        if sample and sum(value in ids for value in sample) >= 0.5 * len(sample):
            return name

    return ""


def _answered(
    asked: DatedRecords,
    said: DatedRecords,
    link: str,
    grid: Grid,
) -> Channel:
    """Share of records answered by someone else within a day, of those a day old."""
    place = {each: i for i, each in enumerate(asked.ids)}
    first = np.full(len(asked), np.inf)
    targets = said.links[link]
    for i, target in enumerate(targets):
        row = place.get(target)
        if row is None:
            continue
        if asked.authors and said.authors and asked.authors[row] == said.authors[i]:
            continue
        first[row] = min(first[row], float(said.seconds[i]))
    waited = first - asked.seconds
    within = ANSWERED_WITHIN_DAYS * DAY_S
    hits = ((waited >= 0) & (waited <= within)).astype(np.float64)
    ripe = asked.seconds + within <= said.as_of.timestamp()
    made = _Columns(asked, grid).share(
        f"answered in {said.name} within a day", np.where(ripe, hits, np.nan), "feedback"
    )

    return replace(made, as_of=said.as_of - dt.timedelta(days=ANSWERED_WITHIN_DAYS))


def _part_of_both(
    asked: DatedRecords,
    said: DatedRecords,
    grid: Grid,
) -> Channel:
    """One stream's share of the records of both: falls where it stops while the other goes on."""
    ours = count_channel(asked, grid).total
    theirs = count_channel(said, grid).total
    return Channel(
        name=f"{asked.name} beside {said.name}",
        kind="share",
        unit="share",
        first=grid.first,
        total=ours,
        weight=ours + theirs,
        as_of=min(asked.as_of, said.as_of),
        topic="measurement",
        stream=asked.name,
        period_s=grid.period_s,
        edges=grid.edges,
    )
