"""Insert a row unless it is there already: the same in SQLite and PostgreSQL, and safe when two do it at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def insert_once(
    connection: sa.Connection, table: sa.Table, values: Mapping[str, Any], unique: Sequence[str]
) -> bool:
    """Insert ``values`` unless a row with the same ``unique`` columns is there.

    Gives whether it was inserted.
    """
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(**values).on_conflict_do_nothing(index_elements=list(unique))
    # A driver may not say how many rows an INSERT made; what comes back does.
    return connection.execute(statement.returning(table.c[unique[0]])).first() is not None


def insert_numbered(
    connection: sa.Connection, table: sa.Table, values: Mapping[str, Any], unique: Sequence[str]
) -> int | None:
    """As `insert_once`, giving the ``number`` of the new row; None if it was there."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(**values).on_conflict_do_nothing(index_elements=list(unique))
    found: int | None = connection.execute(statement.returning(table.c.number)).scalar()
    return found


def insert_all_once(
    connection: sa.Connection,
    table: sa.Table,
    lines: Sequence[Mapping[str, Any]],
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
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = (
        insert(table).on_conflict_do_nothing(index_elements=list(unique)).returning(table.c[give])
    )
    return list(connection.execute(statement, [dict(line) for line in lines]).scalars())
