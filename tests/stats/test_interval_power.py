"""What a sample could have shown: the power is what it says, by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from tunewell.stats import detectable_by, mean, rows_to_show
from tunewell.types import Estimate

DRAWS = 500


def shown(rng: np.random.Generator, difference: float, rows: int) -> int:
    found = [mean(rng.normal(difference, 1, rows)) for _ in range(DRAWS)]
    return sum(e.low > 0 for e in found)


def test_the_detectable_difference_is_shown_in_eight_of_ten_samples() -> None:
    rng = np.random.default_rng(0)
    smallest = float(np.mean([detectable_by(mean(rng.normal(size=200))) for _ in range(50)]))
    count = shown(rng, smallest, 200)
    assert binom.ppf(0.001, DRAWS, 0.8) <= count <= binom.ppf(0.999, DRAWS, 0.8)


def test_the_rows_asked_for_show_the_difference_in_eight_of_ten_samples() -> None:
    rng = np.random.default_rng(1)
    pilots = [rows_to_show(0.2, mean(rng.normal(size=60)), rows=60) for _ in range(100)]
    count = shown(rng, 0.2, round(float(np.mean(pilots))))
    assert binom.ppf(0.001, DRAWS, 0.8) <= count <= binom.ppf(0.999, DRAWS, 0.8)


def test_what_no_number_of_rows_shows() -> None:
    e = Estimate(value=0, low=-0.1, high=0.1, n=50, method="t")
    assert rows_to_show(0.0, e, rows=50) == math.inf
    open_ended = Estimate(value=0, low=-math.inf, high=math.inf, n=50, method="t")
    assert rows_to_show(0.1, open_ended, rows=50) == math.inf
    assert rows_to_show(-0.1, e, rows=50) == pytest.approx(rows_to_show(0.1, e, rows=50))
