"""Single sign-on: to the identity provider and back, and connecting an account that exists."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from tunewell.errors import StoreError, UserError
from tunewell.people import Account
from tunewell.web.access import Refused, SignedInForm, session_of
from tunewell.web.context import AppContext, context_of
from tunewell.web.oidc import ATTEMPT_S, Identity, OpenID
from tunewell.web.render import page
from tunewell.web.sign_in import address_of, enter, safe_path

router = APIRouter(include_in_schema=False)

STATE = "tunewell_sso"

MOST_NAMESAKES = 20
"""How many people of one name may come for the first time; each gets a number."""


def _provider(context: AppContext) -> OpenID:
    if context.sso is None:
        raise Refused(404, "single sign-on is not set up here", hint="/login")
    return context.sso


@router.get("/sso")
def begin(request: Request, next: str = "/") -> Response:
    """Send the browser to the identity provider."""
    context = context_of(request)
    redirect = context.link(request, "/sso/callback")
    url, state = _provider(context).begin(redirect, target=safe_path(next))
    return _keep(context, RedirectResponse(url, 303), state)


@router.post("/account/sso")
def connect(request: Request, session: SignedInForm) -> Response:
    """Begin to connect one's account; a link goes on, since a form may not lead elsewhere."""
    context = context_of(request)
    redirect = context.link(request, "/sso/callback")
    url, state = _provider(context).begin(
        redirect,
        target="/account",
        link=session.account.id,
    )
    return _keep(context, page(request, "connect.html", session, url=url), state)


@router.get("/sso/callback")
def back(request: Request) -> Response:
    """Who came back: their account, a new one for a first-comer, or a refusal that says why."""
    context = context_of(request)
    sso = _provider(context)
    try:
        who = sso.finish(dict(request.query_params), request.cookies.get(STATE, ""))
        if who.link:
            account = _connected(request, sso, who)
        else:
            account = _known(context, sso, who)
    except StoreError:
        raise
    except UserError as error:
        if context.failure_log.count(address_of(request)):
            context.audit.add("", "sign-in refused", why=error.message)
        raise Refused(403, error.message, hint=error.hint) from None

    action = "account connected" if who.link else "sign-in"
    context.audit.add(account.name, action, issuer=sso.issuer.url)
    response = enter(request, account, safe_path(who.target))
    response.delete_cookie(STATE, path="/sso")
    return response


def _connected(request: Request, sso: OpenID, who: Identity) -> Account:
    """The account of who is signed in, now connected to the identity."""
    session = session_of(request)
    if session is None or session.account.id != who.link:
        raise UserError(
            "you are no longer signed in to the account that was to be connected",
            hint="sign in and connect again",
        )
    is_new = sso.connect(who.subject, who.link)
    if not is_new and sso.account_of(who.subject) != who.link:
        raise UserError("this identity is already connected to another account")
    return session.account


def _known(context: AppContext, sso: OpenID, who: Identity) -> Account:
    """The account that an identity opens; a new one where first-comers have a role."""
    account_id = sso.account_of(who.subject)
    if account_id is not None:
        account = context.accounts.by_id(account_id)
    elif sso.issuer.role is not None:
        account = _first(context, who, sso)
    else:
        account = None

    if account is None or not account.active:
        raise UserError(
            "you have no account here",
            hint="ask the owner of this project for a link, then connect it",
        )
    return account


def _first(context: AppContext, who: Identity, sso: OpenID) -> Account:
    """A new account under the first name that is free."""
    assert sso.issuer.role is not None
    for number in range(1, MOST_NAMESAKES + 1):
        name = who.name if number == 1 else f"{who.name} {number}"
        try:
            account = context.accounts.create(name, role=sso.issuer.role)
        except StoreError:
            raise
        except UserError as error:
            if "taken" not in error.message:
                raise
            continue
        sso.connect(who.subject, account.id)
        return account
    raise UserError("your name is taken here", hint="ask the owner of this project for a link")


def _keep(context: AppContext, response: Response, state: str) -> Response:
    """Tie the sign-in to this browser.

    The cookie comes back from the provider's site, hence not strict.
    """
    response.set_cookie(
        STATE,
        state,
        max_age=int(ATTEMPT_S),
        path="/sso",
        httponly=True,
        samesite="lax",
        secure=context.secure,
    )
    return response
