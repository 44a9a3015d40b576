"""Coverage of the agreement intervals at 30 items × 3 raters, and planned widths.

The item bootstrap is shown beside them.

Ratings: a normal item effect plus normal noise, cut into categories. The truth is the coefficient
    of 4,000,000 pairs.
Usage: ``python -m bench.statistics.agreement [repetitions]``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bench.statistics.record import write
from tunewell.stats import cohen_kappa, fleiss_kappa, gwet_ac1, icc, krippendorff_alpha, pabak
from tunewell.stats.icc import expected_width
from tunewell.types import Estimate

Floats = NDArray[np.float64]
CUTS: dict[str, list[float]] = {
    "continuous": [],
    "five steps": [0.1, 0.3, 0.6, 0.85],
    "two, even": [0.5],
    "two, 15 %": [0.85],
    "four": [0.3, 0.55, 0.8],
}


def ratings(
    rng: np.random.Generator, items: int, share: float, cuts: str, raters: int = 3
) -> Floats:
    x = np.sqrt(share) * rng.normal(size=(items, 1)) + np.sqrt(1 - share) * rng.normal(
        size=(items, raters)
    )
    return x if not CUTS[cuts] else np.searchsorted(ndtri(np.array(CUTS[cuts])), x).astype(float)


def _counts(x: Floats, k: int) -> Floats:
    return np.stack([(x == v).sum(1) for v in range(k)], axis=1).astype(float)


def _table(x: Floats, k: int) -> Floats:
    return (
        np.bincount((x[:, 0] * k + x[:, 1]).astype(int), minlength=k * k)
        .reshape(k, k)
        .astype(float)
    )


def _gaps(x: Floats) -> Floats:
    """A fifth of the ratings missing at random, the same for the same ratings.

    Items with none left drop out.
    """
    seed = abs(int(x.sum() * 1e6)) % 2**32
    out = np.where(np.random.default_rng(seed).random(x.shape) < 0.2, np.nan, x)
    return out.T


def coefficients(cuts: str) -> dict[str, Callable[[Floats], Estimate]]:
    k = len(CUTS[cuts]) + 1
    if cuts == "continuous":
        return {
            "alpha interval": lambda x: krippendorff_alpha(x.T, scale="interval"),
            "alpha interval, a fifth missing": lambda x: krippendorff_alpha(
                _gaps(x), scale="interval"
            ),
            "ICC(1,1)": lambda x: icc(x, form="ICC(1,1)"),
            "ICC(2,1)": lambda x: icc(x),
            "ICC(3,1)": lambda x: icc(x, form="ICC(3,1)"),
        }
    if cuts == "five steps":
        return {
            "alpha ordinal": lambda x: krippendorff_alpha(x.T, scale="ordinal"),
            "alpha interval": lambda x: krippendorff_alpha(x.T, scale="interval"),
            "alpha ratio": lambda x: krippendorff_alpha(x.T + 1, scale="ratio"),
            "alpha ordinal, a fifth missing": lambda x: krippendorff_alpha(
                _gaps(x), scale="ordinal"
            ),
        }
    return {
        "alpha nominal": lambda x: krippendorff_alpha(x.T, scale="nominal"),
        "alpha nominal, a fifth missing": lambda x: krippendorff_alpha(_gaps(x), scale="nominal"),
        "Fleiss kappa": lambda x: fleiss_kappa(_counts(x, k)),
        "Gwet AC1": lambda x: gwet_ac1(_counts(x, k)),
        "Cohen kappa": lambda x: cohen_kappa(_table(x, k)),
        "PABAK": lambda x: pabak(_table(x, k)),
    }


@cache
def _pairs(share: float, cuts: str) -> Floats:
    """Shares of all pairs of verdicts, from 4,000,000 pairs."""
    k = len(CUTS[cuts]) + 1
    t = _table(ratings(np.random.default_rng(99), 4_000_000, share, cuts, raters=2), k)
    out: Floats = (t + t.T) / (2 * t.sum())
    return out


def truth(name: str, share: float, cuts: str) -> float:
    """From the table of pairs of ratings of 4,000,000 pairs (continuous: known)."""
    if cuts == "continuous":
        return share
    name = name.removesuffix(", a fifth missing")
    t = _pairs(share, cuts)
    k = len(t)
    p, same = t.sum(0), float(np.trace(t))
    if name == "PABAK":
        return (k * same - 1) / (k - 1)
    if name == "Gwet AC1":
        chance = float((p * (1 - p)).sum() / (k - 1))
        return (same - chance) / (1 - chance)
    v = np.arange(k, dtype=float)
    up = np.cumsum(p) - p / 2
    d = {
        "alpha ordinal": np.subtract.outer(up, up) ** 2,
        "alpha interval": np.subtract.outer(v, v) ** 2,
        "alpha ratio": (np.subtract.outer(v, v) / (np.add.outer(v, v) + 2)) ** 2,
    }.get(name, 1 - np.eye(k))
    return 1 - float((t * d).sum()) / float(p @ d @ p)


def bootstrap_covers(rng: np.random.Generator, share: float, repeats: int) -> float:
    """What the plain percentile bootstrap of items covers for interval alpha."""
    hits = 0
    for _ in range(repeats):
        x = ratings(rng, 30, share, "continuous")
        means, own = x.mean(1), ((x - x.mean(1, keepdims=True)) ** 2).sum(1)
        draws = rng.integers(30, size=(600, 30))
        within = own[draws].sum(1) / 60
        grand = means[draws].mean(1)
        total = (own[draws].sum(1) + 3 * ((means[draws] - grand[:, None]) ** 2).sum(1)) / 89
        low, high = np.quantile(1 - within / total, [0.025, 0.975])
        hits += bool(low <= share <= high)
    return hits / repeats


def cell(
    rng: np.random.Generator, name: str, share: float, cuts: str, repeats: int
) -> dict[str, Any]:
    f, true = coefficients(cuts)[name], truth(name, share, cuts)
    hits, undefined, widths = 0, 0, []
    for _ in range(repeats):
        try:
            e = f(ratings(rng, 30, share, cuts))
        except ValueError:
            undefined += 1
            continue
        hits += e.low <= true <= e.high
        widths.append(min(e.high - e.low, 2.0))
    return {
        "coefficient": name,
        "ratings": cuts,
        "share": share,
        "truth": round(true, 4),
        "coverage": round(hits / (repeats - undefined), 4),
        "width": round(float(np.mean(widths)), 4),
        "undefined": undefined,
    }


def main(repeats: int = 10_000) -> None:
    started = time.perf_counter()
    rng = np.random.default_rng(3)
    cells = [
        cell(rng, name, share, cuts, repeats)
        for cuts in CUTS
        for name in coefficients(cuts)
        for share in (0.3, 0.6, 0.9)
    ]
    plans = []
    for items, raters, share in ((30, 3, 0.6), (60, 3, 0.7), (100, 2, 0.5), (200, 5, 0.8)):
        found = [
            icc(ratings(rng, items, share, "continuous", raters), form="ICC(1,1)")
            for _ in range(400)
        ]
        simulated = float(np.mean([e.high - e.low for e in found]))
        planned = expected_width(items, raters, share)
        plans.append(
            {
                "items": items,
                "raters": raters,
                "share": share,
                "planned": planned,
                "simulated": simulated,
            }
        )
    worst = min(cells, key=lambda c: c["coverage"])
    result = {
        "repetitions": repeats,
        "items": 30,
        "raters": 3,
        "worst_cell": worst,
        "below_0.94": [c for c in cells if c["coverage"] < 0.94],
        "below_0.935": [c for c in cells if c["coverage"] < 0.935],
        "item_bootstrap_alpha_interval": {
            str(s): bootstrap_covers(rng, s, min(repeats, 2000)) for s in (0.3, 0.6, 0.9)
        },
        "plans": plans,
        "cells": cells,
    }
    write("agreement", result, started)
    for c in cells:
        print(c)


if __name__ == "__main__":
    main(*(int(v) for v in sys.argv[1:]))
