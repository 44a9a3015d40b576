"""Causes of planted incidents, from the made-up service through the look to the sentence."""

from __future__ import annotations

import datetime as dt
import gzip
from typing import Any

import pytest

from tests.shared_data import DATA, NO_DATA
from tunewell.json_text import parse_json
from tunewell.monitor.cause import explain
from tunewell.monitor.read_records import read_rows
from tunewell.monitor.records import DatedRecords
from tunewell.monitor.watch import look
from tunewell.testing.service import PlantedIncident, ServiceSettings, simulate
from tunewell.testing.service.anchored import anchors_on, simulated_anchors
from tunewell.testing.service.columns import dated_records
from tunewell.testing.service.incidents import IncidentKind
from tunewell.types import Alarm, Cause

SETTINGS = ServiceSettings(daily=80, days=168)
DAY = 147


def _alarms(
    kind: IncidentKind,
    size: float,
    *,
    anchors: bool = True,
    number_ids: bool = True,
    days: int = 0,
    topic: int = -1,
) -> tuple[Alarm, ...]:
    """What is said a fortnight after an incident."""
    incident = PlantedIncident(kind=kind, day=DAY, size=size, days=days, topic=topic)
    service = simulate(SETTINGS, [incident], seed=6)
    records = dated_records(service, days=DAY + 14, number_ids=number_ids)
    reading = anchors_on(service, simulated_anchors(service), DAY + 13) if anchors else None
    explained = explain(look(records), [records], anchors=[reading] if reading else [])
    return explained.alarms


def _causes(alarms: tuple[Alarm, ...]) -> set[Cause]:
    return {alarm.cause for alarm in alarms}


@pytest.mark.parametrize(
    ("kind", "size", "fields", "cause"),
    [
        ("campaign", 1.2, {}, "traffic"),
        ("mix", 2.0, {"topic": 1}, "traffic"),
        ("fact", 0.6, {"topic": 0}, "knowledge"),
        ("behaviour", 0.25, {}, "model"),
        ("failing", 0.15, {}, "model"),
        ("judge", 0.25, {}, "judge"),
        ("clock", 7.0, {}, "instrumentation"),
        ("renamed", 1.0, {"topic": 1}, "instrumentation"),
        ("field_gone", 0.95, {}, "instrumentation"),
        ("template", 0.5, {}, "instrumentation"),
        ("widget", 1.0, {}, "instrumentation"),
    ],
)
def test_the_cause_of_a_planted_incident_is_named(
    kind: IncidentKind, size: float, fields: dict[str, int], cause: Cause
) -> None:
    alarms = _alarms(kind, size, topic=fields.get("topic", -1))
    assert alarms
    assert _causes(alarms) == {cause}
    for alarm in alarms:
        assert alarm.cause_why
        assert alarm.remedy


def test_lost_rows_are_told_by_the_numbers_that_were_given_out_or_not_at_all() -> None:
    told = _alarms("lost", 0.9, days=2)
    assert "instrumentation" in _causes(told)
    assert "numbers given out" in " ".join(alarm.cause_why for alarm in told)
    unknown = _alarms("lost", 0.9, days=2, number_ids=False)
    assert _causes(unknown) == {"cannot tell"}


def test_an_outage_is_no_instrumentation() -> None:
    assert "instrumentation" not in _causes(_alarms("outage", 20.0, days=1))


def test_without_anchors_a_worse_judge_is_no_worse_model() -> None:
    assert _causes(_alarms("judge", 0.25, anchors=False)) <= {"judge", "cannot tell"}


def test_judge_and_instrumentation_never_advise_to_retrain() -> None:
    for alarms in (_alarms("judge", 0.25), _alarms("clock", -6.0)):
        for alarm in alarms:
            assert "do not retrain" in alarm.remedy
            assert alarm.code in ("L06", "L10")


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "thunderbird").is_dir(), reason=NO_DATA)
def test_the_clock_step_of_real_support_traffic_is_instrumentation() -> None:
    streams = [_stream("questions"), _stream("answers")]
    explained = explain(look(streams), streams)
    start = dt.datetime(2023, 11, 27, tzinfo=dt.UTC)
    around = [alarm for alarm in explained.alarms if abs((alarm.since - start).days) <= 3]
    assert around
    assert _causes(tuple(around)) == {"instrumentation"}
    others = [alarm for alarm in explained.alarms if alarm not in around]
    assert "instrumentation" not in _causes(tuple(others))


def _stream(name: str) -> DatedRecords:
    path = DATA / "thunderbird" / f"{name}.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows: list[Any] = [parse_json(line) for line in file]
    as_of = dt.datetime(2024, 7, 1, tzinfo=dt.UTC)
    return read_rows(rows, name, until=as_of)[0]
