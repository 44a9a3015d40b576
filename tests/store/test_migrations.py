"""Migrations say what was done then: they read nothing that may change, and lead to today's tables.

A project of any age is brought up by the same steps, whatever the code has become since.
"""

from __future__ import annotations

import ast
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import tunewell.store as room
from tests.people.conftest import _create
from tunewell.store import Store, tables, traffic_tables
from tunewell.store.append_only import BLANKS, missing_triggers

__all__ = ["traffic_tables"]

FOLDER = Path(room.__file__).parent / "migrations"
FILES = sorted(FOLDER.rglob("*.py"))


def imported(file: Path) -> Iterator[str]:
    """Names of modules that a file imports, also those it imports by their name in a string."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{'.' * node.level}{node.module or ''}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value.startswith("tunewell.") and " " not in node.value:
                yield node.value


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_migration_imports_nothing_of_ours_but_other_migrations(file: Path) -> None:
    of_ours = {name for name in imported(file) if name.startswith(("tunewell", "."))}
    live = {name for name in of_ours if not name.startswith("tunewell.store.migrations.")}
    assert live == set()


def test_the_look_at_imports_sees_them() -> None:
    """It is no test if it cannot fail."""
    assert "tunewell.store.store" in set(imported(Path(room.__file__)))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'm.db'}"
    server: str = request.getfixturevalue("postgres")
    name = f"m{uuid.uuid4().hex[:12]}"
    _create(server, name)
    return server % name


def _move(engine: sa.Engine, target: str) -> None:
    """Bring a database up to a migration, or back down to it."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        version = tables._version(connection)
        is_down = version is not None and target < version
        (command.downgrade if is_down else command.upgrade)(config, target)


def _shape(metadata: sa.MetaData) -> dict[str, object]:
    """Tables with their columns, keys and indexes, in words."""
    found: dict[str, object] = {}
    for table in metadata.sorted_tables:
        columns = {}
        for column in table.columns:
            length = getattr(column.type, "length", None)
            columns[column.name] = (_kind(column.type), length, column.nullable)
        unique = {
            tuple(sorted(column.name for column in constraint.columns))
            for constraint in table.constraints
            if isinstance(constraint, sa.UniqueConstraint)
        }
        indexes = set()
        for index in table.indexes:
            names = tuple(column.name for column in index.columns)
            if not names:
                continue  # of an expression, which SQLite does not give back
            if index.unique and len(names) == 1:
                unique.add(names)
            elif not index.unique:
                indexes.add((index.name, names))
        key = tuple(column.name for column in table.primary_key.columns)
        found[table.name] = (columns, key, unique, indexes)
    return found


def _kind(type_: sa.types.TypeEngine[object]) -> str:
    for kind in (sa.Boolean, sa.Integer, sa.Float, sa.Text, sa.String):
        if isinstance(type_, kind):
            return kind.__name__
    return type(type_).__name__


def test_all_migrations_lead_to_the_tables_that_the_code_uses(url: str) -> None:
    engine = tables.connect(url)
    _move(engine, "head")
    reflected = sa.MetaData()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based")
        reflected.reflect(engine)
    found = _shape(reflected)
    del found["alembic_version"]
    assert found == _shape(tables.metadata)
    with engine.connect() as connection:
        assert missing_triggers(connection) == []
    engine.dispose()


def test_every_step_goes_up_and_down_and_up_with_rows_in_the_tables(url: str) -> None:
    """Rows of the first version; the newest one reads them and finds its ledger whole."""
    engine = tables.connect(url)
    _move(engine, "0002")
    rows = [
        "INSERT INTO runs VALUES ('r1', 'curate', 'k', 'failed', '2026-01-01', '{}')",
        "INSERT INTO events VALUES (1, 'approval', 'd', 'owner', '2026-01-01T00:00:00+00:00', "
        '\'{"why": "söme"}\')',
        "INSERT INTO audit VALUES (1, '2026-01-01', 'ann', 'sign-in', 's', '{}')",
        "INSERT INTO verdicts VALUES (1, 'a', 'k', 'i', 'b', '2026-01-01', 1.5, 'v', '{}')",
        "INSERT INTO assignments VALUES ('i', 'a', 'b', 0, 'done')",
    ]
    with engine.begin() as connection:
        for row in rows:
            connection.execute(sa.text(row))
    for target in ("head", "0003", "0002", "head"):
        _move(engine, target)
    with engine.connect() as connection:
        assert room.ledger.check_ledger(connection).faults == ()
        assert room.ledger.check_ledger(connection).entries == 3
        assert connection.execute(sa.text("SELECT done FROM tallies")).scalar_one() == 1
        assert connection.execute(sa.text("SELECT number FROM runs")).scalar_one() == 1
    engine.dispose()


def test_migrations_do_not_see_what_tables_become_later(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version to come adds a column to a chained table: the step before must not know it."""
    columns = [sa.Column(column.name, column.type) for column in tables.events.columns]
    later = sa.Table("events", sa.MetaData(), *columns, sa.Column("colour", sa.Text))
    monkeypatch.setitem(room.ledger.CHAINED, "events", later)
    monkeypatch.setitem(BLANKS, "events", {"colour": ""})
    engine = tables.connect(url)
    _move(engine, "0003")
    with engine.begin() as connection:
        row = "INSERT INTO events VALUES (1, 'approval', 'd', 'owner', '2026-01-01', '{}')"
        connection.execute(sa.text(row))
    _move(engine, "0004")
    engine.dispose()


def test_the_triggers_know_every_column_of_their_table(tmp_path: Path) -> None:
    """Else an update of a column that was added later would pass as the blanking of a row."""
    with Store(tmp_path) as store, store.connection() as connection:
        query = "SELECT sql FROM sqlite_master WHERE name = :name"
        for name in BLANKS:
            wanted = {"name": f"{name}_no_update"}
            sql = connection.execute(sa.text(query), wanted).scalar_one()
            for column in tables.metadata.tables[name].columns:
                assert f'NEW."{column.name}"' in sql, (name, column.name)
