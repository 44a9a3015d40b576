"""Results for those who may see them now."""

from __future__ import annotations

from tunewell.people import Batch, Item, Session
from tunewell.people.blindness import (
    is_final,
    items_before_any_result,
    items_before_results,
    note_seen,
)
from tunewell.web.context import AppContext
from tunewell.web.refused import Refused


def must_wait(context: AppContext, session: Session, batch: Batch) -> int:
    """How many items this person has to judge before these results; if none, they count as seen."""
    left = items_before_results(context.work_store, session.account.id, batch)
    if not left:
        note_seen(context.work_store, session.account, batch)
    return left


def refuse_blind(context: AppContext, session: Session, batch: Batch) -> None:
    """Let nobody read results of what they are still rating.

    Raises:
        Refused: 403.
    """
    left = must_wait(context, session, batch)
    if left:
        raise _blind(left)


def refuse_any_result(context: AppContext, session: Session) -> None:
    """The same for the verdicts of all reviews at once.

    Raises:
        Refused: 403.
    """
    left = items_before_any_result(context.work_store, session.account.id)
    if left:
        raise _blind(left)
    for batch in context.work_store.batches(kind="review"):
        if context.work_store.has_seat(batch.id, session.account.id):
            note_seen(context.work_store, session.account, batch)


def refuse_final(context: AppContext, session: Session, batch: Batch, item: Item) -> None:
    """Let nobody change a verdict after seeing what it amounts to.

    Raises:
        Refused: 400.
    """
    if is_final(context.work_store, session.account, batch, item.id):
        raise Refused(400, "you have seen the results: what you said stays as it is", hint="/")


def _blind(left: int) -> Refused:
    items = "item" if left == 1 else "items"
    return Refused(
        403,
        f"you still rate {left} {items} of this: results are shown when you are done",
        hint="/",
    )
