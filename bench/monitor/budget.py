"""Share of quiet years with any alarm over thirty correlated channels, and of clocks and gaps.

Every year of every channel has a reference of its own. Channels share a hidden level, have
weekdays, a season of the year, memory from day to day, days without records and different sizes;
nothing else happens in them.
Usage: ``python -m bench.monitor.budget [YEARS [SECONDS]]``: as many of the years as so many
processor seconds allow; what was done is kept after every part.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from bench.machine import keep
from tunewell.monitor.clock import clock_steps
from tunewell.monitor.gaps import long_gaps
from tunewell.stats import proportion
from tunewell.stats.steps import DAYS, QuietModel, StepKind, YearlyMaximum, yearly_maxima

Floats = NDArray[np.float64]
REFERENCE, YEAR, CHUNK = 112, 365, 250
YEARLY = 0.05
COUNTS = (8.0, 15.0, 25.0, 40.0, 60.0, 90.0, 140.0, 200.0, 300.0, 400.0)
SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)
MEANS = 15


def upper(hits: int, of: int) -> float:
    """Upper end of a one-sided 95 % interval of a share."""
    return float(betaincinv(hits + 1, max(of - hits, 1), 0.95))


def hidden(rng: np.random.Generator, shape: tuple[int, int], memory: float) -> Floats:
    """A standard normal level with memory."""
    x = rng.normal(size=shape)
    for t in range(1, shape[1]):
        x[:, t] = memory * x[:, t - 1] + np.sqrt(1 - memory**2) * x[:, t]
    return x


@functools.lru_cache(maxsize=100_000)
def threshold(kind: StepKind, irregular: float, growth: float, level: float, alpha: float) -> float:
    """Of a channel with such a reference."""
    model = QuietModel(kind, np.ones(7), 1.0, irregular, 0.0, REFERENCE, level, growth)
    return YearlyMaximum(model).threshold(alpha)


def alarms(total: Floats, base: Floats, kind: StepKind, alpha: float) -> NDArray[np.bool_]:
    """Which years of one channel alarm."""
    places = np.arange(total.shape[1]) % 7
    found = yearly_maxima(total, base, places, kind=kind, reference=REFERENCE, season_swings=True)
    typical = np.median(base, axis=1) * (found.level if kind != "mean" else 1.0)
    limits = [
        threshold(kind, round(float(i), 2), round(float(g), 2), float(f"{x:.2g}"), alpha)
        for i, g, x in zip(found.irregular, found.growth, typical, strict=True)
    ]
    return found.largest >= np.array(limits)


def channels(years: int, yearly: float) -> Iterator[dict[str, Any]]:
    """Thirty channels of one budget, after every part of the years."""
    rng = np.random.default_rng(41)
    days = REFERENCE + YEAR
    alpha = yearly / (len(COUNTS) + len(SHARES) + MEANS)
    week = np.array([1.1, 1.15, 1.15, 1.1, 1.0, 0.75, 0.75])[np.arange(days) % 7]
    by_kind = {"count": 0, "share": 0, "mean": 0}
    any_of = 0
    done = 0
    while done < years:
        common = hidden(rng, (CHUNK, days), 0.6)
        season = 1 + 0.1 * np.sin(2 * np.pi * (np.arange(days) / 365 + rng.random((CHUNK, 1))))
        gaps = (rng.random((CHUNK, days)) > 0.02).astype(float)
        some = np.zeros(CHUNK, dtype=np.bool_)
        asked: Floats = np.zeros((CHUNK, days))
        for size in COUNTS:
            own = hidden(rng, (CHUNK, days), 0.3)
            level = size * week * season * np.exp(0.05 * common + 0.05 * own - 0.0025)
            total = rng.poisson(level) * gaps
            asked = total if size == 60.0 else asked
            hit = alarms(total, gaps, "count", alpha)
            by_kind["count"] += int(hit.sum())
            some |= hit
        for share in SHARES:
            odds = (
                share / (1 - share) * np.exp(0.05 * common + 0.05 * rng.normal(size=common.shape))
            )
            hits = rng.binomial(asked.astype(int), odds / (1 + odds)).astype(float)
            hit = alarms(hits, asked, "share", alpha)
            by_kind["share"] += int(hit.sum())
            some |= hit
        for channel in range(MEANS):
            memory = 0.1 * (channel % 6)
            own = hidden(rng, (CHUNK, days), memory)
            total = (0.4 * common + own + rng.normal(size=own.shape)) * gaps
            hit = alarms(total, gaps, "mean", alpha)
            by_kind["mean"] += int(hit.sum())
            some |= hit
        any_of += int(some.sum())
        done += CHUNK
        yield {
            "channels": len(COUNTS) + len(SHARES) + MEANS,
            "years": done,
            "nominal": yearly,
            "any_alarm": proportion(any_of, done).model_dump(),
            "upper_95": round(upper(any_of, done), 4),
            "channel_years_with_alarm": {k: v / done for k, v in by_kind.items()},
        }


def clocks_and_gaps(years: int, yearly: float) -> dict[str, Any]:
    """Streams of 40 records a day with nights, weekends and an irregular level."""
    rng = np.random.default_rng(42)
    days = REFERENCE + YEAR
    shape = np.exp(-0.5 * ((np.arange(24) - 14) / 5.0) ** 2) + 0.03
    shape /= shape.sum()
    clocks = 0
    silences = 0
    for _ in range(years):
        level = (
            40 * np.where(np.arange(days) % 7 >= 5, 0.66, 1.0) * rng.gamma(30, 1 / 30, size=days)
        )
        counts = rng.poisson(level[:, None] * shape[None]).astype(float)
        steps, _ = clock_steps(counts, yearly=yearly, start=REFERENCE)
        clocks += bool(steps)
        hour = np.repeat(np.arange(days * 24), counts.ravel().astype(int))
        seconds = np.sort(hour * 3600 + rng.integers(0, 3600, size=hour.size))
        found, _ = long_gaps(
            seconds, start_s=REFERENCE * 86_400, as_of_s=days * 86_400, yearly=yearly
        )
        silences += bool(found)
    return {
        "years": years,
        "nominal": yearly,
        "clock": clocks / years,
        "clock_upper_95": round(upper(clocks, years), 4),
        "gap": silences / years,
        "gap_upper_95": round(upper(silences, years), 4),
    }


def main(
    years: int = 20_000,
    seconds: int = 3_600,
) -> None:
    """All of it, written to ``bench/results/monitor-budget.json``."""
    started = time.process_time()
    rows: dict[str, Any] = {"windows": DAYS.windows, "asked_years": years}
    rows["clocks_and_gaps"] = clocks_and_gaps(max(years // 10, 50), YEARLY)
    print(rows, time.process_time() - started, flush=True)
    for rows["channels"] in channels(years, YEARLY):
        rows["processor_seconds"] = round(time.process_time() - started)
        print(rows["channels"], rows["processor_seconds"], flush=True)
        keep("monitor-budget", rows)
        if rows["processor_seconds"] > seconds:
            break


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
