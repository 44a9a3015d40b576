"""Passwords for tests: hashed at next to no cost, by processes that do not stand back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tunewell.people import password_hash
from tunewell.people.password_hash import HashCost

CHEAP = HashCost(passes=1, memory_kib=8, niceness=0)


@contextlib.contextmanager
def cheap_passwords() -> Iterator[None]:
    """Hash at the least cost that Argon2 has; what is hashed so can be verified at any cost."""
    before = password_hash.HASH_COST
    password_hash.HASH_COST = CHEAP
    try:
        yield
    finally:
        password_hash.HASH_COST = before
