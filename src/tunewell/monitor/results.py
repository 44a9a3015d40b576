"""What a look says of the pitfalls of use: L03, L04, L05 and L10."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tunewell.monitor.channel import ChannelTopic
from tunewell.monitor.found import Watched
from tunewell.types import (
    Alarm,
    Finding,
    Status,
    Threshold,
)

STAGE: Final = "watch"

SPEAKS_OF: Final[dict[str, tuple[ChannelTopic, ...]]] = {
    "L03": ("traffic", "input"),
    "L04": ("answer", "quality", "feedback"),
    "L06": ("judge",),
    "L10": ("measurement",),
}
"""Channels without which a pitfall was not looked at."""

REMEDY: Final = "tunewell watch"


def findings_of(watched: Watched) -> tuple[Finding, ...]:
    """One finding a pitfall: found with its alarms, clear with what was watched, or unchecked."""
    return tuple(_findings(watched))


def _findings(watched: Watched) -> Iterator[Finding]:
    """Each pitfall of use in turn."""
    limit = Threshold(value=watched.yearly, origin="false alarms a year")
    for code in ("L03", "L04", "L05", "L06", "L10"):
        alarms = [alarm for alarm in watched.alarms if alarm.code == code]
        if alarms:
            yield _found(code, alarms, limit)
            continue
        status, why = _without_alarm(code, watched)
        yield Finding(code=code, status=status, stage=STAGE, why=why, threshold=limit)


def _found(code: str, alarms: list[Alarm], limit: Threshold) -> Finding:
    """A finding with the latest of its alarms."""
    latest = max(alarms, key=lambda alarm: alarm.raised)
    more = f", the last of {len(alarms)}" if len(alarms) > 1 else ""
    why = (
        f"{latest.channel} ({latest.slice or 'all'}) has changed since {latest.since:%Y-%m-%d}"
        f"{more}; cause: {latest.cause}"
    )

    return Finding(
        code=code,
        status="found",
        stage=STAGE,
        why=why,
        estimate=latest.size,
        threshold=limit,
        slice="" if latest.slice == "all" else latest.slice,
        rows=latest.examples_after,
        remedy=latest.remedy or REMEDY,
    )


def _without_alarm(code: str, watched: Watched) -> tuple[Status, str]:
    """Whether a pitfall was looked at, and with what."""
    if code == "L05":
        return "unchecked", "no channel holds answers against facts that have changed"
    topics = SPEAKS_OF[code]
    seen = [each for each in watched.channels if each.channel.topic in topics]
    # Values of fields and hours of the day are watched wherever there are records.
    if not seen and code not in ("L03", "L10"):
        return "unchecked", f"no channel of {' or '.join(topics)} could be watched"

    return "clear", f"no change in {len(seen)} channels until {watched.as_of:%Y-%m-%d}"
