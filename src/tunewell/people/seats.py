"""Seats in the database: who was given which item, read and changed within one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import sqlalchemy as sa

from tunewell.people.seat_counts import add_to_tallies
from tunewell.people.work import Batch, Item
from tunewell.store.people_tables import assignments, items


def items_by_example(connection: sa.Connection, batch: Batch) -> Mapping[str, list[str]]:
    """Ids of a batch's items by the row that they are about, in the order drawn."""
    item = items.c
    query = sa.select(item.id, item.example)
    query = query.where(item.batch == batch.id).order_by(item.number)
    found: dict[str, list[str]] = defaultdict(list)
    for item_id, example in connection.execute(query):
        found[example].append(item_id)
    return found


def taken_seats(connection: sa.Connection, batch: Batch) -> list[tuple[str, str]]:
    """The seats that exist in a batch, as (item, account)."""
    seat = assignments.c
    query = sa.select(seat.item, seat.account)
    query = query.where(seat.batch == batch.id)
    return [(item, account) for item, account in connection.execute(query)]


def take_seat(connection: sa.Connection, item: Item, account: str) -> str | None:
    """The state of a seat, which nobody else can change until this transaction ends.

    Returns:
        ``open`` or ``done``; None if the person has no seat at the item.
    """
    seat = assignments.c
    query = (
        sa.select(seat.status)
        .where(seat.item == item.id)
        .where(seat.account == account)
        .with_for_update()
    )
    status: str | None = connection.execute(query).scalar()
    return status


def set_seat(
    connection: sa.Connection,
    item: Item,
    account: str,
    status: str,
) -> None:
    """Set the state of a seat that was in the other one, and count it."""
    seat = assignments.c
    change = (
        sa.update(assignments)
        .where(seat.item == item.id)
        .where(seat.account == account)
        .values(status=status)
    )
    connection.execute(change)
    step = 1 if status == "done" else -1
    add_to_tallies(connection, item.batch, {account: (-step, step)})
