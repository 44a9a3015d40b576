"""``tunewell fit-check``: whether a public set is the right exam for a project (D02)."""

from __future__ import annotations

from pathlib import Path

from tunewell.curate import coverage
from tunewell.curate.pipeline import read as read_project
from tunewell.curate.read import ReadResult, read_source
from tunewell.errors import DataError
from tunewell.task import DataSource, TaskFile
from tunewell.types import Finding


def fit_check(public: Path, file: TaskFile) -> list[Finding]:
    """Whether a public set covers the project's own rows: over all of them, then by each value of each slice.

    Args:
        public: The set that is to be judged.
        file: The project's definition; its own data is what the model will meet.

    Raises:
        DataError: Nothing can be read.
    """
    batch = ReadResult()
    read_source(DataSource(path=str(public.resolve())), root=public.resolve().parent, batch=batch)
    own = read_project(file).rows
    if not batch.rows:
        raise DataError(f"no row of {public} can be read", hint="check its format")
    found = [coverage.exam(batch.rows, own, stage="fit-check", name=lambda row: row.id)]
    for part in file.spec.slices:
        for value in sorted({row.field(part.field) for row in own} - {""}):
            rows = [row for row in own if row.field(part.field) == value]
            if len(rows) >= 10:
                finding = coverage.exam(
                    batch.rows, rows, stage="fit-check", name=lambda row: row.id
                )
                found.append(finding.model_copy(update={"slice": f"{part.field}={value}"}))
    return found
