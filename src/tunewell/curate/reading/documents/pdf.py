"""PDF files that hold text."""

from __future__ import annotations

import atexit
import contextlib
import datetime as dt
import json
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tunewell.curate.reading.documents import pdf_worker
from tunewell.curate.reading.documents.document import (
    Document,
    Unreadable,
    tidy,
)
from tunewell.errors import MissingExtraError

PDF_S = 60
"""How long one file may take, in whole seconds."""

PDF_BYTES = 2 << 30
"""Memory that reading one file may take."""


def from_pdf(path: Path) -> Document:
    """Text of a PDF file, with the day that it states of itself.

    It is read in another process, which is ended if it takes too long: within one page, too.

    Raises:
        Unreadable: It is broken, locked, takes more time or memory than any honest file, or has no
            text (scanned pages).
        MissingExtraError: The reader is not installed.
    """
    if find_spec("pypdf") is None:
        raise MissingExtraError("text", needed_for="reading PDF files")
    found = _READER.ask(path)
    if "fault" in found:
        raise Unreadable(f"not a PDF file that can be read: {found['fault']}")

    pages = found["pages"]
    text = "\n\n".join(pages)
    if not text.strip():
        raise Unreadable(
            f"{len(pages)} pages without text: scanned? It needs text recognition first"
        )
    day = dt.date.fromisoformat(found["date"]) if found["date"] else None
    return Document(tidy(text), day)


class _PdfReader:
    """The process that reads, started with the first file and again after one that ended it."""

    def __init__(self) -> None:
        self._worker: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    def ask(self, path: Path) -> dict[str, Any]:
        """What the process answers, or the fault that ended it."""
        with self._turn:
            worker = self._started()
            late = threading.Timer(PDF_S, worker.kill)
            late.daemon = True
            late.start()
            line = b""
            try:
                line = _exchange(worker, json.dumps(str(path)).encode())
            finally:
                is_late = not late.is_alive()
                late.cancel()
                if not line:
                    self.end()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        if is_late:
            return {"fault": f"it takes longer than {PDF_S} s to read"}
        return {"fault": "reading it takes too much time or memory"}

    def end(self) -> None:
        """End the process."""
        if self._worker is not None:
            self._worker.kill()
            self._worker.communicate()
            self._worker = None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._worker is None or self._worker.poll() is not None:
            # -P: nothing is imported from the folder that we are in.
            command = [sys.executable, "-P", pdf_worker.__file__, str(PDF_BYTES), str(PDF_S)]
            self._worker = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._worker


def _exchange(worker: subprocess.Popen[bytes], line: bytes) -> bytes:
    """Say a line and give the one that answers; nothing if there is no whole one."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    with contextlib.suppress(OSError):
        worker.stdin.write(line + b"\n")
        worker.stdin.flush()
        answer = worker.stdout.readline()
        return answer if answer.endswith(b"\n") else b""
    return b""


_READER = _PdfReader()
atexit.register(_READER.end)
