"""Worst labels first: how many of the planted wrong targets (10 %) are in the first 10 %?

`python -m bench web/worst_first`; TUNEWELL_DATA names the folder with ``banking77`` and
``label_errors``. The order is the one that an annotation opened with ``--worst-first`` takes: D10's
own score over held-out losses. The losses are not a language model's here but those of cheap
models, so that ten thousand rows can be planted anew for each seed:

- banking77: naive Bayes on words, five folds, 77 intents;
- 20news: the recorded out-of-fold probabilities of its label-error study, 20 groups.

What the folds of a real training run find is measured by `bench.training.label_errors`.
"""

from __future__ import annotations

import csv
import json
import os
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.machine import keep
from tunewell.stats import mean, proportion
from tunewell.train.diagnose.label_errors import doubt, doubt_of_neighbours
from tunewell.train.diagnose.losses import held_out_loss
from tunewell.types import FoldTrace

SHARE, FOLDS, SEEDS, TARGET = 0.1, 5, 5, 0.6
WIDTH = 128
_WORD = re.compile(r"[^\W_]+")
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def plant(labels: Ints, seed: int) -> tuple[Ints, NDArray[np.bool_]]:
    """A tenth of the labels replaced by another one, drawn evenly."""
    luck = np.random.default_rng(seed)
    wrong = np.zeros(len(labels), bool)
    wrong[luck.permutation(len(labels))[: round(SHARE * len(labels))]] = True
    shift = luck.integers(1, labels.max() + 1, len(labels))
    return np.where(wrong, (labels + shift) % (labels.max() + 1), labels), wrong


def naive_bayes(rows: list[Ints], words: int, labels: Ints, seed: int) -> tuple[Floats, Ints]:
    """Held-out loss of each row's label, and the fold that it was held out from."""
    fold = np.random.default_rng([seed, 1]).integers(0, FOLDS, len(rows))
    classes = int(labels.max()) + 1
    loss = np.zeros(len(rows))
    for k in range(FOLDS):
        counts = np.full((classes, words), 0.1)
        for n in np.flatnonzero(fold != k):
            counts[labels[n], rows[n]] += 1
        weights = np.log(counts / counts.sum(1, keepdims=True))
        prior = np.log(np.bincount(labels[fold != k], minlength=classes) + 1.0)
        for n in np.flatnonzero(fold == k):
            score = prior + weights[:, rows[n]].sum(1)
            loss[n] = np.logaddexp.reduce(score) - score[labels[n]]
    return loss, fold


def trace_of(loss: Floats, fold: Ints) -> FoldTrace:
    """Losses as the training stage keeps them."""
    losses = np.full((1, FOLDS, len(loss)), np.nan, np.float32)
    held = fold[None] == np.arange(FOLDS)[:, None]
    losses[0][held] = loss[np.nonzero(held)[1]]
    return FoldTrace(
        losses=losses,
        tokens=np.ones(len(loss), np.int64),
        held_out=held,
        epochs=np.ones(1),
        examples=tuple(map(str, range(len(loss)))),
    )


def found(score: Floats, wrong: NDArray[np.bool_]) -> int:
    """Planted ones within the first tenth."""
    return int(wrong[np.argsort(-score)[: round(SHARE * len(score))]].sum())


def all_of(
    trace: FoldTrace, labels: Ints, vectors: Floats, wrong: NDArray[np.bool_]
) -> tuple[int, int, int, int]:
    """Found by D10's score, by its score for rows without a prior, by the loss alone.

    And how many there were.
    """
    prior = -np.log(np.bincount(labels)[labels] / len(labels))  # the label without its text
    return (
        found(doubt(trace, 0, prior=prior), wrong),
        found(doubt_of_neighbours(trace, 0, vectors=vectors), wrong),
        found(held_out_loss(trace, 0), wrong),
        int(wrong.sum()),
    )


def banking(folder: Path) -> dict[str, Any]:
    """Intents of ten thousand customers' questions."""
    with (folder / "banking77" / "train.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    names = {c: i for i, c in enumerate(sorted({line["category"] for line in lines}))}
    bags = [_WORD.findall(line["text"].casefold()) for line in lines]
    bags = [[*bag, *(f"{a} {b}" for a, b in pairwise(bag))] for bag in bags]
    place = {w: i for i, w in enumerate(sorted({w for bag in bags for w in bag}))}
    rows = [np.array([place[w] for w in bag], np.int64) for bag in bags]
    truth = np.array([names[line["category"]] for line in lines])
    sketch = np.random.default_rng(0).standard_normal((len(place), WIDTH)).astype(np.float32)
    rare = np.log(
        len(rows) / np.bincount(np.concatenate([np.unique(r) for r in rows]), minlength=len(place))
    )
    vectors = np.stack([(sketch[r] * rare[r][:, None]).sum(0) for r in rows])
    results = []
    for seed in range(SEEDS):
        labels, wrong = plant(truth, seed)
        trace = trace_of(*naive_bayes(rows, len(place), labels, seed))
        results.append(all_of(trace, labels, vectors, wrong))
    return summary(results, len(rows))


def news(folder: Path) -> dict[str, Any]:
    """Newsgroups, with probabilities that somebody else's model gave out of fold."""
    probability = np.load(folder / "label_errors" / "20news_test_set_pyx.npy")
    truth = np.load(folder / "label_errors" / "20news_test_set_original_labels.npy").astype(
        np.int64
    )
    results = []
    for seed in range(SEEDS):
        labels, wrong = plant(truth, seed)
        loss = -np.log(np.maximum(probability[np.arange(len(labels)), labels], 1e-9))
        trace = trace_of(loss, np.arange(len(labels)) % FOLDS)
        results.append(all_of(trace, labels, np.log(probability + 1e-6), wrong))
    return summary(results, len(truth))


def summary(results: list[tuple[int, int, int, int]], rows: int) -> dict[str, Any]:
    """Shares found within the first tenth: the product's order, two others, chance."""
    ours, near, alone, planted = (np.array(x) for x in zip(*results, strict=True))
    return {
        "rows": rows,
        "planted": int(planted[0]),
        "seeds": SEEDS,
        "found_in_first_tenth": str(mean((ours / planted).tolist(), low=0, high=1)),
        "one_seed": str(proportion(int(ours[0]), int(planted[0]))),
        "by_neighbours": round(float((near / planted).mean()), 3),
        "by_loss_alone": round(float((alone / planted).mean()), 3),
        "by_chance": SHARE,
        "target": TARGET,
        "reached": bool((ours / planted).min() >= TARGET),
    }


def main() -> None:
    """Measure both sets."""
    folder = Path(os.environ["TUNEWELL_DATA"])
    result = {"banking77": banking(folder), "20news": news(folder)}
    print(json.dumps(result, indent=2))
    keep("web_worst_first", result)


if __name__ == "__main__":
    main()
