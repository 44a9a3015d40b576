"""Which readings of quality may be compared: none across a change of what measured them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tunewell.decide.decay import Decay, QualityReading, measure_decay
from tunewell.decide.evidence import AlarmInUse, DecisionEvidence
from tunewell.decide.schedule import ScheduleOptions
from tunewell.types import Alarm, Cause

OF_MEASURING: Final[frozenset[Cause]] = frozenset({"judge", "instrumentation"})
"""Causes that change the measurement and not the model: retraining mends none of them."""

BY_CODE: Final[Mapping[str, Cause]] = {"L06": "judge", "L10": "instrumentation"}
"""What an alarm is about by its pitfall, where nothing tells more."""

OF_THE_WORLD: Final[frozenset[Cause]] = frozenset({"knowledge", "traffic"})


@dataclass(frozen=True)
class Comparable:
    """Readings that mean the same, and how many do not.

    Attributes:
        readings: In the order of their time.
        left_out: How many were left out.
    """

    readings: tuple[QualityReading, ...]
    left_out: int


def cause_of(alarm: Alarm) -> Cause:
    """The cause of an alarm: as it is told, else what its pitfall says by itself.

    A step of the clock or a gap in the records (L10) cannot be put right by training, whether or
    not anybody can tell what was behind it.
    """
    if alarm.cause == "cannot tell":
        return BY_CODE.get(alarm.code, alarm.cause)
    return alarm.cause


def comparable(evidence: DecisionEvidence) -> Comparable:
    """Readings that no change of judge or instruments touches.

    While a judge's scores or the records themselves are in doubt, readings of people go on counting
    under a judge's change only: they do not rest on it.
    """
    kept = []
    for reading in sorted(
        evidence.readings,
        key=lambda each: each.at,
    ):
        if not any(_touches(found, reading) for found in evidence.alarms):
            kept.append(reading)
    return Comparable(tuple(kept), len(evidence.readings) - len(kept))


def _touches(found: AlarmInUse, reading: QualityReading) -> bool:
    alarm = found.alarm
    cause = cause_of(alarm)
    if cause not in OF_MEASURING:
        return False
    if cause == "judge" and reading.by != "judge":
        return False
    ended = found.over is not None and reading.at > found.over
    return reading.at >= alarm.since_low and not ended


def open_alarms(evidence: DecisionEvidence, causes: frozenset[Cause]) -> list[AlarmInUse]:
    """Alarms of these causes that are not over."""
    found = [each for each in evidence.alarms if cause_of(each.alarm) in causes]
    return [each for each in found if each.state != "over"]


def decay_of(evidence: DecisionEvidence, *, before: dt.datetime | None = None) -> Decay:
    """How the serving version has decayed, by the readings that can be compared.

    Args:
        evidence: All that is known.
        before: Only by readings from before this time; None = all.
    """
    usable = comparable(evidence)
    readings = [each for each in usable.readings if before is None or each.at < before]
    return measure_decay(
        readings,
        trained=dict(evidence.trained),
        serving=evidence.serving,
        now=evidence.now,
        changes=_changes(evidence.alarms),
        left_out=usable.left_out,
    )


def _changes(alarms: Sequence[AlarmInUse]) -> list[tuple[dt.datetime, dt.datetime]]:
    """From when until when the world may have changed."""
    of_world = [each.alarm for each in alarms if cause_of(each.alarm) in OF_THE_WORLD]
    return [(alarm.since_low, alarm.since_high) for alarm in of_world]


def options_of(evidence: DecisionEvidence) -> ScheduleOptions:
    """What a schedule is weighed by."""
    prices = evidence.prices
    labels = prices.label * evidence.fewest_rows
    return ScheduleOptions(
        answers_per_day=evidence.answers_per_day,
        wrong_answer=prices.wrong_answer,
        retraining=prices.retraining + labels if prices.retraining else 0.0,
        horizon_days=evidence.horizon_days,
        cadence_days=evidence.cadence_days,
        fewest_days=evidence.fewest_days,
        recovers=evidence.recovers,
        currency=prices.currency,
    )
