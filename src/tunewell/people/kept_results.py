"""Results of a batch as last computed, so that 50,000 verdicts are not read for every page."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from tunewell.store import Store
from tunewell.store.once import insert_or_replace
from tunewell.store.people_tables import readings, verdicts
from tunewell.types import Value


class KeptResult(Value):
    """A result as it was kept.

    Attributes:
        upto: Number of the last verdict that it knows.
        at: When it was computed, UTC.
        record: The result as JSON, with the seconds that it took.
    """

    upto: int
    at: dt.datetime
    record: str


def last_number(store: Store, batch: str) -> int:
    """Number of the newest verdict of a batch; 0 if there is none."""
    verdict = verdicts.c
    query = (
        sa.select(verdict.number)
        .where(verdict.batch == batch)
        .order_by(verdict.number.desc())
        .limit(1)
    )
    return int(store.value(query) or 0)


def kept_result(
    store: Store,
    batch: str,
    *,
    made: str,
) -> KeptResult | None:
    """What was kept by the same code (``made``) of the same questions; None if nothing was."""
    kept = readings.c
    query = (
        sa.select(kept.upto, kept.at, kept.record)
        .where(kept.batch == batch)
        .where(kept.made == made)
    )
    row = store.row(query)
    if row is None:
        return None
    return KeptResult(upto=row.upto, at=row.at, record=row.record)


def keep_result(
    store: Store,
    batch: str,
    *,
    upto: int,
    made: str,
    record: str,
) -> None:
    """Keep a result in the place of the one before."""
    line = {
        "batch": batch,
        "upto": upto,
        "made": made[:64],
        "at": dt.datetime.now(dt.UTC).isoformat(),
        "record": record,
    }
    with store.connection(write=True) as connection:
        insert_or_replace(connection, readings, line, ("batch",))
