"""Where people work: their queue, the item at hand, the next ones, a whole text."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from tunewell.people import (
    Batch,
    Item,
    Queue,
    Said,
    Session,
    approvals,
    reopen_sign_offs,
)
from tunewell.people.approvals import names_to_sign
from tunewell.people.guide import read_guideline
from tunewell.project import Project
from tunewell.web.access import Refused, SignedIn
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
    context = context_of(request)
    work_store = context.work_store
    me = session.account.id
    annotations = work_store.batches(kind="annotate", status="open")
    return page(
        request,
        "queue.html",
        session,
        queues=work_store.queues(me),
        to_decide=[batch for batch in annotations if me in batch.adjudicators],
        to_approve=_waits_for_approval(context, session),
    )


def _waits_for_approval(context: AppContext, session: Session) -> bool:
    """Whether the definition waits for the signature of who is signed in."""
    mine = set(names_to_sign(context.project, session.account))
    return bool(mine) and bool(mine & set(approvals(context.project).missing))


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
        reopen_sign_offs(Project(context.file, context.store))
        batch = own_batch(context, name, session)

    items = _last_item(context, batch, session) if undo else []
    items += _next_items(context, batch, session, [item.id for item in items])
    return page(
        request,
        "work.html",
        session,
        batch=batch,
        queue=own_queue(context, batch, session),
        items=items,
        said=_said_before(context, items, session),
        keys=new_keys(items),
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
        keys=new_keys(items),
    )


def own_queue(context: AppContext, batch: Batch, session: Session) -> Queue | None:
    """What this person has to do in a batch; None if it is closed."""
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


def new_keys(items: Sequence[Item]) -> dict[str, str]:
    """A key for the verdict on each item, so that a form sent twice counts once."""
    return {item.id: secrets.token_hex(16) for item in items}


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
