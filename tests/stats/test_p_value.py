"""The p-value of an interval: the t test's own, and uniform where there is no difference."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, ttest_1samp

from tunewell.stats import interval_p_value, mean
from tunewell.stats.p_value import SMALLEST_P
from tunewell.types import Estimate


def p_of(x: np.ndarray) -> float:
    return interval_p_value(lambda level: mean(x, level=level))


def test_it_is_the_t_tests() -> None:
    x = np.random.default_rng(0).normal(0.3, 1, 50)
    assert p_of(x) == pytest.approx(ttest_1samp(x, 0).pvalue, rel=5e-3)


def test_it_keeps_its_promise_where_there_is_no_difference() -> None:
    rng = np.random.default_rng(1)
    draws = 600
    low = sum(p_of(rng.normal(size=25)) <= 0.05 for _ in range(draws))
    assert binom.ppf(0.001, draws, 0.05) <= low <= binom.ppf(0.999, draws, 0.05)


def test_its_ends() -> None:
    assert p_of(np.random.default_rng(2).normal(50, 1, 50)) == pytest.approx(SMALLEST_P, rel=0.01)

    def unbounded(level: float) -> Estimate:
        return Estimate(value=1, low=-np.inf, high=np.inf, level=level, n=3, method="none")

    assert interval_p_value(unbounded) == 1.0
