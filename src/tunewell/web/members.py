"""For owners: who may sign in, invitations, and the audit log."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from tunewell.people import ROLES, Account, AccountRole, Session
from tunewell.people.accounts import LONGEST_EMAIL
from tunewell.web.access import Owner, OwnerForm, Refused
from tunewell.web.context import AppContext, context_of
from tunewell.web.log_names import names_in
from tunewell.web.mail import address
from tunewell.web.render import page

router = APIRouter(include_in_schema=False)

IdField = Annotated[str, Form(max_length=32)]

GLANCE_S = 0.5
"""How long a page waits to say whether a mail server took a message; it goes on without."""

LINES = 100
"""Lines of the log on one page."""

INVITATION = """\
{author} invites you to {project}.

{link}

The link is valid for seven days.
"""


@router.get("/people")
def people_page(request: Request, session: Owner) -> Response:
    """Who may sign in."""
    return _people(request, session)


def _people(
    request: Request,
    session: Session,
    *,
    link: str = "",
    role: str = "",
    sent: str = "",
) -> Response:
    context = context_of(request)
    return page(
        request,
        "people.html",
        session,
        people=context.accounts.all(),
        roles=ROLES,
        link=link,
        role=role,
        sent=sent,
        mail=context.mail is not None,
        open_links=context.invitations.open(),
        day=_day,
    )


def _day(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M")


@router.post("/people/invitations/revoke")
def revoke_link(request: Request, session: OwnerForm, id: IdField) -> Response:
    """End an open invitation, whoever made it."""
    context = context_of(request)
    if not context.invitations.revoke(id):
        raise Refused(404, "this link has been used or has ended", hint="/people")
    context.audit.add(session.account.name, "invitation revoked", id)
    return RedirectResponse("/people", 303)


@router.post("/people/invite")
def invite(
    request: Request,
    session: OwnerForm,
    role: Annotated[str, Form()],
    email: Annotated[str, Form(max_length=LONGEST_EMAIL)] = "",
) -> Response:
    """A link that makes one account, sent to an address if there is one."""
    context = context_of(request)
    invited = _role(role)
    to = address(email)
    secret = context.invitations.make(invited, author=session.account)
    context.audit.add(session.account.name, "invited", role, to=to)
    link = context.link(request, f"/join/{secret}")
    return _people(
        request,
        session,
        link=link,
        role=role,
        sent=_send(context, to, session.account.shown, link),
    )


def _role(name: str) -> AccountRole:
    for role in ROLES:
        if role == name:
            return role
    raise Refused(404, f"there is no role {name!r}", hint="/people")


def _send(
    context: AppContext,
    to: str,
    author: str,
    link: str,
) -> str:
    """Send an invitation, and say what became of it; empty if there is nothing to send it with."""
    if not to or context.mail is None:
        return ""
    project = context.file.spec.task.name
    text = INVITATION.format(author=author, project=project, link=link)
    outcome = context.post(to, f"Invitation to {project}", text, subject=to)
    if outcome is None:
        return f"It cannot be sent to {to}: too many messages are waiting."
    try:
        why = outcome.result(timeout=GLANCE_S)
    except TimeoutError:
        return f"It is being sent to {to}; the audit log says what becomes of it."
    return f"It could not be sent to {to}: {why}" if why else f"It was sent to {to}."


@router.post("/people/{account}")
def change_person(
    request: Request,
    account: str,
    session: OwnerForm,
    role: Annotated[str, Form()] = "",
    active: Annotated[str, Form()] = "",
) -> Response:
    """Another role, locked out, or let in again; the last owner cannot lock out everybody."""
    context = context_of(request)
    person = context.accounts.by_id(account)
    if person is None or active not in ("", "yes", "no"):
        raise Refused(404, "there is no such account", hint="/people")

    new_role = _role(role) if role else person.role
    stays_owner = new_role == "owner" and active != "no"
    if _is_last_owner(context, person) and not stays_owner:
        raise Refused(
            403,
            "the project needs at least one owner",
            hint="invite another owner first",
        )
    if role:
        context.accounts.set_role(person.id, new_role)
    if active:
        context.accounts.set_active(person.id, active == "yes")
    context.audit.add(
        session.account.name,
        "account changed",
        person.name,
        role=role,
        active=active,
    )
    return RedirectResponse("/people", 303)


def _is_last_owner(context: AppContext, person: Account) -> bool:
    owners = []
    for account in context.accounts.all():
        if account.role == "owner" and account.active:
            owners.append(account.id)
    return owners == [person.id]


@router.get("/audit")
def audit_page(
    request: Request, session: Owner, before: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0
) -> Response:
    """What everybody did, newest first."""
    context = context_of(request)
    lines = context.audit.lines(limit=LINES, before=before)
    return page(
        request,
        "audit.html",
        session,
        lines=lines,
        called_so=names_in(context, lines),
        has_more=len(lines) == LINES,
        before=before,
    )
