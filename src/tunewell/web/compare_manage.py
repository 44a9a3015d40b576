"""For makers: set a comparison up, sign it, see what it says while it runs (owners alone)."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from tunewell.annotate import rows_of
from tunewell.compare import (
    AskedQuestion,
    BlindComparison,
    ComparisonDesign,
    ComparisonResult,
    Inbox,
    analyse,
    close_and_record,
    prepared_questions,
    sign_and_open,
    style_of_pairs,
)
from tunewell.compare.versions import arm_version
from tunewell.errors import StoreError, UserError
from tunewell.people import Session
from tunewell.people.compared import SIGNED
from tunewell.store import Store
from tunewell.web.access import Maker, MakerForm, Owner, OwnerForm, Refused
from tunewell.web.compare_chart import trajectory
from tunewell.web.compare_rate import book_of
from tunewell.web.context import AppContext, context_of
from tunewell.web.render import page

router = APIRouter(include_in_schema=False)

KINDS = {
    "tuned": "the newest tuned model",
    "production": "the model in production",
    "base": "the base model",
    "prompted": "the base model with its best prompt",
    "endpoint": "a model at an address",
    "human": "people (agents answer in their inbox)",
}


@router.get("/comparisons/new")
def new_page(request: Request, session: Maker) -> Response:
    """The form for a new comparison."""
    return _new(request, session, {})


def _new(
    request: Request,
    session: Session,
    given: dict[str, Any],
    *,
    error: UserError | None = None,
) -> Response:
    accounts = [a for a in context_of(request).accounts.all() if a.active]
    return page(
        request,
        "compare_new.html",
        session,
        status=400 if error else 200,
        kinds=KINDS,
        people=[a for a in accounts if a.role != "agent"],
        agents=[a for a in accounts if a.role == "agent"],
        given=given,
        problem=error.message if error else "",
        hint=error.hint if error else "",
    )


@router.post("/comparisons/new")
def new_comparison(
    request: Request,
    session: MakerForm,
    name: Annotated[str, Form(max_length=64)],
    first: Annotated[str, Form(max_length=20)],
    second: Annotated[str, Form(max_length=20)],
    each: Annotated[int, Form(ge=1, le=5_000)],
    win_rate: Annotated[float, Form(gt=50, lt=100)] = 65,
    icc: Annotated[float, Form(ge=0, le=1)] = 0.2,
    questions: Annotated[str, Form(max_length=10)] = "prepared",
    due_hours: Annotated[float, Form(gt=0, le=10_000)] = 48,
    about: Annotated[str, Form(max_length=500)] = "",
    url: Annotated[str, Form(max_length=500)] = "",
    model: Annotated[str, Form(max_length=200)] = "",
    raters: Annotated[list[str] | None, Form()] = None,
    agents: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Draft a comparison."""
    context = context_of(request)
    people = raters or []
    given: dict[str, Any] = {
        "name": name.strip(),
        "arms": [_arm(kind, model, url) for kind in (first, second)],
        "each": each,
        "raters": max(1, len(people)),
        "win_rate": win_rate / 100,
        "icc": icc,
        "questions": questions,
        "due_hours": due_hours,
        "seed": secrets.randbelow(2**31),
    }
    if about.strip():
        given["about"] = about.strip()
    try:
        design = design_of(given)
        comparison = draft_comparison(context, session, design, people, agents or [])
    except StoreError:
        raise
    except UserError as error:
        shown = given | {"first": first, "second": second, "url": url, "model": model}
        shown |= {"people": people, "agents": agents or []}
        return _new(request, session, shown, error=error)
    return RedirectResponse(f"/comparisons/{comparison.design.name}", 303)


def _arm(kind: str, model: str, url: str) -> dict[str, str]:
    arm = {"name": kind, "kind": kind}
    if kind == "endpoint":
        arm |= {"model": model.strip(), "url": url.strip()}
    return arm


def design_of(given: dict[str, Any]) -> ComparisonDesign:
    """A design from what a form or a program sent.

    Raises:
        UserError: It is none; all faults in one sentence.
    """
    try:
        return ComparisonDesign.model_validate(given)
    except ValidationError as error:
        raise UserError(faults_of(error)) from error


def faults_of(error: ValidationError) -> str:
    """What is wrong with a design, in words."""
    found = []
    for fault in error.errors():
        place = ".".join(str(part) for part in fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        found.append(f"{place}: {message}" if place else message)
    return "; ".join(found)


def draft_comparison(
    context: AppContext,
    session: Session,
    design: ComparisonDesign,
    raters: list[str],
    agents: list[str],
) -> BlindComparison:
    """Write a draft with its prepared questions; models answer by ``tunewell compare answer``.

    Raises:
        UserError: People or questions are missing.
    """
    if any(arm.kind == "answers" for arm in design.arms):
        raise UserError(
            "a file of answers is read on the machine of the project",
            hint="tunewell compare open --help",
        )
    active = {a.id: a for a in context.accounts.all() if a.active}
    for account in [*raters, *agents]:
        if account not in active:
            raise UserError("somebody who was chosen has no account")
    if any(active[account].role != "agent" for account in agents):
        raise UserError("only accounts with the role agent answer questions")
    if any(active[account].role == "agent" for account in raters):
        raise UserError("accounts with the role agent do not rate")
    design = _with_versions(context.store, design)
    drawn: list[AskedQuestion] = []
    if design.questions == "prepared":
        pool, families = rows_of(context.store, "review")
        slices = [part.field for part in context.file.spec.slices]
        drawn = prepared_questions(
            pool, families, slices=slices, count=design.each, seed=design.seed
        )
    comparison = book_of(context).draft(
        design,
        author=session.account.name,
        raters=raters,
        agents=agents,
        questions=drawn,
    )
    context.audit.add(session.account.name, "comparison drafted", design.name)
    return comparison


def _with_versions(store: Store, design: ComparisonDesign) -> ComparisonDesign:
    """The design with the versions that stand behind its arms now."""
    arms = []
    for arm in design.arms:
        version = arm_version(store, arm.kind)
        arms.append(arm.model_copy(update={"version": version}))
    return design.model_copy(update={"arms": tuple(arms)})


@router.get("/comparisons/{name}")
def design_page(request: Request, name: str, session: Maker) -> Response:
    """A design as it is or was signed, and how far the ratings are."""
    return _design(request, name, session)


def _design(
    request: Request,
    name: str,
    session: Session,
    *,
    error: UserError | None = None,
) -> Response:
    context = context_of(request)
    book = book_of(context)
    comparison = known_comparison(context, name)
    pairs = book.pairs(comparison)
    signed = context.store.said(SIGNED, subject=comparison.design.name)
    return page(
        request,
        "compare_design.html",
        session,
        status=400 if error else 200,
        comparison=comparison,
        design=comparison.design,
        plan=comparison.design.plan(),
        signed=signed[-1] if signed else None,
        progress=book.progress(comparison),
        lacking=book.missing_answers(comparison),
        style=style_of_pairs(pairs, seed=comparison.design.seed),
        names=names_of(context),
        handling=Inbox(book).times(comparison),
        may_read=may_read(comparison, session),
        problem=error.message if error else "",
        hint=error.hint if error else "",
    )


def names_of(context: AppContext) -> dict[str, str]:
    """What accounts are called, by id."""
    return {account.id: account.shown for account in context.accounts.all()}


def known_comparison(context: AppContext, name: str) -> BlindComparison:
    """A comparison by its name.

    Raises:
        Refused: 404.
    """
    try:
        return book_of(context).named(name)
    except StoreError:
        raise
    except UserError as error:
        raise Refused(404, "there is no such comparison", hint="/compare") from error


def may_read(comparison: BlindComparison, session: Session) -> bool:
    """Whether somebody may see what a comparison says: the owner, unless still rating in it."""
    rates = session.account.id in comparison.raters
    return session.account.role == "owner" and not (rates and comparison.status == "open")


@router.post("/comparisons/{name}/sign")
def sign(request: Request, name: str, session: OwnerForm) -> Response:
    """Fix the design and open the comparison."""
    context = context_of(request)
    comparison = known_comparison(context, name)
    try:
        sign_and_open(book_of(context), comparison, author=session.account.name)
    except StoreError:
        raise
    except UserError as error:
        return _design(request, name, session, error=error)
    context.audit.add(session.account.name, "comparison signed", name)
    return RedirectResponse(f"/comparisons/{name}", 303)


@router.post("/comparisons/{name}/close")
def close(request: Request, name: str, session: OwnerForm) -> Response:
    """Take no more ratings; gates read the outcome from now on."""
    context = context_of(request)
    comparison = known_comparison(context, name)
    close_and_record(book_of(context), comparison, author=session.account.name)
    context.audit.add(session.account.name, "comparison closed", name)
    return RedirectResponse(f"/comparisons/{name}/result", 303)


@router.get("/comparisons/{name}/result")
def result_page(request: Request, name: str, session: Owner) -> Response:
    """What a comparison says now, for its owner."""
    context = context_of(request)
    comparison = known_comparison(context, name)
    result = read_result(context, comparison, session)
    return page(
        request,
        "compare_result.html",
        session,
        comparison=comparison,
        result=result,
        chart=trajectory(result.looks, result.planned),
        names=names_of(context),
    )


def read_result(
    context: AppContext, comparison: BlindComparison, session: Session
) -> ComparisonResult:
    """The result, for whoever may see it.

    Raises:
        Refused: 403, they still rate; 404, nothing was rated yet.
    """
    if not may_read(comparison, session):
        raise Refused(403, "you rate in this comparison: its result is shown when it is closed")
    if comparison.status == "draft":
        raise Refused(404, "this comparison is not signed yet", hint="/compare")
    book = book_of(context)
    Inbox(book).expire()
    return analyse(book, comparison)
