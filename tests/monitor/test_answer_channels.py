"""Channels of answers that need no person, clusters of questions, and what is missing by name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.monitor.streams import day_of, rows_of, stream
from tunewell.gateway.keep import feedback_line, interaction_line
from tunewell.monitor.feedback_bounds import feedback_bounds
from tunewell.monitor.found import Watched
from tunewell.monitor.orphans import orphan_evidence
from tunewell.monitor.watch import look
from tunewell.project import Project
from tunewell.store import Store
from tunewell.store.traffic_tables import feedback, interactions
from tunewell.types import Feedback, Interaction
from tunewell.watching import look_at_traffic
from tunewell.watching_checks import CHECKED_A_DAY, drawn_a_day
from tunewell.watching_traffic import traffic_of

FIRST = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
DAYS = 130
TURN = 105
TASK = """\
version: 1
task: {name: desk, about: Answers of a desk., input: A question., output: An answer.}
data: [{path: rows.jsonl}]
"""
CHECKS = """\
metrics:
  - {name: json, options: {metric: schema, schema: {type: object}}}
  - {name: currency, options: {facts: facts.csv}}
"""
FACTS = """\
entity,attribute,value,from
late fee,price,12.50 EUR,2020-01-01
"""


def _answer(
    day: int,
    rng: np.random.Generator,
) -> str:
    """Right until the turn; then half of them hold an amount that nobody gave, in no JSON."""
    if day >= TURN and rng.random() < 0.5:
        return "You pay 48.20 EUR by 3 May."
    return '{"say": "Please pay the amount of your bill."}'


def _put(
    store: Store,
    lost_day: int = -1,
) -> None:
    rng = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []
    for day in range(DAYS):
        for number in range(24):
            at = FIRST + dt.timedelta(days=day, hours=number)
            turns = [{"role": "user", "content": "My bill says 84.20 EUR. What do I pay?"}]
            row = Interaction(
                id=f"{day:03}-{number:02}",
                at=at,
                user=f"u{int(rng.integers(500))}",
                request={"messages": turns},
                response=_answer(day, rng),
                total_s=float(rng.gamma(4, 0.5)),
            )
            if day != lost_day or number < 4:
                rows.append(interaction_line(row))
            if rng.random() < 0.5:
                vote = Feedback(
                    key=row.id,
                    interaction=row.id,
                    kind="thumb",
                    value=float(rng.random() < 0.8),
                    at=at,
                    received=at,
                )
                said.append(feedback_line(vote))
    with store.connection(write=True) as connection:
        connection.execute(interactions.insert(), rows)
        connection.execute(feedback.insert(), said)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    (tmp_path / "tunewell.yaml").write_text(TASK + CHECKS, encoding="utf-8")
    (tmp_path / "facts.csv").write_text(FACTS, encoding="utf-8")
    with Project.open(tmp_path) as opened:
        _put(opened.store)
        yield opened


def _unchecked(watched: Watched) -> dict[str, str]:
    return {each.channel: each.reason for each in watched.unchecked}


def test_support_and_form_are_channels_of_the_traffic(project: Project) -> None:
    watched = look_at_traffic(project, traffic_of(project))
    slices = {alarm.slice: alarm for alarm in watched.alarms}
    for name in ("unsupported item=yes", "form kept=no"):
        alarm = next(found for shown, found in slices.items() if name in shown)
        assert abs((alarm.since - FIRST).days - TURN) <= 3
        assert alarm.cause != "traffic"
    assert "judge scores" in _unchecked(watched)
    assert "people's scores" in _unchecked(watched)
    (bound,) = watched.bounds
    assert bound.good.low < 0.4 < bound.good.value < 0.9 < bound.good.high
    assert "silence says nothing" in bound.sentence


def test_checks_without_what_they_need_are_unchecked_by_name(tmp_path: Path) -> None:
    (tmp_path / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    with Project.open(tmp_path) as bare:
        _put(bare.store)
        missing = _unchecked(look_at_traffic(bare, traffic_of(bare)))
    assert "E08" in missing["share of outdated value"]
    assert "schema" in missing["share of form kept"]


def test_a_few_answers_of_each_day_are_checked_and_always_the_same() -> None:
    days = [FIRST.date() + dt.timedelta(days=n // 200) for n in range(600)]
    ids = [f"{n // 200}-{n % 200}" for n in range(600)]
    drawn = drawn_a_day(days, ids)
    assert len(drawn) == 3 * CHECKED_A_DAY
    assert [place // 200 for place in drawn] == sorted(place // 200 for place in drawn)
    assert drawn == drawn_a_day(days, ids)
    later = drawn_a_day(days[200:], ids[200:])
    assert [place + 200 for place in later] == drawn[CHECKED_A_DAY:]


def test_feedback_about_nothing_is_evidence_of_lost_rows(tmp_path: Path) -> None:
    (tmp_path / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    with Project.open(tmp_path) as bare:
        _put(bare.store, lost_day=110)
        seen = traffic_of(bare).seen
        (found,) = orphan_evidence(seen.said, "traffic")
    assert found.kind == "orphans"
    assert found.at == FIRST + dt.timedelta(days=110)


def test_no_feedback_gives_no_bound() -> None:
    assert not list(feedback_bounds(stream(rows_of(40, a_day=5))))


SUBJECTS = (
    "bill charge amount paid invoice money",
    "login password account locked code reset",
    "parcel delivery late courier address street",
)


def _by_subject(
    day: int,
    rng: np.random.Generator,
    row: dict[str, Any],
) -> None:
    """Three subjects; from day 160 on a fourth that nobody asked about."""
    words = SUBJECTS[int(rng.integers(3))].split()
    if day >= 160 and rng.random() < 0.25:
        words = "garden tulip spade compost hedge rake".split()
    picked = rng.choice(words, size=4, replace=False).tolist()
    filler = rng.choice([f"fill{chr(97 + i)}{chr(97 + j)}" for i in range(9) for j in range(9)], 5)
    row["question"] = " ".join([*picked, *filler.tolist()])


def test_what_is_in_no_cluster_of_the_reference_is_out_of_scope() -> None:
    watched = look(stream(rows_of(185, a_day=30, seed=4, change=_by_subject)))
    out = [alarm for alarm in watched.alarms if alarm.slice == "out of scope=yes"]
    assert out
    assert abs(day_of(out[0].since) - 160) <= 2
    assert out[0].code == "L03"
    clusters = [each.channel.slice for each in watched.channels if "cluster" in each.channel.name]
    assert len(clusters) >= 3


def test_too_few_texts_for_clusters_are_said() -> None:
    watched = look(stream(rows_of(120, a_day=2, seed=6)))
    assert "clusters of texts" in _unchecked(watched)
