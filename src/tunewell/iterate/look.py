"""The loop's look at use: what changed, and what people are given to read."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from tunewell.errors import DataError
from tunewell.iterate.steps import IterationStep
from tunewell.plurals import plural
from tunewell.project import Project
from tunewell.store import Store
from tunewell.store.traffic_tables import feedback, interactions
from tunewell.types import digest
from tunewell.watching import WatchDay, watch_day
from tunewell.watching_traffic import traffic_of

STEP = "watch"


def traffic_mark(store: Store) -> str:
    """Changes when anything is recorded or said of use; empty where nothing was asked yet."""
    rows = sa.select(sa.func.count()).select_from
    counts = [int(store.value(rows(table)) or 0) for table in (interactions, feedback)]
    last_asked = store.value(sa.select(sa.func.max(interactions.c.at)))
    last_said = store.value(sa.select(sa.func.max(feedback.c.received)))
    return digest([counts, last_asked, last_said]) if counts[0] else ""


def look_at_use(
    project: Project,
    *,
    now: dt.datetime,
) -> IterationStep:
    """What ``tunewell watch`` does: look, keep the look, open the standing review and the queue.

    Args:
        project: The project.
        now: UTC.

    Raises:
        UserError: The definition asks for a review and has no rubric.
    """
    if not traffic_mark(project.store):
        return _skipped("no questions have come in from use yet")
    try:
        day = watch_day(project, traffic_of(project), now=now)
    except ValueError as error:
        return _skipped(f"too few questions have come in from use: {error}")
    except DataError as error:
        return _skipped(error.message)
    return IterationStep(name=STEP, state="done", why=_found(day))


def _skipped(why: str) -> IterationStep:
    return IterationStep(name=STEP, state="skipped", why=why)


def _found(day: WatchDay) -> str:
    watched = day.watched
    channels, alarms = len(watched.channels), len(watched.alarms)
    looked = f"{plural(alarms, 'alarm')} in {plural(channels, 'channel')}"
    return "; ".join([looked, *day.said])
