from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tunewell.testing.service import (
    PlantedIncident,
    ServiceSettings,
    SimulatedService,
    draw_incident,
    draw_settings,
    simulate,
)
from tunewell.testing.service.columns import dated_records
from tunewell.testing.service.incidents import KINDS, IncidentKind
from tunewell.types import Feedback, Interaction

SMALL = ServiceSettings(days=84, daily=60, topics=4)
DAY = 56


def _with(kind: IncidentKind, size: float, **fields: int) -> SimulatedService:
    incident = PlantedIncident(kind=kind, day=DAY, size=size, **fields)
    return simulate(SMALL, [incident], seed=4)


def _daily(service: SimulatedService) -> np.ndarray:
    days = [(row.at.date() - SMALL.start).days for row in service.interactions()]
    return np.bincount(days, minlength=SMALL.days)


def test_same_seed_same_service_and_another_seed_another() -> None:
    first = simulate(SMALL, seed=1).interactions()
    assert first == simulate(SMALL, seed=1).interactions()
    assert first != simulate(SMALL, seed=2).interactions()


def test_weekends_bring_fewer_and_the_load_is_as_set() -> None:
    counts = _daily(simulate(SMALL, seed=3))
    weekday = (np.arange(SMALL.days) + SMALL.start.weekday()) % 7
    ratio = counts[weekday >= 5].mean() / counts[weekday < 5].mean()
    assert ratio == pytest.approx(SMALL.weekend, abs=0.12)
    assert counts.mean() == pytest.approx(SMALL.daily, rel=0.15)


def test_a_campaign_brings_more_of_everything_and_names_nothing_new() -> None:
    counts = _daily(_with("campaign", 1.0))
    assert counts[DAY:].mean() > 1.6 * counts[:DAY].mean()


def test_a_changed_fact_makes_answers_of_its_topic_wrong_and_the_judge_does_not_see_it() -> None:
    service = _with("fact", 0.7, topic=0)
    about = (service.recorder.requests.topic == 0) & (service.recorder.requests.day >= DAY)
    assert service.recorder.answers.right[about].mean() < 0.4
    assert np.nanmean(service.recorder.outcomes.judge[about]) > 0.75


def test_the_clock_shifts_times_and_nothing_else() -> None:
    usual = simulate(SMALL, seed=4).recorder
    shifted = _with("clock", 7.0).recorder
    apart = {
        (b - a).total_seconds() / 3600 for a, b in zip(usual.times(), shifted.times(), strict=True)
    }
    assert apart == {0.0, 7.0}
    assert usual.questions() == shifted.questions()


def test_lost_rows_are_gone_while_what_came_of_them_stays() -> None:
    service = _with("lost", 0.9, days=2)
    ids = {row.id for row in service.interactions()}
    orphans = [said for said in service.feedback() if said.interaction not in ids]
    assert len(orphans) > 50
    assert _daily(service)[DAY] < 0.4 * SMALL.daily


def test_topics_renamed_backwards_in_time_change_with_the_day_of_the_fetch() -> None:
    service = _with("relabelled", 1.0, topic=0)
    day = SMALL.start + dt.timedelta(days=DAY)
    before = service.interactions(fetched=day - dt.timedelta(days=1))
    after = service.interactions(fetched=day)
    names = [
        {row.request["metadata"].get("topic") for row in rows[: len(before)]}
        for rows in (before, after)
    ]
    assert names[0] != names[1]
    assert [row.id for row in before] == [row.id for row in after[: len(before)]]


def test_an_outage_is_silent_and_half_of_the_people_come_later() -> None:
    service = simulate(SMALL, [PlantedIncident(kind="outage", day=DAY, days=1, size=12.0)], seed=4)
    start = dt.datetime.combine(SMALL.start, dt.time(), dt.UTC) + dt.timedelta(days=DAY, hours=6)
    during = [
        row for row in service.interactions() if start <= row.at < start + dt.timedelta(hours=12)
    ]
    assert not during
    missing = len(simulate(SMALL, seed=4).interactions()) - len(service.interactions())
    assert 5 < missing < 0.8 * SMALL.daily


def test_users_rate_wrong_answers_more_often_and_on_another_scale_after_the_widget() -> None:
    service = _with("widget", 1.0)
    recorder = service.recorder
    rated = ~np.isnan(recorder.outcomes.stars)
    wrong = ~recorder.answers.right
    assert rated[wrong].mean() > 1.5 * rated[~wrong].mean()
    late = recorder.requests.day >= DAY
    assert set(recorder.outcomes.stars[rated & late]) == {0.0, 1.0}
    assert set(recorder.outcomes.stars[rated & ~late]) == {1.0, 2.0, 3.0, 4.0, 5.0}


TINY = ServiceSettings(days=70, daily=15, topics=4)


@pytest.fixture(scope="module")
def usual() -> tuple[list[Interaction], list[Feedback]]:
    service = simulate(TINY, seed=5)
    return service.interactions(), list(service.feedback())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_incident_changes_what_is_recorded(
    kind: IncidentKind, usual: tuple[list[Interaction], list[Feedback]]
) -> None:
    incident = draw_incident(1, TINY, kind=kind, after=40)
    planted = simulate(TINY, [incident], seed=5)
    assert planted.truth[0].causes
    assert (planted.interactions(), list(planted.feedback())) != usual


def test_held_out_settings_are_others_than_those_for_tuning() -> None:
    tuning = [draw_settings(seed) for seed in range(60)]
    held_out = [draw_settings(seed, held_out=True) for seed in range(60)]
    assert max(s.memory for s in tuning) <= min(s.memory for s in held_out)
    assert not {s.topics for s in tuning} & {s.topics for s in held_out}


def test_columns_hold_what_the_rows_hold() -> None:
    service = _with("renamed", 1.0, topic=1)
    records = dated_records(service)
    rows = service.interactions()
    assert len(records) == len(rows)
    field = records.categories["topic"]
    topics = Counter(field.values[code] for code in field.codes)
    assert topics == Counter(row.request["metadata"]["topic"] for row in rows)
    assert (np.diff(records.seconds) >= 0).all()


def test_write_leaves_files_that_hold_the_truth(tmp_path: Path) -> None:
    _with("judge", 0.2).write(tmp_path)
    truth = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert truth[0]["causes"] == ["judge"]
    lines = (tmp_path / "interactions.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) > 3_000
