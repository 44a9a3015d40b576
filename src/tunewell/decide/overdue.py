"""L07: a version that serves longer than its schedule allows."""

from __future__ import annotations

import datetime as dt
from typing import Final

from tunewell.plurals import plural
from tunewell.types import Estimate, Finding, RetrainingSchedule, Threshold

CODE: Final = "L07"
STAGE: Final = "decide"


def overdue(
    schedule: RetrainingSchedule,
    *,
    due: dt.date | None,
    today: dt.date,
    origin: str = "measured decay",
) -> Finding:
    """L07: whether the day for retraining has passed.

    Args:
        schedule: As it is computed today.
        due: The day that the schedule gave when it first gave one for this version; None if it
            gave none.
        today: By UTC.
        origin: Where the day comes from.

    Example:
        >>> now = dt.datetime(2026, 3, 20, tzinfo=dt.UTC)
        >>> schedule = RetrainingSchedule(at=now, readings=9)
        >>> overdue(schedule, due=dt.date(2026, 3, 14), today=now.date()).status
        'found'
    """
    if due is None:
        return _without_day(schedule)
    late = (today - due).days
    found = Finding(
        code=CODE,
        status="clear",
        stage=STAGE,
        why=f"Retraining is due by {due}{_interval(schedule)}.",
        estimate=Estimate.exact(
            float(max(late, 0)),
            n=schedule.readings,
            unit="days",
        ),
        threshold=Threshold(value=0.0, origin=origin),
    )
    if late <= 0:
        return found
    why = f"Retraining was due by {due}, {plural(late, 'day')} ago{_interval(schedule)}."
    remedy = "tunewell iterate, or tunewell accept L07 --reason … --until …"
    return found.model_copy(update={"status": "found", "why": why, "remedy": remedy})


def _without_day(schedule: RetrainingSchedule) -> Finding:
    why = schedule.unchecked
    if not why and not schedule.readings:
        why = "no answer of the serving version has been judged yet"
    if why:
        return Finding(
            code=CODE,
            status="unchecked",
            stage=STAGE,
            why=why,
        )
    return Finding(
        code=CODE,
        status="clear",
        stage=STAGE,
        why="By the decay that was measured, retraining does not pay within the horizon.",
        estimate=schedule.decay,
    )


def _interval(schedule: RetrainingSchedule) -> str:
    if schedule.earliest is None:
        return ""
    latest = str(schedule.latest) if schedule.latest else "perhaps never"
    return f" [{schedule.earliest}, {latest}]"
