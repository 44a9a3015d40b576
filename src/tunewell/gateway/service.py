"""The gateway of a project, and the process beside it that knows the database.

The process that answers requests opens no database: it writes to the spool, and reads the state
that `tending` keeps in a file. So it starts and goes on while the database is away, and what is
carried over costs its event loop nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from tunewell.checks.personal.recogniser import load_recogniser
from tunewell.errors import StoreError
from tunewell.gateway.app import Gateway
from tunewell.gateway.draw import Hasher
from tunewell.gateway.masking import masker
from tunewell.gateway.places import gateway_folder, salt, spool_folder
from tunewell.gateway.settings import gateway_settings
from tunewell.gateway.spool import Spool
from tunewell.gateway.state import GatewayState, kept_state
from tunewell.task import TaskFile

SWITCH_S = 0.0005
"""How long a thread may keep the interpreter while another waits: the writer masks texts while the
event loop has answers to pass on."""

FIRST_STATE_S = 20.0
RESTART_S = 5.0
STOP_S = 30.0
URL_VARIABLE = "TUNEWELL_DATABASE_URL"

TENDING = "tunewell.tending"
"""Module of the process beside the gateway: it knows the tests on traffic too, which no module of
the gateway may."""


class GatewayService:
    """A gateway of a project, ready to be served.

    Args:
        file: The project's definition.
        url: Of the database; SQLite in the project if empty.
        told: Called with a line when something needs attention.

    Attributes:
        app: The ASGI application.

    Raises:
        UserError: The definition has no gateway.
        StoreError: The database is away and no state was kept to start with.
    """

    def __init__(
        self, file: TaskFile, *, url: str = "", told: Callable[[str], None] = lambda line: None
    ) -> None:
        settings = gateway_settings(file)
        self._told = told
        self._folder = gateway_folder(file.root)
        self._tender = Tender(file.path, url=url, told=told)
        self._tender.start()
        try:
            state = self._first_state()
        except BaseException:
            self._tender.stop()
            raise
        recogniser = load_recogniser(file.spec.rules.recogniser, str(file.root))
        spool = Spool(
            spool_folder(file.root),
            mask=masker(recogniser, wanted=settings.mask),
            most_bytes=int(settings.spool_mb * 1_000_000),
        )
        self.app = Gateway(
            settings,
            spool,
            Hasher(salt(self._folder)),
            state=state,
            reload=lambda: kept_state(self._folder) or state,
        )
        sys.setswitchinterval(SWITCH_S)

    def _first_state(self) -> GatewayState:
        """The state as the database has it, or the kept one while that is away."""
        self._tender.ready.wait(FIRST_STATE_S)
        state = kept_state(self._folder)
        if state is None:
            raise StoreError(
                "the database cannot be reached, and this gateway has never been started with it",
                hint="start the database, or check TUNEWELL_DATABASE_URL",
            )
        return state

    def stop(self) -> None:
        """Carry over what is left, as far as the database lets us."""
        self._tender.stop()


class Tender:
    """Keeps the process of `tunewell.tending` running.

    Args:
        definition: The project's ``tunewell.yaml``.
        url: Of the database.
        told: Called with each line that the process says.
    """

    def __init__(
        self,
        definition: Path,
        *,
        url: str,
        told: Callable[[str], None],
    ) -> None:
        self.ready = threading.Event()
        self._command = [sys.executable, "-m", TENDING, str(definition)]
        self._environment = {**os.environ, URL_VARIABLE: url}
        self._told = told
        self._stopping = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._keeping = threading.Thread(target=self._keep, name="gateway-tender", daemon=True)

    def start(self) -> None:
        """Start the process."""
        self._keeping.start()

    def stop(self) -> None:
        """Let it finish what it does, and end it."""
        self._stopping.set()
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
        self._keeping.join(STOP_S)
        if process is not None and process.poll() is None:
            process.kill()

    def _keep(self) -> None:
        while not self._stopping.is_set():
            self._run_once()
            if not self._stopping.is_set():
                self._told("the process that writes records to the database ended; restarting it")
                self._stopping.wait(RESTART_S)

    def _run_once(self) -> None:
        # Its standard input closes when this process ends, however it ends.
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            text=True,
        )
        if self._process.stdout is not None:
            for line in self._process.stdout:
                self._hear(line.rstrip("\n"))
        self._process.wait()

    def _hear(self, line: str) -> None:
        if line == "ready":
            self.ready.set()
        else:
            self._told(line)
