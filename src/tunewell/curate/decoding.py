"""Bytes to text and to lines: which encoding a file is in, and lines that are too long to hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tunewell.curate.rows import Reject, clip

MAX_RECORD_BYTES = 16 << 20
"""A longer line is a reject: no chat row is that long, and one must not take the memory."""

DECODED, NOTED = "\x00decoded", "\x00noted"
"""Keys under which a record says that it was not UTF-8, and what of its document was not read.

No key of a user's has NUL.
"""

_UTF_8_MARK = b"\xef\xbb\xbf"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SAMPLE = 4096
"""Bytes by which UTF-16 without a mark is told: more than a quarter of them are NUL."""


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """What stands in one place of a file.

    Attributes:
        line: Where it begins, from 1.
        value: The record (a mapping, if it can be a row), or a Reject in its place.
        own_id: The user's own key outside the record.
    """

    line: int
    value: Any
    own_id: str = ""

    def note_encoding(self, encoding: str, text: str = "") -> None:
        """Note in the record that its text was not UTF-8.

        Args:
            encoding: What it was.
            text: The text; the record as JSON if empty.
        """
        if encoding == "cp1252" and isinstance(self.value, dict):
            self.value[DECODED] = clip(text or json.dumps(self.value, default=str))


def rejected(
    line: int,
    why: str,
    evidence: str = "",
) -> SourceRecord:
    """What cannot be read, with the first characters of it."""
    return SourceRecord(line, Reject("", why, clip(evidence)))


def decode(data: bytes) -> tuple[str, str]:
    """Text of a file or line, and which encoding it was in.

    Example:
        >>> decode("né".encode("cp1252")), decode("né".encode("utf-16"))
        (('né', 'cp1252'), ('né', 'utf-16'))
    """
    if data.startswith(_UTF_16_MARKS):
        return data.decode("utf-16", "replace"), "utf-16"
    data = data.removeprefix(_UTF_8_MARK)

    # Before UTF-8, in which NUL is a character too.
    sample = data[:_SAMPLE]
    if _has_many_nul(sample):
        little = sample[1::2].count(0) > sample[0::2].count(0)
        codec = "utf-16-le" if little else "utf-16-be"
        return data.decode(codec, "replace"), "utf-16"

    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        # The five bytes that Windows-1252 leaves undefined become U+FFFD.
        return data.decode("cp1252", "replace"), "cp1252"


def _has_many_nul(sample: bytes) -> bool:
    return sample.count(0) > len(sample) // 4


def is_wide(path: Path) -> bool:
    """Whether a file is in UTF-16, whose lines do not end at a byte."""
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    return head.startswith(_UTF_16_MARKS) or _has_many_nul(head)


def byte_lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers.

    None for one longer than `MAX_RECORD_BYTES`, which is skipped without holding it.
    """
    if is_wide(path):
        text, _ = decode(path.read_bytes())
        for number, line in enumerate(text.split("\n"), 1):
            yield number, line.encode()
        return
    with path.open("rb") as file:
        number = 0
        while line_bytes := file.readline(MAX_RECORD_BYTES):
            number += 1
            if len(line_bytes) < MAX_RECORD_BYTES or line_bytes.endswith(b"\n"):
                yield number, line_bytes
            else:
                _skip_line(file)
                yield number, None


def _skip_line(file: BinaryIO) -> None:
    """Read on to the end of a line."""
    while rest := file.readline(MAX_RECORD_BYTES):
        if rest.endswith(b"\n"):
            return
