"""The tables of the store (SQLAlchemy Core) and the engine that opens them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Index, Integer, String, Table, Text

from tunewell.errors import StoreError, UserError
from tunewell.store.columns import DIGEST, NAME, TIME, filled
from tunewell.store.turns import hold

HEAD = "0007"
"""The newest migration."""

POOL = 20
"""Connections kept open; as many again when needed: one for each of the server's forty threads."""

metadata = sa.MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", String(64), primary_key=True),
    filled("stage", String(32), index=True),
    filled("key", DIGEST, index=True),
    filled("status", String(16)),
    filled("started", TIME),
    filled("record", Text),
    filled("number", Integer, index=True),
)
"""One row per Run; ``record`` is the whole Run as JSON.

``number`` is the order in which runs began: clocks may be set back, numbers are not.
"""

events = Table(
    "events",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    filled("kind", String(32), index=True),
    filled("subject", NAME, index=True),
    filled("author", NAME),
    filled("at", TIME),
    filled("record", Text),
)
"""Append-only: approvals, acceptances, releases, looks at the test set, judgements."""

ledger = Table(
    "ledger",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    filled("source", String(32)),
    filled("row", Integer),
    filled("nonce", String(32)),
    filled("content", DIGEST),
    filled("link", DIGEST),
    Index("ix_ledger_row", "source", "row"),
)
"""Append-only: an entry for each row of the tables that can only grow (`tunewell.store.ledger`)."""

ledger_head = Table(
    "ledger_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    filled("number", Integer),
    filled("link", DIGEST),
)
"""One row: the number and the link of the newest entry of the ledger."""

SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    # Without this, REPLACE would delete rows without running the triggers that forbid it.
    "recursive_triggers=ON",
)

PATIENCE_S = 30.0
"""How long a writer waits for another."""

CONNECT_S = 5
"""How long a server may take to answer a new connection, in whole seconds."""


def connect(url: str, *, patience_s: float = PATIENCE_S) -> sa.Engine:
    """An engine for SQLite (WAL, full sync) or PostgreSQL.

    Args:
        url: Of the database.
        patience_s: How long a writer waits for another process in SQLite.

    Raises:
        UserError: The URL cannot be read.
        StoreError: It is of another kind of database.
    """
    try:
        parsed = sa.engine.make_url(url)
    except sa.exc.ArgumentError:
        # The URL itself is not shown: it may hold a password.
        raise UserError(
            "the database's URL cannot be read",
            hint="postgresql+psycopg://user:password@host/database",
        ) from None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return sa.create_engine(
            parsed,
            pool_pre_ping=True,
            pool_size=POOL,
            max_overflow=POOL,
            pool_timeout=CONNECT_S,
            connect_args={"connect_timeout": CONNECT_S},
        )
    if backend != "sqlite":
        raise StoreError(
            f"the store knows sqlite and postgresql, got {backend!r}",
            hint="leave the URL out for SQLite",
        )

    engine = sa.create_engine(
        parsed,
        connect_args={"timeout": patience_s},
        pool_size=POOL,
        max_overflow=POOL,
        pool_timeout=CONNECT_S,
    )
    sa.event.listen(engine, "connect", _set_pragmas)
    sa.event.listen(engine, "begin", _begin_writing)
    return engine


def _set_pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_writing(connection: sa.Connection) -> None:
    """Take SQLite's write lock when a transaction begins, not in its middle.

    A transaction that reads before it writes would otherwise fail at once where another process has
    written in between, however patient it is; and what it has read would not be the newest.
    """
    is_reading = connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"
    if not is_reading:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def migrate(engine: sa.Engine, *, refuse_new: Callable[[], None] | None = None) -> None:
    """Bring the tables to `HEAD`; Alembic is imported only when there is something to do.

    All migrations are one transaction, which only one process at a time can be in: a process that
    is killed leaves the tables as they were.

    Args:
        engine: Of the database.
        refuse_new: Called if the database is empty; raises if that cannot be.

    Raises:
        StoreError: The tables are newer than this version of Tunewell.
    """
    reading = engine.execution_options(isolation_level="AUTOCOMMIT")
    with reading.connect() as connection:
        if _is_newest(_version(connection)):
            return

    with engine.begin() as connection:
        hold(connection, "migrations")
        # Asked again: another process may have been faster.
        version = _version(connection)
        if _is_newest(version):
            return
        if version is None and refuse_new is not None:
            refuse_new()
        upgrade(connection)


def upgrade(connection: sa.Connection, revision: str = "head") -> None:
    """Run the migrations up to a revision, in the transaction of the caller.

    Args:
        connection: To the database.
        revision: The number of a migration, or ``head``.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _is_newest(version: str | None) -> bool:
    if version is not None and version > HEAD:
        raise StoreError(
            "this project was written by a newer Tunewell "
            f"(store version {version}, this one knows {HEAD})",
            hint="pip install --upgrade tunewell",
        )
    return version == HEAD


def _version(connection: sa.Connection) -> str | None:
    """The migration that the tables are at; None in an empty database."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    query = sa.text("SELECT version_num FROM alembic_version")
    found: str | None = connection.execute(query).scalar()
    return found
