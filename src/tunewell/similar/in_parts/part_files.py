"""Rows and arrays in files, part by part."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tunewell.similar.arrays import Positions
from tunewell.similar.conversations import ComparedRow, Conversation

ROWS_A_PART = 50_000
"""Rows that a worker holds at a time."""


@dataclass(frozen=True, slots=True)
class PartRow(Conversation):
    """A row that was read from a part.

    Attributes:
        tools: What tools the model is told of.
    """

    tools: str = ""


@dataclass(frozen=True)
class Parts:
    """Something of every row, in files.

    Attributes:
        folder: Where the files are; every worker sees it under this path.
        firsts: Number of the first row of each part, then that of all rows, shape (parts + 1,).
    """

    folder: Path
    firsts: tuple[int, ...]

    def __len__(self) -> int:
        return self.firsts[-1]

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return len(self.firsts) - 1


class RowParts(Parts):
    """Rows in files."""

    @classmethod
    def write(
        cls,
        rows: Iterable[ComparedRow],
        folder: Path,
        *,
        a_part: int = ROWS_A_PART,
    ) -> RowParts:
        """Write rows to files of so many rows.

        Args:
            rows: The rows; they are held a part at a time.
            folder: An empty folder, or one that is not there yet.
            a_part: Rows in a file.
        """
        folder.mkdir(parents=True, exist_ok=True)
        firsts = [0]
        waiting = iter(rows)
        while some := list(islice(waiting, a_part)):
            write_rows(folder / f"{len(firsts) - 1}.arrow", some)
            firsts.append(firsts[-1] + len(some))
        return cls(folder, tuple(firsts))

    def read(self, part: int, *, every: int = 1) -> list[PartRow]:
        """The rows of a part, or every so many of them."""
        return read_rows(self.folder / f"{part}.arrow", every=every)

    def __iter__(self) -> Iterator[PartRow]:
        for part in range(self.parts):
            yield from self.read(part)


def write_rows(path: Path, rows: Sequence[ComparedRow]) -> None:
    """Write some rows to a file: whole, or not at all."""
    table = pa.table(
        {
            "id": pa.array([row.id for row in rows], pa.large_string()),
            "roles": pa.array([[role for role, _ in row.turns] for row in rows], _TEXTS),
            "texts": pa.array([[text for _, text in row.turns] for row in rows], _TEXTS),
            "group": pa.array([row.group for row in rows], pa.large_string()),
            "parent": pa.array([row.parent for row in rows], pa.large_string()),
            "tools": pa.array([_tools(row) for row in rows], pa.large_string()),
        }
    )
    temporary = _beside(path)
    with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    temporary.replace(path)


_TEXTS = pa.large_list(pa.large_string())


def _tools(row: ComparedRow) -> str:
    return str(getattr(row, "tools", "") or "")


def read_rows(path: Path, *, every: int = 1) -> list[PartRow]:
    """The rows of a file, or every so many of them."""
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
        if every > 1:
            table = table.take(np.arange(0, table.num_rows, every))
        columns = table.to_pydict()
    return [
        PartRow(name, tuple(zip(roles, texts, strict=True)), group, parent, tools)
        for name, roles, texts, group, parent, tools in zip(*columns.values(), strict=True)
    ]


def save(path: Path, array: NDArray[Any]) -> None:
    """Write an array to a file: whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    with temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)
    temporary.replace(path)


def load(path: Path) -> NDArray[Any]:
    """An array of a file; what of it is looked at is read."""
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _beside(path: Path) -> Path:
    """A name for what is not written yet; a process of another machine may be writing the same."""
    return path.with_name(f"{path.name}.{uuid.uuid4().hex}")


def by_part(rows: Positions, firsts: Sequence[int]) -> Iterator[tuple[int, slice]]:
    """Each part that some rising row numbers fall into, with the places of these."""
    cuts = np.searchsorted(rows, firsts)
    for part in range(len(firsts) - 1):
        if cuts[part] < cuts[part + 1]:
            yield part, slice(int(cuts[part]), int(cuts[part + 1]))
