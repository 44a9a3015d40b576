"""Where people work: their queue, the item before them, the next ones, a whole text."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from tunewell.errors import UserError
from tunewell.people import AccountRole, Batch, Item, MarkedSpan, Said, Session, reopen_sign_offs
from tunewell.people.guide import read_guideline
from tunewell.web.access import EVERYBODY, Allow, AllowChange, Refused, Room, room_of
from tunewell.web.render import MOST_SHOWN, page

router = APIRouter(include_in_schema=False)
WORKERS: tuple[AccountRole, ...] = EVERYBODY
AT_ONCE = 8
"""Items laid on one page: the first is seen, the others wait in case the connection is lost."""
MOST_AT_ONCE = 400_000
"""Characters of all items on one page together, unless the first alone is longer."""


@router.get("/")
def queue_page(request: Request, session: Annotated[Session, Depends(Allow(*WORKERS))]) -> Response:
    """What is before me, how many are left and how long it takes."""
    room = room_of(request)
    queues = room.book.queues(session.account.id)
    to_decide = [
        b
        for b in room.book.batches(kind="annotate", status="open")
        if session.account.id in b.adjudicators
    ]
    return page(request, "queue.html", session, queues=queues, to_decide=to_decide)


def own_batch(room: Room, name: str, session: Session) -> Batch:
    """A batch in which this person has a seat; others are not told whether it exists.

    Raises:
        Refused: 404.
    """
    batch = room.book.batch(name)
    if batch is None or not room.book.has_seat(name, session.account.id):
        raise Refused(404, "there is no work of yours here", hint="/")
    return batch


def own_item(room: Room, name: str, session: Session) -> tuple[Item, Batch]:
    """An item at which this person has a seat.

    Raises:
        Refused: 404.
    """
    found = room.book.before(name, session.account.id)
    if found is None:
        raise Refused(404, "there is no such item of yours", hint="/")
    return found


@router.get("/work/{name}")
def work_page(
    request: Request,
    name: str,
    session: Annotated[Session, Depends(Allow(*WORKERS))],
    undo: bool = False,
) -> Response:
    """The item before me, the next ones behind it; with ``undo`` my last one again."""
    room = room_of(request)
    batch = own_batch(room, name, session)
    if batch.signed and read_guideline(room.file) != batch.guideline:
        reopen_sign_offs(room.store, room.file)
        batch = own_batch(room, name, session)
    queue = next((q for q in room.book.queues(session.account.id) if q.batch.id == name), None)
    before = _last(room, batch, session) if undo else None
    items = [before[0]] if before else []
    items += _next(room, batch, session, [i.id for i in items])
    said = room.book.said_before([i.id for i in items], session.account.id)
    return page(
        request,
        "work.html",
        session,
        batch=batch,
        queue=queue,
        items=items,
        said=said,
        keys=_keys(items),
        pace=room.book.pace(batch, session.account.id),
        problem="",
    )


@router.get("/work/{name}/more")
def more_items(
    request: Request,
    name: str,
    session: Annotated[Session, Depends(Allow(*WORKERS))],
    have: str = "",
) -> Response:
    """Further items as a piece of a page, without those that the page has already."""
    room = room_of(request)
    batch = own_batch(room, name, session)
    items = _next(room, batch, session, [h for h in have.split(",") if h][:200])
    said = room.book.said_before([i.id for i in items], session.account.id)
    return page(
        request, "items.html", session, batch=batch, items=items, said=said, keys=_keys(items)
    )


@router.post("/work/{name}")
async def send_form(
    request: Request, name: str, session: Annotated[Session, Depends(AllowChange(*WORKERS))]
) -> Response:
    """A verdict by a plain form, for browsers without our script."""
    from fastapi.concurrency import run_in_threadpool

    form = await request.form()
    fields: dict[str, list[str]] = {}
    for key, value in form.multi_items():
        fields.setdefault(key, []).append(str(value))
    return await run_in_threadpool(_take_form, request, name, session, fields)


def _take_form(
    request: Request, name: str, session: Session, fields: Mapping[str, list[str]]
) -> Response:
    room = room_of(request)
    batch = own_batch(room, name, session)
    item, _ = own_item(room, fields.get("item", [""])[0], session)
    try:
        said = said_of(fields, batch, item)
        key = fields.get("key", [""])[0][:64] or secrets.token_hex(16)
        account = session.account
        room.book.write(
            said, item=item, batch=batch, account=account.id, key=key, actor=account.name
        )
    except (UserError, ValueError) as error:
        message = error.message if isinstance(error, UserError) else "something could not be read"
        queue = next((q for q in room.book.queues(session.account.id) if q.batch.id == name), None)
        return page(
            request,
            "work.html",
            session,
            status=400,
            batch=batch,
            queue=queue,
            items=[item],
            said={},
            keys=_keys([item]),
            pace=batch.minutes,
            problem=message,
        )
    return RedirectResponse(f"/work/{name}", 303)


def _quoted(text: str, item: Item, criterion: str) -> MarkedSpan:
    """A quotation as a place in the source; white space may differ.

    Raises:
        UserError: It does not stand there.
    """
    found = re.search(r"\s+".join(re.escape(word) for word in text.split()), item.source)
    if found is None:
        raise UserError(f"{criterion}: what you quote does not stand in the source word for word")
    return MarkedSpan(start=found.start(), end=found.end(), label=criterion)


def said_of(fields: Mapping[str, list[str]], batch: Batch, item: Item) -> Said:
    """What a plain form says."""

    def one(key: str) -> str:
        return fields.get(key, [""])[0].replace("\r\n", "\n").strip()

    if "skip" in fields:
        return Said(skipped=one("comment") or "cannot decide")
    scores = {c.name: float(one(f"score.{c.name}")) for c in batch.rubric if one(f"score.{c.name}")}
    values: dict[str, Any] = {
        "scores": scores,
        "comment": one("comment"),
        "correction": one("correction"),
        "tags": tuple(fields.get("tag", [])),
        "label": one("label"),
        "answer": one("answer"),
        "evidence": tuple(
            _quoted(one(f"quote.{c.name}"), item, c.name)
            for c in batch.signed
            if one(f"quote.{c.name}")
        ),
    }
    return Said(**values)


@router.get("/item/{name}/source")
def whole_source(
    request: Request, name: str, session: Annotated[Session, Depends(Allow(*WORKERS))]
) -> Response:
    """The whole text of an item, as plain text."""
    item, _ = own_item(room_of(request), name, session)
    return PlainTextResponse(item.source)


@router.get("/item/{name}/output")
def whole_output(
    request: Request, name: str, session: Annotated[Session, Depends(Allow(*WORKERS))]
) -> Response:
    """The whole output of an item, as plain text."""
    item, _ = own_item(room_of(request), name, session)
    return PlainTextResponse(item.output)


def _next(room: Room, batch: Batch, session: Session, have: list[str]) -> list[Item]:
    """The next items within the budget of characters, at least one if there is one."""
    if batch.status != "open":
        return []
    found = room.book.next_items(batch.id, session.account.id, limit=AT_ONCE, but=have)
    out: list[Item] = []
    total = 0
    for item in found:
        total += min(len(item.source), MOST_SHOWN) + min(len(item.output), MOST_SHOWN)
        if out and total > MOST_AT_ONCE:
            break
        out.append(item)
    return out


def _last(room: Room, batch: Batch, session: Session) -> tuple[Item, Said] | None:
    verdict = room.book.last(batch.id, session.account.id)
    item = room.book.item(verdict.item) if verdict else None
    return (item, verdict.said) if verdict and item else None


def _keys(items: list[Item]) -> dict[str, str]:
    return {i.id: secrets.token_hex(16) for i in items}


@router.get("/decide/{name}")
def decide_page(
    request: Request,
    name: str,
    session: Annotated[Session, Depends(Allow("owner", "engineer", "expert"))],
) -> Response:
    """What annotators disagree on, for the adjudicator."""
    room = room_of(request)
    batch = _to_decide(room, name, session)
    from tunewell.annotate import annotation_result

    result = annotation_result(room.book, batch)
    dispute = result.disputes[0] if result.disputes else None
    if dispute:
        room.book.give(dispute.item, session.account.id)
    return page(
        request,
        "decide.html",
        session,
        batch=batch,
        dispute=dispute,
        left=len(result.disputes),
        settled=len(result.settled),
        keys=_keys([dispute.item] if dispute else []),
        said={dispute.item.id: dispute.words[0].said} if dispute and dispute.words else {},
    )


def _to_decide(room: Room, name: str, session: Session) -> Batch:
    batch = room.book.batch(name)
    if batch is None or batch.kind != "annotate" or session.account.id not in batch.adjudicators:
        raise Refused(404, "there is nothing for you to decide here", hint="/")
    return batch


@router.post("/decide/{name}")
def decide(
    request: Request,
    name: str,
    session: Annotated[Session, Depends(AllowChange("owner", "engineer", "expert"))],
    item: Annotated[str, Form()],
    chosen: Annotated[int, Form()],
    key: Annotated[str, Form(max_length=64)],
    answer: Annotated[str, Form()] = "",
    comment: Annotated[str, Form()] = "",
) -> Response:
    """Take one annotator's word, or another answer, as what holds."""
    room = room_of(request)
    batch = _to_decide(room, name, session)
    thing, _ = own_item(room, item, session)
    word = next(
        (v for v in room.book.verdicts(name) if v.number == chosen and v.item == thing.id), None
    )
    if word is None:
        raise Refused(404, "there is no such annotation", hint=f"/decide/{name}")
    text = answer.replace("\r\n", "\n").strip()
    said = word.said.model_copy(
        update={"comment": comment.strip()} | ({"answer": text} if text else {})
    )
    room.book.write(said, item=thing, batch=batch, account=session.account.id, key=key)
    room.accounts.log(session.account.name, "decided", thing.id, batch=name, taken=chosen)
    return RedirectResponse(f"/decide/{name}", 303)
