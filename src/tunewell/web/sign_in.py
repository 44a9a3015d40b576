"""Sign in, sign out, follow an invitation, change one's own password, address and tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from tunewell.errors import StoreError, UserError
from tunewell.people import Account, Batch, Session
from tunewell.people.accounts import LONGEST_EMAIL
from tunewell.people.sessions import SESSION_S
from tunewell.web.access import (
    COOKIE,
    AllowChange,
    MakerForm,
    Refused,
    SignedIn,
    SignedInForm,
    session_of,
)
from tunewell.web.context import AppContext, context_of
from tunewell.web.mail import address
from tunewell.web.render import page

router = APIRouter(include_in_schema=False)

GUEST_S = 7 * 24 * 3600.0

NameField = Annotated[str, Form(max_length=200)]
PasswordField = Annotated[str, Form(max_length=1000)]
HasPassword = Annotated[Session, Depends(AllowChange("owner", "engineer", "expert", "agent"))]


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""


@router.get("/login")
def login_page(request: Request, next: str = "/") -> Response:
    """Ask for name and password."""
    if session_of(request):
        return RedirectResponse(safe_path(next), 303)
    return _login(request, next)


def _login(
    request: Request,
    next: str,
    *,
    name: str = "",
    problem: str = "",
    status: int = 200,
) -> Response:
    return page(
        request,
        "login.html",
        status=status,
        next=safe_path(next),
        name=name,
        problem=problem,
        sso=context_of(request).sso is not None,
    )


@router.post("/login")
async def login(
    request: Request,
    name: NameField = "",
    password: PasswordField = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Check name and password; the same answer whether the name or the password is wrong."""
    context = context_of(request)
    line = context.sign_in_line
    address = address_of(request)
    try:
        account = await line.check(name, password, address=address)
    except StoreError:
        raise
    except UserError as error:
        why = error.message
        await line.aside(lambda: _log_failure(context, address, name, why))
        problem = f"{error.message}: {error.hint}" if error.hint else error.message
        return _login(request, next, name=name, problem=problem, status=429)
    except Refused as refusal:
        problem = f"{refusal.message}: {refusal.hint}"
        return _login(request, next, name=name, problem=problem, status=refusal.status)

    if account is None:
        await line.aside(lambda: _log_failure(context, address, name, ""))
        problem = "Name and password do not match."
        return _login(request, next, name=name, problem=problem, status=403)
    return await line.aside(lambda: _signed_in(request, account, next))


def _signed_in(request: Request, account: Account, next: str) -> Response:
    context_of(request).audit.add(account.name, "sign-in")
    return enter(request, account, safe_path(next))


def _log_failure(context: AppContext, address: str, name: str, why: str) -> None:
    """Write a failed sign-in into the log, unless this address has filled its share of it."""
    count = context.failure_log.count(address)
    if not count:
        return
    more = {"count": count} if count > 1 else {}
    if why:
        context.audit.add("", "sign-in refused", name[:128], why=why, **more)
    else:
        context.audit.add("", "sign-in failed", name[:128], **more)


@router.post("/logout")
def logout(request: Request, session: SignedInForm) -> Response:
    """End the session."""
    context = context_of(request)
    context.sessions.end(request.cookies.get(COOKIE, ""))
    context.audit.add(session.account.name, "sign-out")
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, path="/")
    return response


@router.get("/join/{token}")
def join_page(request: Request, token: str) -> Response:
    """Ask an invited person for a name and a password."""
    return _join(request, token)


def _join(
    request: Request,
    token: str,
    *,
    name: str = "",
    problem: str = "",
    status: int = 200,
) -> Response:
    invitation = context_of(request).invitations.find(token)
    if invitation is None:
        raise Refused(404, "this link has been used or has expired", hint="ask for a new one")
    return page(
        request,
        "join.html",
        status=status,
        invitation=invitation,
        token=token,
        name=name,
        problem=problem,
    )


@router.post("/join/{token}")
def join(
    request: Request,
    token: str,
    name: NameField = "",
    password: PasswordField = "",
) -> Response:
    """Make the account of an invitation and sign it in."""
    context = context_of(request)
    try:
        account, invitation = context.invitations.accept(token, name, password=password)
    except StoreError:
        raise
    except UserError as error:
        return _join(request, token, name=name, problem=error.message, status=400)

    context.audit.add(account.name, "joined", account.role, by=invitation.author)
    batch = context.work_store.batch(invitation.batch) if invitation.batch else None
    if batch is not None and batch.status == "open":
        _assign(context, batch, account)
    return enter(request, account, "/")


def _assign(context: AppContext, batch: Batch, account: Account) -> None:
    seats = context.work_store.share(batch, [account.id])
    context.audit.add(account.name, "items assigned", batch.id, seats=seats)


@router.get("/account")
def account_page(request: Request, session: SignedIn) -> Response:
    """One's own password, address and tokens."""
    return _account(request, session)


def _account(
    request: Request,
    session: Session,
    *,
    problem: str = "",
    token: str = "",
) -> Response:
    context = context_of(request)
    me = session.account.id
    return page(
        request,
        "account.html",
        session,
        status=400 if problem else 200,
        problem=problem,
        token=token,
        tokens=context.tokens.names(me),
        mail=context.mail is not None,
        email=context.accounts.emails().get(me, ""),
        sso=context.sso is not None,
        open_links=context.invitations.open(me),
    )


@router.post("/account/invitations/revoke")
def revoke_own_link(
    request: Request,
    session: MakerForm,
    id: Annotated[str, Form(max_length=32)],
) -> Response:
    """End an open invitation that one has made."""
    context = context_of(request)
    if not context.invitations.revoke(id, author_id=session.account.id):
        raise Refused(404, "this link has been used or has ended", hint="/account")
    context.audit.add(session.account.name, "invitation revoked", id)
    return RedirectResponse("/account", 303)


@router.post("/account/password")
def change_password(
    request: Request,
    session: HasPassword,
    old: PasswordField = "",
    new: PasswordField = "",
) -> Response:
    """Replace one's password; all sessions end, this one begins anew."""
    context = context_of(request)
    me = session.account
    try:
        if context.passwords.check(me.name, old, address=address_of(request)) is None:
            raise UserError("the old password is wrong")
        context.accounts.set_password(me.id, new)
    except StoreError:
        raise
    except UserError as error:
        return _account(request, session, problem=error.message)
    context.audit.add(me.name, "password changed")
    return enter(request, me, "/account")


@router.post("/account/email")
def change_email(
    request: Request,
    session: SignedInForm,
    email: Annotated[str, Form(max_length=LONGEST_EMAIL)] = "",
) -> Response:
    """Change where notices of work go."""
    context = context_of(request)
    try:
        context.accounts.set_email(session.account.id, address(email))
    except StoreError:
        raise
    except UserError as error:
        return _account(request, session, problem=error.message)
    context.audit.add(session.account.name, "address changed")
    return RedirectResponse("/account", 303)


@router.post("/account/tokens")
def make_token(
    request: Request,
    session: MakerForm,
    name: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Make a token for the API and show it this once."""
    context = context_of(request)
    try:
        token = context.tokens.make(session.account, name=name)
    except StoreError:
        raise
    except UserError as error:
        return _account(request, session, problem=error.message)
    context.audit.add(session.account.name, "token made", name[:100])
    return _account(request, session, token=token)


@router.post("/account/tokens/revoke")
def revoke_token(
    request: Request,
    session: MakerForm,
    name: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Revoke one's tokens of a name."""
    context = context_of(request)
    count = context.tokens.revoke(session.account.id, name)
    context.audit.add(session.account.name, "token revoked", name[:100], count=count)
    return RedirectResponse("/account", 303)


def enter(request: Request, account: Account, target: str) -> Response:
    """Start a session and go to a path of ours."""
    context = context_of(request)
    lasts_s = GUEST_S if account.role == "guest" else SESSION_S
    response = RedirectResponse(target, 303)
    response.set_cookie(
        COOKIE,
        context.sessions.start(account, lasts_s=lasts_s),
        max_age=int(lasts_s),
        path="/",
        httponly=True,
        samesite="lax",
        secure=context.secure,
    )
    return response


def safe_path(target: str) -> str:
    r"""A path of ours, never another site.

    Example:
        >>> safe_path("/work/1"), safe_path("//evil.example"), safe_path("https://evil.example")
        ('/work/1', '/', '/')
        >>> safe_path("/\\evil")
        '/'
    """
    is_path = target.startswith("/") and not target.startswith("//")
    if is_path and target.isprintable() and "\\" not in target:
        return target
    return "/"
