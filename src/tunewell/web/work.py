"""Where people work: their queue, the item at hand, the next ones, a whole text."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from tunewell.annotate import annotation_result
from tunewell.errors import UserError
from tunewell.people import Batch, Item, MarkedSpan, Queue, Said, Session, reopen_sign_offs
from tunewell.people.guide import read_guideline
from tunewell.web.access import Adjudicator, AdjudicatorForm, Refused, SignedIn, SignedInForm
from tunewell.web.context import AppContext, context_of
from tunewell.web.render import MOST_SHOWN, page

router = APIRouter(include_in_schema=False)

AT_ONCE = 8
"""Items laid on one page: the first is seen, the others wait in case the connection is lost."""

MOST_AT_ONCE = 400_000
"""Characters of all items on one page together, unless the first alone is longer."""

MOST_HELD = 200
"""Ids of items that a page may say it has."""


@router.get("/")
def queue_page(request: Request, session: SignedIn) -> Response:
    """What I have to do, how many items are left and how long it takes."""
    work_store = context_of(request).work_store
    me = session.account.id
    annotations = work_store.batches(kind="annotate", status="open")
    return page(
        request,
        "queue.html",
        session,
        queues=work_store.queues(me),
        to_decide=[batch for batch in annotations if me in batch.adjudicators],
    )


def own_batch(context: AppContext, batch_id: str, session: Session) -> Batch:
    """A batch in which this person has a seat; others are not told whether it exists.

    Raises:
        Refused: 404.
    """
    work_store = context.work_store
    batch = work_store.batch(batch_id)
    if batch is None or not work_store.has_seat(batch_id, session.account.id):
        raise Refused(404, "nothing here is assigned to you", hint="/")
    return batch


def own_item(context: AppContext, item_id: str, session: Session) -> Item:
    """An item at which this person has a seat.

    Raises:
        Refused: 404.
    """
    found = context.work_store.assigned(item_id, session.account.id)
    if found is None:
        raise Refused(404, "this item is not assigned to you", hint="/")
    item, _ = found
    return item


@router.get("/work/{name}")
def work_page(
    request: Request,
    name: str,
    session: SignedIn,
    undo: bool = False,
) -> Response:
    """The item at hand, the next ones behind it; with ``undo`` my last one again."""
    context = context_of(request)
    batch = own_batch(context, name, session)
    if batch.signed and read_guideline(context.file) != batch.guideline:
        reopen_sign_offs(context.store, context.file)
        batch = own_batch(context, name, session)

    items = _last_item(context, batch, session) if undo else []
    items += _next_items(context, batch, session, [item.id for item in items])
    return page(
        request,
        "work.html",
        session,
        batch=batch,
        queue=_queue_of(context, batch, session),
        items=items,
        said=_said_before(context, items, session),
        keys=_keys(items),
        pace=context.work_store.pace(batch, session.account.id),
        problem="",
    )


@router.get("/work/{name}/more")
def more_items(
    request: Request,
    name: str,
    session: SignedIn,
    have: str = "",
) -> Response:
    """Further items as a piece of a page, without those that the page has already."""
    context = context_of(request)
    batch = own_batch(context, name, session)
    held = [item_id for item_id in have.split(",") if item_id]
    items = _next_items(context, batch, session, held[:MOST_HELD])
    return page(
        request,
        "items.html",
        session,
        batch=batch,
        items=items,
        said=_said_before(context, items, session),
        keys=_keys(items),
    )


def _queue_of(context: AppContext, batch: Batch, session: Session) -> Queue | None:
    for queue in context.work_store.queues(session.account.id):
        if queue.batch.id == batch.id:
            return queue
    return None


def _said_before(
    context: AppContext,
    items: Sequence[Item],
    session: Session,
) -> dict[str, Said]:
    ids = [item.id for item in items]
    return context.work_store.said_before(ids, session.account.id)


def _next_items(
    context: AppContext,
    batch: Batch,
    session: Session,
    have: Sequence[str],
) -> list[Item]:
    """The next items within the budget of characters, at least one if there is one."""
    if batch.status != "open":
        return []
    found = context.work_store.next_items(
        batch.id,
        session.account.id,
        limit=AT_ONCE,
        but=have,
    )

    chosen: list[Item] = []
    total = 0
    for item in found:
        total += min(len(item.source), MOST_SHOWN)
        total += min(len(item.output), MOST_SHOWN)
        if chosen and total > MOST_AT_ONCE:
            break
        chosen.append(item)
    return chosen


def _last_item(context: AppContext, batch: Batch, session: Session) -> list[Item]:
    """The item that this person judged last; empty if there is none."""
    verdict = context.work_store.last(batch.id, session.account.id)
    if verdict is None:
        return []
    item = context.work_store.item(verdict.item)
    return [] if item is None else [item]


def _keys(items: Sequence[Item]) -> dict[str, str]:
    """A key for the verdict on each item, so that a form sent twice counts once."""
    return {item.id: secrets.token_hex(16) for item in items}


# --- a plain form, for browsers without our script ----------------------------------------------


class FormFields:
    """The fields of a plain form, each with every value it was given.

    Args:
        fields: Values by name.
    """

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self.fields = fields

    def has(self, name: str) -> bool:
        """Whether a field was sent."""
        return name in self.fields

    def text(self, name: str) -> str:
        """The first value, trimmed; empty if there is none."""
        return _tidy(self.fields.get(name, [""])[0])

    def texts(self, name: str) -> tuple[str, ...]:
        """Every value."""
        return tuple(self.fields.get(name, ()))


def _tidy(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


@router.post("/work/{name}")
async def send_form(request: Request, name: str, session: SignedInForm) -> Response:
    """A verdict by a plain form, for browsers without our script."""
    form = await request.form()
    fields: dict[str, list[str]] = {}
    for key, value in form.multi_items():
        fields.setdefault(key, []).append(str(value))
    return await run_in_threadpool(_take_form, request, name, session, FormFields(fields))


def _take_form(
    request: Request,
    name: str,
    session: Session,
    fields: FormFields,
) -> Response:
    context = context_of(request)
    account = session.account
    batch = own_batch(context, name, session)
    item = own_item(context, fields.text("item"), session)
    try:
        context.work_store.write(
            said_of(fields, batch, item),
            item=item,
            batch=batch,
            account=account.id,
            key=fields.text("key")[:64] or secrets.token_hex(16),
            actor=account.name,
        )
    except (UserError, ValueError) as error:
        problem = error.message if isinstance(error, UserError) else "the form could not be read"
        return page(
            request,
            "work.html",
            session,
            status=400,
            batch=batch,
            queue=_queue_of(context, batch, session),
            items=[item],
            said={},
            keys=_keys([item]),
            pace=batch.minutes,
            problem=problem,
        )
    return RedirectResponse(f"/work/{name}", 303)


def said_of(fields: FormFields, batch: Batch, item: Item) -> Said:
    """What a plain form says.

    Raises:
        UserError: A quotation does not appear in the source.
        ValueError: A score is not a number.
    """
    if fields.has("skip"):
        return Said(skipped=fields.text("comment") or "cannot decide")

    scores = {}
    for criterion in batch.rubric:
        score = fields.text(f"score.{criterion.name}")
        if score:
            scores[criterion.name] = float(score)

    evidence = []
    for criterion in batch.signed:
        quote = fields.text(f"quote.{criterion.name}")
        if quote:
            evidence.append(_quoted(quote, item, criterion.name))

    return Said(
        scores=scores,
        comment=fields.text("comment"),
        correction=fields.text("correction"),
        tags=fields.texts("tag"),
        label=fields.text("label"),
        answer=fields.text("answer"),
        evidence=tuple(evidence),
    )


def _quoted(text: str, item: Item, criterion: str) -> MarkedSpan:
    """A quotation as a place in the source; white space may differ.

    Raises:
        UserError: It is not there.
    """
    words = [re.escape(word) for word in text.split()]
    found = re.search(r"\s+".join(words), item.source)
    if found is None:
        raise UserError(f"{criterion}: the quote does not appear in the source word for word")
    return MarkedSpan(start=found.start(), end=found.end(), label=criterion)


# --- whole texts --------------------------------------------------------------------------------


@router.get("/item/{name}/source")
def whole_source(request: Request, name: str, session: SignedIn) -> Response:
    """The whole text of an item, as plain text."""
    item = own_item(context_of(request), name, session)
    return PlainTextResponse(item.source)


@router.get("/item/{name}/output")
def whole_output(request: Request, name: str, session: SignedIn) -> Response:
    """The whole output of an item, as plain text."""
    item = own_item(context_of(request), name, session)
    return PlainTextResponse(item.output)


# --- adjudication -------------------------------------------------------------------------------


@router.get("/decide/{name}")
def decide_page(request: Request, name: str, session: Adjudicator) -> Response:
    """What annotators disagree on, for the adjudicator."""
    context = context_of(request)
    batch = _to_decide(context, name, session)
    result = annotation_result(context.work_store, batch)
    dispute = result.disputes[0] if result.disputes else None

    keys: dict[str, str] = {}
    if dispute is not None:
        context.work_store.give(dispute.item, session.account.id)
        keys = _keys([dispute.item])
    return page(
        request,
        "decide.html",
        session,
        batch=batch,
        dispute=dispute,
        left=len(result.disputes),
        settled=len(result.settled),
        keys=keys,
    )


def _to_decide(context: AppContext, batch_id: str, session: Session) -> Batch:
    batch = context.work_store.batch(batch_id)
    if batch is None or batch.kind != "annotate" or session.account.id not in batch.adjudicators:
        raise Refused(404, "you have nothing to decide here", hint="/")
    return batch


@router.post("/decide/{name}")
def decide(
    request: Request,
    name: str,
    session: AdjudicatorForm,
    item: Annotated[str, Form()],
    chosen: Annotated[int, Form()],
    key: Annotated[str, Form(max_length=64)],
    answer: Annotated[str, Form()] = "",
    comment: Annotated[str, Form()] = "",
) -> Response:
    """Take one annotator's word, or another answer, as what holds."""
    context = context_of(request)
    batch = _to_decide(context, name, session)
    disputed = own_item(context, item, session)
    said = _chosen_word(context, batch, disputed, chosen)

    changes = {"comment": comment.strip()}
    if _tidy(answer):
        changes["answer"] = _tidy(answer)
    context.work_store.write(
        said.model_copy(update=changes),
        item=disputed,
        batch=batch,
        account=session.account.id,
        key=key,
    )
    context.audit.add(
        session.account.name,
        "decided",
        disputed.id,
        batch=name,
        taken=chosen,
    )
    return RedirectResponse(f"/decide/{name}", 303)


def _chosen_word(
    context: AppContext,
    batch: Batch,
    item: Item,
    number: int,
) -> Said:
    """What an annotator said in the verdict with this number.

    Raises:
        Refused: 404, there is no such verdict on the item.
    """
    for verdict in context.work_store.verdicts(batch.id):
        if verdict.number == number and verdict.item == item.id:
            return verdict.said
    raise Refused(404, "there is no such annotation", hint=f"/decide/{batch.id}")
