"""Judges corrected by a sample of people's verdicts, on published data.

Run: python -m bench.evaluation.judges

Of every row people's verdict is known, so it can be seen whether the corrected figure's interval
holds people's own figure when they are asked about a few rows only, drawn again and again:

* pandalm (Apache-2.0): 999 pairs of answers to 170 instructions, the majority of three people, and
  the verdicts of two published judges on the same pairs (gpt-3.5-turbo, pandalm-7b). Figure: how
  often people prefer a model in its pairs.
* newsroom (JUDGE-BENCH): 420 summaries of 60 articles, three raters on four scales. The data holds
  no judge's verdicts, so two stand in for one: our metric ``grounded`` and one rater against the
  mean of the other two.

"fixed": the rows are what they are, the truth is people's figure on all of them. "redrawn":
instructions (articles) are drawn anew with replacement and are clusters for the interval; the truth
is people's figure on all of the data. Beside each the interval of people's sample alone, and how
often the judge's own uncorrected interval holds people's figure.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.machine import keep
from tunewell.metrics.coverage import grounded
from tunewell.stats import corrected_mean, corrected_win_rate, mean, proportion
from tunewell.types import Estimate

Floats = NDArray[np.float64]
Correct = Callable[..., Estimate]
FOLDER = Path(os.environ.get("TUNEWELL_DATA", "../shared/data"))
LABELS = (50, 100, 200)
DRAWS = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Case:
    """One figure: the judge's and people's verdict on every row.

    Attributes:
        name: What is estimated.
        judge: Shape (n,), NaN where the judge gave none.
        human: Shape (n,).
        groups: Cluster codes, shape (n,).
        correct: The function under test.
        span: Least and greatest verdict.
    """

    name: str
    judge: Floats
    human: Floats
    groups: NDArray[np.int64]
    correct: Correct
    span: tuple[float, float]


def pandalm() -> list[Case]:
    """One case for each judge and model, and one over all pairs."""
    folder = FOLDER / "pandalm"
    rows = json.loads((folder / "testset-v1.json").read_text(encoding="utf-8"))
    human = np.array([_majority([int(r[f"annotator{i}"]) for i in (1, 2, 3)]) for r in rows])
    groups = np.unique([r["instruction"] + "\0" + r["input"] for r in rows], return_inverse=True)[1]
    models = sorted({m for r in rows for m in r["cmp_key"].split("_")})
    cases = []
    for name, key in (("gpt-3.5-turbo", "gpt_result"), ("pandalm-7b", "pandalm_result")):
        path = folder / f"{name}-testset-v1.json"
        said = [str(r[key]) for r in json.loads(path.read_text(encoding="utf-8"))]
        judge = np.array([{"1": 1.0, "2": 0.0, "Tie": 0.5, "0": 0.5}.get(s, np.nan) for s in said])
        for model in models:
            side = np.array([[m == model for m in r["cmp_key"].split("_")] for r in rows])
            used = side.any(1)
            j, h = (np.where(side[:, 0], x, 1 - x)[used] for x in (judge, human))
            cases.append(
                Case(f"{name} on {model}", j, h, groups[used], corrected_win_rate, (0.0, 1.0))
            )
        cases.append(
            Case(
                f"{name} on the first answer", judge, human, groups, corrected_win_rate, (0.0, 1.0)
            )
        )
    return cases


def _majority(said: list[int]) -> float:
    """1 if two of three prefer the first answer, 0 the second; else a tie."""
    for verdict, value in ((1, 1.0), (2, 0.0)):
        if said.count(verdict) >= 2:
            return value
    return 0.5


def newsroom() -> list[Case]:
    """One case for each stand-in judge and scale."""
    rows = json.loads((FOLDER / "judge_bench" / "newsroom.json").read_text(encoding="utf-8"))[
        "instances"
    ]
    parts = [r["instance"].split("### Source Article") for r in rows]
    groups = np.unique([p[1] for p in parts], return_inverse=True)[1]
    borne_out = np.array(
        [grounded(p[0].removeprefix("### Generated Summary"), p[1]) for p in parts]
    )
    cases = []
    for scale in rows[0]["annotations"]:
        people = np.array(
            [r["annotations"][scale]["individual_human_scores"] for r in rows], dtype=np.float64
        )
        judges = (
            ("grounded", borne_out, people.mean(1)),
            ("one rater", people[:, 0], people[:, 1:].mean(1)),
        )
        for name, judge, human in judges:
            cases.append(
                Case(f"{name} on {scale}", judge, human, groups, corrected_mean, (1.0, 5.0))
            )
    return cases


def measure(case: Case, labels: int, *, redrawn: bool, draws: int, seed: int) -> dict[str, float]:
    """Coverage, width and labels saved over repeated draws of people's sample."""
    rng = np.random.default_rng(seed)
    truth = float(case.human.mean())
    members = [np.flatnonzero(case.groups == g) for g in range(int(case.groups.max()) + 1)]
    hits = alone = below = 0
    widths, widths_alone = [], []
    extra = (
        {} if case.correct is corrected_win_rate else {"low": case.span[0], "high": case.span[1]}
    )
    for _ in range(draws):
        rows, clusters = np.arange(case.judge.size), None
        if redrawn:
            picked = rng.integers(len(members), size=len(members))
            rows = np.concatenate([members[g] for g in picked])
            clusters = np.repeat(np.arange(len(members)), [len(members[g]) for g in picked])
        seen = rng.choice(rows.size, size=labels, replace=False)
        human = np.full(rows.size, np.nan)
        human[seen] = case.human[rows[seen]]
        made = case.correct(
            judge=case.judge[rows], human=human, clusters=clusters, level=LEVEL, **extra
        )
        own = None if clusters is None else clusters[seen]
        people = mean(human[seen], clusters=own, level=LEVEL, low=case.span[0], high=case.span[1])
        hits += made.low <= truth <= made.high
        below += truth < made.low
        alone += people.low <= truth <= people.high
        widths.append(made.high - made.low)
        widths_alone.append(people.high - people.low)
    covered = proportion(hits, draws)
    return {
        "covers": round(covered.value, 4),
        "covers_low": round(covered.low, 4),
        "covers_high": round(covered.high, 4),
        "truth_below": round(below / draws, 4),
        "truth_above": round((draws - hits - below) / draws, 4),
        "width": round(float(np.mean(widths)), 4),
        "people_alone_cover": round(alone / draws, 4),
        "people_alone_width": round(float(np.mean(widths_alone)), 4),
        "labels_saved": round(1 - float(np.mean(widths) / np.mean(widths_alone)) ** 2, 3),
    }


def uncorrected(case: Case) -> dict[str, Any]:
    """The judge's own figure on all rows, taken at its word."""
    seen = ~np.isnan(case.judge)
    low, high = case.span
    if case.judge[seen].max() <= 1 < high:  # a share shown on people's scale
        return {"value": None, "why": "another unit than people's scale"}
    e = mean(case.judge[seen], clusters=case.groups[seen], low=low, high=high)
    truth = float(case.human.mean())
    return {
        "value": round(e.value, 4),
        "low": round(e.low, 4),
        "high": round(e.high, 4),
        "holds_people": bool(e.low <= truth <= e.high),
    }


def main(draws: int = DRAWS) -> None:
    """Measure and keep."""
    if not (FOLDER / "pandalm").is_dir():
        sys.exit(f"no data in {FOLDER}: set TUNEWELL_DATA")
    result: dict[str, Any] = {"draws": draws, "level": LEVEL}
    for name, cases in (("pandalm", pandalm()), ("newsroom", newsroom())):
        result[name] = []
        for i, case in enumerate(cases):
            cells = [
                {
                    "labels": n,
                    "rows": kind,
                    **measure(case, n, redrawn=kind == "redrawn", draws=draws, seed=n + i),
                }
                for n in LABELS
                for kind in ("fixed", "redrawn")
            ]
            entry = {
                "case": case.name,
                "rows": case.human.size,
                "clusters": int(case.groups.max()) + 1,
            }
            entry |= {
                "people": round(float(case.human.mean()), 4),
                "judge": uncorrected(case),
                "cells": cells,
            }
            result[name].append(entry)
            print(
                case.name, entry["people"], entry["judge"], [c["covers"] for c in cells], flush=True
            )
            every = [c for e in result[name] for c in e["cells"]]
            kinds = ("fixed", "redrawn")
            result[f"{name}_least"] = {
                k: min(c["covers"] for c in every if c["rows"] == k) for k in kinds
            }
            result[f"{name}_mean"] = {
                k: _mean_cover([c for c in every if c["rows"] == k]) for k in kinds
            }
            path = keep("evaluation-judges", result)  # what is measured is kept at once
    print(path.name)


def _mean_cover(cells: list[dict[str, Any]]) -> float:
    return round(sum(float(c["covers"]) for c in cells) / len(cells), 4)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DRAWS)
