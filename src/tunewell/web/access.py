"""What every page needs: the project, who is asking, and whether they may."""

from __future__ import annotations

import hmac
import secrets
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, cast
from urllib.parse import quote

from fastapi import Form, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tunewell.people import AccountRole, Accounts, Batch, Book, Session
from tunewell.people.accounts import ROLES
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.web.mail import Mailer
from tunewell.web.oidc import OpenID
from tunewell.web.results_cache import Reader

COOKIE = "tunewell"
EVERYBODY: tuple[AccountRole, ...] = tuple(ROLES)
PER_MINUTE = 600
"""Requests to the API that one account may make in a minute, per process."""


@dataclass
class Room:
    """One project's room for people.

    Attributes:
        file: The definition.
        store: Of the project.
        secure: Whether cookies are sent over HTTPS only.
        public: Address that links are made with, without a slash at the end.
        mail: Sends links and notices of work; None = links are copied by hand.
        sso: The issuer that people may sign in with; None = by password only.
    """

    file: TaskFile
    store: Store
    secure: bool = False
    public: str = ""
    mail: Mailer | None = None
    sso: OpenID | None = None
    _calls: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def __post_init__(self) -> None:
        self.accounts = Accounts(self.store)
        self.book = Book(self.store)
        self.reader = Reader(self.book)
        self.pages = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.version = secrets.token_hex(4)

    def too_fast(self, account: str) -> bool:
        """Count a call of the API and say whether it is one too many."""
        now = time.monotonic()
        calls = self._calls[account]
        while calls and calls[0] < now - 60:
            calls.popleft()
        calls.append(now)
        return len(calls) > PER_MINUTE

    def notify(self, request: Request, batch: Batch, before: dict[str, dict[str, int]]) -> int:
        """Write to everybody who has more to do in a batch than before and has left an address.

        How many were sent.
        """
        if self.mail is None:
            return 0
        sent = 0
        addresses = self.accounts.addresses()
        for account, seats in self.book.seats(batch.id).items():
            more = seats["open"] - before.get(account, {}).get("open", 0)
            if more <= 0 or account not in addresses:
                continue
            minutes = seats["open"] * self.book.pace(batch, account)
            text = (
                f"{batch.title}: {seats['open']} are left for you, about {max(1, round(minutes))} minutes.\n\n"
                f"{self.link(request, f'/work/{batch.id}')}\n\nYou can stop at any time; what you said is kept.\n"
            )
            why = self.mail.send(addresses[account], f"Work for you: {batch.title}", text)
            self.accounts.log(
                "Tunewell", "mail failed" if why else "mail sent", account, batch=batch.id, why=why
            )
            sent += not why
        return sent

    def link(self, request: Request, path: str) -> str:
        """A whole address for a path of ours."""
        return (self.public or str(request.base_url).rstrip("/")) + path


class Refused(Exception):
    """Who asks may not: 401 (sign in first), 403 (not with this role), 404 (nothing here for you), 429 (too fast)."""

    def __init__(self, status: int, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.hint = status, message, hint


def room_of(request: Request) -> Room:
    """The room that the application serves."""
    return cast(Room, request.app.state.room)


def session_of(request: Request) -> Session | None:
    """Who is signed in by cookie."""
    token = request.cookies.get(COOKIE, "")
    return room_of(request).accounts.session(token) if token else None


class Allow:
    """Lets these roles see a page; others are refused by the server, whatever a page may show."""

    def __init__(self, *roles: AccountRole) -> None:
        self.roles = roles

    def __call__(self, request: Request) -> Session:
        """The session of who asks.

        Raises:
            Refused: Nobody is signed in, or with another role.
        """
        session = session_of(request)
        if session is None:
            raise Refused(401, "please sign in", hint=f"/login?next={quote(request.url.path)}")
        if session.account.role not in self.roles:
            raise Refused(403, f"this page is not for the role {session.account.role}")
        return session


class AllowChange(Allow):
    """As `Allow`, for forms that change something: they carry the session's own token."""

    def __call__(self, request: Request, csrf: Annotated[str, Form()] = "") -> Session:
        """The session of who asks.

        Raises:
            Refused: Nobody is signed in, with another role, or the form did not come from our page.
        """
        session = super().__call__(request)
        if not hmac.compare_digest(csrf.encode(), session.csrf.encode()):
            raise Refused(
                403, "this form was not sent from a page of yours", hint="load the page again"
            )
        return session


class ApiAllow(Allow):
    """As `Allow`, for the API: a token of a machine, or the cookie with the header ``X-CSRF`` for changes."""

    def __call__(self, request: Request) -> Session:
        """The session of who asks.

        Raises:
            Refused: No valid token or session, another role, or too many calls.
        """
        room = room_of(request)
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and token:
            session = room.accounts.by_token(token.strip())
        else:
            session = session_of(request)
            if session and request.method not in ("GET", "HEAD"):
                sent = request.headers.get("x-csrf", "")
                if not hmac.compare_digest(sent.encode("utf-8", "replace"), session.csrf.encode()):
                    raise Refused(
                        403, "the header X-CSRF is missing or wrong", hint="use a token of the API"
                    )
        if session is None:
            raise Refused(401, "no valid token or session", hint="Authorization: Bearer tw_…")
        if session.account.role not in self.roles:
            raise Refused(403, f"not for the role {session.account.role}")
        if room.too_fast(session.account.id):
            raise Refused(429, f"more than {PER_MINUTE} calls a minute", hint="wait a minute")
        return session
