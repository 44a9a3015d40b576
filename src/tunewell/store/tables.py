"""The tables of the store (SQLAlchemy Core) and the engine that opens them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Integer, String, Table, Text

from tunewell.errors import StoreError
from tunewell.store.columns import DIGEST, NAME, TIME, filled

HEAD = "0003"
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
)
"""One row per Run; ``record`` is the whole Run as JSON."""

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
"""Append-only: approvals, acceptances, looks at the test set, judgements."""

SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=30000",
)


def connect(url: str) -> sa.Engine:
    """An engine for SQLite (WAL, full sync, waits 30 s for a writer) or PostgreSQL.

    Raises:
        StoreError: The URL is of another kind.
    """
    parsed = sa.engine.make_url(url)
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return sa.create_engine(parsed, pool_pre_ping=True, pool_size=POOL, max_overflow=POOL)
    if backend != "sqlite":
        raise StoreError(
            f"the store knows sqlite and postgresql, got {backend!r}",
            hint="leave the URL out for SQLite",
        )

    engine = sa.create_engine(
        parsed,
        connect_args={"timeout": 30},
        pool_size=POOL,
        max_overflow=POOL,
    )
    sa.event.listen(engine, "connect", _set_pragmas)
    return engine


def _set_pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def migrate(engine: sa.Engine) -> None:
    """Bring the tables to `HEAD`; Alembic is imported only when there is something to do.

    Raises:
        StoreError: The tables are newer than this version of Tunewell.
    """
    version = _version(engine)
    if version == HEAD:
        return
    if version is not None and version > HEAD:
        raise StoreError(
            "this project was written by a newer Tunewell "
            f"(store version {version}, this one knows {HEAD})",
            hint="pip install --upgrade tunewell",
        )

    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _version(engine: sa.Engine) -> str | None:
    """The migration that the tables are at; None in an empty database."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        query = sa.text("SELECT version_num FROM alembic_version")
        found: str | None = connection.execute(query).scalar()
    return found
