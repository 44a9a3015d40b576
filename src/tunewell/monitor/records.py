"""Dated records in columns, whatever recorded them: times, texts, categories, numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tunewell.monitor.channel import ChannelTopic, Floats

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Categories:
    """One field of few values.

    Attributes:
        values: Its values.
        codes: Index into ``values`` of each record, -1 where it has none, shape (records,).
    """

    values: tuple[str, ...]
    codes: Ints


@dataclass(frozen=True)
class DatedRecords:
    """Records of one stream in the order of their time, one column a field.

    Attributes:
        name: Of the stream: ``questions``, ``interactions``.
        ids: Of the records, as their source names them.
        seconds: Seconds since 1970-01-01 UTC, ascending, shape (records,).
        as_of: Until when the records are complete, UTC.
        texts: Text columns by name, each with one text a record (empty where it has none).
        categories: Fields of few values by name.
        lists: Fields that hold lists of values (tags): per record the values.
        numbers: Numeric columns by name, NaN where a record has none, shape (records,) each.
        topics: What a column says something about; ``input`` where it is not named.
        present: Of fields that some records lack: 1 where a record has it, shape (records,).
        links: Columns of ids, such as of the record of another stream that this one answers.
        edited_later: Fields that may have been changed after the record's own time.
        totals: Numeric fields that are totals up to the export, of unequal age.
        authors: Who wrote each record; empty where the source does not say.
        lengths: Characters of the texts that are not at hand, shape (records,) each; NaN without.
        author_marks: A number for each author, 0 for none, where names are not at hand.
    """

    name: str
    ids: Sequence[str]
    seconds: Ints
    as_of: dt.datetime
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    categories: Mapping[str, Categories] = field(default_factory=dict)
    lists: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    numbers: Mapping[str, Floats] = field(default_factory=dict)
    topics: Mapping[str, ChannelTopic] = field(default_factory=dict)
    present: Mapping[str, Floats] = field(default_factory=dict)
    links: Mapping[str, Sequence[str]] = field(default_factory=dict)
    edited_later: tuple[str, ...] = ()
    totals: tuple[str, ...] = ()
    authors: Sequence[str] = ()
    lengths: Mapping[str, Floats] = field(default_factory=dict)
    author_marks: Ints | None = None

    def __len__(self) -> int:
        """Number of records."""
        return len(self.ids)
