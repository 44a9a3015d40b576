"""Coverage and labels needed of `corrected_rate` in every promised cell.

600 cells: five rates × four numbers of labels × six judges × clusters of 1, 3 and 5 with intraclass
correlation 0 and .3 (of people's labels, of the judge's hits and of its false alarms alike); whole
clusters are labelled; 4,000 rows are judged. Usage: ``python -m bench.statistics.corrected
[repetitions] [processes]``.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.statistics.record import write
from tunewell.stats.proportions import wilson
from tunewell.stats.stratified import Strata, share_limits

Floats = NDArray[np.float64]
JUDGES = [(0.5, 0.5), (0.85, 0.70), (0.90, 0.80), (0.95, 0.80), (0.95, 0.90), (0.98, 0.95)]
RATES = [0.5, 0.8, 0.9, 0.95, 0.98]
LABELS = [30, 50, 100, 200]
CLUSTERS = [(1, 0.0), (3, 0.0), (3, 0.3), (5, 0.0), (5, 0.3)]
JUDGED = 4000
Z = 1.959963984540054


def _beta(rng: np.random.Generator, mean: float, icc: float, size: tuple[int, ...]) -> Floats:
    if icc == 0 or mean in (0.0, 1.0):
        return np.full(size, mean)
    k = 1 / icc - 1
    return rng.beta(mean * k, (1 - mean) * k, size=size)


def draw(
    rng: np.random.Generator,
    p: float,
    n: int,
    judge: tuple[float, float],
    m: int,
    icc: float,
    repeats: int,
) -> Strata:
    """Datasets of one cell.

    The judged but unlabelled rows enter by the normal limit of their total.
    """
    hit, correct = judge
    units = max(n // m, 2)

    def counts(
        size: tuple[int, ...],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        good = rng.binomial(m, _beta(rng, p, icc, size))
        passed = rng.binomial(good, _beta(rng, hit, icc, size))
        missed = rng.binomial(m - good, _beta(rng, 1 - correct, icc, size))
        return good, passed, missed

    good, passed, missed = counts((repeats, units))
    x = np.stack([good - passed, passed], -1).astype(float)
    t = np.stack([(m - good) - missed + (good - passed), passed + missed], -1).astype(float)
    many = counts((20_000,))
    sums = (many[1] + many[2]).astype(float)
    rest, labelled = (JUDGED - n) // m, t[..., 1]
    # Totals of the cluster sums and of their squares, by the normal limit: what the judge's share
    # and clustering need.
    both = np.stack([sums, sums**2])
    spread = np.cov(both)
    # The mean of the judge's total is known; that of its squares follows it, so that no cell is off
    # by a sampled mean.
    exact = m * (p * hit + (1 - p) * (1 - correct))
    centre = both.mean(1) + spread[0] / spread[0, 0] * (exact - both[0].mean())
    totals = rng.multivariate_normal(centre * rest, spread * rest, size=repeats)
    every = rest + units
    passing = np.clip(totals[:, 0], 1, rest * m - 1) + labelled.sum(1)
    between = (totals[:, 1] + (labelled**2).sum(1) - passing**2 / every) / (every - 1) / m
    w1 = passing / (every * m)
    icc_judge = np.full(repeats, np.nan)
    if m > 1:
        within = (w1 * every * m - (between * (every - 1) + passing**2 / every / m)) / (
            every * (m - 1)
        )
        icc_judge = np.clip((between - within) / (between + (m - 1) * within), 0.0, 1.0)
    factor = between / m / (w1 * (1 - w1)) / every
    return Strata(x, t, np.stack([1 - w1, w1], 1), factor, clustered=m > 1, judge_icc=icc_judge)


def cell(
    rng: np.random.Generator,
    p: float,
    n: int,
    judge: tuple[float, float],
    m: int,
    icc: float,
    repeats: int,
) -> dict[str, Any]:
    """Coverage and mean width of one cell, beside people alone (Wilson, independent labels)."""
    s = draw(rng, p, n, judge, m, icc, repeats)
    _, low, high = share_limits(s, 0.95)
    k = s.successes.sum((1, 2))
    hl, hh = wilson(k, s.labels.sum((1, 2)), Z)
    apart = (1 - judge[0]) * p + (1 - judge[1]) * (1 - p)
    return {
        "judge": judge,
        "rate": p,
        "labels": n,
        "cluster": m,
        "icc": icc,
        "coverage": round(float(np.mean((low <= p) & (p <= high))), 4),
        "width": round(float((high - low).mean()), 5),
        "people_alone_width": round(float((hh - hl).mean()), 5),
        "people_alone_coverage": round(float(np.mean((hl <= p) & (p <= hh))), 4),
        "failures_expected": round(n * (1 - p), 2),
        "disagreements_expected": round(n * apart, 2),
    }


def labels_needed(judge: tuple[float, float], p: float, people: int, repeats: int) -> float:
    """Labels at which the corrected interval is as narrow as that of ``people`` labels alone.

    As a share of them.
    """
    rng = np.random.default_rng(people)
    k = rng.binomial(people, p, size=50_000)
    low, high = wilson(k, people, Z)
    target = float((high - low).mean())
    few, many = 10, 2 * people
    while many - few > 1:
        middle = (few + many) // 2
        s = draw(np.random.default_rng(1), p, middle, judge, 1, 0.0, repeats)
        _, bottom, top = share_limits(s, 0.95)
        few, many = (middle, many) if float((top - bottom).mean()) > target else (few, middle)
    return many / people


def _cell(job: tuple[int, float, int, tuple[float, float], int, float, int]) -> dict[str, Any]:
    seed, *rest = job
    return cell(np.random.default_rng([2026, seed]), *rest)  # type: ignore[arg-type]


def _needed(job: tuple[tuple[float, float], float, int, int]) -> dict[str, Any]:
    judge, p, people, repeats = job
    hit, correct = judge
    q = p * hit + (1 - p) * (1 - correct)
    rho = (p * hit - p * q) / np.sqrt(p * (1 - p) * q * (1 - q))
    needed = labels_needed(judge, p, people, repeats)
    return {
        "judge": judge,
        "rate": p,
        "rho": round(float(rho), 3),
        "people_alone": people,
        "needed_share": needed,
    }


def main(repeats: int = 10_000, workers: int = 2) -> None:
    started = time.perf_counter()
    jobs = [
        (i, p, n, judge, m, icc, repeats)
        for i, (judge, (m, icc), p, n) in enumerate(product(JUDGES, CLUSTERS, RATES, LABELS))
    ]
    wanted = [
        (judge, p, people, repeats)
        for judge in JUDGES
        for p in (0.5, 0.8, 0.9, 0.95)
        for people in (200, 400)
    ]
    with ProcessPoolExecutor(workers) as pool:
        cells = list(pool.map(_cell, jobs, chunksize=5))
        print(len(cells), "cells", flush=True)
        needed = list(pool.map(_needed, wanted))
    over = [c for c in cells if c["coverage"] > 0.975 and c["failures_expected"] >= 5 - 1e-9]
    worst = min(cells, key=lambda c: c["coverage"])
    write(
        "corrected",
        {
            "repetitions": repeats,
            "judged": JUDGED,
            "worst_cell": worst,
            "below_0.935": [c for c in cells if c["coverage"] < 0.935],
            "above_0.975_with_five_failures": len(over),
            "above_0.975_with_five_failures_independent": [c for c in over if c["cluster"] == 1],
            "labels_needed": needed,
            "cells": cells,
        },
        started,
    )
    print("worst", worst)
    print("over", len(over), "of", sum(c["failures_expected"] >= 5 - 1e-9 for c in cells))
    for row in needed:
        print(row)


if __name__ == "__main__":
    main(*(int(v) for v in sys.argv[1:]))
