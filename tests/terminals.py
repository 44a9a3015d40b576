"""What a program writes to a terminal of a test; never waited for without end."""

from __future__ import annotations

import os
import select
import time

PATIENCE_SECONDS = 120.0
"""A program that has written nothing more for so long hangs."""


def read_piece(terminal: int, *, patience: float = PATIENCE_SECONDS) -> bytes:
    """What is written next; nothing once the other side is closed.

    Raises:
        AssertionError: Nothing is written and the other side stays open.
    """
    ready, _, _ = select.select([terminal], [], [], patience)
    assert ready, f"nothing was written for {patience:g} s, and the terminal is still open"
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def read_until(terminal: int, end: str) -> str:
    """What is written, up to a text it ends with.

    Raises:
        AssertionError: The text does not come.
    """
    shown = b""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not shown.decode(errors="replace").endswith(end):
        piece = read_piece(terminal)
        assert piece, f"ended before {end!r}: {shown!r}"
        assert time.monotonic() < ends_at, f"no {end!r} in {shown!r}"
        shown += piece
    return shown.decode()


def read_rest(terminal: int) -> str:
    """What is written until the other side is closed."""
    shown = b""
    while piece := read_piece(terminal):
        shown += piece
    return shown.decode()
