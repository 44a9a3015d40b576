"""How outcomes, steps and guards of an experiment are typed."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tunewell.errors import UserError

RATES = "latency, first-token, length, cost, errors, refusals, event:NAME or less:event:NAME"


def outcome_of(
    text: str, *, low: float, high: float, less: bool, wait_hours: float
) -> dict[str, Any]:
    """An outcome from ``thumb``, ``rating=NAME`` or ``event=NAME``."""
    kind, _, name = text.partition("=")
    return {
        "kind": kind.strip(),
        "name": name.strip(),
        "low": low,
        "high": high,
        "bigger_is_better": not less,
        "wait_hours": wait_hours,
    }


def step_of(text: str) -> dict[str, float]:
    """A step of the ramp from ``SHARE`` or ``SHARE:CANDIDATE``.

    Raises:
        UserError: It is none.

    Example:
        >>> step_of("0.25:0.3")
        {'share': 0.25, 'candidate': 0.3}
    """
    share, _, candidate = text.partition(":")
    found = {"share": _number(share, text, "--step 0.25 or --step 0.25:0.3")}
    if candidate:
        found["candidate"] = _number(candidate, text, "--step 0.25:0.3")
    return found


def guard_of(text: str) -> dict[str, Any]:
    """A guard from ``METRIC=LIMIT``.

    Raises:
        UserError: It is none.

    Example:
        >>> guard_of("less:event:solved=0.05")
        {'metric': 'event', 'name': 'solved', 'limit': 0.05, 'worse': 'less'}
    """
    named, _, limit = text.rpartition("=")
    if not named:
        raise UserError(f"{text!r} is not METRIC=LIMIT", hint=f"a metric is {RATES}")
    worse = "less" if named.startswith("less:") else "more"
    metric, _, name = named.removeprefix("less:").partition(":")
    return {
        "metric": metric.strip().replace("-", " "),
        "name": name.strip(),
        "limit": _number(limit, text, "--guard latency=1.25"),
        "worse": worse,
    }


def moment_of(text: str) -> dt.datetime | None:
    """A moment from ISO 8601, UTC where no zone is named; None of an empty text.

    Raises:
        UserError: It is none.
    """
    if not text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UserError(
            f"{text!r} is not a time in ISO 8601", hint="--at 2026-11-30T12:00:00+00:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _number(text: str, whole: str, example: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{whole!r} has no number where one belongs", hint=example) from None
