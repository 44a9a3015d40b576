"""Why channels left their bands: traffic, knowledge, model, judge, instrumentation, or not known.

One alarm is never judged by itself. What the records show around its beginning (a clock, renamed
values, lost rows, versions, new words), what frozen anchors show of the model and the judge, and
what else moved at that time are laid together. Instrumentation needs evidence of its own, beside
the slice that moved: that a topic became frequent is no evidence that its name changed. Where two
causes are as likely, or none has evidence, the answer is "cannot tell".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tunewell.monitor.alarm_place import AlarmPlace
from tunewell.monitor.anchors import AnchorReading
from tunewell.monitor.cause_rules import (
    Judged,
    Scene,
    judge_cause,
)
from tunewell.monitor.evidence import (
    CauseEvidence,
    TimeWindow,
    collect,
    shift_everywhere,
)
from tunewell.monitor.mix import column_of_words, mix_effect
from tunewell.monitor.movement import (
    Movement,
    movements,
    window_of,
)
from tunewell.monitor.records import DatedRecords
from tunewell.monitor.remedies import REMEDIES, code_of
from tunewell.monitor.told_causes import ToldCauses
from tunewell.monitor.watch import Watched
from tunewell.types import Alarm

GAP_MEMORY: Final = dt.timedelta(days=30)
"""A gap is weighed by the hours of the four weeks before it."""

LEAD: Final = dt.timedelta(days=1)
"""Evidence may begin a day before the channel says that the change began."""


def explain(
    watched: Watched,
    streams: Sequence[DatedRecords],
    *,
    anchors: Sequence[AnchorReading] = (),
    known: Sequence[CauseEvidence] = (),
    settled: ToldCauses | None = None,
) -> Watched:
    """The same look with a cause, its evidence and a remedy for every alarm.

    Args:
        watched: What the look found.
        streams: The records behind it.
        anchors: What runs of the anchors showed.
        known: Evidence that the records themselves do not hold, such as of two fetches.
        settled: Causes that earlier looks told, and where those of this one are kept.
    """
    scenes = _Scenes(
        watched,
        streams,
        anchors,
        known,
    )
    alarms = []
    for alarm in watched.alarms:
        told = settled.told(alarm) if settled else None
        if told is None:
            scene = scenes.of(alarm)
            told = with_cause(alarm, judge_cause(scene), scene.place)
            if settled:
                settled.tell(alarm, told)
        alarms.append(told)
    return replace(watched, alarms=tuple(alarms))


def with_cause(
    alarm: Alarm,
    judged: Judged,
    place: AlarmPlace,
) -> Alarm:
    """An alarm with its cause, what speaks for it, the pitfall that it is, and what to do."""
    changes = {
        "cause": judged.cause,
        "cause_why": judged.why,
        "remedy": REMEDIES[judged.cause],
        "code": code_of(judged.cause, place.topic),
    }
    return alarm.model_copy(update=changes)


@dataclass(frozen=True)
class _Around:
    """What is known of one time: the same for all alarms that began then."""

    evidence: tuple[CauseEvidence, ...]
    moved: tuple[Movement, ...]


class _Scenes:
    """What is known around each alarm of a look.

    Args:
        watched: The look.
        streams: The records behind it.
        anchors: What runs of the anchors showed.
        known: Evidence that the records themselves do not hold.
    """

    def __init__(
        self,
        watched: Watched,
        streams: Sequence[DatedRecords],
        anchors: Sequence[AnchorReading],
        known: Sequence[CauseEvidence],
    ) -> None:
        self.watched = watched
        self.streams = streams
        self.anchors = anchors
        self.known = known
        self.channels = [banded.channel for banded in watched.channels]
        self._known: dict[tuple[dt.datetime, dt.datetime], _Around] = {}
        self.by_name = {stream.name: stream for stream in streams}
        self._clocks = list(self._clock_evidence())

    def of(
        self,
        alarm: Alarm,
    ) -> Scene:
        """Everything that is known around the beginning of an alarm."""
        window = window_of(
            alarm.since_low - LEAD,
            alarm.since_high,
            self.watched.as_of,
        )
        key = (window.low, window.high)
        if key not in self._known:
            self._known[key] = _Around(
                evidence=(
                    *collect(self.streams, window),
                    *self._clock_at(window),
                    *self._known_at(window),
                ),
                moved=movements(self.channels, window),
            )
        around = self._known[key]
        place = self._place(alarm)
        records = self.by_name.get(place.stream)
        if place.kind == "words" and records is not None:
            column = column_of_words(
                records,
                place,
                window,
            )
            place = replace(place, topic=records.topics.get(column, "input"))
        return Scene(
            alarm=alarm,
            place=place,
            mix=None if records is None else mix_effect(records, place, window),
            window=window,
            evidence=(*around.evidence, *self._clock_before(place, window)),
            moved=around.moved,
            anchors=_reading(self.anchors, alarm),
        )

    def _place(
        self,
        alarm: Alarm,
    ) -> AlarmPlace:
        records = self.by_name.get(alarm.channel.partition(": ")[0])
        return AlarmPlace.of(
            alarm,
            self.channels,
            records.topics if records else None,
        )

    def _clock_evidence(self) -> Iterable[tuple[Alarm, CauseEvidence]]:
        """Steps of the clock that the look found, where every large slice shows them."""
        for alarm in self.watched.alarms:
            place = self._place(alarm)
            records = self.by_name.get(place.stream)
            if place.kind != "clock" or records is None:
                continue
            window = window_of(
                alarm.since_low,
                alarm.since_high,
                self.watched.as_of,
            )
            hours = shift_everywhere(records, window)
            if hours is not None:
                way = "later" if hours > 0 else "earlier"
                what = (
                    f"the day of all records in {records.name} looks as before, but about "
                    f"{abs(hours):g} h {way}, in every large slice of them"
                )
                yield (
                    alarm,
                    CauseEvidence(
                        kind="clock", cause="instrumentation", stream=records.name, what=what
                    ),
                )

    def _known_at(
        self,
        window: TimeWindow,
    ) -> list[CauseEvidence]:
        """Evidence from elsewhere close to a window."""
        return [
            evidence
            for evidence in self.known
            if evidence.at is not None and window.is_near(evidence.at.timestamp())
        ]

    def _clock_at(
        self,
        window: TimeWindow,
    ) -> list[CauseEvidence]:
        """Steps of the clock close to a window."""
        return [
            evidence
            for alarm, evidence in self._clocks
            if window.overlaps(alarm.since_low, alarm.since_high)
        ]

    def _clock_before(
        self,
        place: AlarmPlace,
        window: TimeWindow,
    ) -> list[CauseEvidence]:
        """Steps of the clock in the weeks before a gap: the usual hours are the old ones."""
        if place.kind != "gap":
            return []
        return [
            evidence
            for alarm, evidence in self._clocks
            if evidence.stream == place.stream
            and window.low - GAP_MEMORY <= alarm.since <= window.high
        ]


def _reading(
    anchors: Iterable[AnchorReading],
    alarm: Alarm,
) -> AnchorReading | None:
    """The newest run of anchors that were frozen before the change and run after it."""
    usable = [
        reading
        for reading in anchors
        if reading.frozen <= alarm.since_high and reading.at >= alarm.since_low
    ]
    return max(
        usable,
        key=lambda reading: reading.at,
        default=None,
    )
