"""The tables of the store (SQLAlchemy Core) and the engine that opens them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tunewell.errors import StoreError

HEAD = "0003"
"""The newest migration."""

POOL = 20
"""Connections kept open; as many again when needed: one for each of the server's forty threads."""

metadata = sa.MetaData()

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("stage", sa.String(32), nullable=False, index=True),
    sa.Column("key", sa.String(64), nullable=False, index=True),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("started", sa.String(40), nullable=False),
    sa.Column("record", sa.Text, nullable=False),
)
"""One row per Run; ``record`` is the whole Run as JSON."""

events = sa.Table(
    "events",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String(32), nullable=False, index=True),
    sa.Column("subject", sa.String(128), nullable=False, index=True),
    sa.Column("author", sa.String(128), nullable=False),
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("record", sa.Text, nullable=False),
)
"""Append-only: approvals, acceptances, looks at the test set, judgements."""


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
        parsed, connect_args={"timeout": 30}, pool_size=POOL, max_overflow=POOL
    )

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=30000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def migrate(engine: sa.Engine) -> None:
    """Bring the tables to `HEAD`; Alembic is imported only when there is something to do.

    Raises:
        StoreError: The tables are newer than this version of Tunewell.
    """
    with engine.connect() as connection:
        present = sa.inspect(connection).has_table("alembic_version")
        version = (
            connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
            if present
            else None
        )
    if version == HEAD:
        return
    if version is not None and version > HEAD:
        raise StoreError(
            f"this project was written by a newer Tunewell (store version {version}, this one knows {HEAD})",
            hint="pip install --upgrade tunewell",
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
