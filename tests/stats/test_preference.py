"""Preferences of few raters: small versions of ``bench/statistics/comparison.py``."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tunewell.stats.careless import rater_habits
from tunewell.stats.clustered import cluster_mean
from tunewell.stats.preference import (
    continuous_boundary,
    deciding_look,
    fewest_raters,
    plan_preference,
    preference_looks,
    preference_power,
)

SIX = 6


def drawn(rng: np.random.Generator, each: int, icc: float, rate: float) -> list[float]:
    own = np.full(SIX, rate)
    if icc:
        size = 1 / icc - 1
        own = rng.beta(rate * size, (1 - rate) * size, SIX)
    said = rng.random((each, SIX)) < own
    return said.astype(float).ravel().tolist()


def has_winner(said: list[float], looks: int = 0) -> bool:
    raters = [i % SIX for i in range(len(said))]
    found = preference_looks(said, raters=raters, planned=len(said), looks=looks)
    return any(look.favours for look in found)


def test_the_boundary_is_that_of_a_watched_brownian_motion() -> None:
    assert continuous_boundary(1.0) == pytest.approx(2.2414, abs=1e-4)
    assert continuous_boundary(0.25) == pytest.approx(2 * 2.2414, abs=1e-3)
    assert continuous_boundary(1.5) == continuous_boundary(1.0)


@pytest.mark.parametrize("icc", [0.0, 0.2, 0.5])
def test_equal_arms_have_no_winner_whenever_one_looks(icc: float) -> None:
    rng = np.random.default_rng(int(10 * icc))
    runs = 400
    wrong = sum(has_winner(drawn(rng, 20, icc, 0.5)) for _ in range(runs))
    # At the promised 5 % more than this would be seen in 1 of 500 tests.
    assert wrong <= 34


def test_two_to_one_is_found_with_two_hundred_verdicts() -> None:
    rng = np.random.default_rng(0)
    runs = 150
    hits = sum(has_winner(drawn(rng, 33, 0.0, 0.65)) for _ in range(runs))
    assert hits / runs >= 0.8


def test_the_plan_refuses_six_raters_whose_verdicts_are_alike() -> None:
    # Fixed-sample power of six raters at 65 : 35.
    assert preference_power(6, 33, win_rate=0.65, icc=0.2, looks=1) == pytest.approx(0.27, abs=0.02)
    assert preference_power(6, 33, win_rate=0.65, icc=0.5, looks=1) == pytest.approx(0.16, abs=0.03)
    assert plan_preference(6, 33, win_rate=0.65, icc=0.0).enough
    for icc, needed in ((0.2, 25), (0.5, 54)):
        plan = plan_preference(6, 33, win_rate=0.65, icc=icc)
        assert not plan.enough
        assert plan.needed == pytest.approx(needed, abs=2)
        assert plan_preference(plan.needed, 33, win_rate=0.65, icc=icc).enough
        assert not plan_preference(plan.needed - 1, 33, win_rate=0.65, icc=icc).enough


def test_a_panel_that_may_all_lean_one_way_by_chance_shows_nothing() -> None:
    assert fewest_raters(0.05) == 6
    assert preference_looks([1.0] * 40, raters=list(range(5)) * 8, planned=40) == ()
    assert plan_preference(5, 100, win_rate=0.9, icc=0.0).power == 0.0


def test_raters_who_come_one_after_another_are_no_evidence_before_the_sixth() -> None:
    said, raters = [1.0] * 198, [i // 33 for i in range(198)]
    looks = preference_looks(said, raters=raters, planned=198)
    first = next(look for look in looks if look.favours)
    # The sixth counts from two thirds of the others' verdicts on.
    assert first.why.startswith("187 of 198")


def test_ties_and_planned_looks() -> None:
    said = [1.0, 0.5, 1.0, 1.0, 0.5, 1.0] * 20
    raters = [i % 6 for i in range(120)]
    looks = preference_looks(said, raters=raters, planned=120, looks=4)
    # Six raters may all lean one way by chance: only the last look can spend as much.
    assert len(looks) == 1
    assert looks[-1].stop
    assert looks[-1].estimate.value == pytest.approx(5 / 6)
    first = deciding_look(looks)
    assert first is not None
    assert first.favours == "a"


def test_verdicts_beyond_the_plan_are_not_looked_at() -> None:
    looks = preference_looks([1.0] * 30, raters=list(range(6)) * 5, planned=18)
    assert "18 of 18" in looks[-1].why


def test_the_path_is_the_one_way_formula_at_every_look() -> None:
    rng = np.random.default_rng(4)
    said = rng.choice([0.0, 0.5, 1.0], 60)
    raters = np.arange(60) % 6
    looks = preference_looks(said, raters=raters, planned=60, alpha=0.05)
    seen = {look.why.split(" ")[0]: look for look in looks}
    for count in (54, 57, 60):
        plain = cluster_mean(said[:count], np.unique(raters[:count], return_inverse=True)[1])
        assert seen[str(count)].estimate.value == pytest.approx(plain.value)


def test_questions_that_all_raters_share_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    quality = rng.random(10) < 0.6
    said = np.tile(quality, 6).astype(float)
    raters = np.repeat(np.arange(6), 10)
    alone = preference_looks(said, raters=raters, planned=60)[-1].estimate
    shared = preference_looks(said, raters=raters, questions=np.tile(np.arange(10), 6), planned=60)
    both = shared[-1].estimate
    assert both.high - both.low > 1.5 * (alone.high - alone.low)


@pytest.mark.parametrize("verdicts", [[1.0, 2.0], [math.nan, 1.0]])
def test_what_is_no_verdict_is_refused(verdicts: list[float]) -> None:
    with pytest.raises(ValueError, match="verdicts"):
        preference_looks(verdicts, raters=[0, 1], planned=10)


# --- careless raters ------------------------------------------------------------------------------


def panel(rng: np.random.Generator, size: int = 40) -> np.ndarray:
    """Verdicts of five attentive raters, shape (5, size); two agree in 75 % of questions."""
    quality = rng.beta(0.5, 0.5, size)
    return (rng.random((5, size)) < quality).astype(float)


def test_a_random_rater_is_found_and_nobody_else() -> None:
    rng = np.random.default_rng(5)
    runs, found, accused = 60, 0, 0
    for _ in range(runs):
        said = np.concatenate([panel(rng), (rng.random((1, 40)) < 0.5).astype(float)])
        habits = rater_habits(
            said.ravel(),
            raters=np.repeat(np.arange(6), 40),
            questions=np.tile(np.arange(40), 6),
            first_shown=rng.random(240) < 0.5,
        )
        found += habits[5].named and habits[5].habit == "random"
        accused += sum(habit.named for habit in habits[:5])
    assert found / runs >= 0.9
    assert accused / runs <= 0.05


@pytest.mark.parametrize("habit", ["always the first shown", "always the second shown"])
def test_a_rater_who_always_takes_one_side_is_found_without_others(habit: str) -> None:
    rng = np.random.default_rng(6)
    first = rng.random(30) < 0.5
    said = first if habit == "always the first shown" else ~first
    found = rater_habits(
        said.astype(float), raters=["ann"] * 30, questions=range(30), first_shown=first
    )
    assert found[0].named
    assert found[0].habit == habit
    assert found[0].unchecked


def test_a_rater_who_always_ties_is_found_and_one_who_prefers_an_arm_is_not() -> None:
    rng = np.random.default_rng(7)
    first = rng.random(60) < 0.5
    said = [0.5] * 30 + [1.0] * 30
    found = rater_habits(
        said, raters=["tie"] * 30 + ["arm"] * 30, questions=range(60), first_shown=first
    )
    assert found[0].named
    assert found[0].habit == "always a tie"
    assert not found[1].named
