"""Bytes to text and to lines: which encoding a file is in, and lines that are too long to hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

MAX_RECORD_BYTES = 16 << 20
"""A longer line is a reject: no chat row is that long, and one of them must not take the machine's memory."""

DECODED, NOTED = "\x00decoded", "\x00noted"
"""Keys under which a record says that it was not UTF-8, and what of its document was not read; no user's has NUL."""

Record = tuple[int, Any, str]
"""Line, record (a mapping, or a Reject in its place), the user's own key outside the record."""


def decode(data: bytes) -> tuple[str, str]:
    """Text of a file or line, and which encoding it was in.

    Example:
        >>> decode("né".encode("cp1252")), decode("né".encode("utf-16"))
        (('né', 'cp1252'), ('né', 'utf-16'))
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), "utf-16"
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    sample = data[:4096]
    if sample.count(0) > len(sample) // 4:  # before UTF-8, in which NUL is a character too
        little = sample[1::2].count(0) > sample[0::2].count(0)
        return data.decode("utf-16-le" if little else "utf-16-be", "replace"), "utf-16"
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    # The five bytes that Windows-1252 leaves undefined become U+FFFD.
    return data.decode("cp1252", "replace"), "cp1252"


def is_wide(path: Path) -> bool:
    """Whether a file is in UTF-16, whose lines do not end at a byte."""
    with path.open("rb") as file:
        head = file.read(4096)
    return head.startswith((b"\xff\xfe", b"\xfe\xff")) or head.count(0) > len(head) // 4


def byte_lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers.

    None for one longer than `MAX_RECORD_BYTES`, which is skipped without holding it.
    """
    if is_wide(path):
        yield from enumerate(
            (line.encode() for line in decode(path.read_bytes())[0].split("\n")), 1
        )
        return
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_RECORD_BYTES):
            number += 1
            if len(line) < MAX_RECORD_BYTES or line.endswith(b"\n"):
                yield number, line
                continue
            while (rest := file.readline(MAX_RECORD_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield number, None
