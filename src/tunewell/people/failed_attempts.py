"""How often something failed lately: what limits on sign-ins count."""

from __future__ import annotations

import time

import sqlalchemy as sa

from tunewell.store import Store
from tunewell.store.people_tables import attempts

FAILURE_S = 15 * 60.0
"""How long a failure counts, in seconds."""

LONGEST_KEY = 200


class FailedAttempts:
    """Counts failures by a key, such as a name or an address.

    Args:
        store: Of the project.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def count(self, key: str) -> int:
        """How often `note` was called with this key in the last `FAILURE_S` seconds."""
        attempt = attempts.c
        since = time.time() - FAILURE_S
        query = (
            sa.select(sa.func.count())
            .where(attempt.key == key[:LONGEST_KEY])
            .where(attempt.at > since)
        )
        return int(self.store.value(query))

    def note(self, key: str) -> None:
        """Count one; forget what is old."""
        now = time.time()
        forget = sa.delete(attempts).where(attempts.c.at < now - 2 * FAILURE_S)
        note = sa.insert(attempts).values(key=key[:LONGEST_KEY], at=now)
        self.store.change(forget, note)
