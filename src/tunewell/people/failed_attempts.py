"""How often something failed lately: what limits on sign-ins count."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import sqlalchemy as sa

from tunewell.store import Store
from tunewell.store.people_tables import attempts
from tunewell.store.turns import hold

FAILURE_S = 15 * 60.0
"""How long a failure counts, in seconds."""

SWEEP_S = 60.0
"""How often old failures are removed."""


class FailedAttempts:
    """Counts failures by a key, such as a name with an address.

    Args:
        store: Of the project.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._swept = 0.0

    def count(self, key: str) -> int:
        """How often a key was noted in the last `FAILURE_S` seconds."""
        return int(self.store.value(_lately(key)))

    def note(self, key: str) -> None:
        """Count one."""
        self.store.change(_one_more(key))

    def note_below(self, key: str, most: int) -> bool:
        """Count one unless there are ``most`` already; gives whether it was counted.

        Of many who do it at once, no more than ``most`` are let through.
        """
        self._sweep()
        with self.store.connection(write=True) as connection:
            hold(connection, f"attempts {_kept_key(key)}")
            if int(connection.execute(_lately(key)).scalar_one()) >= most:
                return False
            connection.execute(_one_more(key))
        return True

    def forget(self, key: str) -> None:
        """Begin counting a key anew."""
        self.store.change(sa.delete(attempts).where(attempts.c.key == _kept_key(key)))

    def _sweep(self) -> None:
        """Remove what is old, now and then."""
        if time.monotonic() - self._swept < SWEEP_S:
            return
        self._swept = time.monotonic()
        self.store.change(sa.delete(attempts).where(attempts.c.at < time.time() - 2 * FAILURE_S))


def _lately(key: str) -> sa.Select[Any]:
    attempt = attempts.c
    return (
        sa.select(sa.func.count())
        .where(attempt.key == _kept_key(key))
        .where(attempt.at > time.time() - FAILURE_S)
    )


def _one_more(key: str) -> sa.Insert:
    return sa.insert(attempts).values(key=_kept_key(key), at=time.time())


def _kept_key(key: str) -> str:
    """A key of fixed length: two long names must not count as one."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
