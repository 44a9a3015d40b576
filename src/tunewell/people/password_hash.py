"""Passwords as Argon2 hashes, made by two threads of their own.

A hash takes 64 MiB and tens of milliseconds. Two at a time, behind everything else that the server
does: strangers who try passwords slow down each other, not those who are signed in.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

from tunewell.errors import MissingExtraError, UserError
from tunewell.people.names import name_key

if TYPE_CHECKING:
    from pwdlib import PasswordHash

SHORTEST_PASSWORD = 10
FEWEST_DIFFERENT = 4
"""A password of fewer different characters is no better than a blank one."""

AT_ONCE = 2
"""Hashes under way at any time."""

NICENESS = 15
"""How far the threads that hash stand back (0 … 19)."""


def check_password(password: str) -> None:
    """Refuse passwords that protect nothing.

    Raises:
        UserError: It is too short, blank, or one character over and over.
    """
    length = len(name_key(password).replace(" ", ""))
    if length < SHORTEST_PASSWORD:
        raise UserError(
            f"the password has {length} characters that count, "
            f"at least {SHORTEST_PASSWORD} are needed",
            hint="blanks do not count",
        )
    if len(set(password)) < FEWEST_DIFFERENT:
        raise UserError(
            f"the password has fewer than {FEWEST_DIFFERENT} different characters",
            hint="choose another one",
        )


def hash_password(password: str) -> str:
    """The hash to keep.

    Raises:
        UserError: The password is too short or blank.
        MissingExtraError: pwdlib is not installed.
    """
    check_password(password)
    return _pool().submit(_hasher().hash, password).result()


def password_matches(password: str, kept: str | None) -> bool:
    """Whether a password is the one that was kept; as slow where nothing was kept."""
    return matching(password, kept).result()


def matching(password: str, kept: str | None) -> Future[bool]:
    """As `password_matches`, without waiting for the answer."""
    return _pool().submit(_matches, password, kept)


def _matches(password: str, kept: str | None) -> bool:
    if kept is None:
        _hasher().verify(password, _decoy())
        return False
    return _hasher().verify(password, kept)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, "passwords", initializer=_stand_back)


def _stand_back() -> None:
    """Let every other thread of the process go first; the threads that Argon2 starts inherit it."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


@cache
def _hasher() -> PasswordHash:
    try:
        from pwdlib import PasswordHash
        from pwdlib.hashers.argon2 import Argon2Hasher
    except ImportError as error:
        raise MissingExtraError("web", needed_for="signing in") from error
    # One lane each: two hashes must not take more than two cores.
    return PasswordHash((Argon2Hasher(parallelism=1),))


@cache
def _decoy() -> str:
    """A hash to compare with where there is none, so that time does not tell which names exist."""
    return _hasher().hash(secrets.token_urlsafe(16))
