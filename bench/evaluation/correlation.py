"""Our metrics against people on 400 machine-made notes: python -m bench.evaluation.correlation.

mts_dialog's correlation study (CC BY 4.0) holds people's fact-by-fact counts: hallucination and
omission rates. Rank correlation of each metric with them, and its difference to ROUGE's and chrF's,
clustered by dialogue (100).

"in_sample": all notes; ``support``, ``grounded`` and ``coverage`` were made while looking at them.
"held_out": the half of the dialogues (by a digest of their text) that nobody looked at while
``novel`` and ``recalled`` were chosen, on the other half. "repeated": the choice as a procedure,
with no person in it: 200 times the dialogues are halved by chance, the best of our metrics on one
half is reported on the other.
"""

from __future__ import annotations

import csv
import hashlib
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from bench.machine import keep
from tunewell.metrics import overlap
from tunewell.metrics.coverage import covered, grounded, novel_words, recalled
from tunewell.metrics.support import check_support
from tunewell.stats import bootstrap
from tunewell.types import Estimate

Floats = NDArray[np.float64]
REPEATS = 1000
SPLITS = 200
OTHERS = ("rouge_1", "rouge_l", "chrf", "brevity")
FOLDER = (
    Path(os.environ.get("TUNEWELL_DATA", "../shared/data")) / "mts_dialog" / "Correlation-Study"
)


def study() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """(dialogue, reference and output; people's scores), row by row."""
    names = (
        "MTS-Dialog-Automatic-Summaries-ValidationSet.csv",
        "MTS-Dialog-Manual-Scores4CorrelationStudy.csv",
    )
    tables = [list(csv.DictReader((FOLDER / n).open(encoding="utf-8-sig"))) for n in names]
    return tables[0], tables[1]


def support(output: str, given: str) -> float:
    """Share of checkable items that are borne out."""
    items = check_support(output, given)
    return sum(i.supported for i in items) / len(items) if items else 1.0


def spearman(x: Floats) -> float:
    """Rank correlation of two columns; 0 where one does not vary."""
    a, b = rankdata(x[:, 0]), rankdata(x[:, 1])
    return float(np.corrcoef(a, b)[0, 1]) if a.std() and b.std() else 0.0


def difference(x: Floats) -> float:
    """Correlation of columns 0 and 2 minus that of columns 1 and 2."""
    return spearman(x[:, [0, 2]]) - spearman(x[:, [1, 2]])


def shown(e: Estimate) -> dict[str, Any]:
    """An Estimate as JSON."""
    return {"value": round(e.value, 3), "low": round(e.low, 3), "high": round(e.high, 3), "n": e.n}


def halves(dialogues: Sequence[str]) -> NDArray[np.bool_]:
    """True for the half of the dialogues that new metrics were chosen on."""
    return np.array([hashlib.sha256(d.encode()).digest()[0] % 2 == 0 for d in dialogues])


def table(
    metrics: dict[str, Floats], truth: Floats, dialogues: Sequence[str], ours: Sequence[str]
) -> dict[str, Any]:
    """Correlation of every metric, and the differences of ours to the others."""
    found: dict[str, Any] = {}
    for name, values in metrics.items():
        found[name] = shown(
            bootstrap(
                np.column_stack([values, truth]), spearman, clusters=dialogues, repeats=REPEATS
            )
        )
    for name in ours:
        for other in OTHERS:
            three = np.column_stack([metrics[name], metrics[other], truth])
            found[f"{name} - {other}"] = shown(
                bootstrap(three, difference, clusters=dialogues, repeats=REPEATS)
            )
    return found


def repeated(
    metrics: dict[str, Floats], truth: Floats, dialogues: Sequence[str], ours: Sequence[str]
) -> dict[str, Any]:
    """Choose on one half, report on the other, over and over."""
    rng = np.random.default_rng(0)
    names = sorted(set(dialogues))
    chosen: Counter[str] = Counter()
    reached: list[list[float]] = []
    for _ in range(SPLITS):
        picked = set(rng.choice(names, size=len(names) // 2, replace=False))
        tune = np.array([d in picked for d in dialogues])
        if not truth[tune].std() or not truth[~tune].std():
            continue
        own = {n: spearman(np.column_stack([metrics[n], truth])[tune]) for n in ours}
        best = max(own, key=lambda n: own[n])
        chosen[best] += 1
        there = [spearman(np.column_stack([metrics[n], truth])[~tune]) for n in (best, *OTHERS)]
        reached.append([own[best], *there])
    values = np.array(reached)
    summary: dict[str, Any] = {"splits": len(values), "chosen": dict(chosen)}
    summary["on the half chosen on"] = round(float(values[:, 0].mean()), 3)
    summary["on the other half"] = _spread(values[:, 1])
    for i, other in enumerate(OTHERS):
        summary[f"difference to {other}"] = _spread(values[:, 1] - values[:, 2 + i])
    return summary


def _spread(values: Floats) -> dict[str, float]:
    """Mean, and the 2.5 and 97.5 % quantiles over splits.

    The splits overlap, so this is no confidence interval.
    """
    low, high = np.quantile(values, [0.025, 0.975])
    return {
        "mean": round(float(values.mean()), 3),
        "q2.5": round(float(low), 3),
        "q97.5": round(float(high), 3),
    }


def main() -> None:
    """Measure and keep."""
    if not FOLDER.is_dir():
        sys.exit(f"no data in {FOLDER}: set TUNEWELL_DATA")
    rows, people = study()
    texts = [(r["Automatic Summary"], r["Reference Summary"], r["Dialogue"]) for r in rows]
    metrics = {
        "support": np.array([support(o, d) for o, _, d in texts]),
        "grounded": np.array([grounded(o, d) for o, _, d in texts]),
        "novel": -np.array([float(len(novel_words(o, d))) for o, _, d in texts]),
        "coverage": np.array([covered(o, r) for o, r, _ in texts]),
        "recalled": np.array([recalled(o, r) for o, r, _ in texts]),
        "rouge_1": np.array([overlap.rouge_n(o, r, n=1) for o, r, _ in texts]),
        "rouge_2": np.array([overlap.rouge_n(o, r, n=2) for o, r, _ in texts]),
        "rouge_l": np.array([overlap.rouge_l(o, r) for o, r, _ in texts]),
        "chrf": np.array([overlap.chrf(o, r) for o, r, _ in texts]),
        "brevity": -np.array([float(len(o.split())) for o, _, _ in texts]),
    }
    dialogues = [r["Dialogue"] for r in rows]
    fresh = ~halves(dialogues)
    result: dict[str, Any] = {
        "rows": len(rows),
        "dialogues": len(set(dialogues)),
        "correlation": "Spearman",
    }
    for target, column, ours in (
        ("free of hallucination", "HallucinationRate", ("support", "grounded", "novel")),
        ("free of omission", "OmissionRate", ("coverage", "recalled")),
    ):
        truth = -np.array([float(p[column]) for p in people])
        new = {n: v[fresh] for n, v in metrics.items()}
        left = [d for d, f in zip(dialogues, fresh, strict=True) if f]
        part = {
            "rows_with_any": int((truth < 0).sum()),
            "in_sample": table(metrics, truth, dialogues, ours),
            "held_out": {
                "rows": int(fresh.sum()),
                "dialogues": len(set(left)),
                **table(new, truth[fresh], left, ours),
            },
            "repeated": repeated(metrics, truth, dialogues, ours),
        }
        result[target] = part
        for name in ("held_out", "repeated"):
            print(target, name, part[name], flush=True)
    print(keep("evaluation-correlation", result).name)


if __name__ == "__main__":
    main()
