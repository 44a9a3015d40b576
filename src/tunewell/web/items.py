"""For owners and engineers: every item of a batch, found, read whole, and assigned in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from tunewell.errors import StoreError, UserError
from tunewell.people import Batch, Item, Session
from tunewell.people.blindness import is_final
from tunewell.people.bulk_assign import ask_again, assign_items, unassign_items
from tunewell.people.item_search import (
    LONGEST_QUERY,
    MOST_COUNTED,
    ORDERS,
    PAGE,
    STATES,
    ItemOrder,
    ItemQuery,
    ItemState,
    find_items,
    matching_ids,
)
from tunewell.people.item_story import item_story
from tunewell.web.access import Maker, MakerForm, Refused
from tunewell.web.blind import refuse_blind
from tunewell.web.context import AppContext, context_of
from tunewell.web.manage import known_batch, workers
from tunewell.web.notices import notify
from tunewell.web.render import page

router = APIRouter(include_in_schema=False)

MOST_PAGE = 100_000 // PAGE

WordsField = Annotated[str, Query(max_length=LONGEST_QUERY)]
PageField = Annotated[int, Query(ge=1, le=MOST_PAGE)]


@router.get("/batches/{name}/items")
def items_page(
    request: Request,
    name: str,
    session: Maker,
    q: WordsField = "",
    state: str = "",
    person: str = "",
    arm: str = "",
    sort: str = "drawn",
    at: PageField = 1,
) -> Response:
    """The items of a batch, searched, filtered and sorted, a page at a time."""
    context = context_of(request)
    batch = known_batch(context, name)
    refuse_blind(context, session, batch)
    query = item_query(q, state, person, arm, sort, at)
    return _items(request, session, batch, query)


def item_query(
    words: str,
    state: str,
    person: str,
    arm: str,
    sort: str,
    at: int = 1,
) -> ItemQuery:
    """What a page's address asks for.

    Raises:
        Refused: 404, there is no such filter or order.
    """
    return ItemQuery(
        words=words.strip(),
        state=_known_state(state),
        person=person[:32],
        arm=arm[:200],
        order=_known_order(sort),
        page=at,
    )


def _known_state(name: str) -> ItemState:
    for state in STATES:
        if state == name:
            return state
    raise Refused(404, f"there is no filter {name!r}", hint="/batches")


def _known_order(name: str) -> ItemOrder:
    for order in ORDERS:
        if order == name:
            return order
    raise Refused(404, f"items cannot be sorted by {name!r}", hint="/batches")


def _items(
    request: Request,
    session: Session,
    batch: Batch,
    query: ItemQuery,
    *,
    error: UserError | None = None,
) -> Response:
    context = context_of(request)
    found = find_items(context.store, batch, query)
    return page(
        request,
        "all_items.html",
        session,
        status=400 if error else 200,
        batch=batch,
        found=found,
        query=query,
        filtered=bool(query.words or query.state or query.person or query.arm),
        states=STATES,
        orders=ORDERS,
        most=MOST_COUNTED,
        per_page=PAGE,
        names=names_of(context),
        people=workers(context),
        arms=arms_in(context, batch),
        link=lambda at: _address(batch, query, at),
        problem=error.message if error else "",
        hint=error.hint if error else "",
    )


def _address(batch: Batch, query: ItemQuery, at: int = 1) -> str:
    """The page of the items that a query asks for."""
    asked = {
        "q": query.words,
        "state": query.state,
        "person": query.person,
        "arm": query.arm,
        "sort": "" if query.order == "drawn" else query.order,
        "at": at if at > 1 else "",
    }
    given = {name: value for name, value in asked.items() if value}
    path = f"/batches/{batch.id}/items"
    return f"{path}?{urlencode(given)}" if given else path


def names_of(context: AppContext) -> dict[str, str]:
    """What people are called, by id of their account."""
    return {account.id: account.shown for account in context.accounts.all()}


def arms_in(context: AppContext, batch: Batch) -> Sequence[str]:
    """The arms whose outputs a review shows, as its first items tell."""
    if batch.kind != "review":
        return ()
    first = find_items(context.store, batch, ItemQuery()).lines
    arms = {arm for line in first for arm in line.item.arms}
    return sorted(arms)


@router.post("/batches/{name}/items/assign")
def assign(
    request: Request,
    name: str,
    session: MakerForm,
    do: Annotated[str, Form()],
    which: Annotated[str, Form()] = "chosen",
    items: Annotated[list[str] | None, Form()] = None,
    people: Annotated[list[str] | None, Form()] = None,
    q: Annotated[str, Form(max_length=LONGEST_QUERY)] = "",
    state: Annotated[str, Form()] = "",
    person: Annotated[str, Form()] = "",
    arm: Annotated[str, Form()] = "",
    sort: Annotated[str, Form()] = "drawn",
) -> Response:
    """Assign chosen items, or all that match, to people; or take them from people."""
    context = context_of(request)
    batch = known_batch(context, name)
    refuse_blind(context, session, batch)
    query = item_query(q, state, person, arm, sort)
    try:
        seats = _change_seats(request, batch, query, do, which, items or [], people or [])
    except StoreError:
        raise
    except UserError as error:
        return _items(request, session, batch, query, error=error)
    action = "items unassigned" if do == "unassign" else "items assigned"
    context.audit.add(
        session.account.name,
        action,
        batch.id,
        seats=seats,
        people=", ".join(names_of(context).get(one, one) for one in people or []),
    )
    return RedirectResponse(_address(batch, query), 303)


def _change_seats(
    request: Request,
    batch: Batch,
    query: ItemQuery,
    do: str,
    which: str,
    items: Sequence[str],
    people: Sequence[str],
) -> int:
    """Give or take seats; gives how many.

    Raises:
        UserError: Nothing was chosen, or nobody.
        Refused: 404, there is no such action.
    """
    context = context_of(request)
    if do not in ("everybody", "evenly", "unassign"):
        raise Refused(404, f"there is no action {do!r}", hint=f"/batches/{batch.id}/items")
    chosen = matching_ids(context.store, batch, query) if which == "all" else items
    if not chosen:
        raise UserError("no item was chosen", hint="tick items, or choose all that match")
    active = {account.id for account in context.accounts.all() if account.active}
    if do == "unassign":
        return unassign_items(context.work_store, batch, chosen, people)

    before = context.work_store.seats(batch.id)
    known = [one for one in people if one in active]
    given = assign_items(context.work_store, batch, chosen, known, evenly=do == "evenly")
    notify(context, request, batch, before)
    return given


# --- one item -------------------------------------------------------------------------------------


@router.get("/batches/{name}/items/{item}")
def item_page(request: Request, name: str, item: str, session: Maker) -> Response:
    """An item with everything that was said of it, its row and what became of that."""
    context = context_of(request)
    batch = known_batch(context, name)
    refuse_blind(context, session, batch)
    found = known_item(context, batch, item)
    others = {}
    for known in context.work_store.batches():
        others[known.id] = known.title
    return page(
        request,
        "one_item.html",
        session,
        batch=batch,
        story=item_story(context.store, batch, found),
        names=names_of(context),
        people=workers(context),
        titles=others,
    )


def known_item(context: AppContext, batch: Batch, item_id: str) -> Item:
    """An item of a batch.

    Raises:
        Refused: 404.
    """
    found = context.work_store.item(item_id)
    if found is None or found.batch != batch.id:
        raise Refused(404, "there is no such item", hint=f"/batches/{batch.id}/items")
    return found


@router.post("/batches/{name}/items/{item}/again")
def again(
    request: Request,
    name: str,
    item: str,
    session: MakerForm,
    account: Annotated[str, Form(max_length=32)],
) -> Response:
    """Ask somebody again; what they said counts until they say otherwise."""
    context = context_of(request)
    batch = known_batch(context, name)
    refuse_blind(context, session, batch)
    found = known_item(context, batch, item)
    person = context.accounts.by_id(account)
    if person is None:
        raise Refused(404, "there is no such account", hint=f"/batches/{batch.id}")
    if is_final(context.work_store, person, batch, found.id):
        raise Refused(400, f"{person.shown} has seen the results: what they said stays", hint="/")
    ask_again(context.work_store, found, person.id)
    context.audit.add(
        session.account.name,
        "asked again",
        found.id,
        batch=batch.id,
        person=person.name,
    )
    return RedirectResponse(f"/batches/{batch.id}/items/{found.id}", 303)


@router.post("/batches/{name}/items/{item}/assign")
def assign_one(
    request: Request,
    name: str,
    item: str,
    session: MakerForm,
    people: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Give one item to more people."""
    context = context_of(request)
    batch = known_batch(context, name)
    refuse_blind(context, session, batch)
    found = known_item(context, batch, item)
    query = ItemQuery()
    seats = _change_seats(request, batch, query, "everybody", "chosen", [found.id], people or [])
    context.audit.add(session.account.name, "items assigned", batch.id, seats=seats)
    return RedirectResponse(f"/batches/{batch.id}/items/{found.id}", 303)
