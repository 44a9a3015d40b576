"""Coming and going: sign in, sign out, follow an invitation, one's own password and tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from tunewell.errors import UserError
from tunewell.people import Account, Session
from tunewell.people.accounts import SESSION_S
from tunewell.web.access import COOKIE, EVERYBODY, Allow, AllowChange, Refused, room_of, session_of
from tunewell.web.mail import address
from tunewell.web.render import page

router = APIRouter(include_in_schema=False)
GUEST_S = 7 * 24 * 3600.0


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""


@router.get("/login")
def login_page(request: Request, next: str = "/") -> Response:
    """Ask for name and password."""
    if session_of(request):
        return RedirectResponse(safe_path(next), 303)
    return page(
        request,
        "login.html",
        next=safe_path(next),
        name="",
        problem="",
        sso=room_of(request).sso is not None,
    )


@router.post("/login")
def login(
    request: Request,
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Check name and password; the same answer whether the name or the password is wrong."""
    accounts = room_of(request).accounts
    try:
        account = accounts.check(name, password, address=address_of(request))
    except UserError as error:
        accounts.log("", "sign-in refused", name[:128], why=error.message)
        problem = f"{error.message}: {error.hint}"
        return page(
            request,
            "login.html",
            status=429,
            next=safe_path(next),
            name=name,
            problem=problem,
            sso=room_of(request).sso is not None,
        )
    if account is None:
        accounts.log("", "sign-in failed", name[:128])
        problem = "Name and password do not match."
        return page(
            request,
            "login.html",
            status=403,
            next=safe_path(next),
            name=name,
            problem=problem,
            sso=room_of(request).sso is not None,
        )
    accounts.log(account.name, "sign-in")
    return enter(request, account, safe_path(next))


@router.post("/logout")
def logout(
    request: Request, session: Annotated[Session, Depends(AllowChange(*EVERYBODY))]
) -> Response:
    """End the session."""
    accounts = room_of(request).accounts
    accounts.sign_out(request.cookies.get(COOKIE, ""))
    accounts.log(session.account.name, "sign-out")
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, path="/")
    return response


@router.get("/join/{token}")
def join_page(request: Request, token: str) -> Response:
    """Ask an invited person for a name and a password."""
    invitation = room_of(request).accounts.invitation(token)
    if invitation is None:
        raise Refused(404, "this link has been used or has run out", hint="ask for a new one")
    return page(request, "join.html", invitation=invitation, token=token, name="", problem="")


@router.post("/join/{token}")
def join(
    request: Request,
    token: str,
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Make the account of an invitation and sign it in."""
    room = room_of(request)
    try:
        account, invitation = room.accounts.accept(token, name, password=password)
    except UserError as error:
        open_still = room.accounts.invitation(token)
        if open_still is None:
            raise Refused(404, error.message, hint=error.hint) from None
        return page(
            request,
            "join.html",
            status=400,
            invitation=open_still,
            token=token,
            name=name,
            problem=error.message,
        )
    room.accounts.log(account.name, "joined", account.role, by=invitation.author)
    if invitation.batch:
        batch = room.book.batch(invitation.batch)
        if batch and batch.status == "open":
            seats = room.book.share(batch, [account.id])
            room.accounts.log(account.name, "seats given", batch.id, seats=seats)
    return enter(request, account, "/")


@router.get("/account")
def account_page(
    request: Request, session: Annotated[Session, Depends(Allow(*EVERYBODY))]
) -> Response:
    """One's own password and tokens."""
    return _account(request, session)


@router.post("/account/password")
def change_password(
    request: Request,
    session: Annotated[Session, Depends(AllowChange("owner", "engineer", "expert", "agent"))],
    old: Annotated[str, Form(max_length=1000)] = "",
    new: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Replace one's password; all sessions end, this one begins anew."""
    accounts = room_of(request).accounts
    try:
        if accounts.check(session.account.name, old, address=address_of(request)) is None:
            raise UserError("the old password is not right")
        accounts.set_password(session.account.id, new)
    except UserError as error:
        return _account(request, session, problem=error.message, status=400)
    accounts.log(session.account.name, "password changed")
    return enter(request, session.account, "/account")


@router.post("/account/email")
def change_email(
    request: Request,
    session: Annotated[Session, Depends(AllowChange(*EVERYBODY))],
    email: Annotated[str, Form(max_length=320)] = "",
) -> Response:
    """Say where notices of work go."""
    accounts = room_of(request).accounts
    try:
        accounts.set_email(session.account.id, address(email))
    except UserError as error:
        return _account(request, session, problem=error.message, status=400)
    accounts.log(session.account.name, "address changed")
    return RedirectResponse("/account", 303)


@router.post("/account/tokens")
def make_token(
    request: Request,
    session: Annotated[Session, Depends(AllowChange("owner", "engineer"))],
    name: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Make a token for the API and show it this once."""
    accounts = room_of(request).accounts
    try:
        token = accounts.make_token(session.account, name=name)
    except UserError as error:
        return _account(request, session, problem=error.message, status=400)
    accounts.log(session.account.name, "token made", name[:100])
    return _account(request, session, token=token)


@router.post("/account/tokens/revoke")
def revoke_token(
    request: Request,
    session: Annotated[Session, Depends(AllowChange("owner", "engineer"))],
    name: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Revoke one's tokens of a name."""
    accounts = room_of(request).accounts
    count = accounts.revoke(session.account.id, name)
    accounts.log(session.account.name, "token revoked", name[:100], count=count)
    return RedirectResponse("/account", 303)


def _account(
    request: Request, session: Session, *, problem: str = "", token: str = "", status: int = 200
) -> Response:
    room = room_of(request)
    tokens = room.accounts.tokens(session.account.id)
    email = room.accounts.addresses().get(session.account.id, "")
    return page(
        request,
        "account.html",
        session,
        status=status,
        problem=problem,
        token=token,
        tokens=tokens,
        mail=room.mail is not None,
        email=email,
        sso=room.sso is not None,
    )


def enter(request: Request, account: Account, target: str) -> Response:
    """Start a session and go to a path of ours."""
    room = room_of(request)
    lasts_s = GUEST_S if account.role == "guest" else SESSION_S
    token = room.accounts.sign_in(account, lasts_s=lasts_s)
    response = RedirectResponse(target, 303)
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(lasts_s),
        path="/",
        httponly=True,
        samesite="lax",
        secure=room.secure,
    )
    return response


def safe_path(target: str) -> str:
    r"""A path of ours, never another site.

    Example:
        >>> safe_path("/work/1"), safe_path("//evil.example"), safe_path("https://evil.example"), safe_path("/\\evil")
        ('/work/1', '/', '/', '/')
    """
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain and "\\" not in target else "/"
