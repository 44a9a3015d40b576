from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from tunewell.errors import UserError
from tunewell.monitor.episodes import acknowledge, acknowledgements, episodes
from tunewell.store import Store
from tunewell.types import Alarm, Cause

NOON = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)


def _alarm(id: str, day: int, cause: Cause, p_value: float = 0.01) -> Alarm:
    since = NOON + dt.timedelta(days=day)
    return Alarm(
        id=id,
        channel=f"traffic: {id}",
        raised=since + dt.timedelta(days=2),
        as_of=since + dt.timedelta(days=2),
        since=since,
        since_low=since,
        since_high=since,
        p_value=p_value,
        cause=cause,
    )


def test_alarms_of_one_time_and_cause_are_one_thing_led_by_the_clearest() -> None:
    found = episodes(
        [
            _alarm("length", 0, "model", 0.02),
            _alarm("latency", 1, "model", 0.001),
            _alarm("share", 1, "cannot tell", 0.0001),
            _alarm("topic", 1, "traffic"),
            _alarm("old", -30, "model"),
        ]
    )
    assert [[alarm.id for alarm in each.alarms] for each in found] == [
        ["latency", "length", "share"],
        ["topic"],
        ["old"],
    ] or found[0].lead.id == "topic"
    lead = next(each for each in found if each.lead.id == "latency")
    assert lead.cause == "model"
    assert len(lead.alarms) == 3


def test_what_somebody_took_note_of_comes_last_and_keeps_its_reason(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        acknowledge(store, "length", reason=" the new release ", author="ann")
        noted = acknowledgements(store)
    alarms = [_alarm("length", 5, "model"), _alarm("topic", 0, "traffic")]
    first, second = episodes(alarms, noted)
    assert first.is_open
    assert first.lead.id == "topic"
    assert second.acknowledged is not None
    assert second.acknowledged.reason == "the new release"


def test_an_acknowledgement_needs_a_reason(tmp_path: Path) -> None:
    with Store(tmp_path) as store, pytest.raises(UserError, match="with a reason"):
        acknowledge(store, "length", reason="  ", author="ann")
