"""Every reply that came, in a file that only grows: what was paid for is never asked for again.

A reply is known by what was asked, of whom. So a run that was killed goes on; and where acceptance
is made stricter or a cell is to have more rows, only what is new is asked for.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from tunewell.disk import disk_errors
from tunewell.json_text import parse_json
from tunewell.model.base import Generation
from tunewell.types import Value

SYNC_EVERY_S: Final = 1.0
"""A killed process loses no line; a machine without power at most those of so many seconds."""


class JournalLine(Value):
    """One reply.

    Attributes:
        ref: Of the candidate.
        attempt: 0 for the first request of a candidate.
        generator: Name of the model.
        reply: What came.
        price: What it cost.
    """

    ref: str
    attempt: int = Field(ge=0)
    generator: str
    reply: Generation
    price: float = 0.0


class Journal:
    """The replies of a project's augmentations. A context; shared by threads.

    A line is written whole or not at all. A process that is killed leaves whole lines, and at most
    one that is torn, which is cut off when the journal is next opened. Lines that a broken disk has
    damaged are passed over: what they held is asked for again.

    Args:
        path: The file; made where it is absent.

    Attributes:
        lines: Every reply, in the order in which they came.
        damaged: How many lines could not be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = 0
        self._lock = threading.Lock()
        with disk_errors(path):
            path.parent.mkdir(
                parents=True,
                exist_ok=True,
            )
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._is_open = True
        self.lines = self._read()
        self._synced = time.monotonic()

    def _read(self) -> list[JournalLine]:
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.ftruncate(self._handle, whole)
        found = []
        for data_of_line in data[:whole].split(b"\n")[:-1]:
            line = _line_of(data_of_line)
            if line is None:
                self.damaged += 1
            else:
                found.append(line)
        return found

    def write(self, line: JournalLine) -> None:
        """Append a reply; nothing once it is closed (by whoever was interrupted).

        Raises:
            StoreError: The disk is full, or the file cannot be written.
        """
        data = _as_bytes(line)
        with self._lock, disk_errors(self.path):
            if not self._is_open:
                return
            self._append(data)
            self.lines.append(line)
            if time.monotonic() - self._synced > SYNC_EVERY_S:
                os.fsync(self._handle)
                self._synced = time.monotonic()

    def _append(self, data: bytes) -> None:
        """Write a line, or leave the file as it was: a full disk takes the beginning of one."""
        size = os.fstat(self._handle).st_size
        try:
            written = 0
            while written < len(data):
                written += os.write(self._handle, data[written:])
        except OSError:
            os.ftruncate(self._handle, size)
            raise

    def close(self) -> None:
        """Flush it to the disk."""
        with self._lock, disk_errors(self.path):
            self._is_open = False
            try:
                os.fsync(self._handle)
            finally:
                os.close(self._handle)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _as_bytes(line: JournalLine) -> bytes:
    return (line.model_dump_json() + "\n").encode("utf-8", "backslashreplace")


def _line_of(data: bytes) -> JournalLine | None:
    try:
        values: dict[str, Any] = parse_json(data)
        return JournalLine.model_validate(values)
    except ValueError:
        return None


def blank_replies(
    path: Path,
    mentions: Callable[[str], bool],
    *,
    reason: str,
) -> int:
    """Take the texts of some replies out of a journal; that they came, and what they cost, stays.

    Args:
        path: Of the journal, which nobody may have open.
        mentions: Whether a text is to go.
        reason: Why there is no text any more.

    Returns:
        How many replies were blanked.
    """
    if not path.is_file():
        return 0
    with Journal(path) as journal:
        lines = journal.lines
    kept = []
    blanked = 0
    for line in lines:
        reply = line.reply
        if mentions(reply.text) or mentions(reply.reason):
            blanked += 1
            gone = {"text": "", "finish": "error", "reason": reason}
            line = line.model_copy(update={"reply": reply.model_copy(update=gone)})
        kept.append(line)
    if blanked or journal.damaged:
        new = path.with_suffix(".new")
        with disk_errors(new):
            new.write_bytes(b"".join(map(_as_bytes, kept)))
            new.chmod(0o600)
            os.replace(new, path)
    return blanked
