"""A store on SQLite, and on a real PostgreSQL where the machine has its server's programs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tunewell.store import Store


def _create(server: str, name: str, *, template: str = "template1") -> None:
    engine = sa.create_engine(server % "postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    engine.dispose()


def _drop(server: str, name: str) -> None:
    """Take a database away, so that the server stays small."""
    engine = sa.create_engine(server % "postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


_templates: dict[str, str] = {}


def template(server: str, folder: Path) -> str:
    """A database with all tables, made once: copying it is faster than migrating."""
    if server not in _templates:
        _create(server, "migrated")
        Store(folder / "template", url=server % "migrated").close()
        _templates[server] = "migrated"
    return _templates[server]


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    url = ""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres")
        name = f"t{uuid.uuid4().hex[:12]}"
        _create(server, name, template=template(server, tmp_path))
        url = server % name
    found = Store(tmp_path, url=url)
    yield found
    found.close()
    if url:
        _drop(server, name)
