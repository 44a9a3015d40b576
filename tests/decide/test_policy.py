"""What is decided on which evidence, and what never is."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.decide.case import START, WEEK, alarm, evidence, falling, reading, steady
from tunewell.decide import (
    CandidateState,
    EarlierVersion,
    Prices,
    QualityReading,
    Waiting,
    decide_next,
)
from tunewell.types import Cause, Estimate


def gap(value: float, margin: float = 0.01) -> Estimate:
    return Estimate(value=value, low=value - margin, high=value + margin, n=400, method="made")


def go(**more: Any) -> CandidateState:
    known = {"version": "next" * 16, "outcome": "GO", "evidence": ("verdict:v",), **more}
    return CandidateState(**known)


def test_a_version_that_decays_is_retrained_and_a_steady_one_held() -> None:
    due = decide_next(evidence(16, falling(16)))
    assert due.action == "retrain"
    assert due.gain is not None
    assert 0.08 < due.gain.low < due.gain.high < 0.25
    assert due.cost == Estimate.exact(1_001.0, n=1, unit="EUR")
    assert due.risk is not None
    assert due.risk < 0.1
    assert due.would_change
    held = decide_next(evidence(16, steady(16)))
    assert held.action == "hold"
    assert "worth less than its 1,001 EUR" in held.why


@pytest.mark.parametrize("cause", ["judge", "instrumentation"])
def test_a_change_of_what_measures_is_no_reason_to_retrain(cause: Cause) -> None:
    """Whatever the curves show: readings of the judge from then on count for nothing."""
    seen = [*steady(8, by="judge"), *(reading(week, 90, by="judge") for week in range(8, 20))]
    now = decide_next(evidence(20, seen, alarms=(alarm(cause, 8),)))
    assert now.action == "hold"
    assert "not the model" in now.why
    assert any("12 readings" in line for line in now.unchecked)
    mended = alarm(cause, 8, state="over", over=START + 30 * WEEK)
    later = decide_next(evidence(20, seen, alarms=(mended,)))
    assert later.action == "hold"
    assert later.gain is not None
    assert later.gain.value < 0.03


def test_people_go_on_counting_while_the_judge_is_in_doubt() -> None:
    mended = alarm("judge", 4, state="over", over=START + 5 * WEEK)
    assert decide_next(evidence(16, falling(16), alarms=(mended,))).action == "retrain"
    still = alarm("judge", 4)
    assert decide_next(evidence(16, falling(16), alarms=(still,))).action == "hold"


def test_what_only_the_last_weeks_show_is_looked_at_first() -> None:
    jumped = [*steady(12), reading(12, 60), reading(13, 64), reading(14, 62)]
    asked = decide_next(evidence(15, jumped))
    assert asked.action == "collect"
    assert "last four weeks" in asked.why
    named = decide_next(evidence(15, jumped, alarms=(alarm("knowledge", 12),)))
    assert named.action == "retrain"
    long_known = decide_next(evidence(15, jumped, alarms=(alarm("knowledge", 3),)))
    assert long_known.action == "collect", "what it was about was in the readings before"
    lasting = [*jumped, *(reading(week, 62) for week in range(15, 20))]
    assert decide_next(evidence(20, lasting)).action == "retrain"


def test_a_cause_that_nobody_can_tell_is_asked_for() -> None:
    made = decide_next(evidence(16, falling(16), alarms=(alarm("cannot tell", 10),)))
    assert made.action == "collect"
    assert "nothing tells why" in made.why


def test_a_step_of_the_clock_holds_even_where_nothing_tells_its_cause() -> None:
    step = alarm("cannot tell", 10)
    coded = step.model_copy(update={"alarm": step.alarm.model_copy(update={"code": "L10"})})
    made = decide_next(evidence(16, falling(16), alarms=(coded,)))
    assert made.action == "hold"
    assert "clock" in made.why
    assert any(line.endswith(": instrumentation") for line in made.evidence)


def test_nothing_to_learn_from_is_collected_first() -> None:
    few = Waiting(corrections=5, trained_on=2_000)
    made = decide_next(evidence(16, falling(16), waiting=few, fewest_rows=50))
    assert made.action == "collect"
    assert "45 more" in made.why
    assert made.cost == Estimate.exact(45.0, n=45, unit="EUR")
    wave = alarm("traffic", 14, slice="region=north")
    known: dict[str, Any] = {"waiting": few, "fewest_rows": 50, "alarms": (wave,)}
    sliced = decide_next(evidence(16, steady(16), prices=Prices(), **known))
    assert sliced.action == "collect"
    assert "region=north" in " ".join(sliced.would_change)
    dear = Prices(wrong_answer=0.01, retraining=5_000)
    assert decide_next(evidence(16, steady(16), prices=dear, **known)).action == "hold"


def test_a_candidate_is_promoted_once_everything_that_is_asked_for_is_there() -> None:
    made = decide_next(evidence(16, steady(16), candidate=go(gain=gap(0.04))))
    assert made.action == "promote"
    assert "4.0 points [3.0, 5.0]" in made.why
    waits = go(waits_for=("an owner's signature",))
    held = decide_next(evidence(16, steady(16), candidate=waits))
    assert held.action == "hold"
    assert held.would_change == ("an owner's signature",)
    worse = decide_next(evidence(16, steady(16), candidate=go(gain=gap(-0.04))))
    assert worse.action == "hold"
    judge = decide_next(evidence(16, steady(16), candidate=go(), alarms=(alarm("judge", 12),)))
    assert judge.action == "hold"


def test_an_open_verdict_collects_what_would_settle_it() -> None:
    open_one = go(outcome="INCONCLUSIVE", why="Too few rows.", settled_by=("about 40 more rows",))
    made = decide_next(evidence(4, steady(4), candidate=open_one))
    assert made.action == "collect"
    assert made.would_change == ("about 40 more rows",)


def test_harm_is_undone_first() -> None:
    old = EarlierVersion(version="old", since=START, harm=gap(0.05), evidence="release:2")
    made = decide_next(evidence(4, steady(4), earlier=old, candidate=go()))
    assert made.action == "roll back"
    assert "release:2" in made.evidence
    unclear = old.model_copy(update={"harm": gap(0.005)})
    assert decide_next(evidence(4, steady(4), earlier=unclear)).action == "hold"
    changed = alarm("model", 0)
    with_release = old.model_copy(update={"harm": None})
    rolled = decide_next(evidence(4, steady(4), earlier=with_release, alarms=(changed,)))
    assert rolled.action == "roll back"
    elsewhere = alarm("model", 3)
    held = decide_next(evidence(6, steady(6), earlier=with_release, alarms=(elsewhere,)))
    assert held.action == "hold"


def test_a_worn_test_set_asks_for_fresh_rows() -> None:
    made = decide_next(evidence(4, steady(4), worn="It was looked at 30 times; 20 are allowed."))
    assert made.action == "collect"
    assert "Fresh rows" in made.why


def test_without_prices_or_readings_it_says_what_is_missing() -> None:
    free = decide_next(evidence(16, falling(16), prices=Prices()))
    assert free.action == "hold"
    assert any("costs.wrong_answer" in line for line in free.unchecked)
    unseen = decide_next(evidence(16, []))
    assert unseen.action == "hold"
    assert unseen.gain is None
    assert any("nobody has judged any" in line for line in unseen.unchecked)
    nothing = decide_next(evidence(16, [], serving=""))
    assert nothing.action == "hold"
    assert "tunewell run" in nothing.would_change[0]


def test_the_projects_own_cadence_is_a_bound() -> None:
    made = decide_next(evidence(16, steady(16), cadence_days=90.0))
    assert made.action == "retrain"
    assert "own cadence of 90 days" in made.why
    young = decide_next(evidence(16, falling(16), fewest_days=200.0))
    assert young.action == "hold"
    assert young.schedule is not None
    assert young.schedule.by == (START + dt.timedelta(days=200)).date()


CAUSES: list[Cause] = ["traffic", "knowledge", "model", "judge", "instrumentation", "cannot tell"]


@given(
    wrong=st.lists(st.integers(0, 200), max_size=12),
    causes=st.lists(st.sampled_from(CAUSES), max_size=3),
    outcome=st.sampled_from([None, "GO", "NO-GO", "INCONCLUSIVE"]),
    rows=st.integers(0, 60),
    price=st.sampled_from([0.0, 0.01, 50.0]),
)
def test_any_evidence_gives_a_decision_that_keeps_the_rules(
    wrong: list[int], causes: list[Cause], outcome: Any, rows: int, price: float
) -> None:
    readings: list[QualityReading] = [reading(i, count) for i, count in enumerate(wrong)]
    made = decide_next(
        evidence(
            12,
            readings,
            alarms=tuple(alarm(cause, i) for i, cause in enumerate(causes)),
            candidate=None if outcome is None else go(outcome=outcome),
            waiting=Waiting(source=rows),
            fewest_rows=20,
            prices=Prices(wrong_answer=price, retraining=500.0),
        )
    )
    assert made.why
    assert made.author == "tunewell"
    if {"judge", "instrumentation"} & set(causes) or rows < 20:
        assert made.action != "retrain"
    if made.action == "promote":
        assert outcome == "GO"
    if made.action == "retrain":
        assert made.risk is not None
        assert made.risk <= 0.1
