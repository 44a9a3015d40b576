"""False alarms in years without change, and delays after one, of every detector.

Every simulated year has a reference of its own, so that what a reference does not know is in the
figures. Thresholds, which each cost a simulation, are made at a few references and read off between
them.
Usage: ``python -m bench.statistics.change [years] [binary|channels|judged|series …]``; names keep
the other rows of the last result.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from bench.machine import RESULTS
from bench.statistics.record import write
from tunewell.stats import Budget, Cusum, JudgedCusum, JudgedPeriod
from tunewell.stats.change import peaks
from tunewell.stats.series import SeriesShape, fit_series, series_threshold

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
SIZE, WEEKS = 200, 52
LABELLED_WEEK = JudgedPeriod(size=SIZE, labels=20, a_year=WEEKS)


def first_alarm(z: Floats, k: float, threshold: Floats | float) -> Floats:
    """Update of the first upward alarm in each row, one more than there are where none is."""
    up, out = np.zeros(len(z)), np.full(len(z), z.shape[1] + 1.0)
    for t, column in enumerate(z.T):
        up = np.maximum(up + column - k, 0.0)
        out = np.where((out > z.shape[1]) & (up > threshold), t + 1.0, out)
    return out


def _delays(found: Floats) -> dict[str, float]:
    return {"median": float(np.median(found)), "p90": float(np.quantile(found, 0.9))}


def _rate(alarms: Bools) -> dict[str, float]:
    hits, total = int(alarms.sum()), alarms.size
    upper = float(betaincinv(hits + 1, total - hits, 0.95))
    return {"years": total, "false_alarm": hits / total, "upper_95": round(upper, 4)}


def binary(years: int, rate: float, n: int) -> dict[str, Any]:
    """Each year has its own reference.

    Its threshold is read off thresholds at eleven references.
    """
    rng = np.random.default_rng(21)
    before = rng.binomial(n, rate, size=years)
    knots = np.unique(np.linspace(before.min(), before.max(), 11).astype(int))
    made = [Cusum(np.r_[np.ones(c), np.zeros(n - c)], size=SIZE, direction="up") for c in knots]
    h = np.interp(before, knots, [d.threshold for d in made])
    smooth = (before + 0.5) / (n + 1)

    def weeks(p: float) -> Floats:
        after = rng.binomial(SIZE, p, size=(years, WEEKS)) / SIZE
        return (after - (before / n)[:, None]) / np.sqrt(smooth * (1 - smooth) / SIZE)[:, None]

    k = made[0].k
    quiet = peaks(weeks(rate), k, "up") > h
    delays = {f"+{s:.0%}": _delays(first_alarm(weeks(rate + s), k, h)) for s in (0.03, 0.05, 0.10)}
    return {
        "detector": "Cusum",
        "rate": rate,
        "reference": n,
        **_rate(quiet),
        "delay_weeks": delays,
    }


def channels(count: int, common: float, years: int) -> dict[str, Any]:
    """Real-valued channels of one budget, a share of each week's noise common to all."""
    rng = np.random.default_rng(22)
    names = tuple(str(i) for i in range(count))
    alpha = Budget(yearly=0.05, channels=names).alpha("0")
    d = Cusum(rng.normal(size=1000), size=SIZE, alpha=alpha, years=60_000)
    alarms, shifted = [], []
    for _ in range(years // 1000):
        any_of = np.zeros(1000, dtype=np.bool_)
        shared = rng.normal(size=(1000, WEEKS))
        for _ in range(count):
            own = math.sqrt(common) * shared + math.sqrt(1 - common) * rng.normal(
                size=(1000, WEEKS)
            )
            spread = np.sqrt(rng.chisquare(999, size=(1000, 1)) / 999)
            z = (own - rng.normal(size=(1000, 1)) * math.sqrt(SIZE / 1000)) / spread
            any_of |= peaks(z, d.k, "both") > d.threshold
        alarms.append(any_of)
        # Five points of a rate of .1 are 2.36 standard errors of a week of 200.
        shifted.append(first_alarm(z + 0.05 / math.sqrt(0.09 / SIZE), d.k, d.threshold))
    found = _delays(np.concatenate(shifted))
    quiet = _rate(np.concatenate(alarms))
    return {
        "detector": "Budget",
        "channels": count,
        "common": common,
        **quiet,
        "delay_weeks": {"+5%": found},
    }


def judged(years: int, labelled: int, calibrations: int = 15) -> dict[str, Any]:
    """20 labels a week, a judge of correlation .65 (hits .75, false alarms .05 at a rate of .1).

    The threshold of a reference is a linear function of its cells, fitted to ``calibrations``
    thresholds.
    """
    rng = np.random.default_rng(23)

    def truth(rate: float) -> Floats:
        return (np.array([[1 - rate], [rate]]) * np.array([[0.95, 0.05], [0.25, 0.75]])).ravel()

    def reference() -> tuple[Floats, Floats]:
        flat = rng.choice(4, size=1000, p=truth(0.1))
        human = (flat >= 2).astype(float)
        human[labelled:] = np.nan
        return (flat % 2).astype(float), human

    rows, found = [], []
    for i in range(calibrations):
        d = JudgedCusum(*reference(), period=LABELLED_WEEK, direction="up", years=8000, seed=i)
        rows.append([1.0, *d.cells.ravel()[1:]])
        found.append(d.threshold)
    line, *_ = np.linalg.lstsq(np.array(rows), np.array(found), rcond=None)
    left = float(np.std(np.array(found) - np.array(rows) @ line))
    h, z = np.empty(years), {rate: np.empty((years, WEEKS)) for rate in (0.1, 0.15, 0.2)}
    shell = JudgedCusum(*reference(), period=LABELLED_WEEK, direction="up", years=2000)
    for i in range(years):
        shell.fit(*reference(), period=LABELLED_WEEK)
        h[i] = np.array([1.0, *shell.cells.ravel()[1:]]) @ line
        scale = math.sqrt(shell.residual / 20 + shell.judged / SIZE)
        for rate, kept in z.items():
            shell.cells = truth(rate).reshape(2, 2)
            kept[i] = (shell.draw(rng, LABELLED_WEEK, (WEEKS,)) - shell.centre) / scale
    delays = {f"+{r - 0.1:.0%}": _delays(first_alarm(z[r], shell.k, h)) for r in (0.15, 0.2)}
    return {
        "detector": "JudgedCusum",
        "reference_labels": labelled,
        **_rate(peaks(z[0.1], shell.k, "up") > h),
        "delay_weeks": delays,
        "threshold": float(h.mean()),
        "threshold_fit_error": left,
    }


def series(years: int, phi: float, n: int, season: int, updates: int) -> dict[str, Any]:
    """Each year has its own reference; its threshold is read off thresholds at eleven memories."""
    rng = np.random.default_rng(24)
    shift, k = 1 / math.sqrt(1 - phi**2), 0.25
    quiet, moved, memories = [], [], []
    for _ in range(years // 1000):
        x = np.empty((1000, n + updates))
        x[:, 0] = rng.normal(size=1000) / math.sqrt(1 - phi**2)
        for t in range(1, n + updates):
            x[:, t] = phi * x[:, t - 1] + rng.normal(size=1000)
        # The season is fitted exactly as it is, whatever its pattern: it is left at zero here.
        levels, memory, sd = fit_series(x[:, :n], season)
        off = x[:, n - 1 :] - levels[:, np.arange(n - 1, n + updates) % season]
        z = (off[:, 1:] - memory[:, None] * off[:, :-1]) / sd[:, None]
        after = z + (shift * (1 - memory) / sd)[:, None]
        memories.append(memory)
        quiet.append(peaks(z, k, "up"))
        moved.append(after[:200])
    phis = np.concatenate(memories)
    knots = np.linspace(phis.min(), phis.max(), 11)
    shape = SeriesShape(n=n, season=season, updates=updates)
    made = [series_threshold(float(v), shape, alpha=0.05, direction="up", k=k) for v in knots]
    h = np.interp(phis, knots, made)
    first = np.concatenate(
        [
            first_alarm(m, k, np.interp(p[:200], knots, made))
            for m, p in zip(moved, memories, strict=True)
        ]
    )
    return {
        "detector": "SeriesCusum",
        "memory": phi,
        "reference": n,
        "season": season,
        "updates": updates,
        **_rate(np.concatenate(quiet) > h),
        "delay_updates_one_sd": _delays(first),
    }


def main(years: int = 20_000, *names: str) -> None:
    """All rows.

    ``names`` (``judged``, ``series`` …) make only these anew and keep the rest of the last result.
    """
    started = time.perf_counter()
    makers: list[tuple[str, Callable[[], dict[str, Any]]]] = [
        ("binary", lambda: binary(years, 0.1, 1000)),
        ("binary", lambda: binary(years, 0.2, 1000)),
        ("channels", lambda: channels(1, 0.0, years)),
        ("channels", lambda: channels(10, 0.0, years)),
        ("channels", lambda: channels(10, 0.5, years)),
        ("judged", lambda: judged(years, 200)),
        ("judged", lambda: judged(years, 1000)),
        ("series", lambda: series(years, 0.0, 280, 7, 364)),
        ("series", lambda: series(years, 0.9, 280, 7, 364)),
        ("series", lambda: series(years, 0.9, 140, 7, 364)),
        ("series", lambda: series(years, 0.9, 104, 1, 52)),
    ]
    before = RESULTS / "statistics_change.json"
    kept = (
        json.loads(before.read_text(encoding="utf-8"))["rows"]
        if names and before.exists()
        else [None] * len(makers)
    )
    rows = []
    for (name, make), old in zip(makers, kept, strict=True):
        begun = time.perf_counter()
        row = old if names and name not in names and old is not None else make()
        row.setdefault("seconds", round(time.perf_counter() - begun, 1))
        rows.append(row)
        print(row, flush=True)
    write("change", {"rows": rows}, started)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000, *sys.argv[2:])
