"""Edits that a later import brings of interactions that are there: said, counted, never taken over.

The first import of an interaction is kept, so that figures of the past do not move. Where a later
file has another value for it, the source was edited after the interaction's own time.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from tunewell.plurals import plural
from tunewell.store.store import Store
from tunewell.store.traffic_tables import interactions
from tunewell.types import Interaction

EDITED: Final = "traffic-edited"
"""Kind of the events that say what a later import has otherwise."""

ITS_OWN: Final = frozenset({"id", "at", "source", "state"})
"""Fields that say how an interaction was recorded, not what it was."""


@dataclass
class ImportEdits:
    """What one import has otherwise than the interactions that are there.

    Attributes:
        compared: Interactions that were there already.
        fields: In how many of them each field differs.
        first: Time of the oldest that differs, UTC.
        last: Time of the newest.
    """

    compared: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    first: dt.datetime | None = None
    last: dt.datetime | None = None

    def compare(
        self,
        store: Store,
        rows: Sequence[Interaction],
    ) -> None:
        """Hold rows of a file against the interactions of the same ids.

        Args:
            store: Of the project.
            rows: That were there already.
        """
        if not rows:
            return
        again = {row.id: row for row in rows}
        query = sa.select(interactions.c.record).where(interactions.c.id.in_(list(again)))
        for record in store.values(query):
            kept = Interaction.model_validate_json(record)
            self.compared += 1
            changed = _changed(vars(kept), vars(again[kept.id]))
            if changed:
                self.fields.update(changed)
                self.first = min(self.first or kept.at, kept.at)
                self.last = max(self.last or kept.at, kept.at)

    def say(
        self,
        store: Store,
        name: str,
    ) -> None:
        """Record the edits that a file holds, if it holds any."""
        if self.first is None or self.last is None:
            return
        record = {
            "compared": self.compared,
            "fields": dict(self.fields),
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
        }
        store.say(EDITED, name, author="tunewell traffic import", record=record)


def _changed(
    kept: Mapping[str, Any],
    now: Mapping[str, Any],
) -> list[str]:
    """Fields with another value; what a file does not say is no edit."""
    names = [name for name in kept if name not in ITS_OWN]
    return [name for name in names if now[name] and now[name] != kept[name]]


def edit_notes(store: Store) -> list[str]:
    """What later imports have otherwise, in words, oldest import first."""
    notes = []
    for event in store.said(EDITED):
        said = event.record
        fields = ", ".join(f"{name} in {rows:,}" for name, rows in said["fields"].items())
        known = plural(said["compared"], "interaction")
        notes.append(
            f"traffic: {event.subject}, imported on {event.at:%Y-%m-%d}, has other values for "
            f"{known} that {_were(said['compared'])} there ({fields}; of {said['first'][:10]} to "
            f"{said['last'][:10]}): edited after their own time; the first import is kept"
        )
    return notes


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
