"""How the spool's files are written and read: frames that show where a kill has cut them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HEAD: Final = struct.Struct("<cII")
LONGEST: Final = 64 * 2**20
"""Bytes of the longest frame: a length above it is damage."""

OPENED: Final = b"o"
CARRIED: Final = b"c"
CLOSED: Final = b"r"
REFUSED: Final = b"x"
FEEDBACK: Final = b"f"
ENDED: Final = b"e"
KINDS: Final = frozenset({OPENED, CARRIED, CLOSED, REFUSED, FEEDBACK, ENDED})


@dataclass(frozen=True)
class Frame:
    """One entry of the spool.

    Attributes:
        kind: ``o`` a request was taken on, ``c`` it was before this file began, ``r`` its record,
            ``x`` no record of it could be kept, ``f`` feedback, ``e`` the file was ended in order.
        payload: JSON.
    """

    kind: bytes
    payload: bytes


def frame(kind: bytes, payload: bytes) -> bytes:
    """The bytes of an entry."""
    return _HEAD.pack(kind, len(payload), zlib.crc32(payload)) + payload


@dataclass(frozen=True)
class FrameFile:
    """What could be read of a file.

    Attributes:
        frames: In order.
        lost_bytes: Behind the last whole frame.
    """

    frames: tuple[Frame, ...]
    lost_bytes: int


def read_frames(path: Path) -> FrameFile:
    """Read a file up to its end or to where it is damaged."""
    data = path.read_bytes()
    frames = tuple(_frames(data))
    whole = sum(_HEAD.size + len(each.payload) for each in frames)
    return FrameFile(frames, len(data) - whole)


def _frames(data: bytes) -> Iterator[Frame]:
    at = 0
    while at + _HEAD.size <= len(data):
        kind, length, check = _HEAD.unpack_from(data, at)
        start = at + _HEAD.size
        payload = data[start : start + length]
        is_whole = kind in KINDS and length <= LONGEST and len(payload) == length
        if not is_whole or zlib.crc32(payload) != check:
            return
        yield Frame(kind, payload)
        at = start + length
