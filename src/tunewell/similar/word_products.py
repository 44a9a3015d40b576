"""What rows have in common, all with all: products of sparse tables in plain NumPy.

Columns that many rows have are multiplied as dense matrices, which is what processors do best; the
others are followed from entry to entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tunewell.similar.arrays import Bools, Floats, Positions

_OFTEN: Final = 0.02
"""Share of the rows from which on a column is multiplied densely."""
_AT_ONCE: Final = 4_000_000
"""Pairs of entries that are added up at a time."""


@dataclass(frozen=True)
class WordCells:
    """The entries of a sparse table; no cell twice.

    Attributes:
        row: Of each entry, rising, shape (entries,).
        column: Of each entry.
        value: Of each entry.
        rows: How many rows there are.
    """

    row: Positions
    column: Positions
    value: Floats
    rows: int

    def only(self, kept: Bools) -> WordCells:
        """The table with some of its entries."""
        return WordCells(self.row[kept], self.column[kept], self.value[kept], self.rows)

    def between(self, first: int, last: int) -> WordCells:
        """Some neighbouring rows as a table of their own."""
        begin, end = np.searchsorted(self.row, [first, last])
        entries = slice(begin, end)
        row = self.row[entries] - first
        return WordCells(row, self.column[entries], self.value[entries], last - first)


def common(left: WordCells, right: WordCells) -> Floats:
    """The product of each row of one table with each of the other, shape (left, right).

    Example:
        >>> one = WordCells(np.array([0, 0, 1]), np.array([2, 5, 5]), np.array([1.0, 2, 3]), 2)
        >>> common(one, one).tolist()
        [[5.0, 6.0], [6.0, 9.0]]
    """
    width = 1 + int(max(left.column.max(initial=0), right.column.max(initial=0)))
    holding = np.bincount(right.column, minlength=width)
    often = holding > max(1.0, _OFTEN * right.rows)
    found = _dense(left, often) @ _dense(right, often).T
    rare_left = left.only(~often[left.column])
    rare_right = right.only(~often[right.column])
    _add_rare(found, rare_left, rare_right, np.where(often, 0, holding))
    return found


def _dense(cells: WordCells, often: Bools) -> Floats:
    """The columns that many rows have, shape (rows, columns)."""
    place = np.cumsum(often) - 1
    kept = cells.only(often[cells.column])
    table = np.zeros((cells.rows, int(often.sum())))
    table[kept.row, place[kept.column]] = kept.value
    return table


def _add_rare(
    found: Floats,
    left: WordCells,
    right: WordCells,
    holding: Positions,
) -> None:
    """Add the products of the other columns, one block of the left table's entries at a time."""
    by_column = np.argsort(right.column, kind="stable")
    start = np.concatenate([[0], np.cumsum(holding)])
    meets = holding[left.column]
    so_far = np.cumsum(meets)
    flat = found.reshape(-1)
    begin = 0
    while begin < len(meets):
        done = so_far[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(so_far, done + _AT_ONCE)))
        times = meets[begin:end]
        first = start[left.column[begin:end]] - (so_far[begin:end] - times - done)
        entry = by_column[np.repeat(first, times) + np.arange(int(times.sum()))]
        cell = np.repeat(left.row[begin:end] * right.rows, times) + right.row[entry]
        value = np.repeat(left.value[begin:end], times) * right.value[entry]
        place = left.row[begin] * right.rows
        added = np.bincount(cell - place, weights=value)
        flat[place : place + len(added)] += added
        begin = end
