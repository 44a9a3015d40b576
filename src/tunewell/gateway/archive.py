"""A file of Parquet for each day, for analysis; and the end of what is older than it may be."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from tunewell.disk import make_private
from tunewell.gateway.keep import REMOVED
from tunewell.store import Store
from tunewell.store.kept_traffic import read_feedback, read_interactions
from tunewell.store.rows import write_parquet
from tunewell.store.traffic_tables import feedback, interactions
from tunewell.types import Feedback, Interaction

FOLDER = "traffic"

INTERACTION_COLUMNS = pa.schema(
    [
        ("id", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("conversation", pa.string()),
        ("user", pa.string()),
        ("assigned", pa.string()),
        ("served", pa.string()),
        ("shadow_of", pa.string()),
        ("version", pa.string()),
        ("prompt_version", pa.string()),
        ("endpoint", pa.string()),
        ("request", pa.string()),
        ("response", pa.string()),
        ("tool_calls", pa.string()),
        ("finish", pa.string()),
        ("ended", pa.string()),
        ("status", pa.int32()),
        ("error", pa.string()),
        ("prompt_tokens", pa.int64()),
        ("answer_tokens", pa.int64()),
        ("first_token_s", pa.float64()),
        ("total_s", pa.float64()),
        ("cost", pa.float64()),
        ("state", pa.string()),
        ("source", pa.string()),
    ]
)

FEEDBACK_COLUMNS = pa.schema(
    [
        ("key", pa.string()),
        ("interaction", pa.string()),
        ("kind", pa.string()),
        ("name", pa.string()),
        ("value", pa.float64()),
        ("text", pa.string()),
        ("author", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("received", pa.timestamp("us", tz="UTC")),
        ("source", pa.string()),
    ]
)


def archive_days(store: Store, *, today: dt.date) -> list[Path]:
    """Write the file of every day that is over and has none yet.

    Args:
        store: Of the project.
        today: By UTC.

    Returns:
        The files that were written.
    """
    written = []
    for day in _days(store):
        path = day_file(store, day)
        if day < today and not path.exists():
            write_day(store, day)
            written.append(path)
    return written


def day_file(store: Store, day: dt.date) -> Path:
    """Where a day's interactions are."""
    return store.root / FOLDER / f"interactions-{day.isoformat()}.parquet"


def write_day(store: Store, day: dt.date) -> Path:
    """Write the file of a day anew from the database, whole or not at all."""
    path = day_file(store, day)
    make_private(path.parent)
    since = dt.datetime.combine(day, dt.time(), dt.UTC)
    rows = read_interactions(store, since=since, until=since + dt.timedelta(days=1))
    _write(interaction_table(rows), path)
    return path


def _write(table: pa.Table, path: Path) -> None:
    new = path.with_suffix(".new")
    write_parquet(table, new)
    new.chmod(0o600)
    new.replace(path)


def interaction_table(rows: Iterable[Interaction]) -> pa.Table:
    """Interactions as a table: requests and tool calls as JSON."""
    lines = []
    for row in rows:
        line = row.model_dump()
        line["request"] = _json(row.request)
        line["tool_calls"] = _json(list(row.tool_calls))
        lines.append({name: line[name] for name in INTERACTION_COLUMNS.names})
    return pa.Table.from_pylist(lines, schema=INTERACTION_COLUMNS)


def feedback_table(rows: Iterable[Feedback]) -> pa.Table:
    """Feedback as a table."""
    lines = [
        {name: value for name, value in row.model_dump().items() if name in FEEDBACK_COLUMNS.names}
        for row in rows
    ]
    return pa.Table.from_pylist(lines, schema=FEEDBACK_COLUMNS)


def export_traffic(store: Store, folder: Path) -> list[Path]:
    """Write all interactions and all feedback to two files of Parquet.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "interactions.parquet", folder / "feedback.parquet"]
    _write(interaction_table(read_interactions(store)), paths[0])
    _write(feedback_table(read_feedback(store)), paths[1])
    return paths


def remove_old(store: Store, *, before: dt.date) -> int:
    """Remove interactions, their feedback and files of days before a date; how many interactions.

    The ledger goes on counting those that a gateway recorded, as removed.
    """
    limit = dt.datetime.combine(before, dt.time(), dt.UTC).isoformat()
    old = sa.select(interactions.c.id).where(interactions.c.at < limit)
    counted = (
        sa.select(sa.func.count())
        .where(interactions.c.at < limit)
        .where(interactions.c.origin == "gateway")
    )
    rows = int(store.value(counted))
    if rows:
        # Said first: a kill in between counts them twice rather than not at all, which shows.
        store.say(REMOVED, before.isoformat(), author="tunewell", record={"rows": rows})
    removed = store.change(
        sa.delete(feedback).where(feedback.c.interaction.in_(old)),
        sa.delete(interactions).where(interactions.c.at < limit),
    )
    for path in (store.root / FOLDER).glob("interactions-*.parquet"):
        if path.stem.removeprefix("interactions-") < before.isoformat():
            path.unlink()
    return removed


def _days(store: Store) -> list[dt.date]:
    day = sa.func.substr(interactions.c.at, 1, 10)
    found: list[str] = store.values(sa.select(day).distinct().order_by(day))
    return [dt.date.fromisoformat(text) for text in found]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
