"""The results of a batch as last read, kept in the database: 50,000 verdicts are not read again for every look."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tunewell.store import Store
from tunewell.store.people_tables import readings, verdicts
from tunewell.types import Value


class Kept(Value):
    """A reading.

    Attributes:
        upto: Number of the last verdict that it knows.
        at: When it was made, UTC.
        record: What was read, as JSON, with the seconds that it took.
    """

    upto: int
    at: dt.datetime
    record: str


def last_number(store: Store, batch: str) -> int:
    """Number of the newest verdict of a batch; 0 if there is none."""
    query = (
        sa.select(verdicts.c.number)
        .where(verdicts.c.batch == batch)
        .order_by(verdicts.c.number.desc())
        .limit(1)
    )
    with store.connection() as connection:
        return int(connection.execute(query).scalar() or 0)


def kept_reading(store: Store, batch: str, *, made: str) -> Kept | None:
    """What was kept by the same code (``made``) of the same questions; None if nothing was."""
    query = sa.select(readings.c.upto, readings.c.at, readings.c.record)
    with store.connection() as connection:
        row = (
            connection.execute(query.where(readings.c.batch == batch, readings.c.made == made))
            .mappings()
            .first()
        )
    return Kept(upto=row["upto"], at=row["at"], record=row["record"]) if row else None


def keep_reading(store: Store, batch: str, *, upto: int, made: str, record: str) -> None:
    """Keep a reading in the place of the one before."""
    line = {
        "upto": upto,
        "made": made[:64],
        "at": dt.datetime.now(dt.UTC).isoformat(),
        "record": record,
    }
    with store.connection(write=True) as connection:
        insert = (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(
            readings
        )
        connection.execute(
            insert.values(batch=batch, **line).on_conflict_do_update(
                index_elements=["batch"], set_=line
            )
        )
