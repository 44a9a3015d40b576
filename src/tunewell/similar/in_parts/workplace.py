"""Who works on rows in parts, and where."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tunewell.engine import Engine
from tunewell.similar.conversations import ComparedRow
from tunewell.similar.in_parts.part_files import ROWS_A_PART, RowParts
from tunewell.store.store import FOLDER
from tunewell.task import TaskFile

MOST_IN_ONE_PIECE = 200_000
"""More rows are looked at in parts, whatever the engine."""


@dataclass(frozen=True)
class Workplace:
    """Where rows in parts are worked on.

    Attributes:
        engine: Who works on them.
        folder: Where files are kept meanwhile; every worker sees it under this path.
        most: More rows are looked at in parts …
        a_part: … of so many rows.
    """

    engine: Engine
    folder: Path
    most: int = MOST_IN_ONE_PIECE
    a_part: int = ROWS_A_PART

    @classmethod
    def of(cls, file: TaskFile) -> Workplace:
        """The engine that a definition names, and a folder for what is not kept.

        It is the project's own: what a killed process leaves there is removed when the next one
        begins. Without a project, it is the one of this machine.
        """
        own = file.root / FOLDER / "artifacts" / "tmp"
        folder = own if own.is_dir() else Path(tempfile.gettempdir())
        return cls(Engine(file.spec.engine), folder)

    def takes_in_one_piece(self, rows: int) -> bool:
        """Whether so many rows are looked at together."""
        return rows <= self.most

    def write(self, rows: Iterable[ComparedRow], folder: Path) -> RowParts:
        """Write rows to files of a part each."""
        return RowParts.write(rows, folder, a_part=self.a_part)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder that is gone afterwards."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{os.getpid()}-parts-", dir=self.folder) as made:
            yield Path(made)
