"""Everything that the pages do with work and verdicts, as JSON.

Under ``/api/v1``, described by ``/api/openapi.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field

from tunewell.people import (
    Account,
    AccountRole,
    Approvals,
    Batch,
    Item,
    Mark,
    Queue,
    Said,
    SignOff,
    approvals,
    judgements,
    sign_offs,
)
from tunewell.people.item_search import ItemPage, ItemQuery, find_items
from tunewell.people.item_story import ItemStory, item_story
from tunewell.people.signed_release import signed_releases
from tunewell.releases import Release
from tunewell.types import Judgement, Value
from tunewell.web.access import ApiMaker, ApiOwner, ApiUser, Refused
from tunewell.web.blind import refuse_any_result, refuse_blind, refuse_final
from tunewell.web.context import AppContext, context_of


class ErrorBody(Value):
    """What went wrong: the HTTP status, one sentence, and what to do."""

    code: int
    message: str
    hint: str = ""


class Problem(Value):
    """The one shape of every error."""

    error: ErrorBody


class QueueOut(Value):
    """What I have to do in one batch."""

    batch: str
    title: str
    kind: str
    left: int
    done: int
    minutes: float

    @classmethod
    def of(cls, queue: Queue) -> QueueOut:
        """A queue as the API gives it."""
        return cls(
            batch=queue.batch.id,
            title=queue.batch.title,
            kind=queue.batch.kind,
            left=queue.left,
            done=queue.done,
            minutes=queue.minutes,
        )


class ItemOut(Value):
    """An item as its rater sees it: nothing in it tells which model wrote the output."""

    id: str
    batch: str
    source: str
    output: str
    per_row: Mapping[str, str] = Field(default_factory=dict)
    marks: tuple[Mark, ...] = ()

    @classmethod
    def of(cls, item: Item) -> ItemOut:
        """An item as the API gives it."""
        return cls(
            id=item.id,
            batch=item.batch,
            source=item.source,
            output=item.output,
            per_row=item.per_row,
            marks=item.marks,
        )


class NewVerdict(Value):
    """A verdict on an item.

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
    """A verdict that was saved: ``new`` is false if the key was known already."""

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


Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]

DESCRIPTIONS = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    408: "Request not complete",
    413: "Request too large",
    415: "Not JSON",
    422: "Not as described",
    429: "Too many requests",
    503: "The store is away: try again",
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text} for status, text in DESCRIPTIONS.items()
}
ASKED = (
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
"""Fields of a batch that whoever works on it may see."""

router = APIRouter(prefix="/api/v1", responses=ERRORS)


def problem(status: int, message: str, hint: str = "") -> JSONResponse:
    """An error in its one shape."""
    body = Problem(error=ErrorBody(code=status, message=message, hint=hint))
    return JSONResponse(body.model_dump(), status)


@router.get("/me")
def me(session: ApiUser) -> Account:
    """Who I am."""
    return session.account


@router.get("/queues")
def queues(request: Request, session: ApiUser) -> list[QueueOut]:
    """What I have to do, how many items are left and how many minutes it takes."""
    work_store = context_of(request).work_store
    return [QueueOut.of(queue) for queue in work_store.queues(session.account.id)]


@router.get("/queues/{batch}/items")
def next_items(request: Request, batch: Id, session: ApiUser) -> list[ItemOut]:
    """My next items in a batch, in my order."""
    work_store = context_of(request).work_store
    known = work_store.batch(batch)
    if known is None or not work_store.has_seat(batch, session.account.id):
        raise _nothing_assigned()
    if known.status != "open":
        return []
    found = work_store.next_items(batch, session.account.id)
    return [ItemOut.of(item) for item in found]


@router.get("/queues/{batch}")
def asked(request: Request, batch: Id, session: ApiUser) -> dict[str, Any]:
    """What is asked in a batch: rubric, labels, guideline and their version."""
    work_store = context_of(request).work_store
    known = work_store.batch(batch)
    is_maker = session.account.role in ("owner", "engineer")
    may_see = is_maker or work_store.has_seat(batch, session.account.id)
    if known is None or not may_see:
        raise _nothing_assigned()
    dumped = known.model_dump(mode="json")
    return {name: dumped[name] for name in ASKED} | {"version": known.version}


def _nothing_assigned() -> Refused:
    return Refused(404, "nothing here is assigned to you")


@router.post("/verdicts")
def write_verdict(
    request: Request,
    verdict: NewVerdict,
    session: ApiUser,
) -> VerdictReceipt:
    """Save my verdict on an item, once for each key."""
    work_store = context_of(request).work_store
    account = session.account
    found = work_store.assigned(verdict.item, account.id)
    if found is None:
        raise Refused(404, "this item is not assigned to you")

    item, batch = found
    if verdict.version and verdict.version != batch.version:
        raise Refused(
            400,
            "the guideline has changed since this page was loaded",
            hint="reload the page",
        )
    refuse_final(context_of(request), session, batch, item)
    written, is_new = work_store.write(
        verdict.said,
        item=item,
        batch=batch,
        account=account.id,
        key=verdict.key,
        seconds=verdict.seconds,
        actor=account.name,
    )
    return VerdictReceipt(
        number=written.number,
        key=written.key,
        new=is_new,
        version=written.version,
    )


@router.get("/verdicts")
def my_verdicts(
    request: Request,
    batch: str,
    session: ApiUser,
) -> list[dict[str, Any]]:
    """My own standing verdicts in a batch."""
    work_store = context_of(request).work_store
    found = work_store.verdicts(batch, account=session.account.id)
    return [verdict.model_dump(mode="json", exclude={"account"}) for verdict in found]


@router.get("/batches")
def batches(request: Request, session: ApiMaker) -> list[Batch]:
    """All batches."""
    return context_of(request).work_store.batches()


@router.get("/batches/{batch}/results")
def results(request: Request, batch: Id, session: ApiMaker) -> dict[str, Any]:
    """What a batch says so far: every figure with its interval."""
    context = context_of(request)
    known = _known_batch(context, batch)
    refuse_blind(context, session, known)
    found = context.results.of(known)
    state = {"upto": found.upto, "behind": found.behind}
    return found.result.model_dump(mode="json") | state


@router.get("/batches/{batch}/items")
def all_items(
    request: Request,
    batch: Id,
    session: ApiMaker,
    query: Annotated[ItemQuery, Query()],
) -> ItemPage:
    """The items of a batch with their verdicts: searched, filtered, sorted, fifty at a time."""
    context = context_of(request)
    known = _known_batch(context, batch)
    refuse_blind(context, session, known)
    return find_items(context.store, known, query)


@router.get("/batches/{batch}/items/{item}")
def one_item(request: Request, batch: Id, item: Id, session: ApiMaker) -> ItemStory:
    """An item with everything that was said of it, its row and what curation did to that."""
    context = context_of(request)
    known = _known_batch(context, batch)
    refuse_blind(context, session, known)
    found = context.work_store.item(item)
    if found is None or found.batch != known.id:
        raise Refused(404, "there is no such item")
    return item_story(context.store, known, found)


@router.get("/approvals")
def approved(request: Request, session: ApiMaker) -> Approvals:
    """Who has approved the definition, by signature or by a mere claim, and who has not."""
    return approvals(context_of(request).project)


@router.get("/releases")
def releases(request: Request, session: ApiMaker) -> list[Release]:
    """Every release, newest first: which model, where, signed by whom, on what evidence."""
    return list(signed_releases(context_of(request).store))


@router.get("/batches/{batch}/sign-offs")
def signed(request: Request, batch: Id, session: ApiMaker) -> list[SignOff]:
    """Who signed what, with the evidence, under which guideline, and whether it still holds."""
    context = context_of(request)
    known = _known_batch(context, batch)
    refuse_blind(context, session, known)
    return sign_offs(context.work_store, known)


def _known_batch(context: AppContext, batch_id: str) -> Batch:
    found = context.work_store.batch(batch_id)
    if found is None:
        raise Refused(404, "there is no such batch")
    return found


@router.get("/judgements")
def all_judgements(request: Request, session: ApiMaker) -> list[Judgement]:
    """People's verdicts on outputs, unblinded, as the gates read them."""
    context = context_of(request)
    refuse_any_result(context, session)
    return judgements(context.store)


@router.post("/invitations")
def invite(request: Request, invitation: NewInvitation, session: ApiOwner) -> Link:
    """A link that makes one account."""
    context = context_of(request)
    if invitation.batch:
        _known_batch(context, invitation.batch)
    secret = context.invitations.make(
        invitation.role,
        author=session.account,
        batch=invitation.batch,
    )
    context.audit.add(
        session.account.name,
        "invited",
        invitation.role,
        batch=invitation.batch,
    )
    return Link(link=context.link(request, f"/join/{secret}"))
