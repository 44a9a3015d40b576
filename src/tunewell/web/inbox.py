"""The inbox of agents: questions to answer, each with its time. Nothing tells what becomes of them.

An agent sees neither another answer nor that answers are compared.
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from tunewell.compare import ComparisonBook, Inbox
from tunewell.compare.inbox import MOST_ANSWER
from tunewell.errors import StoreError, UserError
from tunewell.people import Session
from tunewell.web.access import Allow, AllowChange
from tunewell.web.context import context_of
from tunewell.web.render import page

router = APIRouter(include_in_schema=False)

Agent = Annotated[Session, Depends(Allow("agent"))]
AgentForm = Annotated[Session, Depends(AllowChange("agent"))]


@router.get("/inbox")
def inbox_page(request: Request, session: Agent) -> Response:
    """What I have to answer, the most urgent first."""
    return _inbox(request, session)


def _inbox(
    request: Request,
    session: Session,
    *,
    problem: str = "",
    written: tuple[str, str] = ("", ""),
) -> Response:
    found = Inbox(ComparisonBook(context_of(request).store)).open_for(session.account.id)
    now = dt.datetime.now(dt.UTC)
    return page(
        request,
        "inbox.html",
        session,
        status=400 if problem else 200,
        requests=[(question, _left(question.due - now)) for question in found],
        keys={question.id: secrets.token_hex(16) for question in found},
        most=MOST_ANSWER,
        problem=problem,
        written=dict([written]),
    )


def _left(time: dt.timedelta) -> str:
    """How long there is, in words."""
    minutes = max(0, int(time.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min left"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest:02} min left"
    return f"{hours // 24} days left"


@router.post("/inbox/{name}")
def answer_form(
    request: Request,
    name: str,
    session: AgentForm,
    text: Annotated[str, Form(max_length=4 * MOST_ANSWER)],
    key: Annotated[str, Form(pattern=r"^[A-Za-z0-9._-]{1,64}$")],
) -> Response:
    """Take an answer."""
    try:
        Inbox(ComparisonBook(context_of(request).store)).answer(
            name, session.account.id, text, key=key
        )
    except StoreError:
        raise
    except UserError as error:
        return _inbox(request, session, problem=error.message, written=(name, text))
    return RedirectResponse("/inbox", 303)
