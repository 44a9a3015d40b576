"""Forecasts of the loss at four times the data."""

from __future__ import annotations

import numpy as np
import pytest

from tunewell.stats import learning_curve


def _curves(count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray, float]]:
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        b, floor, start = rng.uniform(0.2, 0.8), rng.uniform(0.3, 2.0), rng.uniform(0.5, 3.0)
        rectifier = rng.choice([0.0, 20.0**b, 100.0**b])
        n = np.array([100, 200, 400, 800, 1600])
        scale = start * (rectifier + 100**b)
        y = (floor + scale / (rectifier + n**b)) * np.exp(rng.normal(size=5) * 0.01)
        out.append((n, y, float(floor + scale / (rectifier + 6400**b))))
    return out


def test_the_loss_at_four_times_the_data_is_forecast() -> None:
    errors, covered = [], []
    for n, y, truth in _curves(20, 0):
        e = learning_curve(n, y, draws=60).forecast(6400)
        errors.append(abs(e.value / truth - 1))
        covered.append(e.low <= truth <= e.high)
    assert np.median(errors) <= 0.05
    assert np.mean(covered) >= 0.75


def test_more_data_never_raises_the_forecast() -> None:
    n, y, _ = _curves(1, 3)[0]
    curve = learning_curve(n, y, draws=50)
    values = [curve.forecast(m).value for m in (1600, 3200, 6400, 12_800)]
    assert values == sorted(values, reverse=True)
    assert "not simulated" in curve.forecast(20_000).method
    assert "not simulated" not in curve.forecast(6400).method


def test_too_few_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="4 different sizes"):
        learning_curve([100, 200, 400], [1.0, 0.9, 0.8])
