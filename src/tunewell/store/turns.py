"""One at a time: transactions that read before they write, and must not do so side by side."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa


def hold(connection: sa.Connection, what: str) -> None:
    """Let no other transaction hold the same thing until this one ends.

    Things that have nothing to do with each other have names of their own: who signs in does not
    wait for who rates. SQLite has one writer anyway.

    Args:
        connection: In a transaction.
        what: Any name.
    """
    if connection.dialect.name == "postgresql":
        lock = {"lock": lock_number(what)}
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), lock)


def lock_number(what: str) -> int:
    """A name as the number of 64 bits by which PostgreSQL knows a lock.

    Example:
        >>> lock_number("runs") == lock_number("runs") != lock_number("batches")
        True
    """
    digest = hashlib.sha256(f"tunewell {what}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
