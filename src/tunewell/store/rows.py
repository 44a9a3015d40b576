"""Examples and Receipts as Arrow tables; the same rows give the same bytes of Parquet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tunewell.types import Example, Message, Receipt

TEXT = pa.string()
TURN = pa.struct([("role", TEXT), ("content", TEXT)])

EXAMPLES = pa.schema(
    [
        ("id", TEXT),
        ("messages", pa.list_(TURN)),
        ("source", TEXT),
        ("kind", TEXT),
        ("date", pa.date32()),
        ("group", TEXT),
        ("parent", TEXT),
        ("origin", TEXT),
        ("tags", TEXT),
    ]
)
"""Columns of a dataset; ``tags`` is a JSON object with sorted keys."""

RECEIPTS = pa.schema(
    [
        ("row", TEXT),
        ("place", TEXT),
        ("step", TEXT),
        ("order", pa.int32()),
        ("action", TEXT),
        ("rule", TEXT),
        ("cites", TEXT),
        ("code", TEXT),
        ("evidence", TEXT),
        ("other", TEXT),
    ]
)

ROW_GROUP = 8192


EXTRA = pa.field("extra", pa.string())
"""What not every chat has (calls of tools, weights, the rejected answer …), as a JSON object.

The column is there only where some row has any of it, so that older datasets keep their digests.
"""


def examples_to_table(examples: Iterable[Example]) -> pa.Table:
    """Examples as a table with the schema `EXAMPLES`, in the order given.

    Where some row needs it, with the column `EXTRA`.
    """
    rows = [_columns(example) for example in examples]
    schema = EXAMPLES.append(EXTRA) if any(row["extra"] for row in rows) else EXAMPLES
    return pa.Table.from_pylist(rows, schema=schema)


def _columns(example: Example) -> dict[str, Any]:
    messages = [{"role": m.role, "content": m.content} for m in example.messages]
    tags = json.dumps(dict(example.tags), sort_keys=True, ensure_ascii=False)
    return {
        "id": example.id,
        "messages": messages,
        "source": example.source,
        "kind": example.kind,
        "date": example.date,
        "group": example.group,
        "parent": example.parent,
        "origin": example.origin,
        "tags": tags,
        "extra": _extra(example),
    }


def _extra(example: Example) -> str:
    """The parts that few rows have, as JSON; empty where there are none."""
    turns = [_extra_of_turn(turn) for turn in example.messages]
    row = example.model_dump(mode="json", include=set(example.sparse))
    if any(turns):
        row["messages"] = turns
    return json.dumps(row, sort_keys=True, ensure_ascii=False) if row else ""


def _extra_of_turn(turn: Message) -> dict[str, Any]:
    if turn.model_fields_set <= {"role", "content"}:
        return {}
    return turn.model_dump(mode="json", include=set(turn.sparse))


def table_to_examples(table: pa.Table) -> list[Example]:
    """Examples of a table with the schema `EXAMPLES`."""
    found = []
    for batch in table.to_batches():
        found += [_example(row) for row in batch.to_pylist()]
    return found


def _example(row: dict[str, Any]) -> Example:
    extra = row.pop("extra", "")
    tags = json.loads(row["tags"])
    if extra:
        parts = json.loads(extra)
        turns = parts.pop("messages", [{}] * len(row["messages"]))
        messages = [turn | more for turn, more in zip(row["messages"], turns, strict=True)]
        return Example.model_validate({**row, "messages": messages, "tags": tags, **parts})

    # The rows were validated when they were written; construct without doing it again (four times
    # as fast).
    plain = tuple(
        Message.model_construct(role=turn["role"], content=turn["content"])
        for turn in row["messages"]
    )
    return Example.model_construct(**{**row, "messages": plain, "tags": tags})


def receipts_to_table(receipts: Iterable[Receipt]) -> pa.Table:
    """Receipts as a table with the schema `RECEIPTS`, in the order given."""
    columns: dict[str, list[Any]] = {name: [] for name in RECEIPTS.names}
    for receipt in receipts:
        for name, values in columns.items():
            values.append(getattr(receipt, name))
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
    writer = pq.ParquetWriter(
        path,
        table.schema,
        compression="zstd",
        use_dictionary=False,
        version="2.6",
    )
    with writer:
        writer.write_table(table, row_group_size=ROW_GROUP)


def content_digest(table: pa.Table) -> str:
    """SHA-256 over the rows in order, independent of the library that writes the file."""
    hasher = hashlib.sha256()
    for row in _rows(table):
        line = json.dumps(
            row,
            sort_keys=True,
            ensure_ascii=False,
            separators=(",", ":"),
            default=str,
        )
        hasher.update(line.encode("utf-8", "surrogatepass"))
        hasher.update(b"\n")
    return hasher.hexdigest()


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=ROW_GROUP):
        yield from batch.to_pylist()
