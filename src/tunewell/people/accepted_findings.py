"""Accept a finding as a known risk: in writing, until a day, by an account or by a claim."""

from __future__ import annotations

import datetime as dt

from tunewell.errors import UserError
from tunewell.people.accounts import Account
from tunewell.people.audit import AuditLog
from tunewell.pitfalls import CATALOGUE
from tunewell.store import Store

EVENT = "acceptance"

FEWEST_WORDS = 3
"""A shorter reason explains nothing to whoever signs the release."""

LONGEST_REASON = 2_000


def accept_finding(
    store: Store,
    code: str,
    *,
    reason: str,
    until: str,
    author: str,
    account: Account | None = None,
) -> dt.date:
    """Record that somebody takes a finding on.

    Args:
        store: Of the project.
        code: Of the pitfall, such as ``E06``.
        reason: Why it is acceptable.
        until: Last day of validity, ``YYYY-MM-DD``.
        author: Who takes it on.
        account: That was signed in; None at the command line, where anybody may claim to be anyone.

    Returns:
        The last day.

    Raises:
        UserError: There is no such pitfall, the day is past or no day, or the reason is no reason.
    """
    if code not in CATALOGUE:
        raise UserError(f"there is no pitfall {code!r}", hint=f"one of {', '.join(CATALOGUE)}")
    day = _day_to_come(until)
    if len(reason.split()) < FEWEST_WORDS:
        raise UserError(
            f"the reason {reason!r} is too short",
            hint="write one sentence for whoever signs the release",
        )
    record = {"reason": reason[:LONGEST_REASON], "until": day.isoformat()}
    if account is not None:
        record["account"] = account.id
    store.say(EVENT, code, author=author, record=record)
    if account is not None:
        AuditLog(store).add(account.name, "finding accepted", code, until=day.isoformat())
    return day


def _day_to_come(text: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise UserError(f"--until takes a date as YYYY-MM-DD, got {text!r}") from None
    if day < dt.datetime.now(dt.UTC).date():
        raise UserError(f"--until {day} is in the past", hint="name a day in the future")
    return day
