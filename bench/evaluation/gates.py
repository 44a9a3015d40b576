"""How often the gates are wrong, on simulated candidates whose true effect is known.

Run: python -m bench.evaluation.gates

Every candidate is scored on n held-out rows in families: a label (0/1), key points (0, 1/3, 2/3, 1)
and a loss, all correlated between arms and within families. Three gates: label gains at least 0.05
over the prompted base, key points lie at 0.80 or above, nats is no worse than the base by 0.1.
"drawn" candidates have true effects around the thresholds; "edge" candidates sit just on the wrong
(for GO) or the right side (for NO-GO) of one or all thresholds: the worst case.

For a wrong GO at the edge each kind of gate is measured alone, and key points also near their upper
end (at .95) and as
no worse than the prompted base: a candidate that fails one gate of several can only be let through
    less often.
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
from tunewell.evaluate.gate import judge_gates
from tunewell.evaluate.table import Table
from tunewell.evaluate.verdict import outcome_of
from tunewell.metrics import BUILTINS, NATS
from tunewell.task import TaskFile, parse_task

CANDIDATES = 2000
AT_EDGE = 10_000
"""Candidates at each edge.

At the edge itself the share is 2.5 % by design, so it takes many to see a tenth more.
"""
TASK = """
task: {name: sim, about: Simulated candidates., input: a row, output: an answer}
data: [{path: x}]
metrics: [{name: label}, {name: key_points, options: {points: [a]}}]
gates:
  - {metric: label, kind: gain, at_least: 0.05, against: prompted}
  - {metric: key_points, kind: level, at_least: 0.8}
  - {metric: nats, kind: no_worse, margin: 0.1, against: base}
"""
GAIN, LEVEL, MARGIN, PROMPTED, PROMPTED_POINTS = 0.05, 0.80, 0.1, 0.70, 0.9
SIZES = (50, 100, 200, 400, 800)
FAMILY = (1, 3)
COUNTED = ("wrong_go", "wrong_no_go", "edge_wrong_go", "edge_wrong_no_go")
EPSILON = 1e-9


def simulate(
    rng: np.random.Generator, *, n: int, family: int, gain: float, level: float, loss: float
) -> Table:
    """Scores of one candidate with the given true effects."""
    clusters = np.arange(n) // family
    shared = rng.normal(size=clusters.max() + 1)[clusters]
    row = rng.normal(size=n)

    def latent() -> Any:  # correlation .3 within a family, .6 between the arms of a row
        return math.sqrt(0.3) * shared + math.sqrt(0.3) * row + math.sqrt(0.4) * rng.normal(size=n)

    def share(p: float) -> Any:
        return (latent() < ndtri(p)).astype(float)

    points = sum(share(level) for _ in range(3)) / 3
    before = sum(share(PROMPTED_POINTS) for _ in range(3)) / 3
    base = 2.5 + 0.5 * latent()
    values = {
        ("prompted", "label"): share(PROMPTED),
        ("tuned", "label"): share(PROMPTED + gain),
        ("prompted", "key_points"): before,
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


def run(
    file: TaskFile, effects: list[tuple[float, float, float]], *, n: int, family: int, seed: int
) -> list[str]:
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
        e = (
            rng.normal(GAIN + 0.06, 0.08),
            min(0.99, rng.normal(LEVEL + 0.06, 0.05)),
            rng.normal(-0.1, 0.2),
        )
        wanted = len(out) % 2 == 0
        if good(e) == wanted and e[0] + PROMPTED < 0.99:
            out.append(e)
    return out


def good_edge(count: int) -> list[tuple[float, float, float]]:
    """Just good by every gate."""
    return [(GAIN + EPSILON, LEVEL + EPSILON, MARGIN - EPSILON)] * count


EDGES: dict[str, tuple[str, tuple[float, float, float]]] = {
    "label gain": (
        "{metric: label, kind: gain, at_least: 0.05, against: prompted}",
        (GAIN - EPSILON, 0.97, -0.5),
    ),
    "points level .80": (
        "{metric: key_points, kind: level, at_least: 0.8}",
        (0.25, LEVEL - EPSILON, -0.5),
    ),
    "points level .95": (
        "{metric: key_points, kind: level, at_least: 0.95}",
        (0.25, 0.95 - EPSILON, -0.5),
    ),
    "points no worse": (
        "{metric: key_points, kind: no_worse, margin: 0.02, against: prompted}",
        (0.25, PROMPTED_POINTS - 0.02, -0.5),
    ),
    "loss no worse": (
        "{metric: nats, kind: no_worse, margin: 0.1, against: base}",
        (0.25, 0.97, MARGIN + EPSILON),
    ),
}
"""Kind of gate to its line and to the effects of a candidate that is just too bad for it."""


def wrong_go_at(kind: str, n: int, family: int, count: int, seed: int) -> float:
    """Share of candidates just on the bad side of one gate that it lets through."""
    gate, effect = EDGES[kind]
    text = TASK.split("gates:")[0] + f"gates:\n  - {gate}\n"
    file = parse_task(text, path=Path("tunewell.yaml"), environment={})
    return Counter(run(file, [effect] * count, n=n, family=family, seed=seed))["GO"] / count


def cell(
    file: TaskFile, n: int, family: int, count: int, seed: int, *, at_edge: int = 0
) -> dict[str, Any]:
    """One row of the table, with ``at_edge`` (``count`` if 0) candidates at each edge."""
    at_edge = at_edge or count
    rng = np.random.default_rng(seed)
    effects = drawn(rng, count)
    verdicts = run(file, effects, n=n, family=family, seed=seed + 1)
    tally = Counter((good(e), v) for e, v in zip(effects, verdicts, strict=True))
    at_bad = {k: wrong_go_at(k, n, family, at_edge, seed + 10 + i) for i, k in enumerate(EDGES)}
    at_good = Counter(run(file, good_edge(count), n=n, family=family, seed=seed + 3))
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
        "at_edge": at_edge,
        "edge_wrong_go": max(at_bad.values()),
        "edge_wrong_go_by_gate": at_bad,
        "edge_wrong_no_go": at_good["NO-GO"] / count,
    }


def main(count: int = CANDIDATES, at_edge: int = AT_EDGE) -> None:
    """Measure every cell and keep the table."""
    file = parse_task(TASK, path=Path("tunewell.yaml"), environment={})
    cells = []
    for family in FAMILY:
        for n in SIZES:
            cells.append(cell(file, n, family, count, seed=1000 * family + n, at_edge=at_edge))
            print(cells[-1], file=sys.stderr, flush=True)
            worst = {k: max(c[k] for c in cells) for k in COUNTED}
            path = keep(
                "evaluation-gates", {"worst": worst, "cells": cells}
            )  # what is measured is kept at once
    print(path.name, worst)


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
