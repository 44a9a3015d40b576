"""Passwords as Argon2 hashes."""

from __future__ import annotations

import secrets
from functools import cache
from typing import TYPE_CHECKING

from tunewell.errors import MissingExtraError, UserError

if TYPE_CHECKING:
    from pwdlib import PasswordHash

SHORTEST_PASSWORD = 10


def hash_password(password: str) -> str:
    """The hash to keep.

    Raises:
        UserError: The password is too short.
        MissingExtraError: pwdlib is not installed.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise UserError(
            f"the password has {len(password)} characters, at least {SHORTEST_PASSWORD} are needed"
        )
    return _hasher().hash(password)


def password_matches(password: str, kept: str | None) -> bool:
    """Whether a password is the one that was kept; as slow where nothing was kept."""
    if kept is None:
        _hasher().verify(password, _decoy())
        return False
    return _hasher().verify(password, kept)


@cache
def _hasher() -> PasswordHash:
    try:
        from pwdlib import PasswordHash
    except ImportError as error:
        raise MissingExtraError("web", needed_for="signing in") from error
    return PasswordHash.recommended()


@cache
def _decoy() -> str:
    """A hash to compare with where there is none, so that time does not tell which names exist."""
    return _hasher().hash(secrets.token_urlsafe(16))
