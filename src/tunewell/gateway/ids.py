"""Ids of interactions: UUID version 7 (RFC 9562), which sort by time."""

from __future__ import annotations

import os
import time

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_RANDOM_BITS = 74
_HIGH_BITS = 12


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
    milliseconds = int(now * 1000) & ((1 << 48) - 1)
    drawn = int.from_bytes(os.urandom(10), "big") & ((1 << _RANDOM_BITS) - 1)
    high, low = drawn >> 62, drawn & ((1 << 62) - 1)
    number = (milliseconds << 80) | _VERSION | (high << 64) | _VARIANT | low
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
