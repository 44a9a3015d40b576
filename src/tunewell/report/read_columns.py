"""How the files were read: what their columns were used for, what is in no row, what is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tunewell.report.results import Results
from tunewell.report.safe_text import without_private
from tunewell.types.read_files import KeyUse, ReadFile, in_words

MOST_FILES: Final = 30
MOST_KEYS: Final = 20
"""Columns of one file that are named as not used."""


@dataclass(frozen=True)
class UnusedColumn:
    """A column or key that holds something and is in no row.

    Attributes:
        key: Its name.
        rows: How many rows hold something there.
        example: What the first of them holds, personal data hidden.
    """

    key: str
    rows: int
    example: str


@dataclass(frozen=True)
class FileReading:
    """How one file was read.

    Attributes:
        file: What became of its bytes.
        uses: What its columns were used for, in words.
        unused: Columns that are in no row.
        further: How many more of them there are.
    """

    file: ReadFile
    uses: str
    unused: tuple[UnusedColumn, ...]
    further: int


@dataclass(frozen=True)
class FileReadings:
    """How all files were read.

    Attributes:
        files: Of each.
        further: How many more files there are.
        notes: What to know of the reading.
    """

    files: tuple[FileReading, ...]
    further: int
    notes: tuple[str, ...]


def file_readings(results: Results) -> FileReadings | None:
    """How the files were read, or None where no record says it."""
    reading = results.reading
    if reading is None:
        return None
    files = [_reading(file, reading.of_file(file.name)) for file in reading.files[:MOST_FILES]]
    return FileReadings(
        files=tuple(files),
        further=max(0, len(reading.files) - MOST_FILES),
        notes=tuple(map(without_private, reading.notes)),
    )


def _reading(file: ReadFile, uses: Sequence[KeyUse]) -> FileReading:
    unused = [each for each in uses if not each.is_used]
    columns = []
    for each in unused[:MOST_KEYS]:
        columns.append(UnusedColumn(each.key, each.rows, without_private(each.example)))
    return FileReading(
        file=file,
        uses=in_words(uses),
        unused=tuple(columns),
        further=max(0, len(unused) - MOST_KEYS),
    )
