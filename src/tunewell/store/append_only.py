"""Triggers with which the database itself refuses to change what was written.

They refuse UPDATE, DELETE, REPLACE and TRUNCATE. One change is let through: blanking the content of
a row, after which nothing of it is left but that it was there.

Migration 0004 makes them, and 0007 those of ratings, from their own copies of what stands here: a
migration says what was done then, whatever the code says today. A later migration that adds a
column to one of these tables has to make its triggers anew.
"""

from __future__ import annotations

from collections.abc import Mapping

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

KEYED = ("verdicts", "ratings")
"""Of these, those whose rows carry a key of the sender that an account may use once."""

_POSTGRES_ENDINGS = ("no_change", "no_truncate")
_SQLITE_ENDINGS = ("no_update", "no_delete", "no_replace")


def trigger_names(dialect: str) -> set[str]:
    """The triggers that have to be there."""
    if dialect != "sqlite":
        return {f"{table}_{ending}" for table in BLANKS for ending in _POSTGRES_ENDINGS}
    names = {f"{table}_{ending}" for table in BLANKS for ending in _SQLITE_ENDINGS}
    return names | {f"{table}_no_second" for table in KEYED}


def missing_triggers(connection: sa.Connection) -> list[str]:
    """Triggers that are not there, or are switched off."""
    dialect = connection.dialect.name
    query = "SELECT tgname FROM pg_trigger WHERE tgenabled = 'A'"
    if dialect == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    there = set(connection.execute(sa.text(query)).scalars())
    return sorted(trigger_names(dialect) - there)
