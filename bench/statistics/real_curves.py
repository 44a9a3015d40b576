"""Forecasts at four times the data on learning curves of real data, trained here.

Of small models, not fine-tuned ones.

Three kinds of small models on public collections of short texts: a language model of characters,
one of words (both smoothed by Witten and Bell), and a softmax regression on words that names the
intent. Each is trained at five sizes, each twice the one before, and at four times the largest; the
loss is that of held-out rows. These are no curves of fine-tuned language models, which need days of
computing: they show the forecast on real losses, nothing more. Needs ``TUNEWELL_DATA``. Usage:
``python -m bench.statistics.real_curves``.
"""

from __future__ import annotations

import csv
import json
import math
import os
import time
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.statistics.record import write
from tunewell.stats import learning_curve

Floats = NDArray[np.float64]
Rows = list[tuple[str, str]]
HELD_OUT, FEATURES = 800, 4096


def collections(root: Path) -> dict[str, Rows]:
    """Texts with their labels (empty where there is none), shuffled."""
    found: dict[str, Rows] = {}
    with (root / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        found["banking77"] = [(r["text"], r["category"]) for r in csv.DictReader(file)]
    clinc = json.loads((root / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    found["clinc150"] = [(text, label) for text, label in clinc["train"]]
    for domain in ("airline", "finance", "insurance"):
        with (root / "multidogo" / domain / "train.tsv").open(encoding="utf-8", newline="") as file:
            lines = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            found[f"multidogo {domain}"] = [
                (r["utterance"], r["intent"]) for r in lines if r["utterance"] and r["intent"]
            ]
    rng = np.random.default_rng(61)
    return {name: [rows[i] for i in rng.permutation(len(rows))] for name, rows in found.items()}


def sequence_loss(
    train: Sequence[Sequence[str]], test: Sequence[Sequence[str]], order: int
) -> float:
    """Nats a token of an interpolated Witten-Bell model.

    Words that were not seen share one unknown word.
    """
    seen = {t for row in train for t in row}
    counts: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for row in train:
        padded = ["\2"] * (order - 1) + list(row) + ["\3"]
        for i in range(order - 1, len(padded)):
            for length in range(order):
                after = counts[tuple(padded[i - length : i])]
                after[padded[i]] = after.get(padded[i], 0) + 1
    total = {c: sum(after.values()) for c, after in counts.items()}
    nats, tokens = 0.0, 0
    for row in test:
        padded = ["\2"] * (order - 1) + [t if t in seen else "\1" for t in row] + ["\3"]
        for i in range(order - 1, len(padded)):
            p = 1.0 / (len(seen) + 2)
            for length in range(order):
                context = tuple(padded[i - length : i])
                if context in counts:
                    after, kinds = counts[context], len(counts[context])
                    p = (after.get(padded[i], 0) + kinds * p) / (total[context] + kinds)
            nats -= math.log(p)
            tokens += 1
    return nats / tokens


def _features(texts: Sequence[str]) -> Floats:
    x = np.zeros((len(texts), FEATURES), dtype=np.float32)
    for i, text in enumerate(texts):
        for word in text.lower().split():
            x[i, zlib.crc32(word.strip(".,?!'\"").encode()) % FEATURES] = 1.0
    return x / np.sqrt(np.maximum(x.sum(1, keepdims=True), 1.0))


def intent_loss(train: Rows, test: Rows, labels: list[str]) -> float:
    """Held-out cross entropy of a softmax regression: 400 steps of AdamW on batches of 64."""
    import torch

    torch.manual_seed(0)
    at = {label: i for i, label in enumerate(labels)}
    x, y = torch.tensor(_features([t for t, _ in train])), torch.tensor([at[c] for _, c in train])
    held, named = (
        torch.tensor(_features([t for t, _ in test])),
        torch.tensor([at[c] for _, c in test]),
    )
    layer = torch.nn.Linear(FEATURES, len(labels))
    torch.nn.init.zeros_(layer.weight)
    # The same number of steps at every size, so that only the data differ.
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.02, weight_decay=0.05)
    for _ in range(400):
        batch = torch.randint(len(x), (64,))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(layer(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return float(torch.nn.functional.cross_entropy(layer(held), named))


def curve(name: str, kind: str, rows: Rows) -> dict[str, Any]:
    """Losses at five sizes, the forecast at four times the largest, and what was measured there."""
    test, rest = rows[:HELD_OUT], rows[HELD_OUT:]
    largest = len(rest) // 4
    sizes = [largest // 2**i for i in range(4, -1, -1)]
    labels = sorted({label for _, label in rows})
    if kind == "intent":
        losses = [intent_loss(rest[:n], test, labels) for n in [*sizes, 4 * largest]]
    else:
        order = 2 if kind == "words" else 4
        cut = [(t.lower().split() if kind == "words" else list(t)) for t, _ in rows]
        held, fed = cut[:HELD_OUT], cut[HELD_OUT:]
        losses = [sequence_loss(fed[:n], held, order) for n in [*sizes, 4 * largest]]
    e = learning_curve(sizes, losses[:-1]).forecast(4 * largest)
    slope, level = np.polyfit(np.log(sizes), np.log(losses[:-1]), 1)
    plain = math.exp(level + slope * math.log(4 * largest))
    return {
        "data": name,
        "model": kind,
        "sizes": [*sizes, 4 * largest],
        "losses": [round(v, 4) for v in losses],
        "forecast": [round(v, 4) for v in (e.value, e.low, e.high)],
        "error": round(abs(e.value / losses[-1] - 1), 4),
        "error_plain_power_law": round(abs(plain / losses[-1] - 1), 4),
        "covered": bool(e.low <= losses[-1] <= e.high),
    }


def main() -> None:
    started = time.perf_counter()
    root = Path(os.environ["TUNEWELL_DATA"])
    rows = []
    for name, texts in collections(root).items():
        for kind in ("characters", "words", "intent"):
            # A collection cut to two thirds, its other rows first, is another curve of the same
            # kind.
            for part, some in (
                ("", texts),
                (", another two thirds", texts[::-1][: 2 * len(texts) // 3]),
            ):
                rows.append(curve(name + part, kind, some))
                print(rows[-1], flush=True)
    result = {
        "curves": len(rows),
        "median_error": float(np.median([r["error"] for r in rows])),
        "median_error_plain_power_law": float(
            np.median([r["error_plain_power_law"] for r in rows])
        ),
        "covered": float(np.mean([r["covered"] for r in rows])),
        "rows": rows,
    }
    write("real_curves", result, started)
    print({k: v for k, v in result.items() if k != "rows"})


if __name__ == "__main__":
    main()
