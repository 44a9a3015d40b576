"""From the spool to the database: every entry once, whatever is killed in between."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from tunewell.gateway.frames import (
    CARRIED,
    CLOSED,
    ENDED,
    FEEDBACK,
    OPENED,
    REFUSED,
    FrameFile,
    read_frames,
)
from tunewell.gateway.keep import feedback_line, interaction_line
from tunewell.gateway.spool import spool_files as files_of
from tunewell.platforms import lock_file
from tunewell.store import Store
from tunewell.store.once import insert_all_once, insert_once
from tunewell.store.traffic_tables import feedback, interactions, spool_files
from tunewell.types import Feedback, Interaction

AT_ONCE = 500


@dataclass
class TakenUp:
    """What was carried over.

    Attributes:
        files: Files of the spool.
        opened: Requests that were taken on.
        recorded: Whole records.
        unconfirmed: Requests without a record: a kill came between.
        refused: Requests of which no record could be kept.
        feedback: Feedback, each once.
        lost_bytes: Behind the last whole entry of a file.
    """

    files: int = 0
    opened: int = 0
    recorded: int = 0
    unconfirmed: int = 0
    refused: int = 0
    feedback: int = 0
    lost_bytes: int = 0


@dataclass
class _Contents:
    """One file of the spool, by what its entries mean."""

    opened: list[dict[str, Any]] = field(default_factory=list)
    carried: list[dict[str, Any]] = field(default_factory=list)
    closed: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: list[dict[str, Any]] = field(default_factory=list)
    feedback: list[dict[str, Any]] = field(default_factory=list)
    carried_on: frozenset[str] = frozenset()
    lost_bytes: int = 0

    @property
    def accepted(self) -> int:
        """Requests taken on; those whose opening could not be written are among them."""
        unwritten = sum(not each["opened"] for each in self.refused)
        return len(self.opened) + unwritten

    @property
    def unresolved(self) -> list[dict[str, Any]]:
        """Requests of which neither this file nor the next one will hold the end."""
        refused = {each["id"] for each in self.refused}
        resolved = {*self.closed, *refused, *self.carried_on}
        known = {each["id"]: each for each in (*self.carried, *self.opened)}
        return [each for id, each in known.items() if id not in resolved]


def take_up(store: Store, folder: Path) -> TakenUp:
    """Carry every file that no living process holds to the database, and remove it.

    Args:
        store: Of the project.
        folder: Of the spool.

    Raises:
        StoreError: The database is away; what was not carried over is still there.
    """
    done = TakenUp()
    for path in files_of(folder):
        with _held(path) as is_ours:
            if is_ours:
                _take_up_file(store, path, done)
                path.unlink()
    return done


@contextlib.contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Whether the file could be locked: another process that writes or takes it up holds it."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        # Another process may have taken it up between the opening and the lock.
        yield lock_file(handle, wait=False) and path.exists()
    finally:
        os.close(handle)


def _take_up_file(store: Store, path: Path, done: TakenUp) -> None:
    contents = _contents(read_frames(path))
    now = dt.datetime.now(dt.UTC).isoformat()
    with store.connection(write=True) as connection:
        refused = len(contents.refused) - _counted_before(connection, contents.refused)
        mark = {
            "name": path.name,
            "opened": contents.accepted,
            "refused": refused,
            "lost_bytes": contents.lost_bytes,
            "at": now,
        }
        if not insert_once(connection, spool_files, mark, ["name"]):
            return
        recorded = _keep_records(connection, list(contents.closed.values()))
        missing = _keep_unconfirmed(connection, contents.unresolved)
        said = _keep_feedback(connection, contents.feedback)

    done.files += 1
    done.opened += contents.accepted
    done.recorded += recorded
    done.unconfirmed += missing
    done.refused += refused
    done.feedback += said
    done.lost_bytes += contents.lost_bytes


def still_in_spool(folder: Path) -> int:
    """Requests whose opening the database has counted and whose end is in files still to come.

    A gateway that is running carries what is in work from file to file.
    """
    carried: set[str] = set()
    opened: set[str] = set()
    for path in files_of(folder):
        with contextlib.suppress(FileNotFoundError):
            contents = _contents(read_frames(path))
            carried.update(each["id"] for each in contents.carried)
            opened.update(each["id"] for each in contents.opened)
    return len(carried - opened)


def _counted_before(connection: sa.Connection, refused: Sequence[dict[str, Any]]) -> int:
    """How many refused requests have a row already: a file that a full disk cut counted them."""
    opened = [each["id"] for each in refused if each["opened"]]
    found = 0
    for start in range(0, len(opened), AT_ONCE):
        ids = opened[start : start + AT_ONCE]
        query = sa.select(sa.func.count()).where(interactions.c.id.in_(ids))
        found += int(connection.execute(query).scalar_one())
    return found


def _contents(file: FrameFile) -> _Contents:
    found = _Contents(lost_bytes=file.lost_bytes)
    lists = {
        OPENED: found.opened,
        CARRIED: found.carried,
        REFUSED: found.refused,
        FEEDBACK: found.feedback,
    }
    for each in file.frames:
        value = orjson.loads(each.payload)
        if each.kind == CLOSED:
            found.closed[value["id"]] = value
        elif each.kind == ENDED:
            found.carried_on = frozenset(value["carried"])
        else:
            lists[each.kind].append(value)
    return found


def _keep_records(connection: sa.Connection, records: Sequence[dict[str, Any]]) -> int:
    """Keep records; one takes the place of a row that says that it is missing."""
    kept = 0
    for start in range(0, len(records), AT_ONCE):
        lines = [
            interaction_line(Interaction.model_validate(record))
            for record in records[start : start + AT_ONCE]
        ]
        new = set(insert_all_once(connection, interactions, lines, ["id"], give="id"))
        kept += len(new)
        for line in lines:
            if line["id"] not in new:
                kept += _replace_unconfirmed(connection, line)
    return kept


def _replace_unconfirmed(connection: sa.Connection, line: dict[str, Any]) -> int:
    change = (
        sa.update(interactions)
        .where(interactions.c.id == line["id"])
        .where(interactions.c.state == "unconfirmed")
        .values(**line)
    )
    return connection.execute(change).rowcount


def _keep_unconfirmed(connection: sa.Connection, openings: Sequence[dict[str, Any]]) -> int:
    lines = []
    for opening in openings:
        record = {**opening, "state": "unconfirmed", "ended": "cut"}
        lines.append(interaction_line(Interaction.model_validate(record)))
    return len(insert_all_once(connection, interactions, lines, ["id"], give="id"))


def _keep_feedback(connection: sa.Connection, records: Sequence[dict[str, Any]]) -> int:
    lines = [feedback_line(Feedback.model_validate(record)) for record in records]
    # Twice in one statement would be refused: the first of a key counts.
    first = {line["key"]: line for line in reversed(lines)}
    new = insert_all_once(connection, feedback, list(first.values()), ["key"], give="key")
    return len(new)
