"""Small, seeded versions of ``bench/statistics/promises.py``: coverage and false claims."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tunewell.stats import bradley_terry, difference, equivalence, mcnemar, position_bias, win_rate
from tunewell.types import Estimate

Rng = np.random.Generator


def _strongest(rng: Rng) -> Estimate:
    strengths = np.array([0.8, 0.0, -0.8])
    w = np.zeros((3, 3))
    for i in range(3):
        for j in range(i):
            w[i, j] = rng.binomial(30, 1 / (1 + np.exp(strengths[j] - strengths[i])))
            w[j, i] = 30 - w[i, j]
    return bradley_terry(w).strengths[0]


def _bias(rng: Rng) -> Estimate:
    better = rng.random(60) < 0.5
    first = rng.random(60) < np.where(better, 0.85, 0.35)
    swapped = rng.random(60) < np.where(better, 0.35, 0.85)
    return position_bias(first.astype(float), swapped.astype(float)).bias


def _won(rng: Rng) -> Estimate:
    won, tied, lost = rng.multinomial(60, [0.5, 0.2, 0.3])
    return win_rate(int(won), int(lost), int(tied))


def _clustered(rng: Rng) -> Estimate:
    at = np.repeat(np.arange(20), 5)
    base, own = rng.normal(size=100), rng.normal(size=20)[at] * 0.6
    return difference(base + own + 0.2, base + rng.normal(size=100), paired=True, clusters=at)


@pytest.mark.parametrize(
    ("make", "truth"), [(_strongest, 0.8), (_bias, 0.1), (_won, 0.6), (_clustered, 0.2)]
)
def test_an_interval_covers_what_it_says(make: Callable[[Rng], Estimate], truth: float) -> None:
    rng = np.random.default_rng(31)
    held = [e.low <= truth <= e.high for e in (make(rng) for _ in range(1000))]
    # Three standard errors of a thousand repetitions under .95.
    assert np.mean(held) >= 0.93


def test_tests_do_not_claim_what_is_not_so_more_often_than_they_say() -> None:
    rng = np.random.default_rng(32)
    unequal, not_worse = 0, 0
    for _ in range(1000):
        both, a, b, neither = rng.multinomial(100, [0.6, 0.08, 0.08, 0.24])
        unequal += mcnemar([[both, a], [b, neither]]).p_value <= 0.05
        u = rng.random(200)
        new, old = u < 0.85, np.where(rng.random(200) < 0.6, u, rng.random(200)) < 0.9
        not_worse += equivalence(difference(new, old, paired=True), margin=0.05).holds is True
    assert unequal <= 70
    assert not_worse <= 42
