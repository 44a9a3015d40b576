"""A million short rows: time, memory and recall of near-duplicates on two cores.

python -m bench curation/scale
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from typing import Any

import numpy as np

from bench.curation.corpus import peak_bytes, reset_peak, resident_bytes
from bench.curation.corpus import share as share_
from bench.machine import keep
from tunewell.similar import near_pairs, split_words
from tunewell.testing.planted import edit, vocabulary

COPIES = 300
RATES = (0.1, 0.2, 0.3)


def rows_of(count: int) -> tuple[list[str], list[tuple[int, int, float]]]:
    """Rows of 60 words by Zipf's law, with copies planted at each of three edit rates.

    Texts, and (source, copy, rate).
    """
    known = np.array(vocabulary(50_000), dtype=object)
    random_ = np.random.default_rng(0)
    texts: list[str] = []
    for at in range(0, count, 10_000):
        ranks = (len(known) ** random_.random((min(10_000, count - at), 60))).astype(int) - 1
        texts += [" ".join(row) for row in known[ranks]]
    draw = random.Random(1)
    truth = []
    for share in RATES:
        for i in draw.sample(range(count), COPIES):
            truth.append((i, len(texts), share))
            texts.append(edit(texts[i], share, draw))
    return texts, truth


def near(rows: int) -> dict[str, Any]:
    """Time, memory beyond the texts, and recall of near-duplicates among so many rows.

    In a process of its own.
    """
    texts, truth = rows_of(rows)
    import rapidfuzz.process  # noqa: F401  (what is imported once is no memory of a row)

    reset_peak()
    before, started, clock = resident_bytes(), time.perf_counter(), time.process_time()
    pairs = near_pairs(split_words(texts, workers=2), workers=2)
    seconds, cpu = time.perf_counter() - started, time.process_time() - clock
    memory = peak_bytes() - before
    found = set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))
    sources = {i for i, _, _ in truth}
    flagged = {j for pair in found for j in pair if j < rows} - sources
    return {
        "rows": len(texts),
        "text_bytes": sum(map(len, texts)),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "recall": {
            f"{s:.0%}": share_(sum((i, j) in found for i, j, share in truth if share == s), COPIES)
            for s in RATES
        },
        "flagged_per_1000_clean": 1000 * len(flagged) / (rows - len(sources)),
        "bytes_a_row_beyond_the_text": round(memory / len(texts)),
        "peak_bytes_beyond_the_text": memory,
        "pairs": len(pairs),
    }


def main(rows: str = "") -> None:
    """Measure and keep.

    Each size in a process of its own, so that its peak of memory is its own.
    """
    if rows:
        sys.stdout.write(json.dumps(near(int(rows))))
        return
    result: dict[str, Any] = {
        "target": {"rows": 1_000_000, "seconds": 120, "bytes_a_row_beyond_the_text": 1_500}
    }
    result["near"] = []
    for count in (100_000, 200_000, 1_000_000, 3_000_000):
        command = [sys.executable, "-m", "bench.curation.scale", str(count)]
        done = subprocess.run(command, check=True, capture_output=True)
        result["near"].append(json.loads(done.stdout))
        sys.stderr.write(f"{result['near'][-1]}\n")
    keep("curation-scale", result)


if __name__ == "__main__":
    main(*sys.argv[1:])
