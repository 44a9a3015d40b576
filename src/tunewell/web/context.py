"""What the application knows: the project it serves, and everything that pages read and write."""

from __future__ import annotations

import secrets
import time
from collections import defaultdict, deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tunewell.errors import StoreError, UserError
from tunewell.people import (
    Accounts,
    ApiTokens,
    AuditLog,
    Invitations,
    Passwords,
    Sessions,
    WorkStore,
)
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import TaskFile, load_task
from tunewell.web.mail import MailQueue
from tunewell.web.oidc import OpenID
from tunewell.web.overview import Evaluations
from tunewell.web.results_cache import ResultsCache
from tunewell.web.row_index import RowIndexes
from tunewell.web.sign_in_line import FailureLog, SignInLine

PER_MINUTE = 600
"""Requests to the API that one account may make in a minute, per process."""


@dataclass
class AppContext:
    """One project as the application serves it.

    Attributes:
        loaded: The definition as it was read last.
        store: Of the project.
        secure: Whether cookies are sent over HTTPS only.
        public: Address that links are made with, without a slash at the end.
        mail: Sends links and notices of work; None = links are copied by hand.
        sso: The identity provider that people may sign in with; None = by password only.
    """

    loaded: TaskFile
    store: Store
    secure: bool = False
    public: str = ""
    mail: MailQueue | None = None
    sso: OpenID | None = None
    _calls: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    definition_fault: str = ""
    """What is wrong with the definition as it lies on the disk now; the one before is used."""

    def __post_init__(self) -> None:
        self._stamp = self._stamp_now()
        self.accounts = Accounts(self.store)
        self.passwords = Passwords(self.store)
        self.sign_in_line = SignInLine(self.passwords)
        self.failure_log = FailureLog()
        self.sessions = Sessions(self.store)
        self.tokens = ApiTokens(self.store)
        self.invitations = Invitations(self.store)
        self.audit = AuditLog(self.store)
        self.work_store = WorkStore(self.store)
        self.results = ResultsCache(self.work_store)
        self.evaluations = Evaluations()
        self.rows = RowIndexes()
        self.templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.version = secrets.token_hex(4)

    @property
    def file(self) -> TaskFile:
        """The definition, read again when its file has changed.

        Where that has faults, the definition before goes on being used.
        """
        stamp = self._stamp_now()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self.loaded = load_task(self.loaded.path)
                self.definition_fault = ""
            except StoreError:
                raise
            except UserError as error:
                place = f"{error.place}: " if error.place else ""
                self.definition_fault = f"{place}{error.message}"
        return self.loaded

    def _stamp_now(self) -> tuple[int, int]:
        """Changes when the file of the definition does."""
        try:
            found = self.loaded.path.stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_size

    @property
    def project(self) -> Project:
        """The definition and the store together."""
        return Project(self.file, self.store)

    def too_fast(self, account_id: str) -> bool:
        """Count a call of the API and say whether it is one too many."""
        now = time.monotonic()
        calls = self._calls[account_id]
        while calls and calls[0] < now - 60:
            calls.popleft()
        calls.append(now)
        return len(calls) > PER_MINUTE

    def post(
        self,
        to: str,
        title: str,
        text: str,
        *,
        subject: str,
        **record: str,
    ) -> Future[str] | None:
        """Queue a message; what becomes of it is written into the audit log under ``subject``."""
        if self.mail is None:
            return None

        def sent(why: str) -> None:
            action = "mail failed" if why else "mail sent"
            self.audit.add("Tunewell", action, subject, **record, why=why)

        return self.mail.put(to, title, text, sent=sent)

    def link(self, request: Request, path: str) -> str:
        """A whole address for a path of ours."""
        base = self.public or str(request.base_url).rstrip("/")
        return base + path


def context_of(request: Request) -> AppContext:
    """What the application that answers this request knows."""
    return cast(AppContext, request.app.state.context)
