"""Records of tables: CSV, TSV and Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunewell.curate.decoding import DECODED, MAX_RECORD_BYTES, Record, decode
from tunewell.curate.rows import Reject, clip


def table(path: Path, delimiter: str) -> Iterator[Record]:
    """A record for every line below the header."""
    text, encoding = decode(path.read_bytes())
    if "\x00" in text:
        text = text.replace("\x00", "")
    csv.field_size_limit(MAX_RECORD_BYTES)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False)
    header: list[str] | None = None
    empty = True
    while True:
        number = lines.line_num + 1
        try:
            cells = next(lines)
        except StopIteration:
            break
        except csv.Error as error:
            yield number, Reject("", f"not a table: {error}"), ""
            continue
        if not any(c.strip() for c in cells):
            continue
        if header is None:
            header = [c.strip() for c in cells]
            if any(mark in cell for cell in header for mark in '"\n'):
                yield (
                    number,
                    Reject("", "a quote in the header is not closed", clip(delimiter.join(cells))),
                    "",
                )
            continue
        empty = False
        if len(cells) != len(header):
            why = f"{len(cells)} cells where the header has {len(header)}"
            yield number, Reject("", why, clip(delimiter.join(cells))), ""
            continue
        record: dict[str, Any] = dict(zip(header, cells, strict=True))
        if encoding == "cp1252":
            record[DECODED] = clip(delimiter.join(cells))
        yield number, record, ""
    if empty:
        yield (
            1,
            Reject("", "the file has no rows below its header", clip(delimiter.join(header or ()))),
            "",
        )


def parquet(path: Path) -> Iterator[Record]:
    """A record for every row; what cannot be read any further is one reject."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for part in file.iter_batches(batch_size=2048):
                for record in part.to_pylist():
                    number += 1
                    yield number, record, ""
        if not number:
            yield 1, Reject("", "the file holds no rows"), ""
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        yield number + 1, Reject("", f"not Parquet: {clip(str(error))}"), ""
