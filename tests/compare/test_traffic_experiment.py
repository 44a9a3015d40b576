"""Tests on traffic: seldom wrong between equal arms, and what is broken in an arm is caught."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tunewell.compare.experiment import Effects, ExperimentResult, Exposures, result_of
from tunewell.compare.experiment.checks import sample_ratio, validity
from tunewell.experiment_design import TrafficExperiment
from tunewell.experiments import ExperimentRecord
from tunewell.testing.traffic import MadeTraffic, seen_by

NOW = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)


def design(**more: Any) -> TrafficExperiment:
    given = {
        "name": "spring",
        "candidate": "b",
        "control": "a",
        "outcome": {"kind": "thumb"},
        "margin": 0.05,
        **more,
    }
    return TrafficExperiment.model_validate(given)


def result(traffic: MadeTraffic | Exposures, *, seed: int = 0, **more: Any) -> ExperimentResult:
    made = design(**more)
    exposures = traffic
    if isinstance(traffic, MadeTraffic):
        exposures = traffic.make(np.random.default_rng(seed))
    assert isinstance(exposures, Exposures)
    effects = Effects(made, exposures)
    record = ExperimentRecord(design=made, status="running", step=1)
    checks = validity(effects, settings=None, harmless=False)
    return result_of(effects, checks, record=record, at=NOW)


def check(found: ExperimentResult, name: str) -> str:
    return next(each.status for each in found.checks if each.name == name)


def test_equal_arms_are_seldom_told_apart_however_often_one_looks() -> None:
    rng = np.random.default_rng(11)
    wrong = naive = 0
    for _ in range(40):
        exposures = MadeTraffic(users=500).make(rng)
        says = []
        per_request = []
        for rows in np.linspace(0, exposures.requests, 16)[1:].astype(int):
            effects = Effects(design(), seen_by(exposures, int(rows)))
            effect = effects.effect()
            enough = min(effects.known(candidate=True), effects.known(candidate=False)) >= 100
            clear = effect is not None and not effect.low <= 0 <= effect.high
            broken = any(guard.broken for guard in effects.guards())
            says.append((enough and clear) or broken or sample_ratio(effects).status == "found")
            per_request.append(_naive(effects.exposures))
        wrong += any(says)
        naive += any(per_request)
    assert wrong <= 2
    assert naive > 12


def _naive(exposures: Exposures) -> bool:
    """A test of means that takes every request for a person of its own."""
    values, ours = exposures.measures["outcome"], exposures.candidate
    a, b = values[ours], values[~ours]
    if min(a.size, b.size) < 100:
        return False
    spread = np.sqrt(a.var() / a.size + b.var() / b.size)
    return bool(abs(a.mean() - b.mean()) > 1.96 * spread)


@pytest.mark.parametrize("effect", [0.0, 0.08, -0.2])
def test_the_interval_covers_the_effect(effect: float) -> None:
    rng = np.random.default_rng(12)
    covered = 0
    for _ in range(150):
        exposures = MadeTraffic(users=400, effect=effect).make(rng)
        found = Effects(design(), exposures).effect()
        assert found is not None
        covered += found.low <= effect <= found.high
    assert covered >= 0.94 * 150


def test_a_better_candidate_goes_and_a_worse_one_is_stopped() -> None:
    better = result(MadeTraffic(users=3_000, effect=0.1))
    assert better.outcome == "GO", better.why
    assert not better.harm
    worse = result(MadeTraffic(users=3_000, effect=-0.1))
    assert worse.outcome == "NO-GO"
    assert "the candidate is worse" in worse.harm
    turned = {"kind": "event", "name": "escalated", "bigger_is_better": False}
    assert "worse" in result(MadeTraffic(users=3_000, effect=0.1), outcome=turned).harm


def test_no_difference_larger_than_the_margin_is_a_verdict() -> None:
    equal = MadeTraffic(users=6_000)
    found = result(equal)
    assert found.outcome == "NO-GO"
    assert "no difference larger than 0.05" in found.why
    assert result(equal, goal="no_worse").outcome == "GO"
    assert result(equal, aa=True).outcome == "GO"


def test_worse_within_the_margin_is_not_too_much_worse() -> None:
    """The interval is below 0 and spans minus the margin: neither side is shown."""
    somewhat = MadeTraffic(users=2_000, most=8, effect=-0.1)
    found = result(somewhat, goal="no_worse", margin=0.1)
    assert found.effect is not None
    assert found.effect.high < 0
    assert found.effect.low < -0.1 < found.effect.high
    assert found.outcome == "INCONCLUSIVE"
    assert not found.harm
    assert result(MadeTraffic(users=4_000, effect=-0.3), goal="no_worse").outcome == "NO-GO"


def test_few_units_settle_nothing_and_say_how_many_would() -> None:
    few = result(MadeTraffic(users=120, effect=0.3))
    assert few.outcome == "INCONCLUSIVE"
    assert "100 of each" in few.why
    some = result(MadeTraffic(users=600))
    assert some.outcome == "INCONCLUSIVE"
    assert some.more is not None
    assert 500 < some.more < 10_000


def test_nothing_yet_is_said_plainly() -> None:
    empty = seen_by(MadeTraffic(users=10).make(np.random.default_rng(0)), 0)
    found = result(empty)
    assert found.outcome == "INCONCLUSIVE"
    assert found.effect is None
    assert check(found, "sample ratio") == "unchecked"


@pytest.mark.parametrize(
    ("broken", "metric"),
    [
        (MadeTraffic(users=400, slower=1.6), "latency"),
        (MadeTraffic(users=400, longer=2.2), "length"),
        (MadeTraffic(users=400, errors=0.15), "errors"),
    ],
)
def test_a_guard_stops_an_arm_that_is_broken(broken: MadeTraffic, metric: str) -> None:
    found = result(broken)
    assert [str(g.guard) for g in found.guards if g.broken] == [metric]
    assert metric in found.harm
    assert found.outcome == "NO-GO"


def test_what_is_tolerated_does_not_stop() -> None:
    assert not result(MadeTraffic(users=2_000, slower=1.15, longer=1.3)).harm


def test_a_lost_part_of_an_arm_is_seen_in_the_ratio() -> None:
    lost = result(MadeTraffic(users=5_000, effect=0.1, lost=0.2))
    assert check(lost, "sample ratio") == "found"
    assert lost.outcome == "INCONCLUSIVE"
    assert lost.findings[0].code == "L02"
    assert lost.findings[0].status == "found"
    assert "gateway ledger" in lost.findings[0].remedy


def test_steps_with_other_weights_do_not_shift_the_effect() -> None:
    """Later people are better off and more of them are drawn to the candidate."""
    rng = np.random.default_rng(13)
    steps = ((0.3, 0.1), (0.7, 0.6))
    made = design(steps=[{"share": 0.3, "candidate": 0.1}, {"share": 1.0, "candidate": 0.6}])
    values, plain = [], []
    for _ in range(30):
        exposures = MadeTraffic(users=1_500, steps=steps).make(rng)
        outcome = exposures.measures["outcome"].copy()
        later = exposures.step == 2
        outcome[later] = np.maximum(outcome[later], rng.random(int(later.sum())) < 0.5)
        shifted = replace(exposures, measures={**exposures.measures, "outcome": outcome})
        effects = Effects(made, shifted)
        found = effects.effect()
        assert found is not None
        assert sample_ratio(effects).status == "clear"
        values.append(found.value)
        ours = effects.units.candidate
        plain.append(effects.outcomes[ours].mean() - effects.outcomes[~ours].mean())
    assert abs(float(np.mean(values))) < 0.01
    assert float(np.mean(plain)) > 0.03


def test_an_effect_that_wears_off_is_no_go_ahead() -> None:
    new = result(MadeTraffic(users=4_000, effect=0.3, wears_off=True), novelty_hours=24)
    assert check(new, "novelty") == "found" or new.outcome != "GO"
    lasting = result(MadeTraffic(users=4_000, effect=0.3), novelty_hours=24)
    assert check(lasting, "novelty") == "clear"
    assert lasting.outcome == "GO"


def test_feedback_that_is_missing_otherwise_in_one_arm_takes_a_verdict_back() -> None:
    quiet = MadeTraffic(users=3_000, most=3, effect=0.15, answered=0.7, candidate_answered=0.3)
    found = result(quiet)
    assert check(found, "missing outcomes") == "found"
    assert found.outcome == "INCONCLUSIVE"
    assert found.worst is not None
    assert found.best is not None
    assert found.worst.low < 0 < found.best.high


def test_conversations_of_both_arms_are_seen() -> None:
    meeting = result(MadeTraffic(users=1_500, conversations=0.3))
    assert check(meeting, "interference") == "found"
    assert check(result(MadeTraffic(users=300)), "interference") == "clear"


def test_a_unit_in_both_arms_makes_it_invalid() -> None:
    exposures = MadeTraffic(users=500).make(np.random.default_rng(1))
    candidate = exposures.candidate.copy()
    again = np.flatnonzero(exposures.unit == exposures.unit[0])
    candidate[again[-1]] = not candidate[again[0]]
    exposures = replace(exposures, candidate=candidate)
    switched = int((exposures.unit == exposures.unit[0]).sum()) > 1
    found = result(exposures)
    assert check(found, "one arm each") == ("found" if switched else "clear")


def test_a_slice_that_is_worse_is_no_go_ahead() -> None:
    exposures = MadeTraffic(users=4_000, effect=0.25).make(np.random.default_rng(2))
    of_unit = np.where(np.arange(4_000) % 4 == 0, "north", "south")
    region = of_unit[exposures.unit].tolist()
    outcome = exposures.measures["outcome"].copy()
    spoilt = (np.array(region) == "north") & exposures.candidate
    outcome[spoilt] = 0.0
    exposures = replace(
        exposures, slices={"region": region}, measures={**exposures.measures, "outcome": outcome}
    )
    found = result(exposures, slices=["region"])
    assert set(found.slices) == {"region=north", "region=south"}
    assert found.slices["region=north"].high < 0
    assert found.outcome != "GO"
    assert [f.code for f in found.findings] == ["L02", "E06"]


def test_a_judge_that_people_correct_is_sharper_than_few_people_alone() -> None:
    made = MadeTraffic(users=3_000, most=3, effect=0.1, answered=0.15, judge=0.9, alike=0.0)
    found = result(made, judge="grader")
    assert found.judged is not None
    assert found.effect is not None
    alone = found.effect.high - found.effect.low
    assert found.judged.high - found.judged.low < 0.85 * alone
    assert found.judged.low <= 0.1 <= found.judged.high
