"""Ids of interactions: UUID version 7 (RFC 9562), which sort by time."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import time

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_RANDOM_BITS = 74
_LOW_BITS = 62
_DRAWN_BYTES = 10


def new_id(at_s: float | None = None) -> str:
    """A new UUIDv7.

    Args:
        at_s: Seconds since 1970, UTC; now if None.

    Example:
        >>> first, later = new_id(1.0), new_id(2.0)
        >>> first < later, first[14], len(first)
        (True, '7', 36)
    """
    now = time.time() if at_s is None else at_s
    return _written(now, os.urandom(_DRAWN_BYTES))


def stable_id(at: dt.datetime, mark: str) -> str:
    """A UUIDv7 of a moment and a mark: the same for the same, in every import.

    Example:
        >>> at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        >>> stable_id(at, "x") == stable_id(at, "x"), stable_id(at, "x") == stable_id(at, "y")
        (True, False)
    """
    digest = hashlib.sha256(mark.encode("utf-8", "surrogatepass")).digest()
    return _written(at.timestamp(), digest[:_DRAWN_BYTES])


def _written(at_s: float, drawn: bytes) -> str:
    """An id of this time; 74 of the 80 bits are what tells it from others of its millisecond."""
    milliseconds = int(at_s * 1000) & ((1 << 48) - 1)
    bits = int.from_bytes(drawn, "big") & ((1 << _RANDOM_BITS) - 1)
    high, low = bits >> _LOW_BITS, bits & ((1 << _LOW_BITS) - 1)
    number = (milliseconds << 80) | _VERSION | (high << 64) | _VARIANT | low
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
