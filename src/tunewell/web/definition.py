"""The definition as people read it, and the signatures under it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from tunewell.errors import StoreError, UserError
from tunewell.people import Session, approvals
from tunewell.people.approvals import approval_history, names_to_sign, sign_definition
from tunewell.task import Gate
from tunewell.web.access import Adjudicator, AdjudicatorForm
from tunewell.web.context import context_of
from tunewell.web.render import page
from tunewell.web.verdict_now import decide_now

router = APIRouter(include_in_schema=False)

MOST_PAST = 50


@router.get("/definition")
def definition_page(request: Request, session: Adjudicator) -> Response:
    """What a good answer is, who has approved it, and the button to approve it."""
    return _definition(request, session)


def _definition(
    request: Request,
    session: Session,
    *,
    error: UserError | None = None,
) -> Response:
    context = context_of(request)
    project = context.project
    found = approvals(project)
    signed = {one.name for one in found.done if one.signed}
    mine = [name for name in names_to_sign(project, session.account) if name not in signed]
    return page(
        request,
        "definition.html",
        session,
        status=400 if error else 200,
        spec=project.spec,
        found=found,
        mine=mine,
        gates=[gate_in_words(gate) for gate in project.spec.gates],
        past=approval_history(context.store)[:MOST_PAST],
        fault=context.definition_fault,
        problem=error.message if error else "",
        hint=error.hint if error else "",
    )


def gate_in_words(gate: Gate) -> str:
    """A condition in one line.

    Example:
        >>> gate_in_words(Gate(metric="right", kind="level", at_least=0.8, people="required"))
        'right of the tuned model at least 0.8 (people judge it)'
        >>> gate_in_words(Gate(metric="right", kind="no_worse", margin=0.05))
        'right not more than 0.05 worse than prompted'
    """
    if gate.kind == "no_worse":
        said = f"{gate.metric} not more than {gate.margin:g} worse than {gate.against}"
    else:
        side = "at most" if gate.at_least is None else "at least"
        limit = gate.at_most if gate.at_least is None else gate.at_least
        who = "of the tuned model" if gate.kind == "level" else f"tuned minus {gate.against}"
        said = f"{gate.metric} {who} {side} {limit:g}"
    if gate.slices:
        said += f", and on every {gate.slices}"
    if gate.people == "required":
        said += " (people judge it)"
    return said


@router.post("/definition/approve")
def approve(
    request: Request,
    session: AdjudicatorForm,
    definition: Annotated[str, Form(max_length=64)],
) -> Response:
    """Sign the definition with the account that is signed in."""
    context = context_of(request)
    try:
        sign_definition(context.project, session.account, definition=definition)
    except StoreError:
        raise
    except UserError as error:
        return _definition(request, session, error=error)
    decide_now(context)
    return RedirectResponse("/definition", 303)
