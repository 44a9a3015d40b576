"""Near-duplicates of short rows: recall by edit rate, false flags and speed, beside peers where they are installed.

python -m bench curation/near        # rensa, datasketch and semhash are used if `pip install` has brought them
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.curation.corpus import paragraphs
from bench.machine import keep
from tunewell.similar import copies, near_pairs, split_words, template_families, without
from tunewell.testing.planted import edit

RATES = (0.05, 0.10, 0.15, 0.20, 0.30)
ROWS, COPIES = 16_000, 800
Found = set[tuple[int, int]]


def corpus(seed: int = 0) -> tuple[list[str], dict[tuple[int, int], float]]:
    """Distinct paragraphs, then edited copies of some; the truth is (source, copy) to edit rate."""
    base = paragraphs(ROWS, seed=seed)
    draw = random.Random(seed)
    known = sorted({word for text in base[:4_000] for word in text.split()})
    texts, truth = list(base), {}
    chosen = iter(draw.sample(range(len(base)), len(RATES) * COPIES))
    for rate in RATES:
        for _ in range(COPIES):
            i = next(chosen)
            truth[i, len(texts)] = rate
            texts.append(edit(base[i], rate, draw, known=known))
    return texts, truth


def ours(texts: list[str]) -> Found:
    """Tunewell: verified pairs, template families taken out."""
    words = split_words(texts)
    pairs = near_pairs(words)
    keep_ = without(pairs, template_families(words, pairs), len(words))
    keep_ &= copies(words, split_words([""] * len(words)), words, pairs)
    return set(zip(pairs.left[keep_].tolist(), pairs.right[keep_].tolist(), strict=True))


def _shingles(text: str) -> list[str]:
    words = text.lower().split()
    return [" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))]


def rensa(texts: list[str]) -> Found:
    """R-MinHash on word triples, 16 bands, the estimate as the verdict (its documented use)."""
    from rensa import RMinHash, RMinHashLSH  # type: ignore[import-not-found, unused-ignore]

    index = RMinHashLSH(threshold=0.8, num_perm=128, num_bands=16)
    sketches = []
    for i, text in enumerate(texts):
        sketch = RMinHash(num_perm=128, seed=42)
        sketch.update(_shingles(text))
        index.insert(i, sketch)
        sketches.append(sketch)
    return {(j, i) for i, s in enumerate(sketches) for j in index.query(s) if j < i and sketches[j].jaccard(s) >= 0.8}


def datasketch(texts: list[str]) -> Found:
    """MinHash LSH at its default threshold on word triples, the estimate as the verdict."""
    from datasketch import MinHash, MinHashLSH  # type: ignore[import-not-found, unused-ignore]

    index = MinHashLSH(threshold=0.8, num_perm=128)
    found: Found = set()
    sketches: list[Any] = []
    for i, text in enumerate(texts):
        sketch = MinHash(num_perm=128)
        sketch.update_batch([s.encode() for s in _shingles(text)])
        found |= {(j, i) for j in index.query(sketch) if sketches[j].jaccard(sketch) >= 0.8}
        index.insert(i, sketch)
        sketches.append(sketch)
    return found


def semhash(texts: list[str]) -> Found:
    """SemHash at cosine 0.90 over the same static vectors that Tunewell carries."""
    from semhash import SemHash  # type: ignore[import-not-found, unused-ignore]

    from tunewell.similar.vectors import _model

    position = {text: i for i, text in enumerate(texts)}
    made = SemHash.from_records(records=list(dict.fromkeys(texts)), model=_model()).self_deduplicate(threshold=0.9)
    return {
        (min(a, b), max(a, b))
        for item in made.filtered
        for other, _ in item.duplicates
        if (a := position[str(item.record)]) != (b := position[str(other)])
    }


def measure(name: str, method: Callable[[list[str]], Found], seed: int = 0) -> dict[str, Any]:
    """Recall by edit rate, flags among clean rows, and processor seconds."""
    texts, truth = corpus(seed)
    started, clock = time.process_time(), time.perf_counter()
    found = method(texts)
    cpu, wall = time.process_time() - started, time.perf_counter() - clock
    recall = {
        f"{rate:.0%}": float(np.mean([pair in found for pair, r in truth.items() if r == rate])) for rate in RATES
    }
    sources = {i for pair in truth for i in pair}
    flagged = {j for pair in found for j in pair} - sources
    clean = len(texts) - len(sources)
    return {
        "method": name,
        "recall": recall,
        "flagged_per_1000_clean": 1000 * len(flagged) / clean,
        "cpu_seconds": round(cpu, 2),
        "rows_per_cpu_second": round(len(texts) / cpu),
        "wall_seconds": round(wall, 2),
        "rows": len(texts),
    }


def main() -> None:
    """Measure all that is installed."""
    results = []
    for name, method in {"tunewell": ours, "rensa": rensa, "datasketch": datasketch, "semhash": semhash}.items():
        try:
            results.append(measure(name, method))
        except (ImportError, AttributeError, TypeError, RuntimeError) as error:
            results.append({"method": name, "missing": str(error)})
        print(results[-1])
    keep("curation-near", {"results": results})


if __name__ == "__main__":
    main()
