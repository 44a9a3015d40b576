"""People's work as rows of the database, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tunewell.people.assign import Seat
from tunewell.people.work import Batch, Item, RaterVerdict, Said
from tunewell.store.ledger import is_tombstone
from tunewell.types import Value


def to_json(value: Value) -> str:
    """A noun as JSON of ASCII characters alone.

    Lone surrogates and NUL (which PostgreSQL refuses) travel as escapes inside it.
    """
    return json.dumps(
        value.model_dump(mode="python"),
        ensure_ascii=True,
        default=str,
    )


def batch_line(batch: Batch) -> dict[str, Any]:
    """A line of the table ``batches``."""
    return {
        "id": batch.id,
        "kind": batch.kind,
        "title": batch.title,
        "status": batch.status,
        "created": batch.created.isoformat(),
        "author": batch.author,
        "record": to_json(batch),
    }


def batch_of(record: str, status: str) -> Batch:
    """A batch as it was written, with its status of now."""
    return Batch.model_validate({**json.loads(record), "status": status})


def item_line(item: Item) -> dict[str, Any]:
    """A line of the table ``items``."""
    return {
        "id": item.id,
        "batch": item.batch,
        "number": item.number,
        "example": _storable(item.example),
        "record": to_json(item),
    }


def items_of(records: Sequence[str]) -> list[Item]:
    """Items as they were written."""
    return [Item.model_validate_json(record) for record in records]


def seat_line(seat: Seat, batch: str, *, after: int = 0) -> dict[str, Any]:
    """A line of the table ``assignments``, behind ``after`` seats that exist already."""
    return {
        "item": seat.item,
        "account": seat.account,
        "batch": batch,
        "position": after + seat.position,
        "status": "open",
    }


def verdict_of(row: Mapping[Any, Any]) -> RaterVerdict:
    """A verdict from a line of the table ``verdicts``; one that was erased counts as withdrawn."""
    record = row["record"]
    said = Said(withdrawn=True) if is_tombstone(record) else Said.model_validate_json(record)
    return RaterVerdict(
        number=row["number"],
        key=row["key"],
        item=row["item"],
        batch=row["batch"],
        account=row["account"],
        at=row["at"],
        seconds=row["seconds"],
        version=row["version"],
        said=said,
    )


def _storable(text: str) -> str:
    """An id as a database column can hold it."""
    escaped = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return escaped.replace("\x00", "\\x00")
