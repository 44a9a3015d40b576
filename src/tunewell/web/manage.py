"""For owners and engineers: batches, who works on them, and their results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, get_args

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from tunewell.annotate import AnnotationPlan, open_annotation, queue_rows, rows_of
from tunewell.errors import StoreError, UserError
from tunewell.people import Batch, Session, reopen_sign_offs, sign_offs
from tunewell.people.adjudicators import ADJUDICATE
from tunewell.people.seat_counts import Tally
from tunewell.people.work import AnnotatedPart
from tunewell.project import Project
from tunewell.review import (
    PanelPlan,
    ReviewPlan,
    arms_of,
    evaluated,
    low_rated,
    near_rows,
    newest_evaluation,
    open_review,
    plan_panel,
)
from tunewell.web.access import Maker, MakerForm, Refused
from tunewell.web.blind import must_wait, refuse_blind
from tunewell.web.context import AppContext, context_of
from tunewell.web.notices import notify
from tunewell.web.render import page

router = APIRouter(include_in_schema=False)

MOST_SIGNED = 200
"""Sign-offs on one page; the API gives all of them."""

PARTS: dict[str, AnnotatedPart] = {part: part for part in get_args(AnnotatedPart)}


def known_batch(context: AppContext, batch_id: str) -> Batch:
    """A batch by its id.

    Raises:
        Refused: 404.
    """
    batch = context.work_store.batch(batch_id)
    if batch is None:
        raise Refused(404, "there is no such batch", hint="/batches")
    return batch


# --- all batches --------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReviewOffer:
    """What the form for a new review offers.

    Attributes:
        plan: How many rows and people would settle the gates; None if no review can be opened.
        arms: The arms to review unless others are chosen.
        all_arms: Every arm with outputs.
        why: Why no review can be opened.
    """

    plan: PanelPlan | None = None
    arms: Sequence[str] = ()
    all_arms: Sequence[str] = ()
    why: str = ""

    @classmethod
    def of(cls, context: AppContext) -> ReviewOffer:
        """From the newest evaluation of the project."""
        spec = context.file.spec
        try:
            evaluation = evaluated(context.store)
            return cls(
                plan=plan_panel(spec, available=len(evaluation.rows)),
                arms=arms_of(spec, evaluation.arms),
                all_arms=evaluation.arms,
            )
        except StoreError:
            raise
        except UserError as error:
            return cls(why=error.message)


@router.get("/batches")
def batches_page(request: Request, session: Maker) -> Response:
    """All batches, and the forms for new ones."""
    context = context_of(request)
    reopen_sign_offs(Project(context.file, context.store))
    return _batches(request, session)


def _batches(
    request: Request,
    session: Session,
    *,
    error: UserError | None = None,
) -> Response:
    context = context_of(request)
    tallies = context.work_store.tallies()
    rows = []
    for batch in context.work_store.batches():
        rows.append((batch, tallies.get(batch.id, Tally())))

    offer = ReviewOffer.of(context)
    return page(
        request,
        "batches.html",
        session,
        status=400 if error else 200,
        rows=rows,
        problem=error.message if error else "",
        hint=error.hint if error else "",
        plan=offer.plan,
        why=offer.why,
        fault=context.definition_fault,
        arms=offer.arms,
        all_arms=offer.all_arms,
        spec=context.file.spec,
        people=workers(context),
    )


def workers(context: AppContext) -> list[tuple[str, str, str]]:
    """Id, name and role of everybody who may be given work."""
    found: list[tuple[str, str, str]] = []
    for account in context.accounts.all():
        if account.active:
            found.append((account.id, account.shown, account.role))
    return found


@router.post("/batches/review")
def new_review(
    request: Request,
    session: MakerForm,
    rows: Annotated[int, Form(ge=1, le=100_000)],
    raters: Annotated[int, Form(ge=1, le=50)],
    title: Annotated[str, Form(max_length=200)] = "",
    arms: Annotated[list[str] | None, Form()] = None,
    people: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Open a review of outputs."""
    context = context_of(request)
    try:
        evaluation, examples = newest_evaluation(context.store)
        plan = ReviewPlan(
            author=session.account.name,
            rows=rows,
            raters=raters,
            arms=arms or arms_of(context.file.spec, evaluation.arms),
            title=title.strip(),
        )
        batch = open_review(Project(context.file, context.store), evaluation, examples, plan)
    except StoreError:
        raise
    except UserError as error:
        return _batches(request, session, error=error)
    return _opened(request, session, batch, people or [])


@router.post("/batches/annotate")
def new_annotation(
    request: Request,
    session: MakerForm,
    rows: Annotated[int, Form(ge=1, le=100_000)],
    raters: Annotated[int, Form(ge=1, le=50)],
    part: Annotated[str, Form()] = "review",
    title: Annotated[str, Form(max_length=200)] = "",
    gold: Annotated[bool, Form()] = False,
    suggest: Annotated[bool, Form()] = False,
    people: Annotated[list[str] | None, Form()] = None,
    adjudicators: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Open an annotation of texts."""
    context = context_of(request)
    if part not in PARTS:
        raise Refused(404, f"there is no part {part!r}", hint="/batches")
    try:
        examples, families = rows_of(context.store, PARTS[part])
        plan = AnnotationPlan(
            author=session.account.name,
            rows=rows,
            raters=raters,
            part=PARTS[part],
            answers=gold,
            suggest=suggest,
            title=title.strip(),
            adjudicators=adjudicators or [],
        )
        batch = open_annotation(
            Project(context.file, context.store), examples, plan, families=families
        )
    except StoreError:
        raise
    except UserError as error:
        return _batches(request, session, error=error)
    return _opened(request, session, batch, people or [])


def _opened(
    request: Request,
    session: Session,
    batch: Batch,
    people: Sequence[str],
) -> Response:
    """Assign a new batch to people and go to its page."""
    context = context_of(request)
    items = _assign(request, batch, people)
    context.audit.add(
        session.account.name,
        "batch opened",
        batch.id,
        kind=batch.kind,
        title=batch.title,
        seats=items,
    )
    return _to_batch(batch)


def _assign(request: Request, batch: Batch, people: Sequence[str]) -> int:
    """Share what lacks people out among these, tell them, and give how many seats they got."""
    context = context_of(request)
    before = context.work_store.seats(batch.id)
    active = {account.id for account in context.accounts.all() if account.active}
    chosen = [person for person in people if person in active]
    seats = context.work_store.share(batch, chosen)
    notify(context, request, batch, before)
    return seats


def _to_batch(batch: Batch) -> Response:
    return RedirectResponse(f"/batches/{batch.id}", 303)


# --- one batch ----------------------------------------------------------------------------------


@router.get("/batches/{name}")
def results_page(request: Request, name: str, session: Maker) -> Response:
    """What a batch says so far."""
    return show_batch(request, name, session)


def show_batch(
    request: Request,
    name: str,
    session: Session,
    *,
    link: str = "",
    error: UserError | None = None,
) -> Response:
    """The page of a batch: results for those who may see them now, and who works on it."""
    context = context_of(request)
    batch = known_batch(context, name)
    common = {
        "batch": batch,
        "names": {account.id: account.shown for account in context.accounts.all()},
        "people": workers(context),
        "link": link,
        "seats": context.work_store.seats(name),
        "deciders": _deciders(context),
        "problem": error.message if error else "",
        "hint": error.hint if error else "",
    }
    status = 400 if error else 200
    left = must_wait(context, session, batch)
    if left:
        return page(request, "blind.html", session, status=status, left=left, **common)
    found = context.results.of(batch)
    signed = sign_offs(context.work_store, batch) if batch.signed else []
    return page(
        request,
        "results.html" if batch.kind == "review" else "annotated.html",
        session,
        status=status,
        result=found.result,
        behind=found.behind,
        signed=signed[-MOST_SIGNED:],
        **common,
    )


def _deciders(context: AppContext) -> list[tuple[str, str, str]]:
    """Those who may decide where annotators disagree."""
    return [person for person in workers(context) if person[2] in ADJUDICATE]


@router.post("/batches/{name}/share")
def share(
    request: Request,
    name: str,
    session: MakerForm,
    people: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Assign the items that still lack people."""
    context = context_of(request)
    batch = known_batch(context, name)
    seats = _assign(request, batch, people or [])
    context.audit.add(session.account.name, "items assigned", batch.id, seats=seats)
    return _to_batch(batch)


@router.post("/batches/{name}/release")
def release(
    request: Request,
    name: str,
    session: MakerForm,
    account: Annotated[str, Form()],
) -> Response:
    """Take somebody's open items, so that they can be assigned to others."""
    context = context_of(request)
    batch = known_batch(context, name)
    seats = context.work_store.release(batch.id, account)
    context.audit.add(
        session.account.name,
        "items unassigned",
        batch.id,
        person=account,
        seats=seats,
    )
    return _to_batch(batch)


@router.post("/batches/{name}/nearest")
def queue_nearest(request: Request, name: str, session: MakerForm) -> Response:
    """Queue the training rows nearest to what was rated low and not corrected."""
    context = context_of(request)
    batch = known_batch(context, name)
    refuse_blind(context, session, batch)
    low = low_rated(context.work_store, batch) if batch.kind == "review" else []
    training, families = rows_of(context.store, "train")
    near = near_rows(low, [(example.id, example.input) for example in training])
    queued = queue_rows(
        Project(context.file, context.store),
        training,
        near,
        author=session.account.name,
        families=families,
    )
    if queued is None:
        raise UserError(
            "no training row is similar to the outputs rated low, or all that are wait for people"
        )
    return _opened(request, session, queued, [])


@router.post("/batches/{name}/status")
def status(
    request: Request,
    name: str,
    session: MakerForm,
    to: Annotated[str, Form()],
) -> Response:
    """Close a batch or open it again."""
    context = context_of(request)
    batch = known_batch(context, name)
    if to not in ("open", "closed"):
        raise Refused(404, f"there is no status {to!r}", hint="/batches")
    context.work_store.set_status(batch.id, to)
    context.audit.add(session.account.name, f"batch {to}", batch.id)
    return _to_batch(batch)


@router.post("/batches/{name}/invite")
def invite_to(request: Request, name: str, session: MakerForm) -> Response:
    """A link for one guest who is given work in this batch."""
    context = context_of(request)
    batch = known_batch(context, name)
    secret = context.invitations.make("guest", author=session.account, batch=batch.id)
    context.audit.add(session.account.name, "invited", "guest", batch=batch.id)
    link = context.link(request, f"/join/{secret}")
    return show_batch(request, name, session, link=link)
