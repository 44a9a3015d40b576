"""``tunewell fit-check``: whether a public set is the right exam for a project (D02)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tunewell.curate import coverage
from tunewell.curate.pipeline import read as read_project
from tunewell.curate.reading.read import ReadResult, read_source
from tunewell.curate.rows import InputRow
from tunewell.errors import DataError
from tunewell.task import DataSource, TaskFile
from tunewell.types import Finding

_FEWEST = 10
"""A value of a slice with fewer rows is not judged by itself."""


def fit_check(public: Path, file: TaskFile) -> list[Finding]:
    """Whether a public set covers the project's own rows.

    Over all of them, then by each value of each slice.

    Args:
        public: The set that is to be judged.
        file: The project's definition; its own data is what the model will meet.

    Raises:
        DataError: Nothing can be read.
    """
    batch = ReadResult()
    path = public.resolve()
    read_source(DataSource(path=str(path)), root=path.parent, batch=batch)
    own = read_project(file).rows
    if not batch.rows:
        raise DataError(f"no row of {public} can be read", hint="check its format")

    found = [_judge(batch.rows, own)]
    for part in file.spec.slices:
        for value, rows in _by_value(own, part.field).items():
            if value and len(rows) >= _FEWEST:
                finding = _judge(batch.rows, rows)
                name = f"{part.field}={value}"
                found.append(finding.model_copy(update={"slice": name}))
    return found


def _judge(public: Sequence[InputRow], own: Sequence[InputRow]) -> Finding:
    return coverage.exam(
        public,
        own,
        stage="fit-check",
        name=lambda row: row.id,
    )


def _by_value(rows: Sequence[InputRow], field: str) -> dict[str, list[InputRow]]:
    """Rows by the value of a field, sorted by value."""
    found: dict[str, list[InputRow]] = {}
    for row in rows:
        found.setdefault(row.field(field), []).append(row)
    return dict(sorted(found.items()))
