from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from tunewell.stats import mean
from tunewell.stats.one_sided import exact_ends, pseudo_ends, skewed_ends, strict_ends, tilted_ends


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0, 0.1684),
        (1, 29, 0.0009, 0.1776),
    ],
)
def test_published_clopper_pearson(k: int, n: int, low: float, high: float) -> None:
    found = exact_ends(k, n, 0.95)
    assert found[0] == pytest.approx(low, abs=5e-5)
    assert found[1] == pytest.approx(high, abs=5e-5)


@pytest.mark.parametrize("p", [0.5, 0.7, 0.9, 0.95, 0.98])
@pytest.mark.parametrize("n", [50, 200])
def test_each_end_of_a_share_misses_at_most_half(p: float, n: int) -> None:
    """By summing over every outcome: no simulation."""
    over = under = 0.0
    for k in range(n + 1):
        x = np.repeat([1.0, 0.0], [k, n - k])
        e = strict_ends(mean(x, low=0, high=1), x, x, families=None, span=(0.0, 1.0), kind="share")
        weight = float(binom.pmf(k, n, p))
        over += weight * (e.low > p)
        under += weight * (e.high < p)
    assert over <= 0.025 + 1e-9
    assert under <= 0.025 + 1e-9


def test_the_lower_end_of_a_left_skewed_mean_falls() -> None:
    rng = np.random.default_rng(0)
    x = 1 - rng.exponential(0.2, 60).clip(0, 1)
    plain = mean(x, low=0, high=1)
    low, high = skewed_ends(x, np.arange(60), 0.95)
    assert low < plain.low
    assert high < plain.high
    strict = strict_ends(plain, x, x, families=None, span=None)
    assert (strict.low, strict.high) == (low, plain.high)


def test_skewness_corrected_ends_keep_to_their_side() -> None:
    """Left-skewed shares of n = 60: t puts its lower end above the truth in 4 % of samples."""
    rng = np.random.default_rng(1)
    truth, wrong, plain = 0.8, 0, 0
    for _ in range(3000):
        p = rng.beta(1.6, 0.4, 60)  # mean .8
        x = rng.binomial(3, p) / 3
        e = mean(x, low=0, high=1)
        plain += e.low > truth
        wrong += strict_ends(e, x, x, families=None, span=None).low > truth
    assert wrong < plain
    assert wrong / 3000 <= 0.031


def test_no_variation_keeps_the_estimate() -> None:
    x = np.ones(10) * 0.5
    e = mean(x, low=0, high=1)
    assert strict_ends(e, x, x, families=None, span=None) == e
    assert skewed_ends(x, np.arange(10), 0.95) == (-math.inf, math.inf)


@pytest.mark.parametrize(("p", "families"), [(0.8, 1), (0.9, 1), (0.8, 3), (0.9, 3)])
def test_ends_of_a_mean_near_its_range_keep_to_their_side(p: float, families: int) -> None:
    """Three points an answer, n = 60: Student's t is above the truth in 4 to 10 % of samples."""
    rng = np.random.default_rng(2)
    n, draws = 60, 1200
    groups = [str(i // families) for i in range(n)]
    wrong = plain = 0
    for _ in range(draws):
        shared = np.repeat(rng.beta(4 * p, 4 * (1 - p), n // families), families)
        x = rng.binomial(3, shared) / 3
        e = mean(x, clusters=groups, low=0, high=1)
        plain += e.low > p
        wrong += strict_ends(e, x, x, families=groups, span=(0.0, 1.0)).low > p
    # More than this would come in one run of a thousand if the share were 2.5 %.
    assert wrong <= binom.ppf(0.999, draws, 0.025)
    assert wrong < plain


def test_tilted_ends_of_a_share_are_wilsons() -> None:
    x = np.repeat([1.0, 0.0], [90, 30])
    low, high = tilted_ends(x, np.arange(120), 0.95)
    wilson = mean(x, low=0, high=1)
    assert low == pytest.approx(wilson.low, abs=0.004)
    assert high == pytest.approx(wilson.high, abs=0.004)


def test_a_part_of_a_row_pulls_each_end_to_its_side() -> None:
    x = np.full(40, 1.0)
    x[:3] = 0.5
    low, high = pseudo_ends(x, np.arange(40), 0.95, (0.0, 1.0), 0.75)
    plain = mean(x, low=0, high=1)
    assert low < plain.value - 0.02
    assert high > plain.value
    assert pseudo_ends(x[:2], np.arange(2), 0.95, (0.0, 1.0), 0.75) == (0.0, 1.0)
