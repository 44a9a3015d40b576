"""Any-time intervals and sequential A/B tests keep their error, whatever the looks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tunewell.stats import (
    confidence_sequence,
    group_boundaries,
    sample_size_ab,
    sequential_ab,
    spending_boundaries,
)
from tunewell.stats.boundaries import crossing
from tunewell.stats.sequential import log_capital


def test_boundaries_reproduce_the_published_ones() -> None:
    assert [round(z, 3) for z in group_boundaries(5)] == [4.562, 3.226, 2.634, 2.281, 2.040]
    assert round(group_boundaries(5, kind="pocock")[0], 3) == 2.413
    assert round(crossing(np.full(5, 1.96), np.arange(1, 6) / 5), 3) == 0.142


@pytest.mark.parametrize("kind", ["obrien-fleming", "pocock"])
def test_spending_uses_all_of_its_error_at_any_looks(kind: str) -> None:
    looks = [0.13, 0.5, 0.55, 0.9, 1.0]
    z = spending_boundaries(looks, kind=kind)  # type: ignore[arg-type]
    assert crossing(np.array(z), np.array(looks)) == pytest.approx(0.05, abs=1e-4)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.95])
def test_bets_miss_the_truth_over_whole_trajectories_at_most_as_often_as_they_say(p: float) -> None:
    u = (np.random.default_rng(0).random((3000, 400)) < p).astype(float)
    ever = (log_capital(u, np.array([[p]]), 0.05) >= math.log(20)).any(axis=1)
    assert ever.mean() <= 0.05


def test_a_sequence_never_widens_and_ends_on_the_truth() -> None:
    x = np.random.default_rng(1).beta(8, 2, size=600)
    s = confidence_sequence(x, low=0, high=1)
    assert (np.diff(s.low) >= 0).all()
    assert (np.diff(s.high) <= 0).all()
    assert s.last.low < 0.8 < s.last.high
    assert s.last.high - s.last.low < 0.08


def test_swapping_the_arms_mirrors_the_sequence() -> None:
    a, b = np.random.default_rng(2).random((2, 120))
    ab, ba = (
        confidence_sequence(a, low=0, high=1, other=b),
        confidence_sequence(b, low=0, high=1, other=a),
    )
    assert ab.low == pytest.approx(-ba.high, abs=5e-3)


def test_stopping_at_a_look_keeps_the_error_without_a_difference() -> None:
    rng = np.random.default_rng(3)
    looks = [30, 60, 90, 120, 150]
    stopped = 0
    for _ in range(100):
        truth = (rng.random(1000) < 0.5).astype(float)
        judge = np.where(rng.random(1000) < 0.8, truth, 1 - truth)
        for i, n in enumerate(looks):
            human = np.where(np.arange(1000) < n, truth, np.nan)
            if sequential_ab(human=human, judge=judge, planned=150, looks=looks[: i + 1]).favours:
                stopped += 1
                break
    assert stopped / 100 <= 0.12


def test_a_clear_preference_is_found_early_and_named() -> None:
    human = np.r_[np.ones(70), np.zeros(10)]
    look = sequential_ab(human=human, planned=200, looks=[40, 80])
    assert look.stop
    assert look.favours == "a"
    flipped = sequential_ab(human=1 - human, planned=200, looks=[40, 80])
    assert flipped.favours == "b"
    assert flipped.estimate.high == pytest.approx(1 - look.estimate.low)


def test_any_time_with_a_judge_is_narrower_and_covers() -> None:
    widths: dict[bool, list[float]] = {True: [], False: []}
    misses = 0
    for seed in range(24):
        rng = np.random.default_rng(seed)
        truth = (rng.random(4000) < 0.6).astype(float)
        judge = np.where(rng.random(4000) < 0.93, truth, 1 - truth)
        human = np.where(np.arange(4000) < 400, truth, np.nan)
        for use in (True, False):
            e = sequential_ab(human=human, judge=judge if use else None).estimate
            widths[use].append(e.high - e.low)
            misses += not e.low <= 0.6 <= e.high
    assert np.mean(widths[True]) < np.mean(widths[False])
    assert misses <= 4


def test_the_plan_is_larger_than_a_fixed_test_and_expects_fewer() -> None:
    plan, expected = sample_size_ab(0.6)
    assert 190 < plan.value < 205
    assert expected.value < 165


def test_looks_that_do_not_end_here_are_refused() -> None:
    with pytest.raises(ValueError, match="looks"):
        sequential_ab(human=[1.0, 0.0, 1.0], planned=10, looks=[1, 2])


def test_the_power_family_spends_its_error_and_expects_fewer_labels() -> None:
    from tunewell.stats.boundaries import crossing, group_boundaries

    z = np.array(group_boundaries(5, kind="kim-demets"))
    assert crossing(z, np.arange(1, 6) / 5) == pytest.approx(0.05, abs=1e-6)
    expected = [sample_size_ab(0.6, kind=k)[1].value for k in ("kim-demets", "obrien-fleming")]
    assert expected[0] < expected[1]
