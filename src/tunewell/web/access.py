"""Who is asking, and whether they may."""

from __future__ import annotations

import hmac
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Form, Request

from tunewell.people import ROLES, AccountRole, Session
from tunewell.web.context import PER_MINUTE, context_of
from tunewell.web.refused import Refused

__all__ = [
    "COOKIE",
    "Adjudicator",
    "AdjudicatorForm",
    "Allow",
    "AllowChange",
    "ApiAllow",
    "ApiMaker",
    "ApiOwner",
    "ApiUser",
    "Maker",
    "MakerForm",
    "Owner",
    "OwnerForm",
    "Refused",
    "SignedIn",
    "SignedInForm",
    "session_of",
]

COOKIE = "tunewell"
EVERYBODY: tuple[AccountRole, ...] = tuple(ROLES)


def session_of(request: Request) -> Session | None:
    """Who is signed in by cookie."""
    secret = request.cookies.get(COOKIE, "")
    if not secret:
        return None
    return context_of(request).sessions.find(secret)


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
            raise Refused(403, f"your role ({session.account.role}) may not open this page")
        return session


class AllowChange(Allow):
    """As `Allow`, for forms that change something: they carry the session's own token."""

    def __call__(self, request: Request, csrf: Annotated[str, Form()] = "") -> Session:
        """The session of who asks.

        Raises:
            Refused: Nobody is signed in, with another role, or the form did not come from our page.
        """
        session = super().__call__(request)
        if not _equal(csrf, session.csrf):
            raise Refused(
                403,
                "this form did not come from a page of your session",
                hint="reload the page",
            )
        return session


class ApiAllow(Allow):
    """As `Allow`, for the API: a token, or the cookie with the header ``X-CSRF`` for changes."""

    def __call__(self, request: Request) -> Session:
        """The session of who asks.

        Raises:
            Refused: No valid token or session, another role, or too many calls.
        """
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and secret:
            session = context_of(request).tokens.find(secret.strip())
        else:
            session = self._by_cookie(request)

        if session is None:
            raise Refused(401, "no valid token or session", hint="Authorization: Bearer tw_…")
        account = session.account
        if account.role not in self.roles:
            raise Refused(403, f"your role ({account.role}) may not do this")
        if context_of(request).too_fast(account.id):
            raise Refused(429, f"more than {PER_MINUTE} calls a minute", hint="wait a minute")
        return session

    @staticmethod
    def _by_cookie(request: Request) -> Session | None:
        session = session_of(request)
        if session is None or request.method in ("GET", "HEAD"):
            return session
        if not _equal(request.headers.get("x-csrf", ""), session.csrf):
            raise Refused(
                403,
                "the header X-CSRF is missing or wrong",
                hint="use a token of the API",
            )
        return session


def _equal(sent: str, kept: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell how far they are."""
    return hmac.compare_digest(sent.encode("utf-8", "replace"), kept.encode())


SignedIn = Annotated[Session, Depends(Allow(*EVERYBODY))]
SignedInForm = Annotated[Session, Depends(AllowChange(*EVERYBODY))]
Adjudicator = Annotated[Session, Depends(Allow("owner", "engineer", "expert"))]
AdjudicatorForm = Annotated[Session, Depends(AllowChange("owner", "engineer", "expert"))]
Maker = Annotated[Session, Depends(Allow("owner", "engineer"))]
MakerForm = Annotated[Session, Depends(AllowChange("owner", "engineer"))]
Owner = Annotated[Session, Depends(Allow("owner"))]
OwnerForm = Annotated[Session, Depends(AllowChange("owner"))]

ApiUser = Annotated[Session, Depends(ApiAllow(*EVERYBODY))]
ApiMaker = Annotated[Session, Depends(ApiAllow("owner", "engineer"))]
ApiOwner = Annotated[Session, Depends(ApiAllow("owner"))]
