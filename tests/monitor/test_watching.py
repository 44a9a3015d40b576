"""From a project's traffic to what people read, and back: each thing once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from tunewell.monitor.kept_look import last_look
from tunewell.monitor.reading_batch import reading_batches
from tunewell.monitor.standing_review import (
    PURPOSE,
    corrected_judge,
    corrected_rows,
    last_period,
    people_alone,
    read_answers,
)
from tunewell.people import Accounts, Item, Said, WorkStore
from tunewell.people.rows_from_use import take_up_from_use
from tunewell.project import Project
from tunewell.testing.service import PlantedIncident, ServiceSettings, simulate
from tunewell.testing.service.in_store import put_traffic
from tunewell.watching import (
    QUEUE,
    open_weekly_queue,
    open_weekly_review,
    queue_so_far,
    watch_day,
)
from tunewell.watching_traffic import Traffic, traffic_of

TASK = """\
version: 1
task:
  name: desk
  about: Answers of a service desk.
  input: A question.
  output: An answer.
data: [{path: rows.jsonl}]
slices: [{field: region}]
people:
  rubric: [{name: right, question: "Is it right?"}]
watch:
  review: {rows: 40}
  suspicious: {rows: 20, audit: 0.3}
"""

SETTINGS = ServiceSettings(days=140, daily=30, reviewed=0)
NOW = dt.datetime(2026, 5, 26, 9, tzinfo=dt.UTC)
"""The Tuesday after the last of the simulated days."""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    (tmp_path / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    with Project.open(tmp_path) as opened:
        service = simulate(SETTINGS, [PlantedIncident(kind="behaviour", day=120, size=0.3)], seed=8)
        put_traffic(opened.store, service)
        accounts = Accounts(opened.store)
        for name in ("bob", "eve"):
            accounts.create(name, role="expert")
        yield opened


def _say(
    project: Project,
    item: Item,
    **said: object,
) -> None:
    work = WorkStore(project.store)
    batch = work.batch(item.batch)
    assert batch is not None
    accounts = {account.id for account in Accounts(project.store).all()}
    account = next(each for each in sorted(accounts) if work.seat(item.id, each))
    work.write(
        Said.model_validate(said),
        item=item,
        batch=batch,
        account=account,
        key=item.id,
    )


def _items(
    project: Project,
    purpose: str,
) -> list[Item]:
    (batch,) = reading_batches(project.store, purpose)
    return WorkStore(project.store).items(batch.id)


def test_the_standing_review_is_opened_once_with_known_probabilities(project: Project) -> None:
    traffic = traffic_of(project)
    first = open_weekly_review(project, traffic, NOW)
    again = open_weekly_review(project, traffic, NOW + dt.timedelta(hours=3))
    assert first is not None
    assert again is not None
    assert (first.is_new, again.is_new) == (True, False)
    assert again.batch.id == first.batch.id
    assert first.seats == 40
    assert again.seats == 0
    items = _items(project, PURPOSE)
    assert len(items) == 40
    period = last_period(NOW)
    pool = [answer for answer in traffic.answers.values() if period.has(answer.at)]
    assert {item.probability for item in items} == {40 / len(pool)}
    assert {item.example for item in items} <= {answer.id for answer in pool}


def test_somebody_who_joins_later_gets_no_seat_twice_and_the_next_week_is_another(
    project: Project,
) -> None:
    traffic = traffic_of(project)
    open_weekly_review(project, traffic, NOW - dt.timedelta(days=7))
    open_weekly_review(project, traffic, NOW)
    assert len(reading_batches(project.store, PURPOSE)) == 2
    assert open_weekly_review(project, traffic, NOW + dt.timedelta(days=7)) is None


def test_what_people_say_corrects_the_judge_and_becomes_rows(project: Project) -> None:
    traffic = traffic_of(project)
    open_weekly_review(project, traffic, NOW)
    items = _items(project, PURPOSE)
    for n, item in enumerate(items):
        wrong = n % 4 == 0
        correction = "The right answer." if wrong else ""
        _say(project, item, scores={"right": float(not wrong)}, correction=correction)
    read = read_answers(project.store, "right")
    alone = people_alone(read)
    assert alone is not None
    assert alone.value == pytest.approx(0.75)
    judge = {
        said.interaction: float(said.value or 0)
        for said in traffic.feedback
        if said.name == "judge"
    }
    corrected = corrected_judge(read, judge)
    assert corrected is not None
    assert corrected.low < 0.75 < corrected.high
    rows = corrected_rows(project.store, traffic.answers)
    assert len(rows) == 10
    assert {row.origin for row in rows} == {"correction"}
    assert rows[0].target == "The right answer."
    assert rows[0].tags["region"]
    taken = take_up_from_use(project.store, author="iterate")
    targets = {row.id: row.target for row in taken.rows}
    assert {targets[f"use-{row.parent}"] for row in rows} == {"The right answer."}


def test_a_queue_hides_its_audit_and_bounds_what_is_missed(project: Project) -> None:
    traffic = traffic_of(project)
    opened = open_weekly_queue(project, traffic, NOW)
    assert opened is not None
    assert opened.is_new
    again = open_weekly_queue(project, traffic, NOW)
    assert again is not None
    assert not again.is_new
    items = _items(project, QUEUE)
    assert len(items) == 20
    assert all(not item.groups for item in items)
    before = queue_so_far(project.store)
    assert before is not None
    assert before.missed is None
    for item in items:
        _say(project, item, scores={"right": 1.0})
    after = queue_so_far(project.store)
    assert after is not None
    assert after.read == 20
    assert after.missed is not None
    assert 0 < after.missed.high < 220


def test_a_day_of_watching_keeps_its_look_and_findings(project: Project) -> None:
    traffic: Traffic = traffic_of(project)
    day = watch_day(project, traffic, now=NOW)
    kept = last_look(project.store)
    assert kept is not None
    assert kept.alarms == day.watched.alarms
    assert {alarm.cause for alarm in kept.alarms} >= {"model"}
    run = project.store.last_run("watch")
    assert run is not None
    assert {finding.code for finding in run.findings} >= {"L03", "L04", "L10"}
    assert len(day.said) == 2
    assert watch_day(project, traffic, now=NOW).said == []
