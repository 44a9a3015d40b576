"""The spool: what happened is on disk before the database has it.

One thread masks and writes, so that a killed process loses nothing it wrote; another has the disk
confirm what was written, many records at a time. The event loop never waits for either but for the
last piece of an answer, and for that only so long as `app` says.

A file of the spool belongs to the process that holds its lock. When it is full or old enough it is
ended, and `drain` carries it to the database; a file without an owner was left by a kill.
"""

from __future__ import annotations

import asyncio
import errno
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from tunewell.disk import make_private
from tunewell.gateway.frames import (
    CARRIED,
    CLOSED,
    ENDED,
    FEEDBACK,
    LONGEST,
    OPENED,
    REFUSED,
    frame,
)
from tunewell.platforms import lock_file

SUFFIX: Final = ".spool"
MOST_AT_ONCE: Final = 256
FULL_BYTES: Final = 16 * 2**20
OLD_S: Final = 2.0
LOOK_EVERY_S: Final = 1.0

Prepare = Callable[[], dict[str, Any]]
"""Makes the record of an exchange, in the writer's thread."""


@dataclass
class SpoolReceipt:
    """Told when a record is written, and when the disk has confirmed it.

    Attributes:
        written: The process may be killed from here on.
        synced: The machine may lose its power from here on. False: it could not be written.
    """

    written: asyncio.Future[bool]
    synced: asyncio.Future[bool]


@dataclass
class _Task:
    kind: bytes
    id: str
    value: dict[str, Any] | Prepare
    receipt: SpoolReceipt | None = None


@dataclass(frozen=True)
class _Debt:
    """A request of which has still to be said that there is no record.

    Attributes:
        id: Of the interaction.
        opening: As it was written; None if not even that could be.
        why: In the words of the system.
    """

    id: str
    opening: dict[str, Any] | None
    why: str

    def said(self) -> dict[str, Any]:
        """As the spool says it."""
        return {"id": self.id, "opened": self.opening is not None, "why": self.why}


@dataclass
class SpoolCounts:
    """Since the process began.

    Attributes:
        opened: Requests that were taken on.
        recorded: Records that the disk has confirmed.
        refused: Requests of which no record could be kept.
        feedback: Feedback that the disk has confirmed.
        waiting: Requests taken on whose record is not written yet.
        failure: Why the last attempt to write failed; empty while all goes well.
    """

    opened: int = 0
    recorded: int = 0
    refused: int = 0
    feedback: int = 0
    waiting: int = 0
    failure: str = ""


class Spool:
    """Writes what happens to files.

    Args:
        folder: For the files; made if it is not there.
        mask: Masks the texts of a record.
        most_bytes: Beyond these nothing is recorded until `drain` has caught up.
        ended: Called with each file that was ended.
    """

    def __init__(
        self,
        folder: Path,
        *,
        mask: Callable[[dict[str, Any]], dict[str, Any]],
        most_bytes: int = 2**31,
        ended: Callable[[Path], None] = lambda path: None,
    ) -> None:
        make_private(folder)
        self.folder = folder
        self.counts = SpoolCounts()
        self._mask = mask
        self._most_bytes = most_bytes
        self._ended = ended
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._unsynced: list[_Task] = []
        self._sync_wanted = threading.Condition()
        self._stopping = False
        self._file = _SpoolFile(folder)
        self._open: dict[str, dict[str, Any]] = {}
        self._owed: list[_Debt] = []
        self._others = 0
        self._room_looked = -LOOK_EVERY_S
        self._writer = threading.Thread(target=self._write_all, name="spool-writer", daemon=True)
        self._syncer = threading.Thread(target=self._sync_all, name="spool-syncer", daemon=True)
        self._writer.start()
        self._syncer.start()

    # --- what the event loop calls ----------------------------------------------------------------

    def opened(self, id: str, opening: dict[str, Any]) -> None:
        """A request was taken on: what is known of it before it is answered."""
        self.counts.opened += 1
        self.counts.waiting += 1
        self._tasks.put(_Task(OPENED, id, opening))

    def closed(self, id: str, prepare: Prepare) -> SpoolReceipt:
        """A request was answered, or not: its record."""
        return self._put(CLOSED, id, prepare)

    def feedback(self, record: dict[str, Any]) -> SpoolReceipt:
        """Feedback came."""
        return self._put(FEEDBACK, "", record)

    def _put(
        self,
        kind: bytes,
        id: str,
        value: dict[str, Any] | Prepare,
    ) -> SpoolReceipt:
        loop = asyncio.get_running_loop()
        receipt = SpoolReceipt(loop.create_future(), loop.create_future())
        self._tasks.put(_Task(kind, id, value, receipt))
        return receipt

    def stop(self) -> None:
        """Write and confirm all that came, and end the file."""
        self._tasks.put(None)
        self._writer.join()
        with self._sync_wanted:
            self._stopping = True
            self._sync_wanted.notify()
        self._syncer.join()
        self._end_file(begin_another=False)

    # --- the writer's thread ----------------------------------------------------------------------

    def _write_all(self) -> None:
        while True:
            tasks, stopping = self._next_tasks()
            if tasks:
                self._write(tasks)
            if self._file.is_ripe():
                self._end_file()
            if stopping:
                return

    def _next_tasks(self) -> tuple[list[_Task], bool]:
        """What waits, at most so many; waits itself for the first one."""
        tasks: list[_Task] = []
        try:
            task = self._tasks.get(timeout=OLD_S / 2)
            while task is not None:
                tasks.append(task)
                if len(tasks) == MOST_AT_ONCE:
                    return tasks, False
                task = self._tasks.get_nowait()
        except queue.Empty:
            return tasks, False
        return tasks, True

    def _write(self, tasks: list[_Task]) -> None:
        """Write each task by itself: a record of which nothing can be made spoils no other."""
        written = []
        for task in tasks:
            if self._is_refused(task):
                _tell([task], "written", False)
                _tell([task], "synced", False)
                continue
            why = self._why_not_written(task)
            if why:
                self._refuse(task, why)
                continue
            self._note(task)
            written.append(task)
        self.counts.waiting = len(self._open)
        self._pay_debts()
        _tell(written, "written", True)
        waited_for = [task for task in written if task.receipt is not None]
        if waited_for:
            with self._sync_wanted:
                self._unsynced += waited_for
                self._sync_wanted.notify()

    def _why_not_written(self, task: _Task) -> str:
        """Write the entry; gives why it could not be written, or nothing."""
        try:
            self._file.write(self._bytes(task), self._room())
        except OSError as error:
            return str(error.strerror or error)
        except Exception as error:
            # Whatever a server or a client sent, the next record is still written.
            return f"no record could be made of it ({type(error).__name__})"
        return ""

    def _room(self) -> int:
        """Bytes that may still be written; the folder is looked at once a second."""
        now = time.monotonic()
        if now - self._room_looked > LOOK_EVERY_S:
            self._room_looked = now
            self._others = sum(map(_size, spool_files(self.folder))) - self._file.size
        return self._most_bytes - self._others - self._file.size

    def _is_refused(self, task: _Task) -> bool:
        """Whether it closes what was already said to have no record."""
        return task.kind == CLOSED and task.id not in self._open

    def _bytes(self, task: _Task) -> bytes:
        value = task.value() if callable(task.value) else task.value
        if task.kind in (CLOSED, FEEDBACK):
            value = self._mask(value)
        return frame(task.kind, _json(value))

    def _note(self, task: _Task) -> None:
        self.counts.failure = ""
        if task.kind == OPENED and isinstance(task.value, dict):
            self._open[task.id] = task.value
        else:
            self._open.pop(task.id, None)

    def _refuse(self, task: _Task, why: str) -> None:
        """No record can be kept: the answer goes on, and the ledger says so."""
        self.counts.failure = why
        if task.kind == OPENED:
            self._owe(task.id, None)
        elif task.kind == CLOSED and task.id in self._open:
            self._owe(task.id, self._open.pop(task.id))
        if task.receipt is not None:
            _tell([task], "written", False)
            _tell([task], "synced", False)

    def _owe(self, id: str, opening: dict[str, Any] | None) -> None:
        self.counts.refused += 1
        self._owed.append(_Debt(id, opening, self.counts.failure))

    def _pay_debts(self) -> None:
        """Say of what could not be recorded that it was not, as soon as that can be written."""
        while self._owed:
            try:
                # So small that a full spool has room for it; a full disk may not.
                self._file.write(frame(REFUSED, _json(self._owed[-1].said())), LONGEST)
            except OSError:
                return
            self._owed.pop()

    def _end_file(self, *, begin_another: bool = True) -> None:
        """End the file and begin another, which carries what is still open."""
        self._pay_debts()
        old = self._file
        if begin_another and not self._begin_file():
            return
        try:
            carried = list(self._unsettled()) if begin_another else []
            old.write(frame(ENDED, _json({"carried": carried})), LONGEST)
        except OSError as error:
            # Without its last frame the file is read as one that a kill has cut: what is open in
            # it is counted once all the same, for ids are.
            self.counts.failure = str(error.strerror or error)
        old.close()
        self._ended(old.path)

    def _unsettled(self) -> dict[str, dict[str, Any]]:
        """What was opened and has neither a record nor a word that there is none, by id."""
        owed = {debt.id: debt.opening for debt in self._owed if debt.opening is not None}
        return {**self._open, **owed}

    def _begin_file(self) -> bool:
        """Begin a file with what is still open; False where the disk has no room for it."""
        try:
            new = _SpoolFile(self.folder)
        except OSError as error:
            self.counts.failure = str(error.strerror or error)
            return False
        try:
            for value in self._unsettled().values():
                new.write(frame(CARRIED, _json(value)), self._most_bytes)
        except OSError as error:
            self.counts.failure = str(error.strerror or error)
            new.close()
            new.path.unlink(missing_ok=True)
            return False
        self._file = new
        return True

    # --- the syncer's thread ----------------------------------------------------------------------

    def _sync_all(self) -> None:
        while True:
            with self._sync_wanted:
                while not self._unsynced and not self._stopping:
                    self._sync_wanted.wait()
                tasks, self._unsynced = self._unsynced, []
                file = self._file
                if not tasks:
                    return
            file.sync()
            self.counts.recorded += sum(task.kind == CLOSED for task in tasks)
            self.counts.feedback += sum(task.kind == FEEDBACK for task in tasks)
            _tell(tasks, "synced", True)


class _SpoolFile:
    """A file that this process holds."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}{SUFFIX}"
        self.size = 0
        # Locked before it has its name: a file without an owner would be taken up by `drain`.
        unnamed = self.path.with_suffix(".new")
        self._handle = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        lock_file(self._handle)
        unnamed.rename(self.path)
        self._since = time.monotonic()
        self._turn = threading.Lock()
        self._is_open = True

    def write(self, data: bytes, room: int) -> None:
        """Write an entry whole, or not at all.

        Raises:
            OSError: The disk or the spool is full.
        """
        if len(data) > room:
            raise OSError(errno.ENOSPC, "the spool is full: the database has been away too long")
        try:
            done = 0
            while done < len(data):
                done += os.write(self._handle, data[done:])
        except OSError:
            os.ftruncate(self._handle, self.size)
            os.lseek(self._handle, self.size, os.SEEK_SET)
            raise
        self.size += len(data)

    def is_ripe(self) -> bool:
        """Whether it holds enough, or has been open for long enough, to be ended."""
        is_old = time.monotonic() - self._since > OLD_S
        return self.size > FULL_BYTES or (is_old and self.size > 0)

    def sync(self) -> None:
        """Have the disk confirm what was written; a file that was closed has been."""
        with self._turn:
            if self._is_open:
                os.fdatasync(self._handle)

    def close(self) -> None:
        """Have the disk confirm what was written, and let go of the file."""
        self.sync()
        with self._turn:
            self._is_open = False
            os.close(self._handle)


def spool_files(folder: Path) -> list[Path]:
    """The files of a spool, oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def _size(path: Path) -> int:
    """Bytes of a file; none if it was taken away meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)


def _tell(tasks: Iterable[_Task], name: str, value: bool) -> None:
    """Set a future of each task's receipt, in the event loop that waits for it."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[bool]]] = {}
    for task in tasks:
        if task.receipt is not None:
            future: asyncio.Future[bool] = getattr(task.receipt, name)
            loops.setdefault(future.get_loop(), []).append(future)
    for loop, futures in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_set, futures, value)


def _set(futures: Iterable[asyncio.Future[bool]], value: bool) -> None:
    for future in futures:
        if not future.done():
            future.set_result(value)
