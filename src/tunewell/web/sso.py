"""Signing in with an issuer: there, back, and connecting an account that exists."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from tunewell.errors import UserError
from tunewell.people import Account, Session
from tunewell.web.access import EVERYBODY, AllowChange, Refused, Room, room_of, session_of
from tunewell.web.oidc import ATTEMPT_S, Identity, OpenID
from tunewell.web.render import page
from tunewell.web.sign_in import enter, safe_path

router = APIRouter(include_in_schema=False)
STATE = "tunewell_sso"


def _issuer(room: Room) -> OpenID:
    if room.sso is None:
        raise Refused(404, "signing in with an issuer is not set up here", hint="/login")
    return room.sso


@router.get("/sso")
def begin(request: Request, next: str = "/") -> Response:
    """Send the browser to the issuer."""
    room = room_of(request)
    url, state = _issuer(room).begin(room.link(request, "/sso/callback"), target=safe_path(next))
    return _keep(room, RedirectResponse(url, 303), state)


@router.post("/account/sso")
def connect(
    request: Request, session: Annotated[Session, Depends(AllowChange(*EVERYBODY))]
) -> Response:
    """Begin to connect one's account; a link goes on, since a form may not lead elsewhere."""
    room = room_of(request)
    url, state = _issuer(room).begin(
        room.link(request, "/sso/callback"), target="/account", link=session.account.id
    )
    return _keep(room, page(request, "connect.html", session, url=url), state)


@router.get("/sso/callback")
def back(request: Request) -> Response:
    """Who came back: their account, a new one where first-comers have a role, or a refusal that says why."""
    room = room_of(request)
    sso = _issuer(room)
    try:
        who = sso.finish(dict(request.query_params), request.cookies.get(STATE, ""))
        account = _connected(request, sso, who) if who.link else _known(room, sso, who)
    except UserError as error:
        room.accounts.log("", "sign-in refused", why=error.message)
        raise Refused(403, error.message, hint=error.hint) from None
    room.accounts.log(
        account.name, "account connected" if who.link else "sign-in", issuer=sso.issuer.url
    )
    response = enter(request, account, safe_path(who.target))
    response.delete_cookie(STATE, path="/sso")
    return response


def _connected(request: Request, sso: OpenID, who: Identity) -> Account:
    session = session_of(request)
    if session is None or session.account.id != who.link:
        raise UserError(
            "you are not signed in any more as who began to connect",
            hint="sign in and connect again",
        )
    if not sso.connect(who.subject, who.link) and sso.account_of(who.subject) != who.link:
        raise UserError("this sign-in opens another account already")
    return session.account


def _known(room: Room, sso: OpenID, who: Identity) -> Account:
    name = sso.account_of(who.subject)
    account = room.accounts.account(name) if name else None
    if account is None and name is None and sso.issuer.role is not None:
        account = _first(room, who, sso)
    if account is None or not account.active:
        raise UserError(
            "you have no account here",
            hint="ask the owner of this project for a link, then connect it",
        )
    return account


def _first(room: Room, who: Identity, sso: OpenID) -> Account:
    assert sso.issuer.role is not None
    for attempt in range(20):
        try:
            account = room.accounts.create(
                f"{who.name} {attempt + 1}" if attempt else who.name, role=sso.issuer.role
            )
        except UserError as error:
            if "taken" not in error.message:
                raise
            continue
        sso.connect(who.subject, account.id)
        return account
    raise UserError("your name is taken here", hint="ask the owner of this project for a link")


def _keep(room: Room, response: Response, state: str) -> Response:
    """Tie the sign-in to this browser.

    The cookie comes back from the issuer's site, hence not strict.
    """
    response.set_cookie(
        STATE,
        state,
        max_age=int(ATTEMPT_S),
        path="/sso",
        httponly=True,
        samesite="lax",
        secure=room.secure,
    )
    return response
