"""Anchors and their runs in the store: versioned artifacts, and events that only grow."""

from __future__ import annotations

from typing import Final

from tunewell.errors import UserError
from tunewell.lineage import record
from tunewell.monitor.anchors import (
    AnchorReading,
    AnchorRun,
    AnchorSet,
    read_anchors,
)
from tunewell.store import Store

FROZEN: Final = "anchors-frozen"
"""Kind of the events that say which anchors are in force; the last one counts."""

READ: Final = "anchors-read"
"""Kind of the events that say what a run of the anchors showed."""


def keep_anchors(
    store: Store,
    anchors: AnchorSet,
    *,
    author: str,
) -> str:
    """Keep anchors as an artifact and put them in force; gives their digest."""
    parameters = {"model": anchors.model, "judge": anchors.judge, "rows": len(anchors.rows)}
    with record(store, "anchors", inputs={}, parameters=parameters) as run:
        digest = store.put_value(anchors)
        run.outputs["anchors"] = digest
    store.say(FROZEN, digest, author=author, record=dict(parameters))
    return digest


def anchors_in_force(store: Store) -> tuple[AnchorSet, str]:
    """The anchors that were frozen last, with their digest.

    Raises:
        UserError: None were frozen.
    """
    frozen = store.said(FROZEN)
    if not frozen:
        raise UserError("no anchors have been frozen yet", hint="tunewell watch anchors freeze")
    digest = frozen[-1].subject
    return store.get_value(digest, AnchorSet), digest


def keep_reading(
    store: Store,
    run: AnchorRun,
    reading: AnchorReading,
    *,
    author: str,
) -> None:
    """Keep a run of the anchors and what it showed."""
    with record(store, "anchors-run", inputs={"anchors": run.anchors}, parameters={}) as made:
        made.outputs["run"] = store.put_value(run)
    store.say(READ, run.anchors, author=author, record=reading.model_dump(mode="json"))


def anchor_readings(store: Store) -> tuple[AnchorReading, ...]:
    """What every run of anchors showed, oldest first."""
    return tuple(AnchorReading.model_validate(event.record) for event in store.said(READ))


def read_again(
    store: Store,
    run: AnchorRun,
    anchors: AnchorSet,
    *,
    author: str,
) -> AnchorReading:
    """Compare a run with its anchors, and keep both."""
    reading = read_anchors(anchors, run)
    keep_reading(
        store,
        run,
        reading,
        author=author,
    )
    return reading
