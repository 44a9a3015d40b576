"""Effects on a KPI, before and after."""

from __future__ import annotations

import numpy as np
import pytest

from tunewell.stats import interrupted_series


def _kpi(rng: np.random.Generator, effect: float, phi: float) -> tuple[np.ndarray, np.ndarray]:
    n = 80
    noise = np.zeros(n)
    noise[0] = rng.normal() / np.sqrt(1 - phi**2)
    for t in range(1, n):
        noise[t] = phi * noise[t - 1] + rng.normal()
    market = rng.normal(size=n).cumsum()
    season = np.tile([0.0, 1.0, 2.0, 1.0], 20)
    return 20 + 0.02 * np.arange(n) + market + season + noise + effect * (
        np.arange(n) >= 50
    ), market


@pytest.mark.parametrize("phi", [0.0, 0.5])
def test_the_effect_is_covered_with_memory_season_and_a_control(phi: float) -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        y, market = _kpi(rng, 1.5, phi)
        e = interrupted_series(y, start=50, controls=market, season=4).level
        hits += e.low <= 1.5 <= e.high
    assert hits / 200 >= 0.91


def test_the_control_takes_out_what_is_not_ours() -> None:
    y, market = _kpi(np.random.default_rng(2), 0.0, 0.0)
    alone, held = (
        interrupted_series(y, start=50, season=4),
        interrupted_series(y, start=50, season=4, controls=market),
    )
    assert held.level.high - held.level.low < alone.level.high - alone.level.low


def test_an_effect_that_grows_is_seen_as_one() -> None:
    rng = np.random.default_rng(3)
    t = np.arange(100)
    y = 5 + 0.1 * np.maximum(t - 59, 0) + rng.normal(size=100) * 0.3
    e = interrupted_series(y, start=60, slope=True)
    assert e.slope.low < 0.1 < e.slope.high
    assert e.slope.low > 0.05
    assert e.average.low < 2.05 < e.average.high


def test_strong_memory_and_few_times_are_not_trusted() -> None:
    rng = np.random.default_rng(4)
    y = rng.normal(size=40).cumsum()
    assert not interrupted_series(y, start=25).enough


def test_an_interruption_at_the_edge_is_refused() -> None:
    with pytest.raises(ValueError, match="start"):
        interrupted_series(np.arange(30.0), start=27)


def test_a_short_reference_with_memory_holds_more_of_the_budget_back() -> None:
    from tunewell.stats.series import SeriesShape, fit_series, series_threshold

    rng = np.random.default_rng(9)
    x = np.empty((1000, 140 + 100))
    x[:, 0] = rng.normal(size=1000) / np.sqrt(1 - 0.9**2)
    for t in range(1, x.shape[1]):
        x[:, t] = 0.9 * x[:, t - 1] + rng.normal(size=1000)
    levels, memory, sd = fit_series(x[:, :140], 7)
    off = x[:, 139:] - levels[:, np.arange(139, 240) % 7]
    top = np.zeros(1000)
    up = np.zeros(1000)
    for t in range(1, 101):
        up = np.maximum(up + (off[:, t] - memory * off[:, t - 1]) / sd - 0.25, 0.0)
        top = np.maximum(top, up)
    knots = np.linspace(memory.min(), memory.max(), 5)
    shape = SeriesShape(n=140, season=7, updates=100)
    made = [
        series_threshold(float(v), shape, alpha=0.1, direction="up", k=0.25, years=2000)
        for v in knots
    ]
    assert np.mean(top > np.interp(memory, knots, made)) <= 0.11
