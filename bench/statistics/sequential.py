"""Type I error, power and labels of `sequential_ab`.

People alone and judge-corrected, five looks and twenty.

A judge agrees with people with the given accuracy and has judged 2,000 pairs; people label a
growing part. Looks are at equal steps, error-spending boundaries, the interval that `sequential_ab`
uses. Any-time-valid: a look after every single label. Usage: ``python -m
bench.statistics.sequential [runs]``.
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
from tunewell.stats import sample_size_ab, spending_boundaries
from tunewell.stats.boundaries import Kind
from tunewell.stats.sequential import log_capital, look_level
from tunewell.stats.stratified import Strata, share_limits

Floats = NDArray[np.float64]
JUDGED = 2000
HUMAN_ONLY = 194


def stops(
    rng: np.random.Generator,
    p: float,
    accuracy: float | None,
    looks: list[int],
    runs: int,
    kind: Kind,
) -> NDArray[np.int64]:
    """Index of the look at which each run ends with a preference.

    ``len(looks)`` where none does.
    """
    a = 0.5 if accuracy is None else accuracy
    cells = [p * a, p * (1 - a), (1 - p) * (1 - a), (1 - p) * a]
    boundary = spending_boundaries([n / looks[-1] for n in looks], kind=kind)
    steps = np.diff([0, *looks])
    counts = np.cumsum([rng.multinomial(n, cells, size=runs) for n in steps], axis=0).astype(float)
    passed = (
        counts[-1][:, 0]
        + counts[-1][:, 2]
        + rng.binomial(JUDGED - looks[-1], cells[0] + cells[2], size=runs)
    )
    shares = np.stack([1 - passed / JUDGED, passed / JUDGED], axis=1)
    out = np.full(runs, len(looks))
    for i, z in enumerate(boundary):
        c = counts[i]
        x = np.stack([c[:, 1], c[:, 0]], axis=1)[:, None]
        t = np.stack([c[:, 1] + c[:, 3], c[:, 0] + c[:, 2]], axis=1)[:, None]
        s = Strata(x, t, shares, np.full(runs, 1 / JUDGED), clustered=False)
        if accuracy is None:
            one, none = np.ones((runs, 1)), np.zeros(runs)
            s = Strata(x.sum(2, keepdims=True), t.sum(2, keepdims=True), one, none, clustered=False)
        _, low, high = share_limits(s, look_level(z, looks[i], judged=accuracy is not None))
        out = np.where((out == len(looks)) & ((low > 0.5) | (high < 0.5)), i, out)
    return out


def upper(hits: int, runs: int) -> float:
    """Upper 95 % (one-sided) Clopper-Pearson limit."""
    return 1.0 if hits == runs else float(betaincinv(hits + 1, runs - hits, 0.95))


def design(accuracy: float | None, count: int, rng: np.random.Generator, kind: Kind) -> list[int]:
    """Looks whose last is the least plan with enough power at a win rate of 60 %.

    A simulated power of 80.8 % (6,000 runs).
    """
    saved = 0.0
    if accuracy is not None:
        q = 0.6 * accuracy + 0.4 * (1 - accuracy)
        saved = (0.6 * accuracy - 0.6 * q) ** 2 / (0.24 * q * (1 - q))
    plan = sample_size_ab(0.6, looks=count, kind=kind, saved=saved)[0].value
    for factor in np.arange(1.0, 1.6, 0.03):
        last = math.ceil(plan * factor)
        looks = [math.ceil(last * (i + 1) / count) for i in range(count)]
        if (stops(rng, 0.6, accuracy, looks, 6000, kind) < count).mean() >= 0.808:
            return looks
    raise RuntimeError("no plan reaches the power")


def group(accuracy: float | None, count: int, kind: Kind, runs: int) -> dict[str, Any]:
    rng = np.random.default_rng(17)
    looks = design(accuracy, count, rng, kind)
    null, real = (stops(rng, p, accuracy, looks, runs, kind) for p in (0.5, 0.6))
    hits = int((null < count).sum())
    used = np.array([*looks, looks[-1]])[real]
    return {
        "judge": accuracy,
        "kind": kind,
        "looks": looks,
        "type_one": hits / runs,
        "type_one_upper_95": round(upper(hits, runs), 4),
        "power": float((real < count).mean()),
        "expected_labels": float(used.mean()),
        "share_of_194": round(float(used.mean()) / HUMAN_ONLY, 3),
    }


def any_time(runs: int, n: int = 400) -> dict[str, Any]:
    rng = np.random.default_rng(18)
    hits, found, used = 0, 0, 0.0
    for _ in range(runs // 1000):
        for p in (0.5, 0.6):
            u = (rng.random((1000, n)) < p).astype(float)
            over = log_capital(u, np.array([[0.5]]), 0.05) >= math.log(20)
            ever = over.any(axis=1)
            if p == 0.5:
                hits += int(ever.sum())
            else:
                found += int(ever.sum())
                used += float(np.where(ever, over.argmax(axis=1) + 1, n).sum())
    return {
        "labels_at_most": n,
        "type_one": hits / runs,
        "type_one_upper_95": round(upper(hits, runs), 4),
        "power": found / runs,
        "expected_labels": used / runs,
    }


def main(runs: int = 20_000) -> None:
    started = time.perf_counter()
    cases: list[tuple[float | None, int, Kind]] = [
        (a, 5, "obrien-fleming") for a in (None, 0.75, 0.8, 0.85, 0.9)
    ]
    cases += [(a, looks, "kim-demets") for looks in (5, 10) for a in (0.8, 0.85)]
    cases += [(a, 10, "obrien-fleming") for a in (0.8, 0.85)]
    rows = []
    for accuracy, count, kind in cases:
        rows.append(group(accuracy, count, kind, runs))
        print(rows[-1], flush=True)
    result = {"runs": runs, "judged": JUDGED, "group_sequential": rows, "any_time": any_time(runs)}
    write("sequential", result, started)
    print(result["any_time"])


if __name__ == "__main__":
    main(*(int(v) for v in sys.argv[1:]))
