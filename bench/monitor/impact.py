"""What a release did to a KPI: coverage and width of the interval, beside an interrupted series.

Escalations of about 80 contacts a day, with weekday, trend, and a load whose memory is 0, .4 or .7;
the release adds 3 per hundred. Ours is the structural series of `tunewell watch impact`; beside it
the quasi-differenced regression of `tunewell.stats.interrupted_series` on the same runs.
Usage: ``python -m bench.monitor.impact [RUNS A CELL]``.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.machine import keep
from tunewell.monitor.impact import ImpactQuestion, impact
from tunewell.monitor.kpi import KpiSeries
from tunewell.stats import interrupted_series, proportion

FIRST = dt.date(2026, 1, 5)
EFFECT = 3.0
"""Of the release, per hundred contacts."""


def _load(memory: float, days: int, rng: np.random.Generator) -> NDArray[np.float64]:
    luck = np.zeros(days)
    luck[0] = rng.normal()
    for t in range(1, days):
        luck[t] = memory * luck[t - 1] + np.sqrt(1 - memory**2) * rng.normal()
    return luck


def series(seed: int, memory: float, before: int, after: int) -> KpiSeries:
    """Escalations a day."""
    rng = np.random.default_rng(seed)
    days = before + after
    day = np.arange(days)
    luck = _load(memory, days, rng)
    weekday = np.where(day % 7 >= 5, 0.15, 0.0)
    contacts = rng.poisson(80 * np.where(day % 7 >= 5, 0.6, 1.0) * np.exp(0.1 * luck)) + 1
    trend = np.linspace(0, 0.2 * rng.normal(), days)
    rate = 0.10 * np.exp(0.15 * luck + weekday + trend + 0.03 * rng.normal(size=days))
    rate = np.clip(rate + EFFECT / 100 * (day >= before), 0, 1)
    events = rng.binomial(contacts, rate).astype(np.float64)
    return KpiSeries(
        name="escalated",
        first=FIRST,
        period_days=1,
        contacts=contacts.astype(np.float64),
        sums=events,
        squares=events,
        is_share=True,
        ripening_days=0.0,
    )


def cell(memory: float, before: int, after: int, runs: int) -> dict[str, Any]:
    """Coverage and width in one cell, of both."""
    covered = 0
    beside = 0
    told = 0
    widths = []
    widths_beside = []
    for seed in range(runs):
        kpi = series(seed, memory, before, after)
        # The day before the first day with the effect is the release's own: it is left out.
        question = ImpactQuestion(released=FIRST + dt.timedelta(days=before - 1))
        found = impact(kpi, question).effect
        assert found is not None
        covered += found.low <= EFFECT <= found.high
        told += found.low > 0
        widths.append(found.high - found.low)
        other = interrupted_series(kpi.values, start=before, season=7).average
        beside += other.low <= EFFECT <= other.high
        widths_beside.append(other.high - other.low)
    return {
        "memory": memory,
        "days": [before, after],
        "covered": proportion(covered, runs).model_dump(),
        "told": told / runs,
        "width": float(np.median(widths)),
        "covered by the interrupted series": proportion(beside, runs).model_dump(),
        "its width": float(np.median(widths_beside)),
    }


def main(runs: int = 200) -> None:
    """Every cell, kept with the machine."""
    started = time.process_time()
    cells = []
    for memory in (0.0, 0.4, 0.7):
        for before, after in ((84, 28), (120, 60)):
            cells.append(cell(memory, before, after, runs))
            print(cells[-1], flush=True)
    keep(
        "monitor-impact",
        {"runs": runs, "cells": cells, "cpu_seconds": round(time.process_time() - started)},
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
