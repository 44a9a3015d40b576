"""How often the gates are wrong, on simulated candidates whose true effect is known: python -m bench.evaluation.gates.

Every candidate is scored on n held-out rows in families: a label (0/1), key points (0, 1/3, 2/3, 1) and a loss, all
correlated between arms and within families. Three gates: label gains at least 0.05 over the prompted base, key points
lie at 0.80 or above, nats is no worse than the base by 0.1. "drawn" candidates have true effects around the thresholds;
"edge" candidates sit just on the wrong (for GO) or the right side (for NO-GO) of one or all thresholds: the worst case.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtri

from bench.machine import keep
from tunewell.evaluate.gate import judge_gates, outcome_of
from tunewell.evaluate.table import Table
from tunewell.metrics import BUILTINS, NATS
from tunewell.task import TaskFile, parse_task

CANDIDATES = 2000
TASK = """
task: {name: sim, about: Simulated candidates., input: a row, output: an answer}
data: [{path: x}]
metrics: [{name: label}, {name: key_points, options: {points: [a]}}]
gates:
  - {metric: label, kind: gain, at_least: 0.05, against: prompted}
  - {metric: key_points, kind: level, at_least: 0.8}
  - {metric: nats, kind: no_worse, margin: 0.1, against: base}
"""
GAIN, LEVEL, MARGIN, PROMPTED = 0.05, 0.80, 0.1, 0.70
SIZES = (50, 100, 200, 400, 800)
FAMILY = (1, 3)
EPSILON = 1e-9


def simulate(rng: np.random.Generator, *, n: int, family: int, gain: float, level: float, loss: float) -> Table:
    """Scores of one candidate with the given true effects."""
    clusters = np.arange(n) // family
    shared = rng.normal(size=clusters.max() + 1)[clusters]
    row = rng.normal(size=n)

    def latent() -> Any:  # correlation .3 within a family, .6 between the arms of a row
        return math.sqrt(0.3) * shared + math.sqrt(0.3) * row + math.sqrt(0.4) * rng.normal(size=n)

    def share(p: float) -> Any:
        return (latent() < ndtri(p)).astype(float)

    points = sum(share(level) for _ in range(3)) / 3
    base = 2.5 + 0.5 * latent()
    values = {
        ("prompted", "label"): share(PROMPTED),
        ("tuned", "label"): share(PROMPTED + gain),
        ("tuned", "key_points"): points,
        ("base", "nats"): base,
        ("tuned", "nats"): base + loss + 0.3 * rng.normal(size=n),
    }
    names = ("label", "key_points")
    metrics = {m: BUILTINS[m].info for m in names} | {"nats": NATS}
    return Table(
        rows=tuple(map(str, range(n))),
        metrics=metrics,
        values=values,
        applies={m: np.ones(n, dtype=np.bool_) for m in metrics},
        clusters=tuple(map(str, clusters)) if family > 1 else None,
    )


def run(file: TaskFile, effects: list[tuple[float, float, float]], *, n: int, family: int, seed: int) -> list[str]:
    """The verdicts on candidates with these true effects."""
    rng = np.random.default_rng(seed)
    tables = (simulate(rng, n=n, family=family, gain=g, level=x, loss=d) for g, x, d in effects)
    return [outcome_of(judge_gates(t, file)) for t in tables]


def good(effect: tuple[float, float, float]) -> bool:
    """Whether a candidate deserves GO."""
    gain, level, loss = effect
    return gain >= GAIN and level >= LEVEL and loss <= MARGIN


def drawn(rng: np.random.Generator, count: int) -> list[tuple[float, float, float]]:
    """Candidates around the thresholds, half of them good."""
    out: list[tuple[float, float, float]] = []
    while len(out) < count:
        e = (rng.normal(GAIN + 0.06, 0.08), min(0.99, rng.normal(LEVEL + 0.06, 0.05)), rng.normal(-0.1, 0.2))
        wanted = len(out) % 2 == 0
        if good(e) == wanted and e[0] + PROMPTED < 0.99:
            out.append(e)
    return out


def edges(kind: str, count: int) -> list[tuple[float, float, float]]:
    """The worst cases: just bad by one gate with the others clear, and just good by all."""
    if kind == "good":
        return [(GAIN + EPSILON, LEVEL + EPSILON, MARGIN - EPSILON)] * count
    bad = [(GAIN - EPSILON, 0.97, -0.5), (0.25, LEVEL - EPSILON, -0.5), (0.25, 0.97, MARGIN + EPSILON)]
    return [bad[i % 3] for i in range(count)]


def cell(file: TaskFile, n: int, family: int, count: int, seed: int) -> dict[str, Any]:
    """One row of the table."""
    rng = np.random.default_rng(seed)
    effects = drawn(rng, count)
    verdicts = run(file, effects, n=n, family=family, seed=seed + 1)
    tally = Counter((good(e), v) for e, v in zip(effects, verdicts, strict=True))
    at_bad = Counter(run(file, edges("bad", count), n=n, family=family, seed=seed + 2))
    at_good = Counter(run(file, edges("good", count), n=n, family=family, seed=seed + 3))
    half = count / 2
    return {
        "n": n,
        "family": family,
        "candidates": count,
        "wrong_go": tally[False, "GO"] / half,
        "wrong_no_go": tally[True, "NO-GO"] / half,
        "inconclusive": sum(v for (_, o), v in tally.items() if o == "INCONCLUSIVE") / count,
        "right_go": tally[True, "GO"] / half,
        "right_no_go": tally[False, "NO-GO"] / half,
        "edge_wrong_go": at_bad["GO"] / count,
        "edge_wrong_no_go": at_good["NO-GO"] / count,
    }


def main(count: int = CANDIDATES) -> None:
    """Measure every cell and keep the table."""
    file = parse_task(TASK, path=Path("tunewell.yaml"), environment={})
    cells = []
    for family in FAMILY:
        for n in SIZES:
            cells.append(cell(file, n, family, count, seed=1000 * family + n))
            print(cells[-1], file=sys.stderr)
    worst = {k: max(c[k] for c in cells) for k in ("wrong_go", "wrong_no_go", "edge_wrong_go", "edge_wrong_no_go")}
    print(keep("evaluation-gates", {"worst": worst, "cells": cells}).name, worst)


if __name__ == "__main__":
    main()
