"""Evidence of a service that is asked a hundred times a day, for tests of decisions."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tunewell.decide import AlarmInUse, DecisionEvidence, Prices, QualityReading, Waiting
from tunewell.lineage import record
from tunewell.stats import proportion
from tunewell.store import Store
from tunewell.types import Alarm, Cause

START = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
WEEK = dt.timedelta(days=7)


def reading(week: int, wrong: int, *, of: int = 200, **more: Any) -> QualityReading:
    """So many wrong answers in a week of version ``new``."""
    known = {"version": "new", "by": "people", **more}
    return QualityReading(
        at=START + (week + 0.5) * WEEK, wrong=proportion(wrong, of, method="wilson"), **known
    )


def alarm(
    cause: Cause,
    week: int,
    *,
    state: Any = "open",
    over: dt.datetime | None = None,
    slice: str = "",
) -> AlarmInUse:
    """An alarm that something changed in a week, raised in the next."""
    since = START + week * WEEK
    made = Alarm(
        id=f"{cause}-{week}",
        channel="judged quality",
        slice=slice,
        raised=since + WEEK,
        as_of=since + WEEK,
        since=since,
        since_low=since,
        since_high=since + WEEK,
        p_value=0.001,
        cause=cause,
        cause_why="said the records",
    )
    return AlarmInUse(alarm=made, state=state, over=over)


def put_look(store: Store, *alarms: Alarm) -> None:
    """A look at use, as its stage keeps it."""
    with record(store, "watch", inputs={}, parameters={}) as run:
        run.outputs["look"] = store.put_value({"alarms": list(alarms)})


def evidence(weeks: int, readings: list[QualityReading], **more: Any) -> DecisionEvidence:
    """What is known so many weeks after version ``new`` was trained."""
    known = {
        "serving": "new",
        "trained": {"new": START, "old": START - 26 * WEEK},
        "prices": Prices(wrong_answer=2.0, retraining=1_000.0, label=1.0),
        "answers_per_day": 100.0,
        "waiting": Waiting(source=400, trained_on=2_000),
        **more,
    }
    return DecisionEvidence(now=START + weeks * WEEK, readings=tuple(readings), **known)


def falling(weeks: int, *, points_a_week: float = 1.0, **more: Any) -> list[QualityReading]:
    """Readings of a version that loses so many points of a hundred every week."""
    return [reading(week, round(20 + 2 * points_a_week * week), **more) for week in range(weeks)]


def steady(weeks: int, **more: Any) -> list[QualityReading]:
    """Readings of a version that loses nothing."""
    return [reading(week, 20 + week % 3, **more) for week in range(weeks)]
