"""The ledger of what was recorded, and how interactions and feedback become rows."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from tunewell.store import Store
from tunewell.store.traffic_tables import feedback, interactions, spool_files
from tunewell.types import Feedback, Interaction, Value

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
        in_spool: Those whose end a running gateway's spool holds, or will.
    """

    accepted: int
    recorded: int
    unconfirmed: int
    refused: int
    removed: int
    lost_bytes: int
    in_spool: int = 0

    @property
    def balances(self) -> bool:
        """Whether each request is accounted for, to the last one."""
        known = self.recorded + self.unconfirmed + self.refused + self.removed + self.in_spool
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
