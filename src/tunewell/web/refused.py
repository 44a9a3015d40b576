"""A request that is turned down."""

from __future__ import annotations


class Refused(Exception):
    """A request that is turned down.

    Args:
        status: 401 (sign in first), 403 (not with this role), 404 (nothing here for this person) or
            429 (too many calls).
        message: In one sentence.
        hint: What to do about it, or the path of a page.
    """

    def __init__(self, status: int, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hint = hint
