"""Do cheap folds rank recipes as folds at full depth do?

Spearman's rank correlation and the regret of the choice. Eight sensible recipes
(`tunewell.train.studies.recipe_search.candidates_around`) on data sets cut to about 10,000 tokens,
two folds, once with adapters on the top quarter of the layers and once on all of them, on the same
rows. Every (set, recipe, depth) is written as soon as it is there, so that a run that is cut off
goes on::

    python -m bench.training.ranking legal mts_dialog banking
    python -m bench.training.ranking --summary

The regret is the full-depth held-out loss of the recipe that the cheap folds choose, minus that of
the best recipe by full depth, each at its best length, as a share of the latter; the interval is
paired by row. The interval of the correlation is a bootstrap over rows.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.machine import RESULTS, keep
from bench.training.project import SYSTEM, examples
from tunewell.model.chat import load_tokenizer
from tunewell.model.weights import resolve
from tunewell.train.diagnose.stopping import HeldOut, choose_length
from tunewell.train.lora.rows import Rows, draw, encode_rows
from tunewell.train.session import cut_of
from tunewell.train.studies.race import RecipeCandidate, Search
from tunewell.train.studies.recipe_search import candidates_around, confirm
from tunewell.types import Estimate, Recipe

NAME = "training-ranking"
TOKENS, FOLDS, DRAWS = 10_000, 2, 2000
OWN = Recipe(epochs=3, rate=1e-3)
DEPTHS = {"cheap": 0.25, "full": 1.0}
LIMIT = 0.01


def work_file(name: str) -> Path:
    """Where the losses of a set's finished runs are, row by row."""
    return Path(os.environ.get("TUNEWELL_BENCH", tempfile.gettempdir())) / f"{NAME}-{name}.json"


def rows_of(name: str) -> Rows:
    """About 10,000 tokens of a set."""
    coded = encode_rows(
        examples(name, 2000), load_tokenizer(resolve(OWN.model).folder), max_tokens=512
    )
    return draw(coded, max_tokens=TOKENS, seed=0)


def measure(
    network: Any, rows: Rows, recipe: Recipe, share: float, trunk: Any, *, start: Any = None
) -> dict[str, Any]:
    """Held-out loss of every row at every evaluation, shape (evaluations, rows).

    ``start`` may change the bank.
    """
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job
    from tunewell.train.lora.run import Schedule, run_job

    held_out = np.arange(len(rows.rows))[None] % FOLDS == np.arange(FOLDS)[:, None]
    cut = cut_of(network.layers, share)
    adapted = Adapted.begin(network, recipe, cut=cut, adapters=range(FOLDS))
    job = Job(adapted, rows.rows, train=~held_out, states=trunk if cut else None)
    if start is not None:
        start(job.bank, network)
    began = time.perf_counter()
    done = run_job(job, Schedule(recipe.epochs), measure=held_out)
    losses = [np.where(held_out, r.losses, 0).sum(0) for r in done.readings]
    return {
        "losses": np.round(np.stack(losses), 5).tolist(),
        "seconds": round(time.perf_counter() - began, 1),
    }


def kept(name: str) -> dict[str, Any]:
    """What is measured of a set."""
    path = work_file(name)
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def run(name: str, depths: Sequence[str]) -> None:
    """Whatever of a set is not measured yet."""
    from tunewell.train.lora.load import load_network
    from tunewell.train.lora.trunk import Trunk

    weights, rows = resolve(OWN.model), rows_of(name)
    network = load_network(weights.folder)
    found = kept(name) or {"tokens": rows.tokens, "targets": [r.targets for r in rows.rows]}
    cut = cut_of(network.layers, DEPTHS["cheap"])
    with tempfile.TemporaryDirectory() as folder:
        trunk = Trunk(Path(folder) / "trunk", network, rows.rows, cut=cut)
        trunk.fill()
        for depth in depths:
            for i, recipe in enumerate(candidates_around(OWN)):
                key = f"{depth}-{i}"
                if key in found:
                    continue
                found[key] = measure(network, rows, recipe, DEPTHS[depth], trunk)
                work_file(name).write_text(json.dumps(found), encoding="utf-8")
                print(name, key, found[key]["seconds"], "s", flush=True)


def at_best(losses: NDArray[np.float64], rule: HeldOut) -> NDArray[np.float32]:
    """Losses of every row at the length with the lowest mean, shape (1, rows)."""
    readings = [x[None].astype(np.float32) for x in losses]
    return np.asarray(readings[choose_length(readings, rule).best])


def compared(one: dict[str, Any]) -> dict[str, Any]:
    """Correlation and regret on one set, over the recipes that were run at both depths."""
    from scipy.stats import spearmanr

    tokens = np.asarray(one["targets"], np.int64)
    rule = HeldOut(
        np.ones((1, len(tokens)), np.bool_), tokens, [str(i) for i in range(len(tokens))]
    )
    recipes = candidates_around(OWN)
    done = [i for i in range(len(recipes)) if all(f"{d}-{i}" in one for d in DEPTHS)]
    rows = {
        d: np.concatenate([at_best(np.asarray(one[f"{d}-{i}"]["losses"]), rule) for i in done])
        for d in DEPTHS
    }
    means = {d: np.average(x, weights=tokens, axis=1) for d, x in rows.items()}
    rng, drawn = np.random.default_rng(0), []
    for _ in range(DRAWS):
        pick = rng.integers(0, len(tokens), len(tokens))
        a, b = (np.average(rows[d][:, pick], weights=tokens[pick], axis=1) for d in DEPTHS)
        drawn.append(float(spearmanr(a, b).statistic))
    chosen, best = int(np.argmin(means["cheap"])), int(np.argmin(means["full"]))
    kept_one = confirmed(one, done, means["cheap"])
    lost, less = (
        rule.change(rows["full"][best][None], rows["full"][i][None]) for i in (chosen, kept_one)
    )
    return {
        "rows": len(tokens),
        "tokens": one["tokens"],
        "recipes": [
            {
                "changes": {
                    k: v for k, v in recipes[i].model_dump().items() if v != getattr(OWN, k)
                },
                "cheap": round(float(means["cheap"][j]), 4),
                "full": round(float(means["full"][j]), 4),
                "seconds": {d: one[f"{d}-{i}"]["seconds"] for d in DEPTHS},
            }
            for j, i in enumerate(done)
        ],
        "spearman": round(float(spearmanr(means["cheap"], means["full"]).statistic), 3),
        "spearman_interval": [round(float(q), 3) for q in np.quantile(drawn, [0.025, 0.975])],
        "chosen": done[chosen],
        "best": done[best],
        "regret": round(lost.value / float(means["full"][best]), 4),
        "regret_interval": [
            round(x / float(means["full"][best]), 4) for x in (lost.low, lost.high)
        ],
        "confirmed": done[kept_one],
        "confirmed_regret": round(less.value / float(means["full"][best]), 4),
        "confirmed_regret_interval": [
            round(x / float(means["full"][best]), 4) for x in (less.low, less.high)
        ],
        "spread_of_full_depth": round(float(np.ptp(means["full"]) / means["full"].min()), 4),
    }


def confirmed(one: dict[str, Any], done: Sequence[int], cheap: NDArray[np.float64]) -> int:
    """Which recipe is left (its place in ``done``).

    When the choice and the next best are held against the own one at depth on fold 0.
    """
    recipes = candidates_around(OWN)
    tokens = np.asarray(one["targets"], np.int64)
    where = (np.arange(len(tokens)) % FOLDS == 0)[None]
    rule = HeldOut(where, tokens, [str(i) for i in range(len(tokens))])
    none = Estimate(value=0.0, low=0.0, high=0.0, n=1, method="")
    chosen = int(np.argmin(cheap))
    found = Search(
        candidates=tuple(
            RecipeCandidate(
                recipe=recipes[i],
                changes=str(i),
                held_out=none.model_copy(update={"value": float(cheap[place])}),
                against_best=none,
                epochs=1,
                trained=1,
            )
            for place, i in enumerate(done)
        ),
        best=chosen,
        chosen=chosen,
        why="",
        saved=0.0,
    )
    depth = confirm(
        found,
        OWN,
        lambda j: [
            x[None].astype(np.float32) for x in np.asarray(one[f"full-{done[j]}"]["losses"])
        ],
        rule,
    )
    return depth.chosen


def main() -> None:
    """Run what is missing and write bench/results/training-ranking.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--depths", nargs="*", choices=list(DEPTHS), help="all by default")
    parser.add_argument("--summary", action="store_true", help="only compare what is there")
    asked = parser.parse_args()
    for name in asked.sets:
        run(name, asked.depths or list(DEPTHS))
    everything = {n: kept(n) for n in SYSTEM}
    done = {
        n: compared(one)
        for n, one in everything.items()
        if sum(k.startswith("full-") for k in one) > 2
    }
    keep(
        NAME, {"recipe": OWN.model_dump(mode="json"), "folds": FOLDS, "limit": LIMIT, "sets": done}
    )
    for name, one in done.items():
        print(name, {k: v for k, v in one.items() if k != "recipes"}, flush=True)
    print(f"written to {RESULTS.name}/{NAME}.json", flush=True)


if __name__ == "__main__":
    main()
