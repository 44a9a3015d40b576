"""What stands in one place of a file, before it is a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunewell.curate.rows import Reject, clip

MAX_RECORD_BYTES = 16 << 20
"""A longer line is a reject: no chat row is that long, and one must not take the memory."""

NOT_A_ROW = object()
"""Value of what holds nothing: blank lines, the brackets of an array, a header."""


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """What stands in one place of a file.

    Attributes:
        line: Where it begins, from 1.
        value: The record (a mapping, if it can be a row), a Reject in its place, or `NOT_A_ROW`.
        own_id: The user's own key outside the record.
        size: How many bytes of the file it stands for.
        encoding: What its text was in, if that was no Unicode.
        note: What was mended in reading it, in words.
        is_document: Whether it is a part of a document.
        split: The split that it stands under in its file.
        beside: What the file says beside its rows, by its keys; of a record that is no row.
    """

    line: int
    value: Any
    own_id: str = ""
    size: int = 0
    encoding: str = ""
    note: str = ""
    is_document: bool = False
    split: str = ""
    beside: Mapping[str, Any] | None = None


def rejected(
    line: int,
    why: str,
    evidence: str = "",
    *,
    size: int = 0,
    rows: int = 1,
    hint: str = "",
) -> SourceRecord:
    """What cannot be read, with the first characters of it."""
    reject = Reject("", why, clip(evidence), size=size, rows=rows, hint=hint)
    return SourceRecord(line, reject, size=size)


def nothing(line: int, size: int) -> SourceRecord:
    """Bytes that hold no row."""
    return SourceRecord(line, NOT_A_ROW, size=size)
