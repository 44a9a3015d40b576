"""What was recorded, read again: interactions, feedback joined to them, and the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from tunewell.store import Store
from tunewell.store.traffic_tables import feedback, interactions, spool_files
from tunewell.types import Feedback, Interaction, Value

PAGE = 1_000

REMOVED = "traffic-removed"
"""Kind of the events that say how many interactions were removed because of their age."""


class TrafficLedger(Value):
    """Every request that was taken on, by what became of its record.

    Attributes:
        accepted: Requests that the spool says were taken on.
        recorded: Those with a whole record.
        unconfirmed: Those that a kill cut.
        refused: Those of which no record could be kept.
        removed: Those that were removed because of their age.
        lost_bytes: Of the spool, behind the last whole entry of a file.
    """

    accepted: int
    recorded: int
    unconfirmed: int
    refused: int
    removed: int
    lost_bytes: int

    @property
    def balances(self) -> bool:
        """Whether each request is accounted for, to the last one."""
        known = self.recorded + self.unconfirmed + self.refused + self.removed
        return self.accepted == known


def traffic_ledger(store: Store) -> TrafficLedger:
    """The ledger of what the gateways of a project recorded; imports do not count."""
    sums = sa.select(
        sa.func.coalesce(sa.func.sum(spool_files.c.opened), 0).label("opened"),
        sa.func.coalesce(sa.func.sum(spool_files.c.refused), 0).label("refused"),
        sa.func.coalesce(sa.func.sum(spool_files.c.lost_bytes), 0).label("lost"),
    )
    states = (
        sa.select(interactions.c.state, sa.func.count().label("rows"))
        .where(interactions.c.origin == "gateway")
        .group_by(interactions.c.state)
    )
    total = store.row(sums)
    rows = {row.state: int(row.rows) for row in store.rows(states)}
    if total is None:
        raise RuntimeError("a sum without a row")
    return TrafficLedger(
        accepted=int(total.opened),
        recorded=rows.get("recorded", 0),
        unconfirmed=rows.get("unconfirmed", 0),
        refused=int(total.refused),
        removed=sum(int(event.record["rows"]) for event in store.said(REMOVED)),
        lost_bytes=int(total.lost),
    )


def read_interactions(
    store: Store,
    *,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    arm: str = "",
    user: str = "",
) -> Iterator[Interaction]:
    """Interactions in the order of their time.

    Args:
        store: Of the project.
        since: From this time on.
        until: Before this time.
        arm: Assigned to this arm.
        user: Of this user's digest.
    """
    table = interactions.c
    query = sa.select(table.at, table.id, table.record).order_by(table.at, table.id).limit(PAGE)
    for column, value in ((table.arm, arm), (table.person, user)):
        if value:
            query = query.where(column == value)
    if until is not None:
        query = query.where(table.at < _time(until))
    if since is not None:
        query = query.where(table.at >= _time(since))

    rows = store.rows(query)
    while rows:
        for row in rows:
            yield Interaction.model_validate_json(row.record)
        last = rows[-1]
        later = sa.or_(table.at > last.at, sa.and_(table.at == last.at, table.id > last.id))
        rows = store.rows(query.where(later))


def read_interaction(store: Store, id: str) -> Interaction | None:
    """One interaction, if it is there."""
    record = store.value(sa.select(interactions.c.record).where(interactions.c.id == id))
    return Interaction.model_validate_json(record) if record else None


def read_feedback(store: Store, ids: Sequence[str] = ()) -> Iterator[Feedback]:
    """Feedback in the order in which it happened.

    Args:
        store: Of the project.
        ids: About these interactions only.
    """
    table = feedback.c
    query = sa.select(table.record).order_by(table.at, table.key)
    if ids:
        query = query.where(table.interaction.in_(list(ids)))
    for record in store.values(query):
        yield Feedback.model_validate_json(record)


def orphan_feedback(store: Store) -> list[Feedback]:
    """Feedback about interactions that are not there, or not yet."""
    table = feedback.c
    query = (
        sa.select(table.record)
        .outerjoin(interactions, table.interaction == interactions.c.id)
        .where(interactions.c.id.is_(None))
        .order_by(table.at, table.key)
    )
    return [Feedback.model_validate_json(record) for record in store.values(query)]


def _time(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat()


def interaction_line(record: Interaction) -> dict[str, Any]:
    """A row of the table of interactions."""
    return {
        "id": record.id,
        "at": record.at.astimezone(dt.UTC).isoformat(),
        "conversation": record.conversation,
        "person": record.user,
        "arm": record.assigned,
        "state": record.state,
        "origin": record.source,
        "record": record.model_dump_json(),
    }


def feedback_line(record: Feedback) -> dict[str, Any]:
    """A row of the table of feedback."""
    return {
        "key": record.key,
        "interaction": record.interaction,
        "kind": record.kind,
        "at": record.at.astimezone(dt.UTC).isoformat(),
        "received": record.received.astimezone(dt.UTC).isoformat(),
        "record": record.model_dump_json(),
    }
