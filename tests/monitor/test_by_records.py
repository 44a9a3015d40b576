"""Windows that close at a number of records, whenever they came."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from tunewell.monitor.channel import DAY_S
from tunewell.monitor.periods import EPOCH, grid_by_records
from tunewell.monitor.records import Categories, DatedRecords
from tunewell.monitor.watch import look

START = dt.datetime(2025, 1, 6, tzinfo=dt.UTC)
START_S = int(START.timestamp())


def _records(days: int, *, rise: float = 1.0, share: float = 0.4, at: int = 150) -> DatedRecords:
    """Fifty records a day, and after a day more of them, or another share of a topic."""
    rng = np.random.default_rng(3)
    rate = np.where(np.arange(days) >= at, 50.0 * rise, 50.0)
    day = np.repeat(np.arange(days), rng.poisson(rate))
    hour = np.exp(-0.5 * ((np.arange(24) - 13) / 4.5) ** 2) + 0.04
    drawn = rng.choice(24, day.size, p=hour / hour.sum())
    seconds = np.sort(START_S + day * DAY_S + drawn * 3_600 + rng.integers(0, 3_600, day.size))
    late = seconds >= START_S + at * DAY_S
    hits = rng.random(seconds.size) < np.where(late, share, 0.4)
    return DatedRecords(
        name="stream",
        ids=[str(i) for i in range(seconds.size)],
        seconds=seconds.astype(np.int64),
        as_of=START + dt.timedelta(days=days),
        categories={"topic": Categories(("other", "mail"), hits.astype(np.int64))},
    )


def test_each_window_holds_so_many_records_and_its_time_in_usual_days() -> None:
    records = _records(170, rise=3.0)
    grid = grid_by_records(records.seconds, 50)
    period = grid.of(records.seconds)
    inside = period[(period >= 0) & (period < grid.periods)]
    assert set(np.bincount(inside).tolist()) <= {49, 50, 51}
    assert grid.at(0) == EPOCH + dt.timedelta(seconds=int(records.seconds[0]))
    exposure = grid.exposure()
    assert exposure[:100].mean() == pytest.approx(1, abs=0.05)
    assert exposure[160:].mean() == pytest.approx(1 / 3, abs=0.05)
    assert grid.plan.year >= 365


def test_records_of_one_second_stay_together() -> None:
    seconds = np.sort(np.repeat(START_S + np.arange(200) * 40_000, 7))
    grid = grid_by_records(seconds, 5)
    period = grid.of(seconds)
    assert all(np.unique(period[seconds == at]).size == 1 for at in np.unique(seconds))


def test_so_small_windows_that_there_are_too_many_are_refused() -> None:
    with pytest.raises(ValueError, match=r"2 records in a window make .* windows a year"):
        grid_by_records(_records(170).seconds, 2)


def test_a_rise_and_another_mix_are_found_where_they_began() -> None:
    rise = look(_records(170, rise=3.0), every=50)
    (count,) = [alarm for alarm in rise.alarms if "count" in alarm.channel]
    assert abs(count.since - START - dt.timedelta(days=150)) < dt.timedelta(days=1)
    assert count.raised - START < dt.timedelta(days=151.5)
    assert count.size is not None
    assert count.size.value == pytest.approx(100, rel=0.4)
    mix = look(_records(190, share=0.7), every=50)
    assert [alarm.channel for alarm in mix.alarms][:1] == ["stream: share of topic=other"]
    assert not look(_records(160), every=50).alarms
