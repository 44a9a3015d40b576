"""Whether sums over weeks (CUSUM) find small lasting shifts of a count within the yearly budget.

Counts of about 40 a day, irregular and with weekdays as in ``bench.monitor.delays``; sixteen weeks
of reference, then a year. The limit is what 5 % of quiet years (or a thirtieth of it, as one of
thirty channels has) exceed: once where a quiet year has no season, and once where its level swings
by 6 % in the mean square, as counts of people do and as the product's null allows. Then the level
rises by a fifth.
Usage: ``python -m bench.monitor.slow_shifts``.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from bench.machine import keep
from bench.monitor.delays import REFERENCE, STEP_AT, WEEK, YEAR, Floats
from tunewell.stats import proportion
from tunewell.stats.steps import SEASON_SWING

QUIET, SHIFTED = 4_000, 1_000
STEP = 1.2
MEMORY = 0.4


def weeks(
    count: int,
    step: float,
    season: float,
    rng: np.random.Generator,
) -> Floats:
    """Counts a week, shape (count, weeks).

    Args:
        count: Streams.
        step: What their level is multiplied by from a day on.
        season: Swing of a year, in the mean square.
        rng: Draws them.
    """
    days = np.arange(REFERENCE + YEAR)
    level = rng.normal(size=(days.size, count))
    for day in range(1, days.size):
        level[day] = MEMORY * level[day - 1] + math.sqrt(1 - MEMORY**2) * level[day]
    factor = np.where(days >= REFERENCE + STEP_AT, step, 1.0) * WEEK[days % 7] / WEEK.mean()
    phase = rng.random((count, 1))
    swing = 1 + math.sqrt(2) * season * np.sin(2 * np.pi * (days / 365 + phase))
    rate = 40 * factor * swing * np.exp(0.07 * level.T - 0.0025)
    whole = days.size // 7
    drawn = rng.poisson(rate)[:, : whole * 7].astype(np.float64)
    found: Floats = drawn.reshape(count, whole, 7).sum(2)
    return found


def cusum(
    counts: Floats,
    slack: float,
) -> Floats:
    """The larger of both sums after the reference, in standard deviations of its weeks.

    Source:
        Page 1954, Biometrika 41.
    """
    first = REFERENCE // 7
    before = counts[:, :first]
    spread = before.std(1, ddof=1, keepdims=True)
    z = (counts[:, first:] - before.mean(1, keepdims=True)) / spread
    up = np.zeros(len(z))
    down = np.zeros(len(z))
    out: Floats = np.zeros_like(z)
    for week in range(z.shape[1]):
        up = np.maximum(0.0, up + z[:, week] - slack)
        down = np.maximum(0.0, down - z[:, week] - slack)
        out[:, week] = np.maximum(up, down)
    return out


def main() -> None:
    """Every cell, kept with the machine."""
    started = time.process_time()
    rng = np.random.default_rng(3)
    cells: list[dict[str, Any]] = []
    begin = STEP_AT // 7
    for season in (0.0, SEASON_SWING):
        for slack in (0.5, 1.0, 1.5):
            quiet = cusum(weeks(QUIET, 1.0, season, rng), slack).max(1)
            sums = cusum(weeks(SHIFTED, STEP, season, rng), slack)
            for yearly in (0.05, 0.05 / 30):
                hit = sums[:, begin:] >= np.quantile(quiet, 1 - yearly)
                found = hit.any(1)
                delay = np.where(found, 7.0 * hit.argmax(1), math.inf)
                cells.append(
                    {
                        "season": season,
                        "slack": slack,
                        "yearly": round(yearly, 5),
                        "missed": proportion(int((~found).sum()), SHIFTED).model_dump(),
                        "median_delay_days": float(np.median(delay)),
                    }
                )
                print(cells[-1], flush=True)
    keep(
        "monitor-slow-shifts",
        {"step": STEP, "cells": cells, "processor_s": round(time.process_time() - started, 1)},
    )


if __name__ == "__main__":
    main()
