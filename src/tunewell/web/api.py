"""Everything that the pages do with work and verdicts, as JSON: ``/api/v1``, described by ``/api/openapi.json``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field

from tunewell.people import (
    Account,
    AccountRole,
    Batch,
    Item,
    Mark,
    Queue,
    Said,
    Session,
    SignOff,
    judgements,
    sign_offs,
)
from tunewell.types import Judgement, Value
from tunewell.web.access import EVERYBODY, ApiAllow, Refused, room_of


class ErrorBody(Value):
    """What went wrong: the HTTP status, one sentence, and what to do."""

    code: int
    message: str
    hint: str = ""


class Problem(Value):
    """The one shape of every error."""

    error: ErrorBody


class QueueOut(Value):
    """What is before me in one batch."""

    batch: str
    title: str
    kind: str
    left: int
    done: int
    minutes: float


class ItemOut(Value):
    """An item as its rater sees it: nothing in it tells which model wrote the output."""

    id: str
    batch: str
    source: str
    output: str
    marks: tuple[Mark, ...] = ()


class NewVerdict(Value):
    """A person's word on an item.

    Attributes:
        key: Chosen by the sender; the same key again gives back what was written then.
        item: Id of the item.
        seconds: How long it was in front of the person.
        version: Of the questions that were on the page; if they have changed since, the verdict is
            refused.
        said: The content.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    key: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    item: str = Field(pattern=r"^[0-9a-f]{32}$")
    seconds: float = Field(default=0.0, ge=0, le=86_400, allow_inf_nan=False)
    version: str = Field(default="", max_length=64)
    said: Said


class VerdictReceipt(Value):
    """A verdict that was taken down: ``new`` is false if the key was known already."""

    number: int
    key: str
    new: bool
    version: str


class NewInvitation(Value):
    """Who is to be invited, and to which batch."""

    role: AccountRole
    batch: str = ""


class Link(Value):
    """An invitation's address; shown once."""

    link: str


Worker = Annotated[Session, Depends(ApiAllow(*EVERYBODY))]
Maker = Annotated[Session, Depends(ApiAllow("owner", "engineer"))]
Owner = Annotated[Session, Depends(ApiAllow("owner"))]
Name = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text}
    for status, text in {
        400: "Something does not fit",
        401: "Not signed in",
        403: "Not with this role",
        404: "Nothing here for you",
        413: "Too long",
        422: "Not as described",
        429: "Too fast",
    }.items()
}
router = APIRouter(prefix="/api/v1", responses=ERRORS)


def problem(status: int, message: str, hint: str = "") -> JSONResponse:
    """An error in its one shape."""
    return JSONResponse(
        Problem(error=ErrorBody(code=status, message=message, hint=hint)).model_dump(), status
    )


@router.get("/me")
def me(session: Worker) -> Account:
    """Who I am."""
    return session.account


@router.get("/queues")
def queues(request: Request, session: Worker) -> list[QueueOut]:
    """What is before me, how many are left and how many minutes it takes."""
    return [_queue(q) for q in room_of(request).book.queues(session.account.id)]


def _queue(queue: Queue) -> QueueOut:
    b = queue.batch
    return QueueOut(
        batch=b.id,
        title=b.title,
        kind=b.kind,
        left=queue.left,
        done=queue.done,
        minutes=queue.minutes,
    )


@router.get("/queues/{batch}/items")
def next_items(request: Request, batch: Name, session: Worker) -> list[ItemOut]:
    """My next items in a batch, in my order."""
    book = room_of(request).book
    known = book.batch(batch)
    if known is None or not book.has_seat(batch, session.account.id):
        raise Refused(404, "there is no work of yours here")
    found = book.next_items(batch, session.account.id) if known.status == "open" else []
    return [_item(i) for i in found]


def _item(item: Item) -> ItemOut:
    return ItemOut(
        id=item.id, batch=item.batch, source=item.source, output=item.output, marks=item.marks
    )


@router.get("/queues/{batch}")
def asked(request: Request, batch: Name, session: Worker) -> dict[str, Any]:
    """What is asked in a batch: rubric, labels, guideline and their version."""
    book = room_of(request).book
    known = book.batch(batch)
    makes = session.account.role in ("owner", "engineer")
    if known is None or not (makes or book.has_seat(batch, session.account.id)):
        raise Refused(404, "there is no work of yours here")
    fields = (
        "id",
        "kind",
        "title",
        "about",
        "guideline",
        "rubric",
        "error_tags",
        "span_labels",
        "row_labels",
        "gold",
    )
    dumped = known.model_dump(mode="json")
    return {k: dumped[k] for k in fields} | {"version": known.version}


@router.post("/verdicts")
def write_verdict(request: Request, verdict: NewVerdict, session: Worker) -> VerdictReceipt:
    """Take my word on an item down, once for each key."""
    room = room_of(request)
    found = room.book.before(verdict.item, session.account.id)
    if found is None:
        raise Refused(404, "there is no such item of yours")
    if verdict.version and found[1].signed and verdict.version != found[1].version:
        raise Refused(
            400, "the guideline has changed since this page was loaded", hint="load the page again"
        )
    written, new = room.book.write(
        verdict.said,
        item=found[0],
        batch=found[1],
        account=session.account.id,
        key=verdict.key,
        seconds=verdict.seconds,
        actor=session.account.name,
    )
    return VerdictReceipt(number=written.number, key=written.key, new=new, version=written.version)


@router.get("/verdicts")
def my_verdicts(request: Request, batch: str, session: Worker) -> list[dict[str, Any]]:
    """My own standing verdicts in a batch."""
    found = room_of(request).book.verdicts(batch, account=session.account.id)
    return [v.model_dump(mode="json", exclude={"account"}) for v in found]


@router.get("/batches")
def batches(request: Request, session: Maker) -> list[Batch]:
    """All batches."""
    return room_of(request).book.batches()


@router.get("/batches/{batch}/results")
def results(request: Request, batch: Name, session: Maker) -> dict[str, Any]:
    """What a batch says so far: every figure with its interval."""
    book = room_of(request).book
    known = book.batch(batch)
    if known is None:
        raise Refused(404, "there is no such batch")
    reader = room_of(request).reader
    read = reader.review(known) if known.kind == "review" else reader.annotation(known)
    return read.result.model_dump(mode="json") | {"upto": read.upto, "behind": read.behind}


@router.get("/batches/{batch}/sign-offs")
def signed(request: Request, batch: Name, session: Maker) -> list[SignOff]:
    """Who vouched for what, on which place of the source, under which guideline, and whether it still holds."""
    book = room_of(request).book
    known = book.batch(batch)
    if known is None:
        raise Refused(404, "there is no such batch")
    return sign_offs(book, known)


@router.get("/judgements")
def all_judgements(request: Request, session: Maker) -> list[Judgement]:
    """People's verdicts on outputs, unblinded, as the gates read them."""
    return judgements(room_of(request).store)


@router.post("/invitations")
def invite(request: Request, invitation: NewInvitation, session: Owner) -> Link:
    """A link that makes one account."""
    room = room_of(request)
    if invitation.batch and room.book.batch(invitation.batch) is None:
        raise Refused(404, "there is no such batch")
    token = room.accounts.invite(
        invitation.role, author=session.account.shown, batch=invitation.batch
    )
    room.accounts.log(session.account.name, "invited", invitation.role, batch=invitation.batch)
    return Link(link=room.link(request, f"/join/{token}"))
