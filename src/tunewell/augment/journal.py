"""Every reply that came, in a file that only grows: what was paid for is never asked for again.

A reply is known by what was asked, of whom. So a run that was killed goes on; and where acceptance
is made stricter or a cell is to have more rows, only what is new is asked for.
"""

from __future__ import annotations

import os
import threading
import time
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

    A line is one write: a process that is killed leaves whole lines, and at most one that is torn,
    which is cut off when the journal is next opened.

    Args:
        path: The file; made where it is absent.

    Attributes:
        lines: Every reply, in the order in which they came.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        with disk_errors(path):
            path.parent.mkdir(
                parents=True,
                exist_ok=True,
            )
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self.lines = self._read()
        self._synced = time.monotonic()

    def _read(self) -> list[JournalLine]:
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.ftruncate(self._handle, whole)
        found = []
        for line in data[:whole].splitlines():
            values: dict[str, Any] = parse_json(line)
            found.append(JournalLine.model_validate(values))
        return found

    def write(self, line: JournalLine) -> None:
        """Append a reply.

        Raises:
            StoreError: The disk is full, or the file cannot be written.
        """
        data = (line.model_dump_json() + "\n").encode("utf-8", "backslashreplace")
        with self._lock, disk_errors(self.path):
            os.write(self._handle, data)
            self.lines.append(line)
            if time.monotonic() - self._synced > SYNC_EVERY_S:
                os.fsync(self._handle)
                self._synced = time.monotonic()

    def close(self) -> None:
        """Flush it to the disk."""
        with disk_errors(self.path):
            os.fsync(self._handle)
        os.close(self._handle)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
