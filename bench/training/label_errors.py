"""D10: how well the folds' losses rank planted wrong targets (AUROC, 10 % planted), on real rows.

Wrong targets: on `legal` and `mts_dialog` (free text) the targets of a tenth of the rows are passed around among them;
on `banking` (one of 77 intents) each gets an intent drawn among the others. Each set is trained in five folds by the
stage that a user runs, and the ranking is the stage's own. The losses are kept in ``TUNEWELL_BENCH``, so that a new
score is measured without training again::

    python -m bench.training.label_errors legal banking
    python -m bench.training.label_errors --summary
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.machine import keep
from bench.training.project import SYSTEM, examples, project
from tunewell.model.chat import load_tokenizer
from tunewell.model.weights import resolve
from tunewell.store.traces import trace_from_bytes, trace_to_bytes
from tunewell.train.checkpoint import Checkpoint
from tunewell.train.rows import encode_rows
from tunewell.train.setting import Setting
from tunewell.train.stopping import choose_length, stop_rule
from tunewell.types import Example, FoldTrace, Recipe

NAME = "training-label-errors"
ROWS = {"legal": 300, "banking": 600, "mts_dialog": 200}
SHARE, FOLDS, TARGET = 0.1, 5, 0.90
RECIPE = Recipe(rate=1e-3, epochs=3, max_tokens=512)


def planted(name: str) -> tuple[list[Example], set[str]]:
    """Rows with wrong targets, and the ids of those."""
    tokenizer = load_tokenizer(resolve(RECIPE.model).folder)
    rows = examples(name, 3 * ROWS[name])
    fit = {r.id for r in encode_rows(rows, tokenizer, max_tokens=RECIPE.max_tokens).rows}
    rows = [e for e in rows if e.id in fit][: ROWS[name]]
    rng = np.random.default_rng(1)
    chosen = rng.permutation(len(rows))[: round(SHARE * len(rows))].tolist()
    targets = {i: rows[j].target for i, j in zip(chosen, [*chosen[1:], chosen[0]], strict=True)}
    everything = sorted({e.target for e in rows})
    if name == "banking":
        targets = {i: str(rng.choice([t for t in everything if t != rows[i].target])) for i in chosen}
    wrong = {i: t for i, t in targets.items() if t.strip() != rows[i].target.strip()}
    out = [
        e.model_copy(update={"messages": (*e.messages[:-1], e.messages[-1].model_copy(update={"content": wrong[i]}))})
        if i in wrong
        else e
        for i, e in enumerate(rows)
    ]
    return out, {rows[i].id for i in wrong}


def folder() -> Path:
    """Where losses are kept."""
    return Path(os.environ.get("TUNEWELL_BENCH", tempfile.gettempdir()))


def so_far(job: Any, checkpoint: Checkpoint) -> list[Any]:
    """The readings of a training that was cut off, with one of where it stands; the bank is restored to it."""
    from tunewell.train.loop import Reading

    state = checkpoint.load()
    if state is None:
        sys.exit("nothing was trained yet")
    arrays, notes = state
    job.bank.restore(arrays, steps=notes["optimiser_steps"])
    now = notes["epoch"] + notes["step"] / len(job.batches(notes["epoch"]))
    kept_ones = [Reading(e, arrays["losses"][i]) for i, e in enumerate(notes["readings"])]
    return [*kept_ones, Reading(now, job.evaluate(job.measure))]


def run(name: str, *, as_is: bool = False) -> None:
    """Train the folds of a set and keep their losses, and the vectors of their inputs."""
    rows, wrong = planted(name)
    with tempfile.TemporaryDirectory() as place:
        dataset, split, _, store = project(Path(place), rows, RECIPE, folds=FOLDS)
        setting = Setting(dataset, split, RECIPE, resolve(RECIPE.model), store, folder() / f"{NAME}-{name}")
        held_out, measure = setting.fold_masks()
        rule = setting.held_out(held_out)
        cut = setting.cut(RECIPE.fold_layers)
        job = setting.job(cut, train=~held_out, measure=measure, adapters=range(FOLDS))
        if as_is:
            readings = so_far(job, Checkpoint(setting.work / "folds.safetensors"))
        else:
            readings = setting.run("folds", job, epochs=RECIPE.epochs, stop=stop_rule(rule, patience=1)).readings
        trace = setting.trace(readings, held_out)
        length = choose_length([r.losses for r in readings], rule).evaluation
        (folder() / f"{NAME}-{name}.safetensors").write_bytes(trace_to_bytes(trace))
        np.savez(folder() / f"{NAME}-{name}.npz", vectors=setting.vectors(cut), length=length,
                 prior=setting.prior(job, held_out),
                 wrong=np.asarray([e in wrong for e in trace.examples]))  # fmt: skip


def auroc(score: NDArray[np.float64], wrong: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Area under the curve with DeLong's interval."""
    from tunewell.train.readings import _placements

    a, b = score[wrong], score[~wrong]
    above, below = _placements(a, b), 1 - _placements(b, a)
    area = float(above.mean())
    half = 1.96 * float(np.sqrt(above.var(ddof=1) / len(a) + below.var(ddof=1) / len(b)))
    return round(area, 4), round(area - half, 4), round(min(1.0, area + half), 4)


def kept(name: str) -> tuple[FoldTrace, Any] | None:
    """What was kept of a set."""
    path = folder() / f"{NAME}-{name}.safetensors"
    if not path.is_file():
        return None
    return trace_from_bytes(path.read_bytes()), np.load(path.with_suffix(".npz"))


def scored(trace: FoldTrace, notes: Any) -> dict[str, Any]:
    """The stage's score, and what it is better than."""
    from tunewell.train.readings import doubt, doubt_of_neighbours, held_out_loss

    length, wrong = int(notes["length"]), notes["wrong"]
    score = doubt(trace, len(trace.losses) - 1, prior=notes["prior"])
    order = np.argsort(-score)
    return {
        "rows": len(wrong),
        "planted": int(wrong.sum()),
        "epochs": [round(float(e), 2) for e in trace.epochs],
        "score_above_0": {
            "wrong": round(float((score[wrong] > 0).mean()), 3),
            "right": round(float((score[~wrong] > 0).mean()), 3),
        },
        "auroc": auroc(score, wrong),
        "against_neighbours": auroc(doubt_of_neighbours(trace, length, vectors=notes["vectors"]), wrong),
        "loss_alone": auroc(held_out_loss(trace, length), wrong),
        "planted_among_the_first_tenth": round(float(wrong[order[: len(wrong) // 10]].mean()), 3),
    }


def main() -> None:
    """Train what is asked for; score all that is kept; write bench/results/training-label-errors.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--summary", action="store_true", help="only score what is kept")
    parser.add_argument("--as-is", action="store_true", help="score a training that was cut off, where it stands")
    asked = parser.parse_args()
    for name in asked.sets:
        run(name, as_is=asked.as_is)
    sets = {n: scored(*found) for n in SYSTEM if (found := kept(n)) is not None}
    keep(NAME, {"target": TARGET, "share": SHARE, "recipe": RECIPE.model_dump(mode="json"), "sets": sets})
    for name, one in sets.items():
        print(name, one, flush=True)


if __name__ == "__main__":
    main()
