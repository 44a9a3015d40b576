"""Tests on traffic for makers: what they say now; owners sign, open steps, stop and close them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from tunewell.compare.experiment import close_and_settle, read_experiment
from tunewell.errors import StoreError, UserError
from tunewell.experiments import (
    ExperimentRecord,
    experiment_named,
    experiments,
    open_step,
    sign_experiment,
    stop_experiment,
)
from tunewell.people import Session
from tunewell.web.access import Maker, OwnerForm, Refused
from tunewell.web.context import AppContext, context_of
from tunewell.web.render import page

router = APIRouter(include_in_schema=False)


@router.get("/experiments")
def list_page(request: Request, session: Maker) -> Response:
    """Every test on traffic, the newest first."""
    found = experiments(context_of(request).store)
    return page(request, "experiments.html", session, records=found[::-1])


@router.get("/experiments/{name}")
def result_page(request: Request, name: str, session: Maker) -> Response:
    """What a test says now."""
    return _result(request, name, session)


def _result(
    request: Request, name: str, session: Session, *, error: UserError | None = None
) -> Response:
    context = context_of(request)
    record = _known(context, name)
    result = read_experiment(context.store, record, settings=context.file.spec.gateway)
    span = record.design.outcome.high - record.design.outcome.low
    return page(
        request,
        "experiment.html",
        session,
        status=400 if error else 200,
        record=record,
        design=record.design,
        result=result,
        reach=min(span, 4 * record.design.margin),
        may_change=session.account.role == "owner",
        problem=error.message if error else "",
        hint=error.hint if error else "",
    )


def _known(context: AppContext, name: str) -> ExperimentRecord:
    """A test by its name.

    Raises:
        Refused: 404.
    """
    try:
        return experiment_named(context.store, name)
    except StoreError:
        raise
    except UserError as error:
        raise Refused(404, "there is no such experiment", hint="/experiments") from error


@router.post("/experiments/{name}/{what}")
def change(
    request: Request,
    name: str,
    what: str,
    session: OwnerForm,
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Sign it, open its next step, stop it or close it."""
    context = context_of(request)
    _known(context, name)
    try:
        said = _change(context, name, what, author=session.account.name, reason=reason)
    except StoreError:
        raise
    except Refused:
        raise
    except UserError as error:
        return _result(request, name, session, error=error)
    context.audit.add(session.account.name, said, name)
    return RedirectResponse(f"/experiments/{name}", 303)


def _change(context: AppContext, name: str, what: str, *, author: str, reason: str) -> str:
    """What was done, for the audit log.

    Raises:
        Refused: There is no such change.
        UserError: It is not possible now.
    """
    store = context.store
    if what == "sign":
        sign_experiment(store, name, author=author)
        return "experiment signed"
    if what == "step":
        open_step(store, name, author=author)
        return "experiment step opened"
    if what == "stop":
        stop_experiment(store, name, reason=reason, author=author)
        return "experiment stopped"
    if what == "close":
        close_and_settle(store, name, settings=context.file.spec.gateway, author=author)
        return "experiment closed"
    raise Refused(404, "there is no such page", hint=f"/experiments/{name}")
