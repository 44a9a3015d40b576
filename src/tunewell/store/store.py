"""The store of one project: rows in a database, files named by their content, one lock."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from pydantic import TypeAdapter

from tunewell.errors import StoreError
from tunewell.store.files import NO_SPACE, Files, disk_errors
from tunewell.store.rows import (
    examples_to_table,
    table_to_examples,
    table_to_receipts,
    write_parquet,
)
from tunewell.store.tables import connect, events, migrate, runs
from tunewell.types import Dataset, Example, Receipt, Run, Value

FOLDER = ".tunewell"
T = TypeVar("T")

LOCK_POLL_S = 0.2


class Event(Value):
    """Something that a person or a stage said, once and for ever.

    Attributes:
        number: Position in the order of events.
        kind: ``approval``, ``acceptance``, ``look``, ``judgement``.
        subject: What it is about (the digest of a definition, the code of a pitfall …).
        author: Who.
        at: When, UTC.
        record: The rest, as JSON values.
    """

    number: int
    kind: str
    subject: str
    author: str
    at: dt.datetime
    record: dict[str, Any]


class Store:
    """Open the store of a project; make it if it is not there.

    Args:
        project: The folder that holds ``tunewell.yaml``.
        url: Database URL; SQLite in ``.tunewell/tunewell.db`` if empty.

    Raises:
        StoreError: The folder cannot be written, or was written by a newer version.
    """

    def __init__(self, project: Path, *, url: str = "") -> None:
        self.project = project
        self.root = project / FOLDER
        self.files = Files(self.root / "artifacts")
        self.reports = self.root / "reports"
        with disk_errors(self.reports):
            self.reports.mkdir(exist_ok=True)
        self._turn = threading.RLock()
        self._engine = connect(url or f"sqlite:///{self.root / 'tunewell.db'}")
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        with self._database_errors():
            migrate(self._engine)

    def close(self) -> None:
        """Give the database connections back."""
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- one writer at a time ---------------------------------------------------------------------

    @contextlib.contextmanager
    def lock(
        self, what: str, *, wait_s: float = 0.0, waiting: Callable[[str], None] | None = None
    ) -> Iterator[None]:
        """Hold the project for writing; a process that is killed lets go of it.

        Args:
            what: What the holder does (``tunewell run``), shown to whoever comes second.
            wait_s: How long to wait for another holder.
            waiting: Called once with the holder's description before waiting.

        Raises:
            StoreError: Another process holds it; says which.
        """
        path = self.root / "lock"
        with disk_errors(path):
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._take(handle, path, wait_s, waiting)
            since = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            holder = f"process {os.getpid()} ({what}) since {since}"
            os.ftruncate(handle, 0)
            os.pwrite(handle, holder.encode(), 0)
            self.files.sweep()
            yield
            os.ftruncate(handle, 0)
        finally:
            os.close(handle)

    @staticmethod
    def _take(
        handle: int,
        path: Path,
        wait_s: float,
        waiting: Callable[[str], None] | None,
    ) -> None:
        end = time.monotonic() + wait_s
        while not _locked(handle):
            holder = path.read_text(encoding="utf-8", errors="replace") or "another process"
            if time.monotonic() >= end:
                raise StoreError(
                    f"this project is held by {holder}",
                    hint="wait for it, or add --wait to queue behind it",
                )
            if waiting is not None:
                waiting(holder)
                waiting = None
            time.sleep(LOCK_POLL_S)

    # --- artifacts --------------------------------------------------------------------------------

    def put_table(self, table: pa.Table, *, sort: Sequence[str] = ()) -> str:
        """Store a table as Parquet (same rows, same bytes) and give its digest."""
        with self.files.writing(".parquet") as path:
            write_parquet(table, path, sort=sort)
            return self.files.keep(path)

    def get_table(
        self,
        digest: str,
        *,
        columns: Sequence[str] | None = None,
        filters: Any = None,
    ) -> pa.Table:
        """Read a stored table, or some of its columns and rows."""
        path = self.files.open(digest)
        wanted = list(columns) if columns else None
        return pq.read_table(path, columns=wanted, filters=filters)

    def put_value(self, value: object) -> str:
        """Store a noun (or a list or dict of them) as JSON and give its digest."""
        data = TypeAdapter(Any).dump_json(value, by_alias=True, indent=None)
        return self.files.put_bytes(data, suffix=".json")

    def get_value(self, digest: str, kind: type[T]) -> T:
        """Read a stored noun.

        Args:
            digest: What `put_value` gave.
            kind: Its type, such as ``Split`` or ``list[Prediction]``.
        """
        return TypeAdapter(kind).validate_json(self.files.open(digest).read_bytes())

    def put_examples(self, examples: Sequence[Example]) -> str:
        """Store Examples as Parquet sorted by id and give the digest."""
        return self.put_table(examples_to_table(examples), sort=["id"])

    def examples(self, source: Dataset | str, *, ids: Sequence[str] | None = None) -> list[Example]:
        """Examples of a dataset (or of an artifact of Examples), all or some, sorted by id."""
        digest = source.examples if isinstance(source, Dataset) else source
        filters = [("id", "in", list(ids))] if ids is not None else None
        return table_to_examples(self.get_table(digest, filters=filters))

    def receipts(self, dataset: Dataset, *, row: str | None = None) -> list[Receipt]:
        """Receipts of a dataset, all or those of one input row, in order."""
        filters = [("row", "==", row)] if row is not None else None
        table = self.get_table(dataset.receipts, filters=filters)
        return table_to_receipts(table)

    # --- runs -------------------------------------------------------------------------------------

    def save_run(self, run: Run) -> None:
        """Write or overwrite the record of a run."""
        values = {
            "stage": run.stage,
            "key": run.key,
            "status": run.status,
            "started": run.started.isoformat(),
            "record": run.model_dump_json(by_alias=True),
        }
        update = sa.update(runs).where(runs.c.id == run.id).values(**values)
        insert = sa.insert(runs).values(id=run.id, **values)
        with self._database_errors(), self._engine.begin() as connection:
            if not connection.execute(update).rowcount:
                connection.execute(insert)

    def runs(self, *, stage: str = "", status: str = "", key: str = "") -> list[Run]:
        """Records of runs, oldest first."""
        query = sa.select(runs.c.record).order_by(runs.c.started, runs.c.id)
        wanted = {"stage": stage, "status": status, "key": key}
        for column, value in wanted.items():
            if value:
                query = query.where(runs.c[column] == value)
        with self._database_errors(), self._engine.connect() as connection:
            records = connection.execute(query).scalars().all()
        return [Run.model_validate_json(record) for record in records]

    def last_run(self, stage: str) -> Run | None:
        """The newest finished run of a stage."""
        found = self.runs(stage=stage, status="finished")
        return found[-1] if found else None

    def finished(self, stage: str, key: str) -> Run | None:
        """The newest finished run with this key whose outputs are all there and intact."""
        for run in reversed(self.runs(stage=stage, status="finished", key=key)):
            if all(self.files.has(digest) for digest in run.outputs.values()):
                return run
        return None

    # --- events -----------------------------------------------------------------------------------

    def say(
        self,
        kind: str,
        subject: str,
        *,
        author: str,
        record: dict[str, Any] | None = None,
    ) -> None:
        """Append an event."""
        values = {
            "kind": kind,
            "subject": subject,
            "author": author,
            "at": dt.datetime.now(dt.UTC).isoformat(),
            "record": json.dumps(record or {}),
        }
        with self._database_errors(), self._engine.begin() as connection:
            connection.execute(sa.insert(events).values(**values))

    def said(self, kind: str, *, subject: str = "") -> list[Event]:
        """Events of a kind, oldest first."""
        query = sa.select(events).where(events.c.kind == kind).order_by(events.c.number)
        if subject:
            query = query.where(events.c.subject == subject)
        with self._database_errors(), self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [Event.model_validate({**row, "record": json.loads(row["record"])}) for row in rows]

    # --- people's work ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def connection(self, *, write: bool = False) -> Iterator[sa.Connection]:
        """A connection for the tables of `tunewell.store.people_tables`.

        With ``write`` one transaction, kept or undone whole.

        Raises:
            StoreError: The database cannot be used.
        """
        if not write:
            # One statement sees one state by itself: no BEGIN and ROLLBACK around it, which cost
            # two trips to a server.
            with self._database_errors(), self._reading.connect() as connection:
                yield connection
            return

        # SQLite lets one writer in and has the others poll, unfairly: threads of one process queue
        # here instead.
        is_sqlite = self._engine.dialect.name == "sqlite"
        turn = self._turn if is_sqlite else contextlib.nullcontext()
        with turn, self._database_errors(), self._engine.begin() as connection:
            yield connection

    def rows(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        """Every row of a query."""
        with self.connection() as connection:
            return connection.execute(query).all()

    def row(self, query: sa.Select[Any]) -> sa.Row[Any] | None:
        """The first row of a query, if there is one."""
        with self.connection() as connection:
            return connection.execute(query).first()

    def values(self, query: sa.Select[Any]) -> list[Any]:
        """The first column of every row of a query."""
        return [row[0] for row in self.rows(query)]

    def value(self, query: sa.Select[Any]) -> Any:
        """The first column of the first row of a query; None if there is no row."""
        row = self.row(query)
        return None if row is None else row[0]

    def change(self, *statements: sa.Insert | sa.Update | sa.Delete) -> int:
        """Run statements as one transaction; gives how many rows the last one changed."""
        changed = 0
        with self.connection(write=True) as connection:
            for statement in statements:
                changed = connection.execute(statement).rowcount
        return changed

    @contextlib.contextmanager
    def _database_errors(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.OperationalError as error:
            reason = str(error.orig)
            raise StoreError(
                f"the store cannot be used: {reason}",
                hint=self._hint(reason),
            ) from error
        except sa.exc.DatabaseError as error:
            database = self.root / "tunewell.db"
            raise StoreError(
                f"the database of this project is damaged: {error.orig}",
                hint=f"restore {database} from a backup; the artifacts are untouched",
            ) from error

    def _hint(self, reason: str) -> str:
        """What to do about an error, by a word in the database's own message."""
        hints = {
            "full": NO_SPACE,
            "readonly": f"check the owner and mode of {self.root}",
            "unable to open": f"check the owner and mode of {self.root}",
            "locked": "another process has been writing for more than 30 s; try again",
        }
        for word, hint in hints.items():
            if word in reason:
                return hint
        return "see the database's own log"


def _locked(handle: int) -> bool:
    """Whether the lock could be taken; does not wait."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def default_author() -> str:
    """Who is at the keyboard, for records: ``$TUNEWELL_AUTHOR``, else the login name.

    Example:
        >>> bool(default_author())
        True
    """
    import getpass

    try:
        return os.environ.get("TUNEWELL_AUTHOR") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}" if sys.platform != "win32" else "unknown"
