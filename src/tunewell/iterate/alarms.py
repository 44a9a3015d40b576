"""Alarms as decisions need them: those of the serving version's time, with what people said."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from tunewell.decide import AlarmInUse
from tunewell.errors import UserError
from tunewell.people.accounts import Account
from tunewell.people.audit import AuditLog
from tunewell.store import Store
from tunewell.types import Alarm

STAGE: Final = "watch"
OUTPUT: Final = "look"
"""Where the newest look at use keeps its alarms."""

ACKNOWLEDGED: Final = "alarm-acknowledged"
SETTLED: Final = "alarm-settled"

LONGEST_REASON: Final = 2_000


def alarms_of_newest_look(store: Store) -> tuple[Alarm, ...]:
    """Every alarm of the newest look; none where nobody has looked yet."""
    run = store.last_run(STAGE)
    if run is None or OUTPUT not in run.outputs:
        return ()
    look = store.get_value(run.outputs[OUTPUT], dict[str, Any])
    return tuple(Alarm.model_validate(each) for each in look.get("alarms", ()))


def alarms_in_use(
    store: Store,
    *,
    since: dt.datetime | None,
    now: dt.datetime,
) -> tuple[AlarmInUse, ...]:
    """The alarms of the newest look that concern a version, in the order in which they came.

    Args:
        store: Of the project.
        since: When the version's data ended; None = all alarms.
        now: Those that were raised later are left out.
    """
    seen = {event.subject for event in store.said(ACKNOWLEDGED)}
    over = {event.subject: event.at for event in store.said(SETTLED)}
    found = []
    for alarm in alarms_of_newest_look(store):
        is_ours = since is None or alarm.since_high >= since
        if is_ours and alarm.raised <= now:
            found.append(_with_state(alarm, alarm.id in seen, over.get(alarm.id)))
    return tuple(sorted(found, key=lambda each: each.alarm.raised))


def _with_state(alarm: Alarm, seen: bool, over: dt.datetime | None) -> AlarmInUse:
    if over is not None:
        return AlarmInUse(alarm=alarm, state="over", over=over)
    return AlarmInUse(alarm=alarm, state="seen" if seen else "open")


def settle_alarm(
    store: Store,
    alarm: str,
    *,
    author: str,
    reason: str,
    account: Account | None = None,
) -> None:
    """Record that what an alarm was about is over: mended, or learned by a newer version.

    From then on readings of quality count again, and the alarm holds nothing up.

    Args:
        store: Of the project.
        alarm: Its id, or the beginning of it.
        author: Who says so.
        reason: What was done.
        account: That is signed in; None at the command line.

    Raises:
        UserError: There is no such alarm in the newest look, or no reason.
    """
    known = [each.id for each in alarms_of_newest_look(store)]
    fitting = [each for each in known if alarm and each.startswith(alarm)]
    if len(fitting) != 1:
        raise UserError(f"there is no alarm {alarm[:40]!r}", hint="tunewell watch")
    if len(reason.split()) < 2:
        raise UserError(
            "an alarm is settled with a reason",
            hint="--reason 'the form sends the field again'",
        )
    record = {
        "reason": reason.strip()[:LONGEST_REASON],
        "account": account.id if account else "",
    }
    store.say(SETTLED, fitting[0], author=author, record=record)
    if account is not None:
        AuditLog(store).add(account.name, "alarm settled", fitting[0])
