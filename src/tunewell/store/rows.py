"""Examples and Receipts as Arrow tables, and Parquet files that are the same bytes for the same rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tunewell.types import Example, Message, Receipt

EXAMPLES = pa.schema(
    [
        ("id", pa.string()),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("source", pa.string()),
        ("kind", pa.string()),
        ("date", pa.date32()),
        ("group", pa.string()),
        ("parent", pa.string()),
        ("origin", pa.string()),
        ("tags", pa.string()),
    ]
)
"""Columns of a dataset; ``tags`` is a JSON object with sorted keys."""

RECEIPTS = pa.schema(
    [
        ("row", pa.string()),
        ("place", pa.string()),
        ("step", pa.string()),
        ("order", pa.int32()),
        ("action", pa.string()),
        ("rule", pa.string()),
        ("cites", pa.string()),
        ("code", pa.string()),
        ("evidence", pa.string()),
        ("other", pa.string()),
    ]
)

ROW_GROUP = 8192


def examples_to_table(examples: Iterable[Example]) -> pa.Table:
    """Examples as a table with the schema `EXAMPLES`, in the order given."""
    columns: dict[str, list[Any]] = {name: [] for name in EXAMPLES.names}
    for e in examples:
        columns["id"].append(e.id)
        columns["messages"].append([{"role": m.role, "content": m.content} for m in e.messages])
        columns["source"].append(e.source)
        columns["kind"].append(e.kind)
        columns["date"].append(e.date)
        columns["group"].append(e.group)
        columns["parent"].append(e.parent)
        columns["origin"].append(e.origin)
        columns["tags"].append(json.dumps(dict(e.tags), sort_keys=True, ensure_ascii=False))
    return pa.table(columns, schema=EXAMPLES)


def table_to_examples(table: pa.Table) -> list[Example]:
    """Examples of a table with the schema `EXAMPLES`."""
    return [_example(row) for batch in table.to_batches() for row in batch.to_pylist()]


def _example(row: dict[str, Any]) -> Example:
    # The rows were validated when they were written; construct without doing it again (four times
    # as fast).
    messages = tuple(
        Message.model_construct(role=m["role"], content=m["content"]) for m in row["messages"]
    )
    return Example.model_construct(**{**row, "messages": messages, "tags": json.loads(row["tags"])})


def receipts_to_table(receipts: Iterable[Receipt]) -> pa.Table:
    """Receipts as a table with the schema `RECEIPTS`, in the order given."""
    columns: dict[str, list[Any]] = {name: [] for name in RECEIPTS.names}
    for r in receipts:
        for name in RECEIPTS.names:
            columns[name].append(getattr(r, name))
    return pa.table(columns, schema=RECEIPTS)


def table_to_receipts(table: pa.Table) -> list[Receipt]:
    """Receipts of a table with the schema `RECEIPTS`."""
    return [Receipt.model_construct(**row) for row in table.to_pylist()]


def write_parquet(table: pa.Table, path: Path, *, sort: Sequence[str] = ()) -> None:
    """Write a table as one Parquet file: the same rows give the same bytes.

    Args:
        table: What to write; schema metadata is left out.
        path: Where to.
        sort: Columns to sort by first; together they must be unique.
    """
    if sort:
        table = table.sort_by([(name, "ascending") for name in sort])
    table = table.replace_schema_metadata(None).combine_chunks()
    with pq.ParquetWriter(
        path, table.schema, compression="zstd", use_dictionary=False, version="2.6"
    ) as writer:
        writer.write_table(table, row_group_size=ROW_GROUP)


def content_digest(table: pa.Table) -> str:
    """SHA-256 over the rows in order, independent of the library that writes the file."""
    hasher = hashlib.sha256()
    for row in _rows(table):
        line = json.dumps(
            row, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str
        )
        hasher.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return hasher.hexdigest()


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=ROW_GROUP):
        yield from batch.to_pylist()
