"""Detectors keep their yearly budget and find what matters."""

from __future__ import annotations

import numpy as np
import pytest

from tunewell.stats import Budget, Cusum, JudgedCusum, JudgedPeriod, SeriesCusum, cusum_run_length
from tunewell.stats.change import peaks


@pytest.mark.parametrize(
    ("h", "shift", "two_sided", "updates"),
    [
        (4, 0.0, True, 167.7),
        (5, 0.0, True, 465.4),
        (4, 0.0, False, 335.4),
        (5, 0.0, False, 930.9),
        (4, 1.0, True, 8.38),
        (5, 1.0, True, 10.38),
        (4, 0.5, True, 26.6),
        (5, 0.5, True, 38.0),
        (4, 2.0, True, 3.34),
        (5, 2.0, True, 4.01),
    ],
)
def test_run_lengths_reproduce_the_published_ones(
    h: float, shift: float, two_sided: bool, updates: float
) -> None:
    digits = len(str(updates).split(".")[1])
    assert round(cusum_run_length(0.5, h, shift=shift, two_sided=two_sided), digits) == updates


def test_shares_of_a_budget_add_up() -> None:
    b = Budget(yearly=0.05, channels=tuple("abcde"), weights=(1, 2, 3, 4, 5))
    assert sum(b.alpha(c) for c in b.channels) == pytest.approx(0.05)
    with pytest.raises(ValueError, match="one of"):
        b.alpha("z")


def test_a_year_without_change_alarms_as_seldom_as_promised() -> None:
    rng = np.random.default_rng(0)
    alarms = []
    for _ in range(40):
        d = Cusum(rng.random(1000) < 0.1, size=200, direction="up", years=4000)
        weeks = rng.binomial(200, 0.1, size=(60, 52)) / 200
        z = (weeks - d.centre) / (d.sd / np.sqrt(200))
        alarms.append((peaks(z, d.k, "up") > d.threshold).mean())
    assert np.mean(alarms) <= 0.075


def test_forgetting_the_reference_would_break_the_budget() -> None:
    rng = np.random.default_rng(1)
    known = Cusum(rng.random(1_000_000) < 0.1, size=200, direction="up", years=4000).threshold
    small = Cusum(rng.random(300) < 0.1, size=200, direction="up", years=4000).threshold
    assert small > known * 1.3


def test_update_and_reset() -> None:
    rng = np.random.default_rng(2)
    d = Cusum(rng.random(1000) < 0.1, size=200, years=2000)
    for _ in range(6):
        d.update(rng.random(200) < 0.25)
    assert d.alarm
    assert d.change.low < 0.2 < d.change.high
    d.reset()
    assert d.statistic == 0
    assert d.updates == 0


def test_missing_verdicts_cannot_alarm() -> None:
    d = Cusum(np.tile([0.0] * 9 + [1.0], 100), size=200, years=2000)
    for _ in range(52):
        d.update(np.full(200, np.nan))
    assert d.statistic == 0


def test_a_rise_of_ten_points_is_found_in_two_or_three_weeks() -> None:
    rng = np.random.default_rng(3)
    delays = []
    for _ in range(40):
        d = Cusum(rng.random(1000) < 0.1, size=200, direction="up", years=2000)
        while not d.alarm:
            d.update(rng.random(200) < 0.2)
        delays.append(d.updates)
    assert np.median(delays) <= 2


def test_few_labels_and_a_judge_still_find_ten_points() -> None:
    rng = np.random.default_rng(4)
    delays = []
    for _ in range(20):
        truth = rng.random(1000) < 0.1
        judge = np.where(rng.random(1000) < 0.95, truth, ~truth)
        week = JudgedPeriod(size=200, labels=20)
        d = JudgedCusum(judge, truth.astype(float), period=week, direction="up", years=2000)
        while not d.alarm and d.updates < 52:
            now = rng.random(200) < 0.2
            verdict = np.where(rng.random(200) < 0.95, now, ~now)
            d.update(verdict, np.where(np.arange(200) < 20, now, np.nan))
        delays.append(d.updates)
    assert np.median(delays) <= 6


def test_memory_and_season_do_not_alarm_but_a_shift_does() -> None:
    rng = np.random.default_rng(5)

    def days(n: int, shift: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        x = np.zeros(n)
        for t in range(1, n):
            x[t] = 0.7 * x[t - 1] + rng.normal()
        return x + 3 * (np.arange(n) % 7 >= 5) + shift

    quiet = 0
    for _ in range(15):
        d = SeriesCusum(days(280, 0.0), season=7, years=500, seed=1)
        for v in days(364, 0.0):
            d.update(float(v))
            if d.alarm:
                quiet += 1
                break
    assert quiet <= 4
    d = SeriesCusum(days(280, 0.0), season=7, years=500, seed=1)
    assert d.enough
    assert not SeriesCusum(np.cumsum(rng.normal(size=140)), season=7, years=500).enough
    for v in days(364, 5.0):
        d.update(float(v))
    assert d.alarm


def test_a_simulation_too_small_for_its_alpha_is_refused() -> None:
    with pytest.raises(ValueError, match="years"):
        Cusum(np.tile([0.0, 1.0], 50), size=10, alpha=0.0001, years=1000)
