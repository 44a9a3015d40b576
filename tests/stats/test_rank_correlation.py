"""Rank correlation: the value is SciPy's, the interval covers by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, spearmanr

from tunewell.stats import rank_correlation

Grades = np.ndarray


def grades(rng: np.random.Generator, n: int) -> tuple[Grades, Grades]:
    shared = rng.normal(size=n)
    a, b = (shared + rng.normal(0, 0.7, n) for _ in range(2))
    return np.clip(np.round(a + 3), 1, 5), np.clip(np.round(b + 3), 1, 5)


def test_the_value_is_scipys() -> None:
    a, b = grades(np.random.default_rng(0), 120)
    assert rank_correlation(a, b).value == pytest.approx(spearmanr(a, b).statistic)


def test_equal_grades_correlate_with_nothing() -> None:
    assert rank_correlation([3.0] * 20, np.arange(20.0)).value == 0.0


def test_the_interval_covers_the_true_correlation() -> None:
    rng = np.random.default_rng(1)
    truth = spearmanr(*grades(rng, 400_000)).statistic
    draws, held = 60, 0
    for _ in range(draws):
        e = rank_correlation(*grades(rng, 80), repeats=200)
        held += e.low <= truth <= e.high
    assert held >= binom.ppf(0.001, draws, 0.95)
