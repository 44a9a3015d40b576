"""False alarms in years without change, and delays after one, of every detector.

Nested: many references, each with its own threshold, each with many years; so that what the reference does not know is
in the figures. Usage: ``python -m bench.statistics.change [references]``.
"""

from __future__ import annotations

import math
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from bench.statistics.record import write
from tunewell.stats import Budget, Cusum, JudgedCusum, SeriesCusum
from tunewell.stats.change import peaks

Floats = NDArray[np.float64]
SIZE, WEEKS = 200, 52


def first_alarm(z: Floats, k: float, threshold: float) -> NDArray[np.int64]:
    """Update of the first upward alarm in each row, one more than there are where none is."""
    up, out = np.zeros(len(z)), np.full(len(z), z.shape[1] + 1)
    for t, column in enumerate(z.T):
        up = np.maximum(up + column - k, 0.0)
        out = np.where((out > z.shape[1]) & (up > threshold), t + 1, out)
    return out


def _delays(found: list[NDArray[np.int64]]) -> dict[str, float]:
    all_of = np.concatenate(found)
    return {"median": float(np.median(all_of)), "p90": float(np.quantile(all_of, 0.9))}


def _rate(alarms: list[Floats]) -> dict[str, float]:
    means = np.array([a.mean() for a in alarms])
    total, hits = sum(a.size for a in alarms), int(sum(a.sum() for a in alarms))
    return {
        "years": total,
        "false_alarm": hits / total,
        "standard_error": float(means.std(ddof=1) / math.sqrt(means.size)),
        "upper_95_if_years_were_independent": float(betaincinv(hits + 1, total - hits, 0.95)),
    }


def binary(references: int, rate: float, n: int) -> dict[str, Any]:
    rng = np.random.default_rng(21)
    alarms, after = [], {0.03: [], 0.05: [], 0.10: []}
    per = max(20_000 // references, 10)
    for i in range(references):
        d = Cusum(rng.random(n) < rate, size=SIZE, direction="up", years=8000, seed=i)

        def weeks(p: float, rows: int, d: Cusum = d) -> Floats:
            return (rng.binomial(SIZE, p, size=(rows, WEEKS)) / SIZE - d.centre) / (d.sd / math.sqrt(SIZE))

        alarms.append((peaks(weeks(rate, per), d.k, "up") > d.threshold).astype(float))
        for shift, kept in after.items():
            kept.append(first_alarm(weeks(rate + shift, 20), d.k, d.threshold))
    delays = {f"+{shift:.0%}": _delays(kept) for shift, kept in after.items()}
    return {"detector": "Cusum", "rate": rate, "reference": n, **_rate(alarms), "delay_weeks": delays}


def channels(count: int, share: float, years: int) -> dict[str, Any]:
    """Real-valued channels of one budget, a share of each week's noise common to all."""
    rng = np.random.default_rng(22)
    names = tuple(str(i) for i in range(count))
    alpha = Budget(yearly=0.05, channels=names).alpha("0")
    d = Cusum(rng.normal(size=1000), size=SIZE, alpha=alpha, years=40_000)
    alarms, shifted = [], []
    for _ in range(years // 1000):
        any_of = np.zeros(1000, dtype=bool)
        common = rng.normal(size=(1000, WEEKS))
        for _ in range(count):
            own = math.sqrt(share) * common + math.sqrt(1 - share) * rng.normal(size=(1000, WEEKS))
            z = own - rng.normal(size=(1000, 1)) * math.sqrt(SIZE / 1000)
            any_of |= peaks(z, d.k, "both") > d.threshold
        alarms.append(any_of.astype(float))
        # Five points of a rate of .1 are 2.36 standard errors of a week of 200.
        shifted.append(first_alarm(z + 0.05 / math.sqrt(0.09 / SIZE), d.k, d.threshold))
    return {"detector": "Budget", "channels": count, "common": share, **_rate(alarms), "delay_weeks": _delays(shifted)}


def judged(references: int, labelled: int) -> dict[str, Any]:
    """20 labels a week, a judge of correlation .65 (hits .75, false alarms .05 at a rate of .1)."""
    rng = np.random.default_rng(23)
    cells0 = np.array([[0.9 * 0.95, 0.9 * 0.05], [0.1 * 0.25, 0.1 * 0.75]])
    alarms, ten, five = [], [], []
    per = max(20_000 // references, 10)
    for i in range(references):
        flat = rng.choice(4, size=1000, p=cells0.ravel())
        human, judge = (flat >= 2).astype(float), (flat % 2).astype(float)
        human[labelled:] = np.nan
        d = JudgedCusum(judge, human, size=SIZE, labels=20, direction="up", years=5000, seed=i)
        scale = math.sqrt(d.residual / 20 + d.judged / SIZE)
        own = d.cells

        def weeks(rate: float, rows: int, d: JudgedCusum = d, scale: float = scale) -> Floats:
            d.cells = np.array([[1 - rate], [rate]]) * np.array([[0.95, 0.05], [0.25, 0.75]])
            return (d._draw(rng, 20, SIZE, (rows, WEEKS)) - d.centre) / scale

        alarms.append((peaks(weeks(0.1, per), d.k, "up") > d.threshold).astype(float))
        ten.append(first_alarm(weeks(0.2, 20), d.k, d.threshold))
        five.append(first_alarm(weeks(0.15, 20), d.k, d.threshold))
        d.cells = own
    delays = {"+5%": _delays(five), "+10%": _delays(ten)}
    return {"detector": "JudgedCusum", "reference_labels": labelled, **_rate(alarms), "delay_weeks": delays}


def series(references: int, phi: float, n: int, season: int, updates: int) -> dict[str, Any]:
    rng = np.random.default_rng(24)
    pattern = np.zeros(season) if season == 1 else np.r_[np.zeros(season - 2), 3.0, 3.0]
    alarms, moved = [], []
    per = max(20_000 // references, 10)

    def path(rows: int, length: int) -> Floats:
        x = np.empty((rows, length))
        x[:, 0] = rng.normal(size=rows) / math.sqrt(1 - phi**2)
        for t in range(1, length):
            x[:, t] = phi * x[:, t - 1] + rng.normal(size=rows)
        return x

    for i in range(references):
        x = path(1, n)[0] + pattern[np.arange(n) % season]
        d = SeriesCusum(x, season=season, updates=updates, years=3000, seed=i, direction="up")
        year = path(per, updates + 1)
        level = pattern[np.arange(n - 1, n + updates) % season] - d.levels[0, np.arange(n - 1, n + updates) % season]
        for shift, kept in ((0.0, alarms), (1 / math.sqrt(1 - phi**2), moved)):
            rows = year if shift == 0 else year[:20]
            off = rows + level + shift
            z = (off[:, 1:] - d._phi * off[:, :-1]) / d._sd
            if shift == 0:
                kept.append((peaks(z, d.k, "up") > d.threshold).astype(float))
            else:
                kept.append(first_alarm(z, d.k, d.threshold))
    return {
        "detector": "SeriesCusum",
        "memory": phi,
        "reference": n,
        "season": season,
        "updates": updates,
        **_rate(alarms),
        "delay_updates_one_sd": _delays(moved),
    }


def main(references: int = 200) -> None:
    started = time.perf_counter()
    rows = [binary(references, 0.1, 1000)]
    print(rows[-1], flush=True)
    for make in (
        lambda: binary(references // 2, 0.2, 1000),
        lambda: binary(references // 2, 0.05, 500),
        lambda: channels(1, 0.0, 20_000),
        lambda: channels(10, 0.0, 20_000),
        lambda: channels(10, 0.5, 20_000),
        lambda: judged(references, 200),
        lambda: judged(references, 1000),
        lambda: series(references // 2, 0.0, 280, 7, 364),
        lambda: series(references // 2, 0.5, 280, 7, 364),
        lambda: series(references // 2, 0.9, 280, 7, 364),
        lambda: series(references // 2, 0.9, 140, 7, 364),
        lambda: series(references // 2, 0.9, 104, 1, 52),
    ):
        rows.append(make())
        print(rows[-1], flush=True)
    write("change", {"references": references, "rows": rows}, started)


if __name__ == "__main__":
    main(*(int(v) for v in sys.argv[1:]))
