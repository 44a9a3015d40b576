"""How many seats are open and done, kept beside the seats so that no page has to count a hundred thousand of them."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.dialects import postgresql, sqlite

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
    connection: sa.Connection, batch: str, steps: Mapping[str, tuple[int, int]]
) -> None:
    """Add (open, done) to the counts of accounts, in the transaction that changes their seats.

    The database adds, so that two who do it at once are both counted; in the order of the accounts,
    so that neither waits for the other for ever.
    """
    lines = [
        {"batch": batch, "account": account, "open": steps[account][0], "done": steps[account][1]}
        for account in sorted(steps)
        if steps[account] != (0, 0)
    ]
    if not lines:
        return
    insert = (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(
        tallies
    )
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["batch", "account"],
            set_={
                "open": tallies.c.open + insert.excluded.open,
                "done": tallies.c.done + insert.excluded.done,
            },
        ),
        lines,
    )


def seats_of(connection: sa.Connection, batch: str) -> dict[str, dict[str, int]]:
    """Seats of each account of a batch by status."""
    query = sa.select(tallies.c.account, tallies.c.open, tallies.c.done).where(
        tallies.c.batch == batch, tallies.c.open + tallies.c.done > 0
    )
    return {
        account: {"open": left, "done": done} for account, left, done in connection.execute(query)
    }


def tallies_of(connection: sa.Connection) -> dict[str, Tally]:
    """How far every batch is."""
    query = (
        sa.select(
            tallies.c.batch,
            sa.func.sum(tallies.c.open),
            sa.func.sum(tallies.c.done),
            sa.func.count(),
        )
        .where(tallies.c.open + tallies.c.done > 0)
        .group_by(tallies.c.batch)
    )
    return {
        b: Tally(open=left, done=done, people=people)
        for b, left, done, people in connection.execute(query)
    }
