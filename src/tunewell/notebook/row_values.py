"""Rows that are in memory, written where the readers of files find them."""

from __future__ import annotations

import datetime as dt
import json
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tunewell.errors import DataError

PathLike = str | Path
Rows = Any
"""Paths, rows as mappings, or a table: pandas, Polars, PyArrow, a dataset of ``datasets``."""

NAME: Final = "rows"
KINDS: Final = (
    "a path, a list of paths or rows, a pandas, Polars or PyArrow table, or a datasets.Dataset"
)
TEST_SPLITS: Final = ("test", "validation", "valid", "dev", "eval")
"""Names of the splits of a ``DatasetDict`` that are held out, the surest first."""


@dataclass(frozen=True)
class RowFiles:
    """Rows as files.

    Attributes:
        paths: The files.
        evaluation: Rows that must not be leaked, where the value held some.
        in_memory: Whether the rows were values, so that line N is row N - 1.
        folder: For what is written on the way; it goes when the files do.
    """

    paths: tuple[Path, ...]
    folder: Path
    evaluation: Path | None = None
    in_memory: bool = False


@contextmanager
def on_disk(rows: Rows, evaluation: Rows = None) -> Iterator[RowFiles]:
    """The rows as files, for as long as this lasts.

    Args:
        rows: Paths, rows or a table.
        evaluation: The same for rows that must not be leaked; None if there are none.

    Raises:
        DataError: It is none of these, or has no rows.
    """
    with tempfile.TemporaryDirectory(prefix="tunewell-") as name:
        folder = Path(name)
        train, held_out = _splits_of(rows)
        beside = held_out if evaluation is None else evaluation
        paths, in_memory = _files(train, folder / "train")
        tests = None if beside is None else _files(beside, folder / "eval")[0][0]
        yield RowFiles(paths, folder, tests, in_memory)


def _splits_of(rows: Rows) -> tuple[Rows, Rows]:
    """The training rows of a ``DatasetDict`` and those it holds out; anything else is all rows."""
    if not isinstance(rows, Mapping) or not all(_is_dataset(each) for each in rows.values()):
        return rows, None
    if not rows:
        raise DataError("the DatasetDict has no splits")
    held_out = next((rows[name] for name in TEST_SPLITS if name in rows), None)
    names = [name for name in rows if name not in TEST_SPLITS]
    if len(names) != 1:
        shown = ", ".join(map(str, rows))
        raise DataError(
            f"the DatasetDict has the splits {shown}; which one is trained on?",
            hint="doctor(splits['train'], eval=splits['test'])",
        )
    return rows[names[0]], held_out


def _is_dataset(value: object) -> bool:
    return hasattr(value, "with_format") and hasattr(value, "column_names")


def _files(rows: Rows, place: Path) -> tuple[tuple[Path, ...], bool]:
    """The files of one set of rows, and whether they had to be written."""
    if isinstance(rows, str | Path):
        return (Path(rows),), False
    if isinstance(rows, Sequence) and rows and all(isinstance(r, str | Path) for r in rows):
        return tuple(map(Path, rows)), False
    place.mkdir()
    return (_written(rows, place),), True


def _written(rows: Rows, folder: Path) -> Path:
    table = _arrow_table(rows)
    if table is not None:
        return _as_parquet(table, folder / f"{NAME}.parquet")
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):
        # A frame whose columns hold values of several types, which Arrow does not take.
        return _as_json_lines(rows.to_dict("records"), folder / f"{NAME}.jsonl")
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        raise DataError(
            f"rows must be {KINDS}. Got {type(rows).__name__} instead.",
            hint="columns: pandas.DataFrame(rows); a single row: [rows]"
            if isinstance(rows, Mapping)
            else "",
        )
    return _as_json_lines(rows, folder / f"{NAME}.jsonl")


def _arrow_table(rows: Rows) -> Any:
    """The rows as an Arrow table; None where they are none, or of mixed types."""
    import pyarrow as pa

    if _is_dataset(rows):
        return rows.with_format("arrow")[:]
    if not hasattr(rows, "__arrow_c_stream__"):
        return None
    try:
        return pa.table(rows)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return None


def _as_parquet(table: Any, path: Path) -> Path:
    import pyarrow.parquet as pq

    if not table.num_rows:
        raise DataError("there are no rows")
    pq.write_table(table, path)
    return path


def _as_json_lines(rows: Iterable[Any], path: Path) -> Path:
    written = 0
    with path.open("w", encoding="utf-8", errors="surrogatepass") as file:
        for number, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise DataError(
                    f"row {number} must be a mapping of columns. Got {type(row).__name__} instead.",
                    hint="[{'prompt': …, 'completion': …}]",
                )
            file.write(json.dumps(_plain(row), ensure_ascii=False, default=str) + "\n")
            written += 1
    if not written:
        raise DataError("there are no rows")
    return path


def _plain(value: Any) -> Any:
    """A value as JSON has it: what is missing is null, dates and arrays are written out."""
    match value:
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case dt.date():
            return value.isoformat()
        case float():
            return value if math.isfinite(value) else None
    return _plain(value.tolist()) if hasattr(value, "tolist") else value
