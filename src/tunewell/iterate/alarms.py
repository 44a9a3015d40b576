"""Alarms as decisions need them: those of the serving version's time, with what people said."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final, Literal

from tunewell.decide import AlarmInUse
from tunewell.store import Store
from tunewell.types import Alarm

EVENT: Final = "alarm"
SEEN: Final = "alarm-seen"


def alarms_in_use(
    store: Store, *, since: dt.datetime | None, now: dt.datetime
) -> tuple[AlarmInUse, ...]:
    """The newest state of every alarm that was raised since a version's data ended.

    Args:
        store: Of the project.
        since: When that was; None = all alarms.
        now: Those that were raised later are left out.
    """
    newest: dict[str, Alarm] = {}
    for event in store.said(EVENT):
        alarm = Alarm.model_validate(event.record)
        newest[alarm.id] = alarm
    said = {event.subject: event.record for event in store.said(SEEN)}
    found = []
    for alarm in newest.values():
        is_ours = since is None or alarm.since_high >= since
        if is_ours and alarm.raised <= now:
            found.append(_with_state(alarm, said.get(alarm.id)))
    return tuple(
        sorted(
            found,
            key=lambda each: each.alarm.raised,
        )
    )


def _with_state(alarm: Alarm, said: dict[str, Any] | None) -> AlarmInUse:
    if said is None:
        return AlarmInUse(alarm=alarm)
    over = said.get("over")
    state: Literal["seen", "over"] = "over" if over else "seen"
    ended = dt.datetime.fromisoformat(over) if over else None
    return AlarmInUse(
        alarm=alarm,
        state=state,
        over=ended,
    )
