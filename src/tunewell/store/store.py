"""The store of one project: rows in a database, files named by their content, one lock."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from pydantic import TypeAdapter

from tunewell.disk import disk_errors, make_private
from tunewell.errors import StoreError
from tunewell.platforms import lock_file, write_at_start
from tunewell.plurals import plural
from tunewell.store.failures import busy_error, database_errors
from tunewell.store.files import Files
from tunewell.store.ledger import (
    LedgerHead,
    LedgerReport,
    append,
    blank,
    check_ledger,
    is_tombstone,
    read_head,
)
from tunewell.store.rows import (
    examples_to_table,
    table_to_examples,
    table_to_receipts,
    write_parquet,
)
from tunewell.store.tables import PATIENCE_S, connect, events, ledger_head, migrate, runs
from tunewell.store.turns import hold
from tunewell.types import Dataset, Example, Receipt, Run, Value
from tunewell.types import digest as digest_of

FOLDER = ".tunewell"
SQLITE_NAME = "tunewell.db"
T = TypeVar("T")

LOCK_POLL_S = 0.2


class Event(Value):
    """Something that a person or a stage said, once and for ever.

    Attributes:
        number: Position in the order of events.
        kind: ``approval``, ``acceptance``, ``release``, ``look``, ``judgement``.
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
        patience_s: How long to wait for another writer of SQLite.

    Raises:
        StoreError: The folder cannot be written, was written by a newer version, or holds artifacts
            without their database.
    """

    def __init__(self, project: Path, *, url: str = "", patience_s: float = PATIENCE_S) -> None:
        self.project = project
        self.url = url
        self.root = project / FOLDER
        make_private(self.root)
        self.files = Files(self.root / "artifacts")
        self.reports = self.root / "reports"
        with disk_errors(self.reports):
            self.reports.mkdir(exist_ok=True)
        self.patience_s = patience_s
        self._turn = threading.RLock()
        self._engine = connect(url or f"sqlite:///{self.root / SQLITE_NAME}", patience_s=patience_s)
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        try:
            with self._one_opens(), database_errors(self.root):
                migrate(self._engine, refuse_new=self._refuse_new)
                self._note_database()
        except BaseException:
            self._engine.dispose()
            raise

    @contextlib.contextmanager
    def _one_opens(self) -> Iterator[None]:
        """Let processes that open the project at once go one after the other.

        A new SQLite database is switched to its log (WAL) by the first connection, and others that
        come in that moment are refused rather than made to wait.
        """
        path = self.root / "opening"
        with disk_errors(path):
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            lock_file(handle)
            yield
        finally:
            os.close(handle)

    @property
    def _database_note(self) -> Path:
        """Says that this database was made: by what it is called, without its password."""
        name = self._engine.url.render_as_string(hide_password=True)
        return self.root / f"database-{digest_of(name)[:12]}"

    def _note_database(self) -> None:
        note = self._database_note
        if not note.exists():
            with disk_errors(note):
                note.touch(mode=0o600)

    def _refuse_new(self) -> None:
        """Refuse an empty database that cannot be that of a new project.

        Artifacts are written by runs, and runs are in a database: where there are some, it is
        another one, or it was lost.
        """
        count = self.files.count()
        if not count:
            return
        beside = f"its folder holds {plural(count, 'artifact')} of earlier runs"
        begin_anew = f"move {self.root} away to start over"
        other = self._other_database()
        if self._database_note.exists() or not other:
            raise StoreError(
                f"the database of this project is gone or empty, but {beside}",
                hint=f"restore the database from a backup, or {begin_anew}",
            )
        raise StoreError(
            f"this database is new, but {beside}: the runs are in another database",
            hint=f"use {other}, or {begin_anew}",
        )

    def _other_database(self) -> str:
        """What this project was opened with before, for a hint; empty if nothing is known."""
        if self._engine.dialect.name != "sqlite" and (self.root / SQLITE_NAME).exists():
            return f"{self.root / SQLITE_NAME} (leave the database's URL out)"
        notes = set(self.root.glob("database-*")) - {self._database_note}
        return "the URL that the project began with" if notes else ""

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
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._take(handle, path, wait_s, waiting)
            since = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            holder = f"process {os.getpid()} ({what}) since {since}"
            write_at_start(handle, holder.encode())
            self.files.sweep()
            yield
            os.ftruncate(handle, 0)
        finally:
            os.close(handle)

    def holder(self) -> str:
        """Which process holds the project for writing, what for and since when; empty if none."""
        path = self.root / "lock"
        said = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        if not said:
            return ""
        with path.open("rb") as file:
            if not lock_file(file.fileno(), wait=False, shared=True):
                return said
        # Whoever wrote it was killed: the lock went with the process, its words stayed.
        return ""

    @staticmethod
    def _take(
        handle: int,
        path: Path,
        wait_s: float,
        waiting: Callable[[str], None] | None,
    ) -> None:
        end = time.monotonic() + wait_s
        while not lock_file(handle, wait=False):
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

    def receipts(
        self,
        dataset: Dataset,
        *,
        row: str | None = None,
        rows: Sequence[str] = (),
    ) -> list[Receipt]:
        """Receipts of a dataset, in order.

        Args:
            dataset: Whose.
            row: Of this input row alone.
            rows: Of these input rows alone.
        """
        wanted = [*rows] if row is None else [row]
        filters = [("row", "in", wanted)] if wanted else None
        table = self.get_table(dataset.receipts, filters=filters)
        return table_to_receipts(table)

    # --- runs -------------------------------------------------------------------------------------

    def save_run(self, run: Run) -> None:
        """Write or overwrite the record of a run; its place in the order stays."""
        values = {
            "stage": run.stage,
            "key": run.key,
            "status": run.status,
            "started": run.started.isoformat(),
            "record": run.model_dump_json(by_alias=True),
        }
        update = sa.update(runs).where(runs.c.id == run.id).values(**values)
        with self.connection(write=True) as connection:
            if connection.execute(update).rowcount:
                return
            number = next_number(connection, runs)
            connection.execute(sa.insert(runs).values(id=run.id, number=number, **values))

    def runs(self, *, stage: str = "", status: str = "", key: str = "") -> list[Run]:
        """Records of runs in the order in which they began, whatever the clock said."""
        query = sa.select(runs.c.record).order_by(runs.c.number)
        wanted = {"stage": stage, "status": status, "key": key}
        for column, value in wanted.items():
            if value:
                query = query.where(runs.c[column] == value)
        return [Run.model_validate_json(record) for record in self.values(query)]

    def run_numbers(self) -> dict[str, int]:
        """Each run's place in the order in which they began, by id."""
        return {row.id: row.number for row in self.rows(sa.select(runs.c.id, runs.c.number))}

    def last_run(self, stage: str) -> Run | None:
        """The newest finished run of a stage."""
        found = self.newest_runs(stage, most=1)
        return found[0] if found else None

    def newest_runs(
        self, stage: str, *, most: int, skip: int = 0, status: str = "finished"
    ) -> list[Run]:
        """Runs of a stage, the newest first.

        Args:
            stage: Its name.
            most: How many at the most.
            skip: How many of the newest are left out.
            status: Of these only; of any status if empty.
        """
        query = sa.select(runs.c.record).where(runs.c.stage == stage)
        if status:
            query = query.where(runs.c.status == status)
        query = query.order_by(runs.c.number.desc()).limit(most).offset(skip)
        return [Run.model_validate_json(record) for record in self.values(query)]

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
        with self.connection(write=True) as connection:
            append(connection, events, values)

    def said(self, kind: str, *, subject: str = "") -> list[Event]:
        """Events of a kind, oldest first; those whose content was erased are left out."""
        query = sa.select(events).where(events.c.kind == kind).order_by(events.c.number)
        if subject:
            query = query.where(events.c.subject == subject)
        found = []
        for row in self.rows(query):
            if not is_tombstone(row.record):
                values = {**row._mapping, "record": json.loads(row.record)}
                found.append(Event.model_validate(values))
        return found

    # --- what can only grow -----------------------------------------------------------------------

    def blank(self, rows: Iterable[tuple[str, int]], *, author: str) -> int:
        """Blank the content of events, verdicts or lines of the audit log for ever.

        Args:
            rows: Each as the name of its table and its number.
            author: Who does it; an event names the rows.
        """
        with self.connection(write=True) as connection:
            return blank(connection, rows, author=author)

    def check_ledger(self, *, known: Sequence[LedgerHead] = ()) -> LedgerReport:
        """Read everything that can only grow, and say what was changed, removed or inserted.

        Args:
            known: Heads that were noted elsewhere.
        """
        with self.snapshot() as connection:
            return check_ledger(connection, known=[*known, *self._noted_heads()])

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A connection to which nothing changes, however much others write meanwhile."""
        if self._engine.dialect.name == "postgresql":
            engine = self._engine.execution_options(isolation_level="REPEATABLE READ")
            with self._database_errors(), engine.connect() as connection:
                yield connection
            return
        with self._database_errors(), self._reading.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.exec_driver_sql("ROLLBACK")

    @property
    def _heads(self) -> Path:
        return self.root / "ledger-heads"

    def note_head(self) -> LedgerHead:
        """Note the newest entry of the ledger in a file beside the database, for later checks."""
        query = sa.select(ledger_head.c.number, ledger_head.c.link)
        row = self.row(query)
        head = LedgerHead(number=row.number, link=row.link) if row else LedgerHead()
        if head.number and str(head) not in {str(noted) for noted in self._noted_heads()}:
            with disk_errors(self._heads), self._heads.open("a", encoding="ascii") as file:
                file.write(f"{head}\n")
        return head

    def _noted_heads(self) -> list[LedgerHead]:
        if not self._heads.exists():
            return []
        lines = self._heads.read_text(encoding="ascii", errors="replace").split()
        return [read_head(line) for line in lines]

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
        turn = self._my_turn() if is_sqlite else contextlib.nullcontext()
        with turn, self._database_errors(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=self.patience_s):
            raise busy_error(self.patience_s)
        try:
            yield
        finally:
            self._turn.release()

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

    def _database_errors(self) -> contextlib.AbstractContextManager[None]:
        return database_errors(self.root)


def next_number(connection: sa.Connection, table: sa.Table) -> int:
    """The number of the next row of a table, in the transaction that inserts it."""
    hold(connection, f"numbers of {table.name}")
    query = sa.select(sa.func.coalesce(sa.func.max(table.c.number), 0))
    return int(connection.execute(query).scalar_one()) + 1


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
