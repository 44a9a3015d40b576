"""A million short rows: time and memory of near-duplicates, and of the whole `tunewell doctor` on 100,000 chat rows.

python -m bench curation/scale
"""

from __future__ import annotations

import json
import random
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import keep
from tunewell.curate.doctor import doctor
from tunewell.similar import near_pairs, split_words
from tunewell.testing.planted import corpus, edit, vocabulary


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def near(rows: int) -> dict[str, Any]:
    """Near-duplicates among ``rows`` rows of 60 words, with 300 copies planted at each of three edit rates."""
    known = np.array(vocabulary(50_000), dtype=object)
    random_ = np.random.default_rng(0)
    texts: list[str] = []
    for at in range(0, rows, 10_000):
        ranks = (len(known) ** random_.random((min(10_000, rows - at), 60))).astype(int) - 1
        texts += [" ".join(row) for row in known[ranks]]
    draw = random.Random(1)
    truth = []
    for share in (0.1, 0.2, 0.3):
        for i in draw.sample(range(rows), 300):
            truth.append((i, len(texts), share))
            texts.append(edit(texts[i], share, draw))
    before, started, clock = _peak(), time.perf_counter(), time.process_time()
    pairs = near_pairs(split_words(texts), workers=2)
    seconds, cpu = time.perf_counter() - started, time.process_time() - clock
    found = set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))
    recall = {f"{s:.0%}": sum((i, j) in found for i, j, share in truth if share == s) / 300 for s in (0.1, 0.2, 0.3)}
    return {"rows": rows, "seconds": round(seconds, 1), "cpu_seconds": round(cpu, 1), "recall": recall,
            "kilobytes_a_row": round((_peak() - before) / rows / 1000, 2), "pairs": len(pairs)}  # fmt: skip


def whole(rows: int) -> dict[str, Any]:
    """`tunewell doctor` on about ``rows`` chat rows with planted defects."""
    made = corpus(clean=rows * 93 // 100, each=rows // 1_200)
    with tempfile.TemporaryDirectory() as folder:
        for name, part in (("train", made.rows), ("eval", made.evaluation)):
            Path(folder, f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part), encoding="utf-8")
        started, clock = time.perf_counter(), time.process_time()
        report = doctor(Path(folder, "train.jsonl"), eval=Path(folder, "eval.jsonl"))
        seconds, cpu = time.perf_counter() - started, time.process_time() - clock
    return {"rows": report.rows, "seconds": round(seconds, 1), "own_cpu_seconds": round(cpu, 1),
            "found": {f.code: len(f.rows) for f in report.findings if f.status == "found"}}  # fmt: skip


def main() -> None:
    """Measure and keep."""
    result = {"near": [near(100_000), near(1_000_000)], "doctor": whole(100_000)}
    print(result)
    keep("curation-scale", result)


if __name__ == "__main__":
    main()
