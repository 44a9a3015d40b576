"""Records of Arrow's formats (Parquet, IPC, Feather): every type, without pandas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewell.curate.reading.encoding import encoding_of
from tunewell.curate.reading.source_record import SourceRecord, nothing, rejected
from tunewell.curate.rows import clip

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 2048
"""Rows of a Parquet file that are held together."""

_HINT = "write the file again: pyarrow cannot read it any further"


def parquet(path: Path) -> Iterator[SourceRecord]:
    """A record for every row; what cannot be read any further is one reject."""
    import pyarrow.parquet as pq

    yield from _records(path, lambda: _parquet_batches(pq.ParquetFile(path)), "Parquet")


def _parquet_batches(file: Any) -> tuple[int, Iterator[pa.RecordBatch]]:
    return file.metadata.num_rows, file.iter_batches(batch_size=_ROWS)


def arrow(path: Path) -> Iterator[SourceRecord]:
    """A record for every row of an Arrow or Feather file, or of a stream as data sets save it."""
    yield from _records(path, lambda: _arrow_batches(path), "Arrow")


def _arrow_batches(path: Path) -> tuple[int, Iterator[pa.RecordBatch]]:
    import pyarrow as pa

    source = pa.memory_map(str(path))
    try:
        file = pa.ipc.open_file(source)
    except pa.ArrowInvalid:
        source.seek(0)
        return 0, iter(pa.ipc.open_stream(source))
    places = range(file.num_record_batches)
    return 0, (file.get_batch(place) for place in places)


def _records(path: Path, opened: Any, kind: str) -> Iterator[SourceRecord]:
    import pyarrow as pa

    size = path.stat().st_size
    number = rows = 0
    try:
        rows, batches = opened()
        share = size // rows if rows else 0
        for batch in batches:
            # What a damaged file says of its own memory may not be believed: it would be read.
            batch.validate(full=True)
            for record in rows_of(batch):
                number += 1
                yield SourceRecord(number, record, size=share)
        if not number:
            yield rejected(
                1, "the file holds no rows", size=size, hint="give a file that holds rows"
            )
        else:
            yield nothing(number, size - number * share)
    except (pa.ArrowException, OSError, ValueError) as error:
        share = size // rows if rows else 0
        lost = max(1, rows - number)
        why = f"not {kind}: {clip(str(error))}"
        left = size - number * share
        yield rejected(number + 1, why, size=left, rows=lost, hint=_HINT)


def rows_of(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows of a batch as plain values: text for bytes that hold text, days, lists, objects."""
    columns: dict[str, list[Any]] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        columns[name] = _values(column)
    places = range(batch.num_rows)
    return [{name: values[place] for name, values in columns.items()} for place in places]


def _values(column: pa.Array) -> list[Any]:
    import pyarrow as pa

    wanted = plain_type(column.type)
    if wanted != column.type:
        try:
            column = column.cast(wanted, safe=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass  # as it is: few types cannot be given as plain values then
    values: list[Any] = column.to_pylist()
    return [plain(value) for value in values] if _needs_plain(column.type) else values


def plain_type(kind: pa.DataType) -> pa.DataType:
    """A type that says the same and is given as a plain value.

    Example:
        >>> import pyarrow as pa
        >>> plain_type(pa.timestamp("ns")), plain_type(pa.dictionary(pa.int8(), pa.string()))
        (TimestampType(timestamp[us]), DataType(string))
    """
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if pa.types.is_time64(kind):
        return pa.time64("us")
    if pa.types.is_duration(kind):
        return pa.duration("us")
    if pa.types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if pa.types.is_struct(kind):
        fields = [kind.field(n) for n in range(kind.num_fields)]
        return pa.struct([field.with_type(plain_type(field.type)) for field in fields])
    if _is_list(kind):
        return pa.large_list(kind.value_field.with_type(plain_type(kind.value_type)))
    return kind


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    types = pa.types
    is_view = types.is_list_view(kind) or types.is_large_list_view(kind)
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(is_view or is_list)


def _needs_plain(kind: pa.DataType) -> bool:
    """Whether values of a type may hold bytes, maps, decimals or spans of time."""
    import pyarrow as pa

    types = pa.types
    if types.is_struct(kind):
        return any(_needs_plain(kind.field(n).type) for n in range(kind.num_fields))
    if _is_list(kind):
        return _needs_plain(kind.value_type)
    is_plain = types.is_string(kind) or types.is_large_string(kind) or types.is_integer(kind)
    return not (is_plain or types.is_boolean(kind) or types.is_floating(kind))


def plain(value: Any) -> Any:
    """A value of Arrow's as JSON could hold it; bytes that are no text stay bytes."""
    import datetime as dt
    import decimal

    if isinstance(value, bytes):
        return text_of(value)
    if isinstance(value, list):
        return _plain_list(value)
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, decimal.Decimal | dt.timedelta | dt.time):
        return str(value)
    return value


def _plain_list(values: list[Any]) -> Any:
    """A list, or the object that a map of Arrow's is."""
    if values and all(isinstance(each, tuple) and len(each) == 2 for each in values):
        return {str(plain(key)): plain(each) for key, each in values}
    return [plain(each) for each in values]


def text_of(data: bytes) -> Any:
    r"""Bytes as text, if they are text.

    Example:
        >>> text_of("né".encode()), text_of(bytes([137, 80, 78, 71, 0, 255, 0, 1]))
        ('né', b'\x89PNG\x00\xff\x00\x01')
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        if data.count(0):
            return data
        text, _ = encoding_of(data).decode(data)
    controls = sum(sign < " " and sign not in "\t\n\r\x0c" for sign in text)
    return text if controls * 20 <= len(text) else data
