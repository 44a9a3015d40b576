"""Chosen items given to people, taken from them, or asked of somebody again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from tunewell.errors import UserError
from tunewell.people.assign import Seat
from tunewell.people.seat_counts import add_to_tallies
from tunewell.people.seats import set_seat, take_seat, taken_seats
from tunewell.people.work import Batch, Item
from tunewell.people.work_rows import seat_line
from tunewell.people.work_store import WorkStore
from tunewell.store.once import insert_all_once
from tunewell.store.people_tables import assignments, items

AT_ONCE = 500
"""Items named in one statement."""


def assign_items(
    work_store: WorkStore,
    batch: Batch,
    item_ids: Sequence[str],
    accounts: Sequence[str],
    *,
    evenly: bool = False,
) -> int:
    """Give people seats at chosen items, whether or not these have people already.

    Args:
        work_store: Of the project.
        batch: Which.
        item_ids: Of its items; others are left out.
        accounts: Ids of the people.
        evenly: Share the items out, one person each, rather than give every item to everybody.

    Returns:
        How many seats were given; those that exist stay.

    Raises:
        UserError: Nobody was named, or somebody who decides where annotators disagree.
    """
    if not accounts:
        raise UserError("nobody was chosen", hint="choose at least one person")
    if set(accounts) & set(batch.adjudicators):
        raise UserError("an adjudicator cannot annotate the same batch", hint="choose other people")

    with work_store.store.connection(write=True) as connection:
        known = _of_batch(connection, batch, item_ids)
        taken = taken_seats(connection, batch)
        new = _not_taken(_wanted(known, accounts, taken, evenly), taken)
        lines = []
        for position, (item, account) in enumerate(new):
            seat = Seat(item=item, account=account, position=position)
            lines.append(seat_line(seat, batch.id, after=len(taken)))
        given = insert_all_once(
            connection,
            assignments,
            lines,
            ("item", "account"),
            give="account",
        )
        counts = Counter(given)
        steps = {account: (counts[account], 0) for account in counts}
        add_to_tallies(connection, batch.id, steps)
    return len(given)


def _wanted(
    item_ids: Sequence[str],
    accounts: Sequence[str],
    taken: Sequence[tuple[str, str]],
    evenly: bool,
) -> Iterator[tuple[str, str]]:
    """The (item, account) pairs that were asked for."""
    if not evenly:
        for item in item_ids:
            for account in accounts:
                yield item, account
        return
    held = set(taken)
    load = Counter(dict.fromkeys(accounts, 0))
    for item in item_ids:
        free = [account for account in accounts if (item, account) not in held]
        if free:
            account = min(free, key=lambda name: load[name])
            load[account] += 1
            yield item, account


def _not_taken(
    wanted: Iterator[tuple[str, str]],
    taken: Sequence[tuple[str, str]],
) -> list[tuple[str, str]]:
    held = set(taken)
    return [seat for seat in dict.fromkeys(wanted) if seat not in held]


def _of_batch(
    connection: sa.Connection,
    batch: Batch,
    item_ids: Sequence[str],
) -> list[str]:
    """Those of these ids that are of the batch, in the order given."""
    known: set[str] = set()
    for start in range(0, len(item_ids), AT_ONCE):
        some = item_ids[start : start + AT_ONCE]
        query = sa.select(items.c.id).where(items.c.batch == batch.id, items.c.id.in_(some))
        known.update(connection.execute(query).scalars())
    return [name for name in dict.fromkeys(item_ids) if name in known]


def unassign_items(
    work_store: WorkStore,
    batch: Batch,
    item_ids: Sequence[str],
    accounts: Sequence[str] = (),
) -> int:
    """Take open seats at chosen items, of these people or of everybody; what was said stays.

    Returns:
        How many seats were taken.
    """
    seat = assignments.c
    taken: Counter[str] = Counter()
    with work_store.store.connection(write=True) as connection:
        for start in range(0, len(item_ids), AT_ONCE):
            take = (
                sa.delete(assignments)
                .where(seat.batch == batch.id)
                .where(seat.item.in_(item_ids[start : start + AT_ONCE]))
                .where(seat.status == "open")
                .returning(seat.account)
            )
            if accounts:
                take = take.where(seat.account.in_(accounts))
            taken.update(connection.execute(take).scalars())
        steps = {account: (-count, 0) for account, count in taken.items()}
        add_to_tallies(connection, batch.id, steps)
    return taken.total()


def ask_again(work_store: WorkStore, item: Item, account: str) -> None:
    """Open somebody's seat at an item again; what they said counts until they say otherwise.

    Raises:
        UserError: The person has no seat there.
    """
    with work_store.store.connection(write=True) as connection:
        before = take_seat(connection, item, account)
        if before is None:
            raise UserError("this item is not assigned to that person", hint="assign it first")
        if before != "open":
            set_seat(connection, item, account, "open")
