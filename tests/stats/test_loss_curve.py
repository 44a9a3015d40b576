"""Loss curves: the noise is found under a trend, and noise alone is seldom called a rise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from tunewell.stats import gap_to_training, rise_since_lowest
from tunewell.stats.loss_curve import curve_noise

DRAWS = 1000


def test_the_noise_of_a_falling_curve_is_found() -> None:
    rng = np.random.default_rng(0)
    trend = 2 + np.exp(-np.arange(40) / 15)
    found = [curve_noise((trend + rng.normal(0, 0.05, 40)).tolist()) for _ in range(200)]
    assert np.mean([f for f in found if f is not None]) == pytest.approx(0.05, rel=0.05)


@pytest.mark.parametrize("points", [5, 7, 12, 30])
def test_noise_alone_is_seldom_a_rise(points: int) -> None:
    rng = np.random.default_rng(points)
    late = 0
    for _ in range(DRAWS):
        found = rise_since_lowest((2 + rng.normal(0, 0.02, points)).tolist())
        assert found is not None
        late += found.low > 0
    assert late <= binom.ppf(0.999, DRAWS, 0.05)


def test_a_clear_rise_is_seen_and_few_points_show_nothing() -> None:
    found = rise_since_lowest([2.4, 2.2, 2.1, 2.15, 2.3, 2.5, 2.8])
    assert found is not None
    assert found.low > 0
    assert rise_since_lowest([2.0, 2.5, 3.0]) is None


@pytest.mark.parametrize("points", [2, 4, 10])
def test_the_gap_covers_the_true_one(points: int) -> None:
    rng = np.random.default_rng(points)
    held = 0
    for _ in range(DRAWS):
        e = gap_to_training(2.0, rng.normal(1.2, 0.1, points).tolist())
        held += e.low <= 0.8 <= e.high
    assert held >= binom.ppf(0.001, DRAWS, 0.95)


def test_a_single_training_loss_leaves_the_gap_open() -> None:
    e = gap_to_training(2.0, [1.5])
    assert (e.value, e.low, e.high) == (0.5, -math.inf, math.inf)
