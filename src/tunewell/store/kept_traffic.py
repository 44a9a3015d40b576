"""What was asked and answered in use, and what came of it, read again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic_core import from_json

from tunewell.store.store import Store
from tunewell.store.traffic_tables import feedback, interactions
from tunewell.types import Feedback, Interaction

PAGE = 1_000

Fields = dict[str, Any]


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
    for row in _pages(store, since, until, arm=arm, person=user):
        yield Interaction.model_validate_json(row.record)


def read_fields(
    store: Store,
    *,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> Iterator[Fields]:
    """Interactions as plain fields in the order of their time, as they were checked once.

    Args:
        store: Of the project.
        since: From this time on.
        until: Before this time.

    Yields:
        The fields of `Interaction` by name, those that were not written with their default.
    """
    defaults = {
        name: field.get_default(call_default_factory=True)
        for name, field in Interaction.model_fields.items()
    }
    for row in _pages(store, since, until):
        fields = from_json(row.record)
        fields["at"] = dt.datetime.fromisoformat(row.at)
        yield fields if len(fields) >= len(defaults) else defaults | fields


def _pages(
    store: Store,
    since: dt.datetime | None,
    until: dt.datetime | None,
    **values: str,
) -> Iterator[Any]:
    """Rows of interactions in the order of their time, some at once."""
    table = interactions.c
    query = sa.select(table.at, table.id, table.record).order_by(table.at, table.id).limit(PAGE)
    for name, value in values.items():
        if value:
            query = query.where(table[name] == value)
    if until is not None:
        query = query.where(table.at < _time(until))
    first = query
    if since is not None:
        first = query.where(table.at >= _time(since))

    rows = store.rows(first)
    while rows:
        yield from rows
        last = rows[-1]
        # The plain bound is what an index is entered by.
        later = sa.or_(table.at > last.at, table.id > last.id)
        rows = store.rows(query.where(table.at >= last.at, later))


def read_interaction(
    store: Store,
    id: str,
) -> Interaction | None:
    """One interaction, if it is there."""
    record = store.value(sa.select(interactions.c.record).where(interactions.c.id == id))
    return Interaction.model_validate_json(record) if record else None


def read_feedback(
    store: Store,
    ids: Sequence[str] = (),
    *,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> Iterator[Feedback]:
    """Feedback in the order in which it happened.

    Args:
        store: Of the project.
        ids: About these interactions only.
        since: Of what happened from this time on.
        until: Of what happened before this time.
    """
    table = feedback.c
    query = sa.select(table.record).order_by(table.at, table.key)
    if since is not None:
        query = query.where(table.at >= _time(since))
    if until is not None:
        query = query.where(table.at < _time(until))
    if ids:
        query = query.where(table.interaction.in_(list(ids)))
    for record in store.values(query):
        yield Feedback.model_validate_json(record)


def _time(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat()
