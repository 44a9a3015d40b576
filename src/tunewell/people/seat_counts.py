"""How many seats are open and done: kept beside the seats, so that no page has to count them."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from pydantic import Field

from tunewell.store import Store
from tunewell.store.once import insert_into
from tunewell.store.people_tables import tallies
from tunewell.types import Value


class Tally(Value):
    """How far a batch is.

    Attributes:
        open: Seats without a verdict.
        done: Seats with one.
        people: How many people have seats.
    """

    open: int = Field(default=0, ge=0)
    done: int = Field(default=0, ge=0)
    people: int = Field(default=0, ge=0)


def add_to_tallies(
    connection: sa.Connection,
    batch: str,
    steps: Mapping[str, tuple[int, int]],
) -> None:
    """Add (open, done) to the counts of accounts, in the transaction that changes their seats.

    The database adds, so that two who do it at once are both counted; in the order of the accounts,
    so that neither waits for the other for ever.
    """
    tally = tallies.c
    lines = []
    for account, (more_open, more_done) in sorted(steps.items()):
        if more_open or more_done:
            lines.append(
                {
                    "batch": batch,
                    "account": account,
                    "open": more_open,
                    "done": more_done,
                }
            )
    if not lines:
        return

    insert = insert_into(connection, tallies)
    added = {
        "open": tally.open + insert.excluded.open,
        "done": tally.done + insert.excluded.done,
    }
    statement = insert.on_conflict_do_update(index_elements=["batch", "account"], set_=added)
    connection.execute(statement, lines)


def seats_of(store: Store, batch: str) -> dict[str, dict[str, int]]:
    """Seats of each account of a batch by status."""
    tally = tallies.c
    query = (
        sa.select(tally.account, tally.open, tally.done)
        .where(tally.batch == batch)
        .where(tally.open + tally.done > 0)
    )
    seats = {}
    for row in store.rows(query):
        seats[row.account] = {"open": row.open, "done": row.done}
    return seats


def tallies_of(store: Store) -> dict[str, Tally]:
    """How far every batch is."""
    tally = tallies.c
    query = (
        sa.select(
            tally.batch,
            sa.func.sum(tally.open).label("open"),
            sa.func.sum(tally.done).label("done"),
            sa.func.count().label("people"),
        )
        .where(tally.open + tally.done > 0)
        .group_by(tally.batch)
    )
    found = {}
    for row in store.rows(query):
        found[row.batch] = Tally(open=row.open, done=row.done, people=row.people)
    return found
