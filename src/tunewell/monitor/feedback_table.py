"""Feedback in columns: about which record, when, of which kind, with which value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tunewell.monitor.channel import DAY_S, Channel, ChannelTopic, Floats
from tunewell.monitor.interactions import JUDGE, RIPE_DAYS
from tunewell.monitor.periods import Grid
from tunewell.monitor.records import Categories, DatedRecords, Ints
from tunewell.monitor.traffic_block import Block, feedback_block, marks_of, texts_of
from tunewell.types import Feedback

EVENT: Final = "event"


@dataclass(frozen=True)
class FeedbackTable:
    """Feedback in the order of its time.

    Attributes:
        rows: The record that it is about, -1 where that is not there, shape (said,).
        at: When, seconds since 1970, shape (said,).
        values: Its number, NaN without one, shape (said,).
        labels: Its kind and name.
        sources: What recorded it.
    """

    rows: Ints
    at: Floats
    values: Floats
    labels: Categories
    sources: Categories

    def __len__(self) -> int:
        """Number of feedback records."""
        return int(self.rows.size)

    @classmethod
    def of(
        cls,
        feedback: Sequence[Feedback],
        ids: Sequence[str],
    ) -> FeedbackTable:
        """The table of feedback.

        Args:
            feedback: In any order.
            ids: Of the records.
        """
        ordered = sorted(feedback, key=lambda each: each.at)
        return cls.of_blocks([feedback_block(ordered)], marks_of(ids))

    @classmethod
    def of_blocks(
        cls,
        blocks: Sequence[Block],
        marks: Ints,
    ) -> FeedbackTable:
        """The table of blocks of feedback.

        Args:
            blocks: Oldest first.
            marks: Of the records.
        """
        if not blocks:
            nothing = np.zeros(0)
            none = Categories((), np.zeros(0, dtype=np.int64))
            return cls(none.codes, nothing, nothing, none, none)
        at = _joined(blocks, "at")
        order = np.argsort(at, kind="stable")
        return cls(
            rows=_rows_of(_joined(blocks, "mark")[order], marks),
            at=at[order],
            values=_joined(blocks, "value")[order],
            labels=_field(_joined(blocks, "label")[order]),
            sources=_field(_joined(blocks, "source")[order]),
        )


def _joined(
    blocks: Sequence[Block],
    name: str,
) -> NDArray[Any]:
    return np.concatenate([block[name] for block in blocks])


def _rows_of(
    wanted: Ints,
    marks: Ints,
) -> Ints:
    """The place of each mark among others, -1 where it is not there."""
    if not marks.size:
        return np.full(wanted.size, -1, dtype=np.int64)
    order = np.argsort(marks)
    place = np.searchsorted(marks[order], wanted)
    row = order[np.minimum(place, marks.size - 1)]
    found: Ints = np.where(marks[row] == wanted, row, -1).astype(np.int64)
    return found


def _field(texts: NDArray[Any]) -> Categories:
    names, codes = np.unique(texts, return_inverse=True)
    return Categories(tuple(texts_of(names)), codes.reshape(-1).astype(np.int64))


def feedback_numbers(
    said: FeedbackTable,
    size: int,
) -> tuple[dict[str, Floats], Categories]:
    """What was said of each record, by kind and name: the last word counts; and which judge did.

    What did not happen is not said: a record without an event has none of it.

    Args:
        said: The feedback.
        size: Number of records.
    """
    numbers: dict[str, Floats] = {}
    judge = np.full(size, -1, dtype=np.int64)
    for code, label in enumerate(said.labels.values):
        mine = (said.labels.codes == code) & (said.rows >= 0)
        kind, _, name = label.partition(" ")
        if kind == EVENT:
            column = np.zeros(size)
            column[said.rows[mine]] = 1.0
        else:
            mine &= ~np.isnan(said.values)
            column = np.full(size, np.nan)
            column[said.rows[mine]] = said.values[mine]
        if mine.any():
            numbers[label] = column
        if kind != EVENT and JUDGE.search(name):
            judge[said.rows[mine]] = said.sources.codes[mine]
    return numbers, _named(said.sources, judge)


def _named(
    sources: Categories,
    codes: Ints,
) -> Categories:
    """The sources that are in use, without those that have no name."""
    used = [code for code in np.unique(codes).tolist() if code >= 0 and sources.values[code]]
    place = np.full(len(sources.values) + 1, -1, dtype=np.int64)
    place[used] = np.arange(len(used))
    return Categories(tuple(sources.values[code] for code in used), place[codes])


def response_channel(
    records: DatedRecords,
    said: FeedbackTable,
    grid: Grid,
) -> Channel:
    """Share of the interactions that drew any feedback within a week, of those a week old.

    It is a channel of its own: who is silent says nothing of quality.
    """
    known = said.rows >= 0
    rows = said.rows[known]
    soon = said.at[known] - records.seconds[rows] <= RIPE_DAYS * DAY_S
    answered = np.zeros(len(records))
    answered[rows[soon]] = 1.0
    ripe_until = records.as_of.timestamp() - RIPE_DAYS * DAY_S
    ripe = np.flatnonzero(records.seconds <= ripe_until)
    made = share_channel(
        records,
        "feedback within a week",
        "feedback",
        grid,
        (records.seconds[ripe], answered[ripe]),
    )
    return replace(made, as_of=records.as_of - dt.timedelta(days=RIPE_DAYS))


def orphan_channel(
    records: DatedRecords,
    said: FeedbackTable,
    grid: Grid,
) -> Channel:
    """Share of each period's feedback whose interaction is not recorded."""
    hits = (said.rows < 0).astype(np.float64)
    name = "feedback without its interaction"
    return share_channel(records, name, "measurement", grid, (said.at.astype(np.int64), hits))


def share_channel(
    records: DatedRecords,
    name: str,
    topic: ChannelTopic,
    grid: Grid,
    hits: tuple[Ints, Floats],
) -> Channel:
    """A share of things over time.

    Args:
        records: What they belong to.
        name: Of the channel.
        topic: What it says something about.
        grid: The periods.
        hits: The time of each thing, and whether it counts.
    """
    seconds, values = hits
    period = grid.of(seconds)
    inside = (period >= 0) & (period < grid.periods)
    weight = np.bincount(period[inside], minlength=grid.periods).astype(np.float64)
    total = np.bincount(period[inside], values[inside], minlength=grid.periods)
    return Channel(
        name=name,
        kind="share",
        unit="share",
        first=grid.first,
        total=total.astype(np.float64),
        weight=weight,
        as_of=records.as_of,
        topic=topic,
        stream=records.name,
        period_s=grid.period_s,
        edges=grid.edges,
    )
