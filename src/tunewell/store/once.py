"""Insert a row unless it is there: the same in SQLite and PostgreSQL, and safe when two do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

Line = Mapping[str, Any]


def insert_into(
    connection: sa.Connection,
    table: sa.Table,
) -> postgresql.Insert | sqlite.Insert:
    """An INSERT of the database's own dialect, which may say what to do when the row exists."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def insert_once(
    connection: sa.Connection,
    table: sa.Table,
    line: Line,
    unique: Sequence[str],
) -> bool:
    """Insert a row unless one with the same ``unique`` columns is there.

    Gives whether it was inserted.
    """
    # A driver may not say how many rows an INSERT made; what comes back does.
    found = _inserted(connection, table, line, unique, give=unique[0])
    return found is not None


def insert_numbered(
    connection: sa.Connection,
    table: sa.Table,
    line: Line,
    unique: Sequence[str],
) -> int | None:
    """As `insert_once`, giving the ``number`` of the new row; None if it was there."""
    found: int | None = _inserted(connection, table, line, unique, give="number")
    return found


def _inserted(
    connection: sa.Connection,
    table: sa.Table,
    line: Line,
    unique: Sequence[str],
    *,
    give: str,
) -> Any:
    statement = (
        insert_into(connection, table)
        .values(**line)
        .on_conflict_do_nothing(index_elements=list(unique))
        .returning(table.c[give])
    )
    return connection.execute(statement).scalar()


def insert_all_once(
    connection: sa.Connection,
    table: sa.Table,
    lines: Sequence[Line],
    unique: Sequence[str],
    *,
    give: str,
) -> list[Any]:
    """As `insert_once` for many rows with the same columns, in one go.

    Returns:
        Column ``give`` of every row that was inserted.
    """
    if not lines:
        return []

    statement = (
        insert_into(connection, table)
        .on_conflict_do_nothing(index_elements=list(unique))
        .returning(table.c[give])
    )
    found = connection.execute(statement, [dict(line) for line in lines])
    return list(found.scalars())


def insert_or_replace(
    connection: sa.Connection,
    table: sa.Table,
    line: Line,
    unique: Sequence[str],
) -> None:
    """Insert a row, in the place of one with the same ``unique`` columns if there is one."""
    replaced = {name: value for name, value in line.items() if name not in unique}
    statement = (
        insert_into(connection, table)
        .values(**line)
        .on_conflict_do_update(index_elements=list(unique), set_=replaced)
    )
    connection.execute(statement)
