"""Terms of records by period: how often each was held, and by which records."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tunewell.monitor.records import Categories, Ints
from tunewell.monitor.words import TermTable


class TermRows(Protocol):
    """Which records hold a term."""

    def between(
        self,
        term: int,
        first: int,
        last: int,
    ) -> Ints:
        """Records with a term among those from ``first`` until before ``last``, ascending."""
        ...


@dataclass(frozen=True)
class TermDays:
    """What is known of the terms of a stream.

    Attributes:
        terms: The terms.
        counts: Records that hold each, shape (periods, terms).
        rows: Which records those are.
    """

    terms: tuple[str, ...]
    counts: NDArray[np.float32]
    rows: TermRows


@dataclass(frozen=True)
class TableRows:
    """The rows of a table in memory."""

    table: TermTable

    @cached_property
    def by_term(self) -> tuple[Ints, Ints]:
        """The records of each term in their order, and where each term's begin."""
        order = np.lexsort((self.table.record, self.table.term))
        holding = np.bincount(self.table.term, minlength=len(self.table.terms))
        return self.table.record[order], np.concatenate([[0], np.cumsum(holding)])

    def between(
        self,
        term: int,
        first: int,
        last: int,
    ) -> Ints:
        """Records with a term in a stretch of them."""
        records, starts = self.by_term
        rows = records[starts[term] : starts[term + 1]]
        found: Ints = rows[(rows >= first) & (rows < last)]
        return found


def term_days(
    table: TermTable,
    period: Ints,
    periods: int,
) -> TermDays:
    """The terms of a table by period.

    Args:
        table: Which terms each record holds.
        period: Period of each record, ascending, shape (records,).
        periods: How many there are.
    """
    at = period[table.record]
    inside = (at >= 0) & (at < periods)
    width = len(table.terms)
    cells = np.bincount(at[inside] * width + table.term[inside], minlength=periods * width)
    counts = cells.reshape(periods, width).astype(np.float32)
    return TermDays(table.terms, counts, TableRows(table))


@dataclass(frozen=True)
class _FieldRows:
    """Rows of some terms, and of the values of one more field behind them."""

    rows: TermRows
    terms: int
    codes: Ints

    def between(
        self,
        term: int,
        first: int,
        last: int,
    ) -> Ints:
        """Records with a term in a stretch of them."""
        if term < self.terms:
            return self.rows.between(term, first, last)
        found: Ints = np.flatnonzero(self.codes[first:last] == term - self.terms) + first
        return found


def with_field(
    days: TermDays,
    name: str,
    field: Categories,
    period: Ints,
) -> TermDays:
    """The same with the values of one more field as terms.

    Args:
        days: The terms.
        name: Of the field.
        field: Its values.
        period: Period of each record, shape (records,).
    """
    periods = len(days.counts)
    inside = (period >= 0) & (period < periods) & (field.codes >= 0)
    counts = np.zeros((periods, len(field.values)), dtype=np.float32)
    np.add.at(counts, (period[inside], field.codes[inside]), 1.0)
    return TermDays(
        terms=(*days.terms, *(f"{name}={value}" for value in field.values)),
        counts=np.hstack([days.counts, counts]),
        rows=_FieldRows(days.rows, len(days.terms), field.codes),
    )
