"""For owners and engineers: batches and their results, people and invitations, the log."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from tunewell.annotate import (
    AnnotatedPart,
    AnnotationPlan,
    open_annotation,
    queue_rows,
    rows_of,
)
from tunewell.errors import UserError
from tunewell.people import ROLES, AccountRole, Batch, Session, reopen_sign_offs, sign_offs
from tunewell.people.seat_counts import Tally
from tunewell.review import (
    ReviewPlan,
    arms_of,
    evaluated,
    low_rated,
    near_rows,
    newest_evaluation,
    open_review,
    plan_panel,
)
from tunewell.web.access import Allow, AllowChange, Refused, Room, room_of
from tunewell.web.mail import address
from tunewell.web.render import page

router = APIRouter(include_in_schema=False)
Makers = Annotated[Session, Depends(Allow("owner", "engineer"))]
Making = Annotated[Session, Depends(AllowChange("owner", "engineer"))]
Owner = Annotated[Session, Depends(Allow("owner"))]
Owning = Annotated[Session, Depends(AllowChange("owner"))]


MOST_SIGNED = 200
"""Sign-offs on one page; the API gives all of them."""


def known_batch(room: Room, name: str) -> Batch:
    """A batch by its id.

    Raises:
        Refused: 404.
    """
    batch = room.book.batch(name)
    if batch is None:
        raise Refused(404, "there is no such batch", hint="/batches")
    return batch


@router.get("/batches")
def batches_page(request: Request, session: Makers) -> Response:
    """All batches, and the form for a new one."""
    room = room_of(request)
    reopen_sign_offs(room.store, room.file)
    return _batches(request, session)


def _batches(
    request: Request, session: Session, *, problem: str = "", hint: str = "", status: int = 200
) -> Response:
    room = room_of(request)
    tallies = room.book.tallies()
    rows = [(b, tallies.get(b.id, Tally())) for b in room.book.batches()]
    plan = None
    try:
        evaluation = evaluated(room.store)
        plan = plan_panel(room.file.spec, available=len(evaluation.rows))
        arms = arms_of(room.file.spec, evaluation.arms)
        all_arms = evaluation.arms
    except UserError as error:
        why, arms, all_arms = error.message, (), ()
    else:
        why = ""
    return page(
        request,
        "batches.html",
        session,
        status=status,
        rows=rows,
        problem=problem,
        hint=hint,
        plan=plan,
        why=why,
        arms=arms,
        all_arms=all_arms,
        spec=room.file.spec,
        people=_workers(room),
    )


def _workers(room: Room) -> list[tuple[str, str, str]]:
    return [(a.id, a.shown, a.role) for a in room.accounts.accounts() if a.active]


@router.post("/batches/review")
def new_review(
    request: Request,
    session: Making,
    rows: Annotated[int, Form(ge=1, le=100_000)],
    raters: Annotated[int, Form(ge=1, le=50)],
    title: Annotated[str, Form(max_length=200)] = "",
    arms: Annotated[list[str] | None, Form()] = None,
    people: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Lay outputs before people."""
    room = room_of(request)
    try:
        evaluation, examples = newest_evaluation(room.store)
        plan = ReviewPlan(
            author=session.account.name,
            rows=rows,
            raters=raters,
            arms=arms or arms_of(room.file.spec, evaluation.arms),
            title=title.strip(),
        )
        batch = open_review(room.store, room.file, evaluation, examples, plan)
    except UserError as error:
        return _batches(request, session, problem=error.message, hint=error.hint, status=400)
    return _given(request, room, session, batch, people or [])


@router.post("/batches/annotate")
def new_annotation(
    request: Request,
    session: Making,
    rows: Annotated[int, Form(ge=1, le=100_000)],
    raters: Annotated[int, Form(ge=1, le=50)],
    part: Annotated[str, Form()] = "review",
    title: Annotated[str, Form(max_length=200)] = "",
    gold: Annotated[bool, Form()] = False,
    suggest: Annotated[bool, Form()] = False,
    people: Annotated[list[str] | None, Form()] = None,
    adjudicators: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Lay texts before people."""
    room = room_of(request)
    if part not in get_args(AnnotatedPart):
        raise Refused(404, f"there is no part {part!r}", hint="/batches")
    try:
        examples, families = rows_of(room.store, part)  # type: ignore[arg-type]
        plan = AnnotationPlan(
            author=session.account.name,
            rows=rows,
            raters=raters,
            part=part,  # type: ignore[arg-type]
            answers=gold,
            suggest=suggest,
            title=title.strip(),
            adjudicators=adjudicators or [],
        )
        batch = open_annotation(room.store, room.file, examples, plan, families=families)
    except UserError as error:
        return _batches(request, session, problem=error.message, hint=error.hint, status=400)
    return _given(request, room, session, batch, people or [])


def _given(
    request: Request, room: Room, session: Session, batch: Batch, people: list[str]
) -> Response:
    known = {a.id for a in room.accounts.accounts() if a.active}
    seats = room.book.share(batch, [p for p in people if p in known])
    room.notify(request, batch, {})
    room.accounts.log(
        session.account.name,
        "batch opened",
        batch.id,
        kind=batch.kind,
        title=batch.title,
        seats=seats,
    )
    return RedirectResponse(f"/batches/{batch.id}", 303)


@router.get("/batches/{name}")
def results_page(request: Request, name: str, session: Makers) -> Response:
    """What a batch says so far."""
    return _results(request, name, session)


def _results(request: Request, name: str, session: Session, *, link: str = "") -> Response:
    room = room_of(request)
    batch = known_batch(room, name)
    names = {a.id: a.shown for a in room.accounts.accounts()}
    common: dict[str, Any] = {
        "batch": batch,
        "names": names,
        "people": _workers(room),
        "link": link,
        "totals": room.book.tallies().get(name, Tally()),
        "seats": room.book.seats(name),
    }
    common["signed"] = sign_offs(room.book, batch)[-MOST_SIGNED:] if batch.signed else []
    template = "results.html" if batch.kind == "review" else "annotated.html"
    read = room.reader.review(batch) if batch.kind == "review" else room.reader.annotation(batch)
    return page(request, template, session, result=read.result, behind=read.behind, **common)


@router.post("/batches/{name}/share")
def share(
    request: Request, name: str, session: Making, people: Annotated[list[str] | None, Form()] = None
) -> Response:
    """Give what still needs people to these."""
    room = room_of(request)
    return _given_more(request, room, session, known_batch(room, name), people or [])


def _given_more(
    request: Request, room: Room, session: Session, batch: Batch, people: list[str]
) -> Response:
    known = {a.id for a in room.accounts.accounts() if a.active}
    before = room.book.seats(batch.id)
    seats = room.book.share(batch, [p for p in people if p in known])
    room.notify(request, batch, before)
    room.accounts.log(session.account.name, "seats given", batch.id, seats=seats)
    return RedirectResponse(f"/batches/{batch.id}", 303)


@router.post("/batches/{name}/release")
def release(
    request: Request, name: str, session: Making, account: Annotated[str, Form()]
) -> Response:
    """Take somebody's open seats, so that they can be given to others."""
    room = room_of(request)
    batch = known_batch(room, name)
    seats = room.book.release(batch.id, account)
    room.accounts.log(session.account.name, "seats taken", batch.id, person=account, seats=seats)
    return RedirectResponse(f"/batches/{batch.id}", 303)


@router.post("/batches/{name}/nearest")
def queue_nearest(request: Request, name: str, session: Making) -> Response:
    """Queue the training rows nearest to what was rated low and not corrected."""
    room = room_of(request)
    batch = known_batch(room, name)
    low = low_rated(room.book, batch) if batch.kind == "review" else []
    training, families = rows_of(room.store, "train")
    names = near_rows(low, [(e.id, e.input) for e in training])
    made = queue_rows(
        room.store, room.file, training, names, author=session.account.name, families=families
    )
    if made is None:
        raise UserError(
            "no training row is near what was rated low, or all of them wait for people already"
        )
    return _given(request, room, session, made, [])


@router.post("/batches/{name}/status")
def status(request: Request, name: str, session: Making, to: Annotated[str, Form()]) -> Response:
    """Close a batch or open it again."""
    room = room_of(request)
    batch = known_batch(room, name)
    if to not in ("open", "closed"):
        raise Refused(404, f"there is no status {to!r}", hint="/batches")
    room.book.set_status(batch.id, to)
    room.accounts.log(session.account.name, f"batch {to}", batch.id)
    return RedirectResponse(f"/batches/{batch.id}", 303)


@router.post("/batches/{name}/invite")
def invite_to(request: Request, name: str, session: Making) -> Response:
    """A link for one guest who is given work in this batch."""
    room = room_of(request)
    batch = known_batch(room, name)
    token = room.accounts.invite("guest", author=session.account.shown, batch=batch.id)
    room.accounts.log(session.account.name, "invited", "guest", batch=batch.id)
    return _results(request, name, session, link=room.link(request, f"/join/{token}"))


@router.get("/people")
def people_page(request: Request, session: Owner) -> Response:
    """Who may enter."""
    return _people(request, session)


def _people(
    request: Request, session: Session, *, link: str = "", role: str = "", sent: str = ""
) -> Response:
    room = room_of(request)
    return page(
        request,
        "people.html",
        session,
        people=room.accounts.accounts(),
        roles=ROLES,
        link=link,
        role=role,
        sent=sent,
        mail=room.mail is not None,
    )


@router.post("/people/invite")
def invite(
    request: Request,
    session: Owning,
    role: Annotated[str, Form()],
    email: Annotated[str, Form(max_length=320)] = "",
) -> Response:
    """A link that makes one account, sent to an address if there is one."""
    room = room_of(request)
    if role not in ROLES:
        raise Refused(404, f"there is no role {role!r}", hint="/people")
    to = address(email)
    token = room.accounts.invite(role, author=session.account.shown)
    room.accounts.log(session.account.name, "invited", role, to=to)
    link = room.link(request, f"/join/{token}")
    sent = ""
    if to and room.mail is not None:
        name = room.file.spec.task.name
        text = f"{session.account.shown} invites you to {name}.\n\n{link}\n\nIt holds for seven days.\n"
        why = room.mail.send(to, f"Invitation to {name}", text)
        sent = f"It could not be sent to {to}: {why}" if why else f"It was sent to {to}."
    return _people(request, session, link=link, role=role, sent=sent)


@router.post("/people/{account}")
def change_person(
    request: Request,
    account: str,
    session: Owning,
    role: Annotated[str, Form()] = "",
    active: Annotated[str, Form()] = "",
) -> Response:
    """Another role, locked out, or let in again; the last owner cannot lock out everybody."""
    room = room_of(request)
    person = room.accounts.account(account)
    if person is None or (role and role not in ROLES) or active not in ("", "yes", "no"):
        raise Refused(404, "there is nobody of this name", hint="/people")
    owners = [a for a in room.accounts.accounts() if a.role == "owner" and a.active]
    if [a.id for a in owners] == [person.id] and (active == "no" or role not in ("", "owner")):
        raise Refused(403, "somebody has to stay owner", hint="invite another owner first")
    chosen: AccountRole | None = role or None
    room.accounts.change(person.id, role=chosen, active=None if not active else active == "yes")
    room.accounts.log(
        session.account.name, "account changed", person.name, role=role, active=active
    )
    return RedirectResponse("/people", 303)


@router.get("/audit")
def audit_page(request: Request, session: Owner, before: int = 0) -> Response:
    """What everybody did, newest first."""
    lines = room_of(request).accounts.audit_log(limit=100, before=before)
    return page(request, "audit.html", session, lines=lines, before=before)
