"""Our metrics against people on 400 machine-made notes: python -m bench.evaluation.correlation.

mts_dialog's correlation study (CC BY 4.0) holds people's fact-by-fact counts: hallucination and omission rates. Rank
correlation of each metric with them, and its difference to ROUGE-1's and chrF's, clustered by dialogue (100).
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from bench.machine import keep
from tunewell.metrics import overlap
from tunewell.metrics.coverage import covered, grounded
from tunewell.metrics.support import check_support
from tunewell.stats import bootstrap
from tunewell.types import Estimate

Floats = NDArray[np.float64]
FOLDER = Path(os.environ.get("TUNEWELL_DATA", "../shared/data")) / "mts_dialog" / "Correlation-Study"


def study() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """(dialogue, reference and output; people's scores), row by row."""
    names = ("MTS-Dialog-Automatic-Summaries-ValidationSet.csv", "MTS-Dialog-Manual-Scores4CorrelationStudy.csv")
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


def main(repeats: int = 1000) -> None:
    """Measure and keep."""
    if not FOLDER.is_dir():
        sys.exit(f"no data in {FOLDER}: set TUNEWELL_DATA")
    rows, people = study()
    outputs = [(r["Automatic Summary"], r["Reference Summary"], r["Dialogue"]) for r in rows]
    metrics = {
        "support": [support(o, d) for o, _, d in outputs],
        "grounded": [grounded(o, d) for o, _, d in outputs],
        "coverage": [covered(o, r) for o, r, _ in outputs],
        "rouge_1": [overlap.rouge_n(o, r, n=1) for o, r, _ in outputs],
        "rouge_2": [overlap.rouge_n(o, r, n=2) for o, r, _ in outputs],
        "rouge_l": [overlap.rouge_l(o, r) for o, r, _ in outputs],
        "chrf": [overlap.chrf(o, r) for o, r, _ in outputs],
    }
    dialogues = [r["Dialogue"] for r in rows]
    result: dict[str, Any] = {"rows": len(rows), "dialogues": len(set(dialogues)), "correlation": "Spearman"}
    for target, column, ours in (
        ("free of hallucination", "HallucinationRate", ("support", "grounded")),
        ("free of omission", "OmissionRate", ("coverage",)),
    ):
        truth = -np.array([float(p[column]) for p in people])
        part: dict[str, Any] = {}
        for name, values in metrics.items():
            pair = np.column_stack([values, truth])
            part[name] = shown(bootstrap(pair, spearman, clusters=dialogues, repeats=repeats))
        for name in ours:
            for other in ("rouge_1", "rouge_l", "chrf"):
                three = np.column_stack([metrics[name], metrics[other], truth])
                part[f"{name} - {other}"] = shown(bootstrap(three, difference, clusters=dialogues, repeats=repeats))
        result[target] = part
        print(target, part)
    print(keep("evaluation-correlation", result).name)


if __name__ == "__main__":
    main()
