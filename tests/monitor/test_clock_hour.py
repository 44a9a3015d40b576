"""Clocks moved by one hour are found, and summer time is none."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from tunewell.monitor.clock_hour import allowed_shifts, hour_steps

WINTER = dt.date(2023, 11, 13)
HOURS = np.exp(-0.5 * ((np.arange(24) - 14) / 3.0) ** 2) + 0.02


def _counts(
    days: int,
    seed: int,
    shifts: dict[int, int],
) -> np.ndarray:
    """Forty records a day by hour; from which day on the hours are shifted by how much."""
    rng = np.random.default_rng(seed)
    rows = []
    shift = 0
    for day in range(days):
        shift = shifts.get(day, shift)
        rows.append(rng.poisson(40 * np.roll(HOURS / HOURS.sum(), shift)))
    return np.array(rows, dtype=np.float64)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_shift_of_one_hour_is_found_in_the_season_of_the_reference(hours: int) -> None:
    counts = _counts(110, 1, {70: hours})
    (step,) = hour_steps(counts, first=WINTER, start=56, yearly=0.05, larger=[])
    assert step.hours == hours
    assert abs(step.since - 70) <= 3
    assert step.raised <= 90


def test_summer_time_is_no_shift() -> None:
    # On 10 March 2024 America's begins: people come an hour earlier by UTC.
    begins = (dt.date(2024, 3, 10) - WINTER).days
    counts = _counts(240, 2, {begins: -1})
    assert hour_steps(counts, first=WINTER, start=56, yearly=0.05, larger=[]) == []


def test_quiet_clocks_keep_still() -> None:
    for seed in range(15):
        counts = _counts(200, 100 + seed, {})
        assert not hour_steps(counts, first=WINTER, start=56, yearly=0.05, larger=[])


def test_what_summer_time_allows_depends_on_the_season_of_the_reference() -> None:
    day = (dt.date(2024, 7, 1) - WINTER).days
    assert allowed_shifts(WINTER, (0, 56), 90) == {0}
    assert allowed_shifts(WINTER, (0, 56), day) == {-1, 0, 1}
