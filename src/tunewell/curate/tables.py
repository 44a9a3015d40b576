"""Records of tables: CSV, TSV and Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunewell.curate.decoding import (
    MAX_RECORD_BYTES,
    SourceRecord,
    decode,
    rejected,
)
from tunewell.curate.rows import clip

_OPEN_QUOTE = frozenset('"\n')
"""Signs in a header that say that a quote is not closed."""

_PARQUET_ROWS = 2048
"""Rows of a Parquet file that are held together."""


def table(path: Path, delimiter: str) -> Iterator[SourceRecord]:
    """A record for every line below the header."""
    text, encoding = decode(path.read_bytes())
    csv.field_size_limit(MAX_RECORD_BYTES)
    reader = _Table(delimiter, encoding)
    for number, cells in _lines(text.replace("\x00", ""), delimiter):
        if isinstance(cells, csv.Error):
            yield rejected(number, f"not a table: {cells}")
        elif "".join(cells).strip():
            yield from reader.take(number, cells)
    if reader.is_empty:
        header = delimiter.join(reader.header)
        yield rejected(1, "the file has no rows below its header", header)


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """Cells of each record with its first line, or what is wrong there."""
    lines = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        strict=False,
    )
    while True:
        number = lines.line_num + 1
        try:
            yield number, next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, error


class _Table:
    """A table whose first line is its header.

    Attributes:
        header: Names of the columns; none before the first line.
        is_empty: Whether no line has followed the header.
    """

    def __init__(self, delimiter: str, encoding: str) -> None:
        self.header: list[str] = []
        self.is_empty = True
        self._delimiter = delimiter
        self._encoding = encoding

    def take(self, number: int, cells: list[str]) -> Iterator[SourceRecord]:
        """What a line is: the header, a row or a reject."""
        line = self._delimiter.join(cells)
        if not self.header:
            self.header = list(map(str.strip, cells))
            if not _OPEN_QUOTE.isdisjoint("".join(self.header)):
                yield rejected(number, "a quote in the header is not closed", line)
            return

        self.is_empty = False
        if len(cells) != len(self.header):
            why = f"{len(cells)} cells where the header has {len(self.header)}"
            yield rejected(number, why, line)
            return
        values: dict[str, Any] = dict(zip(self.header, cells, strict=True))
        record = SourceRecord(number, values)
        record.note_encoding(self._encoding, line)
        yield record


def parquet(path: Path) -> Iterator[SourceRecord]:
    """A record for every row; what cannot be read any further is one reject."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for part in file.iter_batches(batch_size=_PARQUET_ROWS):
                for record in part.to_pylist():
                    number += 1
                    yield SourceRecord(number, record)
        if not number:
            yield rejected(1, "the file holds no rows")
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        yield rejected(number + 1, f"not Parquet: {clip(str(error))}")
