"""Alarms that began together and have one cause, as one thing; and who has taken note of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

from tunewell.errors import UserError
from tunewell.store import Store
from tunewell.types import (
    Alarm,
    Cause,
    Value,
)

ACKNOWLEDGED: Final = "alarm-acknowledged"
"""Kind of the events by which people take note of an alarm."""

TOGETHER: Final = dt.timedelta(days=4)
"""Alarms whose beginnings are no further apart may be one thing."""

LONGEST_REASON: Final = 2_000


class Acknowledgement(Value):
    """Somebody took note of an alarm.

    Attributes:
        alarm: Its id.
        author: Who.
        reason: In their words.
        at: When, UTC.
        account: Id of the account that was signed in; empty for a claim from the command line.
    """

    alarm: str
    author: str
    reason: str
    at: dt.datetime
    account: str = ""


class Episode(Value):
    """One thing that happened, seen in one channel or several.

    Attributes:
        lead: The clearest of its alarms.
        alarms: All of them, the clearest first.
        cause: Of all of them.
        since: When it began most likely, UTC.
        acknowledged: By whom and why, if somebody took note of the lead.
    """

    lead: Alarm
    alarms: tuple[Alarm, ...]
    cause: Cause
    since: dt.datetime
    acknowledged: Acknowledgement | None = None

    @property
    def is_open(self) -> bool:
        """Whether nobody has taken note of it."""
        return self.acknowledged is None


def episodes(
    alarms: Iterable[Alarm],
    acknowledged: Sequence[Acknowledgement] = (),
) -> tuple[Episode, ...]:
    """Alarms taken together, those that nobody has taken note of first, the newest first.

    Two alarms are one thing if they began within four days of each other and have the same cause;
    an alarm whose cause nobody can tell joins what began at its time.

    Args:
        alarms: Of a look.
        acknowledged: What people have taken note of.
    """
    told: list[list[Alarm]] = []
    for alarm in sorted(alarms, key=lambda each: (each.cause == "cannot tell", each.since)):
        group = next((group for group in told if _belongs(alarm, group)), None)
        if group is None:
            told.append([alarm])
        else:
            group.append(alarm)
    notes = {each.alarm: each for each in acknowledged}
    found = [_episode(group, notes) for group in told]
    return tuple(sorted(found, key=lambda each: (not each.is_open, -each.since.timestamp())))


def _belongs(alarm: Alarm, group: Sequence[Alarm]) -> bool:
    same = alarm.cause in ("cannot tell", group[0].cause)
    return same and any(abs(alarm.since - other.since) <= TOGETHER for other in group)


def _episode(
    group: Sequence[Alarm],
    notes: dict[str, Acknowledgement],
) -> Episode:
    ranked = sorted(group, key=lambda alarm: (alarm.cause == "cannot tell", alarm.p_value))
    lead = ranked[0]
    noted = [notes[alarm.id] for alarm in ranked if alarm.id in notes]
    return Episode(
        lead=lead,
        alarms=tuple(ranked),
        cause=lead.cause,
        since=lead.since,
        # What was said of one of them was said of the thing.
        acknowledged=noted[0] if noted else None,
    )


def acknowledge(
    store: Store,
    alarm: str,
    *,
    reason: str,
    author: str,
    account: str = "",
) -> None:
    """Record that somebody takes note of an alarm; it stays in the list, behind the open ones.

    Args:
        store: Of the project.
        alarm: Its id.
        reason: In their words.
        author: Who.
        account: Id of the account that is signed in, if one is.

    Raises:
        UserError: No reason is given.
    """
    words = reason.strip()
    if not words:
        raise UserError("an alarm is acknowledged with a reason", hint="--reason 'what you know'")
    record = {"reason": words[:LONGEST_REASON], "account": account}
    store.say(
        ACKNOWLEDGED,
        alarm,
        author=author,
        record=record,
    )


def acknowledgements(store: Store) -> list[Acknowledgement]:
    """What people have taken note of, the last word on each alarm."""
    last: dict[str, Acknowledgement] = {}
    for event in store.said(ACKNOWLEDGED):
        last[event.subject] = Acknowledgement(
            alarm=event.subject,
            author=event.author,
            reason=str(event.record.get("reason", "")),
            at=event.at,
            account=str(event.record.get("account", "")),
        )
    return list(last.values())
