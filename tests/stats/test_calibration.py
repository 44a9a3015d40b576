"""Calibration error: its interval holds the true error, and 0 where the model is calibrated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from tunewell.stats import reliability_curve


@pytest.mark.parametrize(("shift", "families"), [(0.0, 1), (0.15, 1), (0.15, 3), (-0.1, 1)])
def test_the_interval_of_the_error_holds_the_truth(shift: float, families: int) -> None:
    """Of a model whose rightness is its confidence minus ``shift``: the absolute shift."""
    rng = np.random.default_rng(int(100 * abs(shift)) + families)
    draws, n, held, zero = 40, 300, 0, 0
    for i in range(draws):
        sure = np.repeat(rng.uniform(0.3, 0.85, n // families), families)
        right = (np.repeat(rng.random(n // families), families) < sure - shift).astype(float)
        groups = [str(k // families) for k in range(n)]
        e = reliability_curve(sure, right, clusters=groups, seed=i).error
        held += e.low <= abs(shift) + 1e-9 and e.high >= abs(shift)
        zero += e.low == 0
    assert held >= binom.ppf(0.001, draws, 0.95)
    if shift == 0:
        assert zero >= binom.ppf(0.001, draws, 0.95)
    elif families == 1:
        assert zero < draws / 2


def test_bins_hold_their_rows_and_rise_in_confidence() -> None:
    rng = np.random.default_rng(1)
    sure = rng.beta(4, 2, 500)
    found = reliability_curve(sure, (rng.random(500) < sure).astype(float))
    assert sum(b.n for b in found.curve) == 500
    assert [b.confidence for b in found.curve] == sorted(b.confidence for b in found.curve)
    inside = [b.right.low <= b.confidence <= b.right.high for b in found.curve]
    assert sum(inside) >= 9
