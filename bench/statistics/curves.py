"""Forecasts of the loss at four times the data, and effects on a KPI.

Against what is known in simulation.

Curves: floors, powers and pre-power phases drawn at random, five sizes (100 … 1,600 rows), noise of
1 and 2 %; a plain power law beside ours. KPI: trend, season of 7, a control, memory 0 … .8, 60 or
120 days.
Usage: ``python -m bench.statistics.curves [curves]``.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.statistics.record import write
from tunewell.stats import interrupted_series, learning_curve

Floats = NDArray[np.float64]
SIZES = np.array([100.0, 200.0, 400.0, 800.0, 1600.0])


def curve(rng: np.random.Generator, noise: float, kind: str) -> tuple[Floats, float, float]:
    b, floor, start = rng.uniform(0.2, 0.9), rng.uniform(0.3, 2.5), rng.uniform(0.3, 3.0)
    if kind == "exponential mix":

        def law(n: Floats) -> Floats:
            return floor + start * (0.6 * (n / 100) ** -b + 0.4 * np.exp(-n / 1500))
    else:
        rectifier = 0.0 if kind == "power" else rng.uniform(20.0, 400.0) ** b

        def law(n: Floats) -> Floats:
            return floor + start * (rectifier + 100**b) / (rectifier + n**b)

    y = law(SIZES) * np.exp(rng.normal(size=5) * noise)
    truth = float(law(np.array([6400.0]))[0])
    return y, truth, truth * float(np.exp(rng.normal() * noise))


def plain_power(y: Floats) -> float:
    """A line through the logarithms, carried on to 6,400."""
    slope, level = np.polyfit(np.log(SIZES), np.log(y), 1)
    return float(np.exp(level + slope * np.log(6400)))


def curves(count: int, noise: float, kind: str) -> dict[str, Any]:
    rng = np.random.default_rng(31)
    ours, plain, covered, covers_run, widths = [], [], [], [], []
    for i in range(count):
        y, truth, run = curve(rng, noise, kind)
        e = learning_curve(SIZES, y, draws=100, seed=i).forecast(6400)
        ours.append(abs(e.value / truth - 1))
        plain.append(abs(plain_power(y) / truth - 1))
        covered.append(e.low <= truth <= e.high)
        covers_run.append(e.low <= run <= e.high)
        widths.append((e.high - e.low) / e.value)
    return {
        "law": kind,
        "noise": noise,
        "curves": count,
        "median_error": float(np.median(ours)),
        "median_error_plain_power_law": float(np.median(plain)),
        "covers_law": float(np.mean(covered)),
        "covers_new_run": float(np.mean(covers_run)),
        "median_relative_width": float(np.median(widths)),
    }


def kpi(repeats: int, phi: float, days: int) -> dict[str, Any]:
    rng = np.random.default_rng(32)
    start = days * 2 // 3
    hits, trusted, widths = 0, 0, []
    for _ in range(repeats):
        noise = np.zeros(days)
        noise[0] = rng.normal() / np.sqrt(1 - phi**2)
        for t in range(1, days):
            noise[t] = phi * noise[t - 1] + rng.normal()
        market = rng.normal(size=days).cumsum()
        season = np.tile([0.0, 0, 0, 0, 0, 2, 3], days // 7 + 1)[:days]
        y = 50 + 0.05 * np.arange(days) + market + season + noise + 1.0 * (np.arange(days) >= start)
        r = interrupted_series(y, start=start, controls=market, season=7)
        hits += r.level.low <= 1.0 <= r.level.high
        trusted += r.enough
        widths.append(r.level.high - r.level.low)
    return {
        "memory": phi,
        "days": days,
        "coverage": hits / repeats,
        "said_enough": trusted / repeats,
        "width": float(np.median(widths)),
    }


def main(count: int = 60) -> None:
    started = time.perf_counter()
    rows = [
        curves(count, noise, kind)
        for kind in ("power", "rectified", "exponential mix")
        for noise in (0.01, 0.02)
    ]
    effects = [kpi(10 * count, phi, days) for days in (60, 120) for phi in (0.0, 0.3, 0.6, 0.8)]
    for row in [*rows, *effects]:
        print(row)
    write("curves", {"curves": rows, "interrupted_series": effects}, started)


if __name__ == "__main__":
    main(*(int(v) for v in sys.argv[1:]))
