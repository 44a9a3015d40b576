"""Triggers with which the database itself refuses to change what was written.

They refuse UPDATE, DELETE, REPLACE and TRUNCATE. One change is let through: blanking the content of
a row, after which nothing of it is left but that it was there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

import sqlalchemy as sa

TOMBSTONE = '{"erased": true}'
"""What stands in the place of a record that was blanked."""

BLANKS: dict[str, Mapping[str, str]] = {
    "audit": {"account": "", "subject": "", "record": TOMBSTONE},
    "events": {"author": "", "record": TOMBSTONE},
    "verdicts": {"record": TOMBSTONE},
    "guidelines": {},
    "ledger": {"nonce": ""},
    "ratings": {"record": TOMBSTONE},
}
"""Tables that can only grow: the columns that hold content, and what they are blanked with."""

# What makes a row of the table one that is there already.
_SAME_ROW = {
    "audit": ("number",),
    "events": ("number",),
    "verdicts": ("number",),
    "guidelines": ("version",),
    "ledger": ("number",),
    "ratings": ("number",),
}

KEYED = ("verdicts", "ratings")
"""Of these, those whose rows carry a key of the sender that an account may use once."""

_POSTGRES_ENDINGS = ("no_change", "no_truncate")
_SQLITE_ENDINGS = ("no_update", "no_delete", "no_replace")

FUNCTION = "tunewell_append_only"


def statements(dialect: str, columns: Mapping[str, list[str]]) -> Iterator[str]:
    """SQL that makes the triggers.

    Args:
        dialect: ``sqlite`` or ``postgresql``.
        columns: Every column of each table that gets them; all of `BLANKS` in the end.
    """
    for table in columns:
        if dialect == "sqlite":
            yield from _for_sqlite(table, columns[table])
        else:
            yield from _for_postgres(table, BLANKS[table])


def function(dialect: str) -> Iterator[str]:
    """SQL that makes what the triggers of PostgreSQL call, once."""
    if dialect != "sqlite":
        yield _POSTGRES_FUNCTION


def _for_sqlite(table: str, columns: list[str]) -> Iterator[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    blank = BLANKS[table]
    kept = []
    for name in columns:
        value = f"'{blank[name]}'" if name in blank else f'OLD."{name}"'
        kept.append(f'NEW."{name}" IS {value}')
    is_blanked = " AND ".join(kept)
    other = f"WHEN NOT ({is_blanked})"
    yield f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {other} {refuse}"
    yield f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}"

    # REPLACE deletes without a trigger where the connection has not asked for recursive ones.
    key = " AND ".join(f'"{name}" = NEW."{name}"' for name in _SAME_ROW[table])
    there = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {key})"
    yield f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} {there} {refuse}"
    if table in KEYED:
        there = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE account = NEW.account AND key = NEW.key)"
        yield f"CREATE TRIGGER {table}_no_second BEFORE INSERT ON {table} {there} {refuse}"


_POSTGRES_FUNCTION = f"""\
CREATE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) = to_jsonb(OLD) || (TG_ARGV[0])::jsonb THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$"""


def _for_postgres(table: str, blank: Mapping[str, str]) -> Iterator[str]:
    overlay = json.dumps(dict(blank)).replace("'", "''")
    yield (
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {FUNCTION}('{overlay}')"
    )
    yield (
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()"
    )
    # Also where a session says that it is a replica.
    for name in (f"{table}_no_change", f"{table}_no_truncate"):
        yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"


def undo(dialect: str, tables: Iterable[str]) -> Iterator[str]:
    """SQL that takes the triggers of these tables away, for a migration to an earlier version."""
    for table in tables:
        for name in sorted(_triggers_of(table, dialect)):
            yield f"DROP TRIGGER {name}" + ("" if dialect == "sqlite" else f" ON {table}")


def undo_function(dialect: str) -> Iterator[str]:
    """SQL that takes away what the triggers of PostgreSQL call."""
    if dialect != "sqlite":
        yield f"DROP FUNCTION {FUNCTION}()"


def trigger_names(dialect: str) -> set[str]:
    """The triggers that have to be there."""
    return set().union(*(_triggers_of(table, dialect) for table in BLANKS))


def _triggers_of(table: str, dialect: str) -> set[str]:
    if dialect != "sqlite":
        return {f"{table}_{ending}" for ending in _POSTGRES_ENDINGS}
    second = {f"{table}_no_second"} if table in KEYED else set()
    return {f"{table}_{ending}" for ending in _SQLITE_ENDINGS} | second


def missing_triggers(connection: sa.Connection) -> list[str]:
    """Triggers that are not there, or are switched off."""
    dialect = connection.dialect.name
    query = "SELECT tgname FROM pg_trigger WHERE tgenabled = 'A'"
    if dialect == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    there = set(connection.execute(sa.text(query)).scalars())
    return sorted(trigger_names(dialect) - there)
