"""The same cells for other packages: ppi-python, statsmodels, river, evalica.

Needs ``pip install ppi-python statsmodels river evalica`` beside Tunewell; what is absent is left
out and named.
Usage: ``python -m bench.statistics.peers [repetitions]``.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.statistics.record import write
from tunewell.stats import Cusum, corrected_rate, krippendorff_alpha, proportion

Floats = NDArray[np.float64]
CELLS = [
    (0.8, 30, 0.9, 0.8),
    (0.8, 100, 0.9, 0.8),
    (0.9, 50, 0.95, 0.9),
    (0.95, 30, 0.95, 0.8),
    (0.95, 100, 0.95, 0.8),
    (0.98, 50, 0.98, 0.95),
]


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def judge_and_people(repeats: int) -> list[dict[str, Any]]:
    """Coverage and width of the corrected rate: ours, ppi-python's PPI++, people alone by Wald."""
    from ppi_py import ppi_mean_ci

    rows = []
    rng = np.random.default_rng(41)
    for p, n, hit, correct in CELLS:
        found: dict[str, list[tuple[float, float]]] = {
            "tunewell": [],
            "ppi-python": [],
            "people alone, Wald": [],
        }
        for _ in range(repeats):
            truth = rng.random(2000) < p
            judge = np.where(truth, rng.random(2000) < hit, rng.random(2000) >= correct).astype(
                float
            )
            human = np.where(np.arange(2000) < n, truth.astype(float), np.nan)
            e = corrected_rate(judge=judge, human=human)
            found["tunewell"].append((e.low, e.high))
            y = truth[:n].astype(float)
            with np.errstate(invalid="ignore", divide="ignore"):
                low, high = ppi_mean_ci(y, judge[:n], judge[n:], alpha=0.05)
            found["ppi-python"].append((float(np.ravel(low)[0]), float(np.ravel(high)[0])))
            half = 1.96 * float(np.sqrt(y.mean() * (1 - y.mean()) / n))
            found["people alone, Wald"].append((float(y.mean()) - half, float(y.mean()) + half))
        for name, ends in found.items():
            low_, high_ = np.array(ends).T
            rows.append(
                {
                    "package": name,
                    "rate": p,
                    "labels": n,
                    "judge": (hit, correct),
                    "coverage": float(np.mean((low_ <= p) & (p <= high_))),
                    "width": float(np.nanmean(high_ - low_)),
                }
            )
    return rows


def shares(repeats: int) -> list[dict[str, Any]]:
    from statsmodels.stats.proportion import proportion_confint

    rng = np.random.default_rng(42)
    rows = []
    for p, n in ((0.8, 30), (0.95, 30), (0.95, 100), (0.98, 100)):
        x = rng.binomial(n, p, size=repeats)
        for name in ("normal", "agresti_coull", "jeffreys"):
            low, high = proportion_confint(x, n, method=name)
            rows.append(_share(f"statsmodels {name}", p, n, low, high))
        ours = np.array([(e.low, e.high) for e in (proportion(int(v), n) for v in range(n + 1))])[x]
        rows.append(_share("tunewell", p, n, ours[:, 0], ours[:, 1]))
    return rows


def _share(name: str, p: float, n: int, low: Floats, high: Floats) -> dict[str, Any]:
    covered = float(np.mean((low <= p) & (p <= high)))
    return {
        "package": name,
        "rate": p,
        "n": n,
        "coverage": covered,
        "width": float(np.mean(high - low)),
    }


def quiet_years(years: int) -> list[dict[str, Any]]:
    """Years without change in which a detector alarms, observations until +10 points are seen."""
    from river import drift

    makers = {
        "river ADWIN": drift.ADWIN,
        "river PageHinkley": drift.PageHinkley,
        "river KSWIN": drift.KSWIN,
    }
    rows = []
    for name, make in makers.items():
        rng = np.random.default_rng(43)
        few = years if name != "river KSWIN" else max(years // 10, 5)
        alarms, delays = 0, []
        for _ in range(few):
            d = make()
            for v in (rng.random(1000) < 0.1).astype(float):
                d.update(v)
            hit = False
            for v in (rng.random(200 * 52) < 0.1).astype(float):
                d.update(v)
                hit = hit or d.drift_detected
            alarms += hit
            d = make()
            for v in (rng.random(1000) < 0.1).astype(float):
                d.update(v)
            after = 200 * 26
            for i, v in enumerate((rng.random(200 * 26) < 0.2).astype(float)):
                d.update(v)
                if d.drift_detected:
                    after = i + 1
                    break
            delays.append(after / 200)
        rows.append(
            {
                "package": name,
                "years": few,
                "false_alarm_years": alarms / few,
                "delay_weeks": float(np.median(delays)),
            }
        )
    rng = np.random.default_rng(43)
    alarms, delays = 0, []
    for i in range(years):
        c = Cusum(rng.random(1000) < 0.1, size=200, direction="up", years=4000, seed=i)
        hit = False
        for _ in range(52):
            hit = hit or c.update(rng.random(200) < 0.1).alarm
        alarms += hit
        c.reset()
        while not c.alarm and c.updates < 26:
            c.update(rng.random(200) < 0.2)
        delays.append(c.updates)
    rows.append(
        {
            "package": "tunewell",
            "years": years,
            "false_alarm_years": alarms / years,
            "delay_weeks": float(np.median(delays)),
        }
    )
    return rows


def alphas() -> dict[str, float]:
    import pandas as pd
    from evalica import alpha

    rng = np.random.default_rng(44)
    x = rng.integers(1, 6, (4, 200)).astype(float)
    x[rng.random((4, 200)) < 0.2] = np.nan
    gaps = {}
    for scale in ("nominal", "ordinal", "interval", "ratio"):
        theirs = alpha(pd.DataFrame(x), distance=scale, solver="naive").alpha
        gaps[scale] = abs(theirs - krippendorff_alpha(x, scale=scale).value)  # type: ignore[arg-type]
    return gaps


def main(repeats: int = 1000) -> None:
    started = time.perf_counter()
    result: dict[str, Any] = {"repetitions": repeats, "absent": []}
    for module, name, run in (
        ("ppi_py", "judge_and_people", lambda: judge_and_people(repeats)),
        ("statsmodels", "shares", lambda: shares(repeats)),
        ("river", "quiet_years", lambda: quiet_years(max(repeats // 20, 20))),
        ("evalica", "alpha_difference", alphas),
    ):
        if _has(module):
            result[name] = run()
            print(name, result[name], flush=True)
        else:
            result["absent"].append(module)
    write("peers", result, started)


if __name__ == "__main__":
    main(*(int(v) for v in sys.argv[1:]))
