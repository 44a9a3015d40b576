"""Windows by records: share of quiet years with any alarm, and delays beside windows of days.

Streams of 15 to 150 records a day with nights, weekends, a season, an irregular level with memory,
three fields and two numbers that wander; nothing else happens in their year after the reference.
A rise then begins on a day, and the looks by records and by days are taken on the same stream.
Usage: ``python -m bench.monitor.by_records [YEARS [RISES]]``.
"""

from __future__ import annotations

import datetime as dt
import math
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.machine import keep
from tunewell.monitor.records import Categories, DatedRecords
from tunewell.monitor.watch import look
from tunewell.stats import proportion

REFERENCE, YEAR, STEP_AT = 112, 365, 60
START = dt.datetime(2025, 1, 6, tzinfo=dt.UTC)
FIELDS = {"topic": (0.4, 0.3, 0.2, 0.1), "region": (0.6, 0.4), "plan": (0.85, 0.15)}
YEARLY = 0.05


def stream(
    seed: int,
    days: int,
    *,
    rise: float = 1.0,
) -> DatedRecords:
    """A stream in which at most the level rises."""
    rng = np.random.default_rng(seed)
    size = float(rng.choice([15, 40, 80, 150]))
    memory = float(rng.uniform(0.2, 0.6))
    level = np.empty(days)
    level[0] = rng.normal()
    for day in range(1, days):
        level[day] = memory * level[day - 1] + math.sqrt(1 - memory**2) * rng.normal()
    number = np.arange(days)
    week = np.where(number % 7 >= 5, rng.uniform(0.5, 1.0), 1.0)
    season = 1 + 0.08 * np.sin(2 * np.pi * (number / 365 + rng.random()))
    factor = np.where(number >= REFERENCE + STEP_AT, rise, 1.0)
    rate = size * week * season * factor * np.exp(0.08 * level)
    days_of = np.repeat(number, rng.poisson(rate))
    hour = np.exp(-0.5 * ((np.arange(24) - 13) / 4.5) ** 2) + 0.04
    hours_of = rng.choice(24, days_of.size, p=hour / hour.sum())
    within = rng.integers(0, 3_600, days_of.size)
    first = int(START.timestamp())
    seconds = np.sort(first + days_of * 86_400 + hours_of * 3_600 + within).astype(np.int64)
    at = (seconds - first) // 86_400
    fields = {name: drawn(rng, shares, at, days) for name, shares in FIELDS.items()}
    slow = np.exp(0.05 * rng.normal(size=days))[at]
    return DatedRecords(
        name="stream",
        ids=[str(i) for i in range(seconds.size)],
        seconds=seconds,
        as_of=START + dt.timedelta(days=days),
        categories=fields,
        numbers={
            "seconds": rng.gamma(4, 0.5, seconds.size) * slow,
            "tokens": rng.poisson(60, seconds.size).astype(float),
        },
    )


def drawn(
    rng: np.random.Generator,
    shares: tuple[float, ...],
    at: np.ndarray[Any, np.dtype[np.int64]],
    days: int,
) -> Categories:
    """A field whose shares wander a little from day to day."""
    odds = np.log(shares) + 0.08 * rng.normal(size=(days, len(shares)))
    gumbel = rng.gumbel(size=(at.size, len(shares)))
    codes = np.argmax(odds[at] + gumbel, axis=1).astype(np.int64)
    return Categories(tuple(f"v{i}" for i in range(len(shares))), codes)


def window_of(records: DatedRecords) -> int:
    """As many records as a window gets: those of about a day of the reference, twenty or more."""
    until = int(START.timestamp()) + REFERENCE * 86_400
    return max(int(np.searchsorted(records.seconds, until)) // REFERENCE, 20)


def quiet(years: int) -> Iterator[int]:
    """Alarms of each quiet year."""
    for seed in range(years):
        records = stream(seed, REFERENCE + YEAR)
        yield len(look(records, yearly=YEARLY, every=window_of(records)).alarms)


def delays(
    rises: int,
    rise: float,
) -> dict[str, Any]:
    """Days from a rise to the alarm of the count, by records and by days."""
    begin = START + dt.timedelta(days=REFERENCE + STEP_AT)
    found: dict[str, list[float]] = {"by records": [], "by days": []}
    for seed in range(10_000, 10_000 + rises):
        records = stream(seed, REFERENCE + STEP_AT + 60, rise=rise)
        for name, every in (("by records", window_of(records)), ("by days", 0)):
            alarms = look(records, yearly=YEARLY, every=every).alarms
            later = [a.raised for a in alarms if "count" in a.channel and a.raised > begin]
            wait = min((at - begin).total_seconds() / 86_400 for at in later) if later else math.inf
            found[name].append(wait)
    return {
        name: {
            "median_days": round(float(np.median(waits)), 2),
            "missed in 60 days": float(np.isinf(waits).mean()),
        }
        for name, waits in found.items()
    }


def main(
    years: int = 300,
    rises: int = 40,
) -> None:
    """Both, written to ``bench/results/monitor-by-records.json``."""
    started = time.process_time()
    alarms = list(quiet(years))
    some = proportion(sum(count > 0 for count in alarms), years)
    print(some, time.process_time() - started, flush=True)
    result = {
        "years": years,
        "nominal": YEARLY,
        "any_alarm": some.model_dump(),
        "rises": rises,
        "x1.5": delays(rises, 1.5),
        "x2": delays(rises, 2.0),
        "processor_seconds": round(time.process_time() - started),
    }
    print(result)
    keep("monitor-by-records", result)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
