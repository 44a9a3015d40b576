"""The process beside a gateway: from the spool to the database, files of days, old rows, the state.

``python -m tunewell.gateway.tending tunewell.yaml`` runs until its standard input is closed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tunewell.errors import StoreError
from tunewell.gateway.archive import archive_days, remove_old
from tunewell.gateway.control import read_state
from tunewell.gateway.drain import TakenUp, take_up
from tunewell.gateway.places import gateway_folder, spool_folder
from tunewell.gateway.state import keep_state, kept_state
from tunewell.store import Store
from tunewell.task import TaskFile, load_task

EVERY_S = 1.0
TEND_EVERY_S = 600.0
GUARD_EVERY_S = 30.0
GUARD_SHARE = 0.05
"""Of the time that the guard may take: it reads every request of a test, and records wait."""

Guard = Callable[[Store, TaskFile], str]
"""Looks at the test that is running; what there is to say of it, empty if nothing."""


def main(definition: Path, *, guard: Guard | None = None) -> None:
    """Tend the gateway of a project until standard input is closed.

    Args:
        definition: The project's ``tunewell.yaml``.
        guard: Stops a test on traffic that does harm.
    """
    # Ctrl-C goes to the gateway too, which closes our standard input when it has finished.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    file = load_task(definition)
    stopping = threading.Event()
    threading.Thread(target=_watch_input, args=(stopping,), daemon=True).start()
    tending = _Tending(file, url=os.environ.get("TUNEWELL_DATABASE_URL", ""), guard=guard)
    while not stopping.is_set():
        tending.once()
        stopping.wait(EVERY_S)
    tending.once()


class _Tending:
    def __init__(self, file: TaskFile, *, url: str, guard: Guard | None) -> None:
        self._file = file
        self._root = file.root
        self._url = url
        self._keep_days = file.spec.gateway.keep_days if file.spec.gateway else 0
        self._guard = guard
        self._store: Store | None = None
        self._tended = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._guard_next = 0.0
        self._is_away = False
        self._is_ready = False

    def once(self) -> None:
        """Do what is to be done; what the database does not let us do waits."""
        try:
            self._do(self._open())
        except StoreError as error:
            if not self._is_away:
                _say(
                    f"the database cannot be reached; the spool keeps the records: {error.message}"
                )
            self._is_away = True
        else:
            if self._is_away:
                _say("the database can be reached again and has the records of the spool")
            self._is_away = False
        if not self._is_ready:
            _say("ready")
        self._is_ready = True

    def _open(self) -> Store:
        if self._store is None:
            self._store = Store(self._root, url=self._url)
        return self._store

    def _do(self, store: Store) -> None:
        folder = gateway_folder(self._root)
        state = read_state(store)
        if state != kept_state(folder):
            keep_state(folder, state)
        take_up(store, spool_folder(self._root))
        now = dt.datetime.now(dt.UTC)
        if (now - self._tended).total_seconds() > TEND_EVERY_S:
            tend_files(store, keep_days=self._keep_days, now=now)
            self._tended = now
        if self._guard and time.monotonic() > self._guard_next:
            self._look_at_test(store, self._guard)

    def _look_at_test(self, store: Store, guard: Guard) -> None:
        began = time.monotonic()
        try:
            said = guard(store, self._file)
        except StoreError:
            raise
        except Exception as error:
            # Whatever is wrong with a test, records are still carried over.
            said = f"the experiment cannot be read ({type(error).__name__}): {error}"
        if said:
            _say(said)
        took_s = time.monotonic() - began
        self._guard_next = time.monotonic() + max(GUARD_EVERY_S, took_s / GUARD_SHARE)


def tend_files(store: Store, *, keep_days: int, now: dt.datetime) -> None:
    """Write the files of days that are over, and remove what is older than it may be."""
    archive_days(store, today=now.date())
    if keep_days:
        remove_old(store, before=now.date() - dt.timedelta(days=keep_days))


def drain_project(store: Store, project: Path) -> TakenUp:
    """Carry over what gateways that were killed have left."""
    return take_up(store, spool_folder(project))


def _say(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _watch_input(stopping: threading.Event) -> None:
    sys.stdin.read()
    stopping.set()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
