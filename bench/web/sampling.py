"""Rows for people, drawn evenly over clusters or by the model's doubt, beside random ones.

`python -m bench web/sampling`; TUNEWELL_DATA names the folder with ``banking77``. The draws are
those of ``tunewell annotate open`` (representative) and ``--uncertain .5``; they know clusters of
the questions' words and the held-out loss of a naive Bayes model under targets of which a tenth was
planted wrong. They do not know the intents, nor
which targets are wrong: how many intents they cover and how far their estimates of three rates lie
off is measured. ``representative_by_intent`` is the draw of a project whose slices name the intent.
"""

from __future__ import annotations

import csv
import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.machine import keep
from bench.web.worst_first import _WORD, WIDTH, naive_bayes, plant
from tunewell.people.sample import SampleCandidate, draw, draw_unequal
from tunewell.stats import mean

ROWS, DRAWS, SHARE, CLUSTERS, ROUNDS = 200, 200, 0.5, 60, 10
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def clusters_of(vectors: Floats) -> Ints:
    """k-means of the questions' words by direction."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    centres = unit[np.random.default_rng(0).choice(len(unit), CLUSTERS, replace=False)]
    for _ in range(ROUNDS):
        nearest = (unit @ centres.T).argmax(1)
        centres = np.stack(
            [
                unit[nearest == k].sum(0) if (nearest == k).any() else centres[k]
                for k in range(CLUSTERS)
            ]
        )
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    return np.asarray((unit @ centres.T).argmax(1), np.int64)


def samples(cluster: Ints, intent: Ints, doubt: Floats) -> dict[str, list[tuple[Ints, Floats]]]:
    """Rows and weights of every draw, by kind of draw."""
    rows = [SampleCandidate(id=str(n), strata=(f"{c:02}",)) for n, c in enumerate(cluster)]
    sliced = [SampleCandidate(id=str(n), strata=(f"{c:02}",)) for n, c in enumerate(intent)]
    sizes = {str(n): float(d) for n, d in enumerate(doubt)}
    out: dict[str, list[tuple[Ints, Floats]]] = {
        "random": [],
        "representative": [],
        "representative_by_intent": [],
        "uncertain": [],
    }
    for seed in range(DRAWS):
        luck = np.random.default_rng([seed, 3]).choice(len(rows), ROWS, replace=False)
        out["random"].append((luck, np.ones(ROWS)))
        out["representative"].append(
            (np.array(draw(rows, ROWS, seed=seed), np.int64), np.ones(ROWS))
        )
        out["representative_by_intent"].append(
            (np.array(draw(sliced, ROWS, seed=seed), np.int64), np.ones(ROWS))
        )
        found = draw_unequal(rows, ROWS, sizes=sizes, share=SHARE, seed=seed)
        out["uncertain"].append(
            (np.array(list(found), np.int64), 1 / np.array(list(found.values())))
        )
    return out


def measured(
    drawn: list[tuple[Ints, Floats]], groups: dict[str, Ints], rates: dict[str, Floats]
) -> dict[str, Any]:
    """Coverage of groups and error of estimated rates over the draws."""
    out: dict[str, Any] = {}
    for name, group in groups.items():
        top = len(set(group))
        out[f"{name}_covered"] = str(
            mean([float(len(set(group[rows]))) for rows, _ in drawn], low=0, high=top)
        )
        truth = np.bincount(group, minlength=group.max() + 1) / len(group)
        off = [
            np.sqrt(
                ((np.bincount(group[rows], w, minlength=len(truth)) / w.sum() - truth) ** 2).mean()
            )
            for rows, w in drawn
        ]
        out[f"{name}_shares_off"] = round(float(np.mean(off)), 5)
    for name, rate in rates.items():
        off = [float((rate[rows] * w).sum() / w.sum() - rate.mean()) for rows, w in drawn]
        out[name] = {
            "bias": str(mean(off)),
            "root_mean_squared_error": round(float(np.sqrt(np.mean(np.square(off)))), 5),
        }
    out["wrong_targets_seen"] = str(
        mean([float(rates["wrong_targets"][rows].sum()) for rows, _ in drawn])
    )
    return out


def banking(folder: Path) -> dict[str, Any]:
    """Intents of ten thousand customers' questions, a tenth of them planted wrong."""
    with (folder / "banking77" / "train.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    names = {c: i for i, c in enumerate(sorted({line["category"] for line in lines}))}
    words = [_WORD.findall(line["text"].casefold()) for line in lines]
    bags = [[*bag, *(f"{a} {b}" for a, b in pairwise(bag))] for bag in words]
    place = {w: i for i, w in enumerate(sorted({w for bag in bags for w in bag}))}
    rows = [np.array([place[w] for w in bag], np.int64) for bag in bags]
    truth = np.array([names[line["category"]] for line in lines])
    sketch = np.random.default_rng(0).standard_normal((len(place), WIDTH))
    rare = np.log(
        len(rows) / np.bincount(np.concatenate([np.unique(r) for r in rows]), minlength=len(place))
    )
    cluster = clusters_of(np.stack([(sketch[r] * rare[r][:, None]).sum(0) for r in rows]))
    labels, wrong = plant(truth, 0)
    loss, _ = naive_bayes(rows, len(place), labels, 0)
    rates = {
        "wrong_targets": wrong.astype(float),
        "questions_about_cards": np.array(["card" in line["category"] for line in lines], float),
        "questions_over_12_words": np.array([len(bag) > 12 for bag in words], float),
    }
    groups = {"intents": truth, "clusters": cluster}
    drawn = samples(cluster, truth, 1 - np.exp(-loss))
    return {
        "rows": len(rows),
        "drawn": ROWS,
        "draws": DRAWS,
        "uncertain_share": SHARE,
        "intents": len(names),
        "clusters": len(set(cluster)),
        "true_rates": {name: round(float(rate.mean()), 5) for name, rate in rates.items()},
        **{kind: measured(some, groups, rates) for kind, some in drawn.items()},
    }


def main() -> None:
    """Measure and keep."""
    result = {"banking77": banking(Path(os.environ["TUNEWELL_DATA"]))}
    print(json.dumps(result, indent=2))
    keep("people-sampling", result)


if __name__ == "__main__":
    main()
