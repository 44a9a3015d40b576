"""Intervals that hold at any time, for sums over clusters; and the sample ratio at any time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import betabinom

from tunewell.stats.any_time import (
    Stratum,
    any_time_difference,
    best_trust,
    group_mean,
    information_for,
    judged_mean,
    mixture_half_width,
    sample_ratio_evidence,
)


def test_a_walk_leaves_the_boundary_as_seldom_as_promised() -> None:
    # A random walk of 4,000 steps, looked at after every one of them.
    rng = np.random.default_rng(1)
    walks = np.cumsum(rng.normal(size=(1_500, 4_000)), axis=1)
    steps = np.arange(1, 4_001)
    half = np.array([n * mixture_half_width(1 / n, tuned_to=0.1, level=0.95) for n in steps])
    left = float((np.abs(walks) > half).any(axis=1).mean())
    assert 0.01 < left < 0.05
    fixed = float((np.abs(walks) > 1.96 * np.sqrt(steps)).any(axis=1).mean())
    assert fixed > 0.5


@pytest.mark.parametrize("half", [0.01, 0.04, 0.3])
def test_it_is_sharpest_where_it_is_tuned_to(half: float) -> None:
    variance = 1 / information_for(half, level=0.95)
    ours = mixture_half_width(variance, tuned_to=half, level=0.95)
    assert ours == pytest.approx(half)
    for other in (half / 3, half * 3):
        assert mixture_half_width(variance, tuned_to=other, level=0.95) > ours


def test_few_units_and_no_variance_widen_it() -> None:
    wide = mixture_half_width(0.01, tuned_to=0.1, level=0.95, df=8)
    assert wide > 1.2 * mixture_half_width(0.01, tuned_to=0.1, level=0.95)
    assert mixture_half_width(0.0, tuned_to=0.1, level=0.95) == math.inf


def test_a_group_in_which_nothing_happened_is_not_certain() -> None:
    nothing = group_mean(np.zeros(30), ends=(0, 1))
    stratum = Stratum(nothing, nothing, np.arange(60), 1.0)
    effect = any_time_difference([stratum], tuned_to=0.05)
    assert effect.low < -0.02
    assert effect.high > 0.02


def test_rows_of_one_cluster_count_once() -> None:
    rng = np.random.default_rng(2)
    values = np.repeat(rng.random(200), 5)
    clusters = np.concatenate([np.repeat(np.arange(100), 5), np.repeat(np.arange(100, 200), 5)])
    groups = group_mean(values[:500]), group_mean(values[500:])
    alone = any_time_difference([Stratum(*groups, np.arange(1_000), 1.0)], tuned_to=0.1)
    together = any_time_difference([Stratum(*groups, clusters, 1.0)], tuned_to=0.1)
    assert together.value == alone.value
    assert together.high - together.low > 1.9 * (alone.high - alone.low)


def test_a_judge_narrows_what_few_people_say_and_does_not_shift_it() -> None:
    rng = np.random.default_rng(3)
    truth = (rng.random(4_000) < 0.6).astype(np.float64)
    judge = np.where(rng.random(4_000) < 0.9, truth, 1 - truth) + 0.2
    labels = np.where(np.arange(4_000) < 400, truth, np.nan)
    trust = best_trust(judge, labels, judge)
    assert 0.6 < trust <= 1
    corrected = judged_mean(judge, labels, judge, trust=trust)
    alone = judged_mean(judge, labels, judge, trust=0.0)
    seen = labels[:400]
    expected = trust * judge.mean() + (seen - trust * judge[:400]).mean()
    assert corrected.value == pytest.approx(expected)
    assert alone.value == pytest.approx(seen.mean())
    assert (corrected.influence**2).sum() < 0.6 * (alone.influence**2).sum()


def test_a_judge_that_knows_nothing_is_not_used() -> None:
    rng = np.random.default_rng(4)
    labels = np.where(np.arange(500) < 100, rng.random(500), np.nan)
    assert best_trust(np.ones(500), labels, np.ones(500)) == 0
    assert best_trust(rng.random(500), labels, rng.random(500)) < 0.3


def test_the_evidence_against_the_ratio_is_the_ratio_of_two_likelihoods() -> None:
    counts = np.array([62.0, 38.0])
    mixed = betabinom(100, 500, 500).pmf(62)
    drawn = math.comb(100, 62) * 0.5**100
    found = sample_ratio_evidence(counts, np.array([0.5, 0.5]))
    assert found == pytest.approx(math.log(mixed / drawn))


def test_the_ratio_is_seldom_doubted_however_often_one_looks() -> None:
    rng = np.random.default_rng(5)
    doubted = 0
    for _ in range(200):
        drawn = np.cumsum(rng.random(4_000) < 0.3)
        doubted += any(
            sample_ratio_evidence(np.array([drawn[n], n + 1.0 - drawn[n]]), np.array([0.3, 0.7]))
            > math.log(20)
            for n in range(0, 4_000, 40)
        )
    assert doubted <= 10
