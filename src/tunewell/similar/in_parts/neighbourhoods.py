"""Neighbourhoods: rows that are alike go to one worker, with others to fill its part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from tunewell.engine import Engine
from tunewell.similar.arrays import Positions, distinct
from tunewell.similar.in_parts.part_files import (
    PartRow,
    RowParts,
    load,
    read_rows,
    save,
    write_rows,
)
from tunewell.similar.near_duplicates import Pairs


@dataclass(frozen=True)
class Neighbourhoods:
    """Rows by who looks at them together.

    Attributes:
        folder: Where their files are.
        rows: The rows in their own order.
        count: How many neighbourhoods there are.
        apart: Pairs that are alike and in two neighbourhoods: they are not looked at.
    """

    folder: Path
    rows: RowParts
    count: int
    apart: Pairs

    @classmethod
    def arrange(
        cls,
        rows: RowParts,
        alike: Pairs,
        folder: Path,
        engine: Engine,
        *,
        most: int,
    ) -> Neighbourhoods:
        """Bring rows that are alike together and write each neighbourhood to files.

        Args:
            rows: The rows.
            alike: Pairs of rows; the most similar are brought together first.
            folder: A folder of its own.
            engine: Where rows are read and written.
            most: Rows of a neighbourhood. Where more are alike, the least similar pairs come apart.
        """
        family = _joined(alike, len(rows), most)
        places = _places(family, most)
        for part in range(rows.parts):
            own = places[rows.firsts[part] : rows.firsts[part + 1]]
            save(folder / f"places.{part}.npy", own)
        engine.each(partial(_scatter, rows, folder), rows.parts)
        apart = alike.where(places[alike.left] != places[alike.right])
        return cls(folder, rows, int(places.max(initial=-1)) + 1, apart)

    def read(self, number: int) -> tuple[Positions, list[PartRow]]:
        """The rows of a neighbourhood, and their numbers, rising."""
        numbers = [np.empty(0, np.int64)]
        found: list[PartRow] = []
        for part in range(self.rows.parts):
            own = np.flatnonzero(load(self.folder / f"places.{part}.npy") == number)
            if len(own):
                numbers.append(own + self.rows.firsts[part])
                found += read_rows(self.folder / f"{number}.{part}.arrow")
        return np.concatenate(numbers), found


def _scatter(rows: RowParts, folder: Path, part: int) -> pa.Table:
    places = load(folder / f"places.{part}.npy")
    read = rows.read(part)
    for place in distinct(places).tolist():
        own = [read[i] for i in np.flatnonzero(places == place)]
        write_rows(folder / f"{place}.{part}.arrow", own)
    return pa.table({"rows": [len(read)]})


def _joined(pairs: Pairs, n: int, most: int) -> Positions:
    """Families of rows as the number of their first row, shape (n,); none has more than ``most``.

    Kruskal 1956, from the most similar pair on; a pair whose families are too large together stays
    apart.
    """
    members = distinct(np.concatenate([pairs.left, pairs.right]))
    left = np.searchsorted(members, pairs.left)
    right = np.searchsorted(members, pairs.right)
    order = np.lexsort((right, left, -pairs.similarity))
    parent = list(range(len(members)))
    size = [1] * len(members)
    for i, j in zip(left[order].tolist(), right[order].tolist(), strict=True):
        first, second = sorted((_root(parent, i), _root(parent, j)))
        if first != second and size[first] + size[second] <= most:
            parent[second] = first
            size[first] += size[second]

    family = np.arange(n)
    roots = [_root(parent, i) for i in range(len(members))]
    family[members] = members[roots]
    return family


def _root(parent: list[int], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


def _places(family: Positions, most: int) -> Positions:
    """The neighbourhood of each row: families in the order of their first rows, as many as fit."""
    sizes = np.bincount(family, minlength=len(family))
    place = np.zeros(len(family), dtype=np.int64)
    current = filled = 0
    for first in np.flatnonzero(sizes).tolist():
        size = int(sizes[first])
        if filled + size > most:
            current, filled = current + 1, 0
        place[first] = current
        filled += size
    return place[family]


def in_order(pairs: Sequence[Pairs], n: int) -> Pairs:
    """Several sets of pairs as one, each pair once with its highest similarity."""
    left = np.concatenate([each.left for each in pairs])
    right = np.concatenate([each.right for each in pairs])
    similarity = np.concatenate([each.similarity for each in pairs])
    best_first = np.argsort(-similarity, kind="stable")
    return Pairs(left[best_first], right[best_first], similarity[best_first]).once(n)
