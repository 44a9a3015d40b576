"""D10: how well the folds' losses rank planted wrong targets (AUROC, 10 % planted), on real rows.

Wrong targets: on `legal` and `mts_dialog` (free text) the targets of a tenth of the rows are passed
around among them; on `banking` (one of 77 intents) each gets an intent drawn among the others. Each
set is trained in five folds by the stage that a user runs, and the ranking is the stage's own:
after the first epoch. That was chosen on `legal`; the other sets prove it. Later evaluations stand
beside it. The losses are kept in ``TUNEWELL_BENCH``, so that a new score is measured without
training again, and a training that was cut off goes on::

    python -m bench.training.label_errors legal banking --seeds 1 2
    python -m bench.training.label_errors --summary
"""

from __future__ import annotations

import argparse
import os
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
from tunewell.train.diagnose.label_errors import EARLY, doubt, doubt_of_neighbours
from tunewell.train.diagnose.losses import held_out_loss
from tunewell.train.diagnose.target_prior import Prior
from tunewell.train.lora.rows import encode_rows
from tunewell.train.lora.run import Running, Schedule
from tunewell.train.session import TrainingSession
from tunewell.types import Example, FoldTrace, Recipe

NAME = "training-label-errors"
ROWS = {"legal": 300, "banking": 600, "mts_dialog": 200}
SHARE, FOLDS, TARGET = 0.1, 5, 0.90
CHOSEN_ON = "legal"
RECIPE = Recipe(rate=1e-3, epochs=3, max_tokens=512)


def planted(name: str, seed: int) -> tuple[list[Example], set[str]]:
    """Rows with wrong targets, and the ids of those.

    Other rows and other wrong targets for every seed.
    """
    tokenizer = load_tokenizer(resolve(RECIPE.model).folder)
    rows = examples(name, 3 * ROWS[name], seed=seed - 1)
    fit = {r.id for r in encode_rows(rows, tokenizer, max_tokens=RECIPE.max_tokens).rows}
    rows = [e for e in rows if e.id in fit][: ROWS[name]]
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(rows))[: round(SHARE * len(rows))].tolist()
    targets = {i: rows[j].target for i, j in zip(chosen, [*chosen[1:], chosen[0]], strict=True)}
    everything = sorted({e.target for e in rows})
    if name == "banking":
        targets = {
            i: str(rng.choice([t for t in everything if t != rows[i].target])) for i in chosen
        }
    wrong = {i: t for i, t in targets.items() if t.strip() != rows[i].target.strip()}
    out = [
        e.model_copy(
            update={
                "messages": (
                    *e.messages[:-1],
                    e.messages[-1].model_copy(update={"content": wrong[i]}),
                )
            }
        )
        if i in wrong
        else e
        for i, e in enumerate(rows)
    ]
    return out, {rows[i].id for i in wrong}


def folder() -> Path:
    """Where losses are kept."""
    return Path(os.environ.get("TUNEWELL_BENCH", tempfile.gettempdir()))


def path_of(name: str, seed: int) -> Path:
    """The losses of one training; what belongs to them lies beside as ``.npz``."""
    return folder() / f"{NAME}-{name}-{seed}.safetensors"


def run(name: str, seed: int, *, epochs: int = RECIPE.epochs) -> None:
    """Train the folds of a set.

    Keep their losses, and at every evaluation those behind other inputs.
    """
    rows, wrong = planted(name, seed)
    path = path_of(name, seed)
    place = path.with_suffix("")
    dataset, split, _, store = project(place, rows, RECIPE, folds=FOLDS)
    session = TrainingSession(dataset, split, RECIPE, resolve(RECIPE.model), store, place)
    masks = session.fold_masks()
    cut = session.cut(RECIPE.fold_layers)
    job = session.job(cut, masks)
    prior = Prior(
        job.adapted,
        session.row_examples,
        masks.held_out,
        tokenizer=session.tokenizer,
        folder=place,
    )
    running = Running(
        job,
        Schedule(epochs, planned=RECIPE.epochs),
        measure=masks.measure,
        checkpoint=session.checkpoint("folds"),
    )
    parts = [*np.load(path.with_suffix(".npz"))["parts"]] if path.is_file() else []
    while True:
        if len(parts) < len(running.readings):
            parts.append(
                prior.parts() if len(running.readings) > 1 else np.full((2, len(rows)), np.nan)
            )
            trace = session.trace(running.readings, masks.held_out)
            path.write_bytes(trace_to_bytes(trace))
            np.savez(
                path.with_suffix(".npz"),
                vectors=session.vectors(cut),
                parts=np.stack(parts),
                wrong=np.asarray([e in wrong for e in trace.examples]),
            )
            print(name, seed, [round(float(e), 2) for e in trace.epochs], flush=True)
        if not running.more:
            break
        running.epoch_on()


def auroc(score: NDArray[np.float64], wrong: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Area under the curve with DeLong's interval."""
    from tunewell.train.diagnose.memorisation import _share_below

    a, b = score[wrong], score[~wrong]
    above, below = _share_below(a, b), 1 - _share_below(b, a)
    area = float(above.mean())
    half = 1.96 * float(np.sqrt(above.var(ddof=1) / len(a) + below.var(ddof=1) / len(b)))
    return round(area, 4), round(area - half, 4), round(min(1.0, area + half), 4)


def kept(name: str, seed: int) -> tuple[FoldTrace, Any] | None:
    """What was kept of a set."""
    path = path_of(name, seed)
    if not path.is_file():
        return None
    return trace_from_bytes(path.read_bytes()), np.load(path.with_suffix(".npz"))


def scored(trace: FoldTrace, notes: Any) -> dict[str, Any]:
    """The stage's score, and what it is better than."""
    wrong, prior = notes["wrong"], notes["parts"][:, :2].mean(1)
    scores = [doubt(trace, e, prior=prior[e]) for e in range(len(trace.epochs))]
    score, loss = scores[EARLY], held_out_loss(trace, EARLY)
    order = np.argsort(-score)
    held_out = [held_out_loss(trace, e) for e in range(len(trace.epochs))]
    return {
        "rows": len(wrong),
        "planted": int(wrong.sum()),
        "score_above_0": {
            "wrong": round(float((score[wrong] > 0).mean()), 3),
            "right": round(float((score[~wrong] > 0).mean()), 3),
        },
        "auroc": auroc(score, wrong),
        "planted_among_the_first_tenth": round(float(wrong[order[: len(wrong) // 10]].mean()), 3),
        "by_evaluation": [
            {
                "epoch": round(float(trace.epochs[e]), 2),
                "auroc": auroc(scores[e], wrong),
                "held_out": round(float(np.average(held_out[e], weights=trace.tokens)), 4),
            }
            for e in range(1, len(scores))
        ],
        "mean_of_evaluations": auroc(np.mean(scores[1:], axis=0), wrong),
        "empty_input_alone": auroc(doubt(trace, EARLY, prior=notes["parts"][EARLY, 0]), wrong),
        "other_input_alone": auroc(doubt(trace, EARLY, prior=notes["parts"][EARLY, 1]), wrong),
        "against_neighbours": auroc(
            doubt_of_neighbours(trace, EARLY, vectors=notes["vectors"]), wrong
        ),
        "loss_alone": auroc(loss, wrong),
    }


def main() -> None:
    """Train what is asked for; score all that is kept.

    Write bench/results/training-label-errors.json.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*")
    parser.add_argument(
        "--seeds", nargs="*", type=int, default=[1], help="of the rows and of the planting"
    )
    parser.add_argument(
        "--epochs", type=int, default=RECIPE.epochs, help="to do, of those that are planned"
    )
    parser.add_argument("--summary", action="store_true", help="only score what is kept")
    asked = parser.parse_args()
    for name in asked.sets:
        for seed in asked.seeds:
            run(name, seed, epochs=asked.epochs)
    found = {(n, s): one for n in SYSTEM for s in range(1, 10) if (one := kept(n, s)) is not None}
    sets = {
        f"{n}, seed {s}": scored(*one)
        for (n, s), one in found.items()
        if len(one[0].epochs) > EARLY
    }
    keep(
        NAME,
        {
            "target": TARGET,
            "share": SHARE,
            "recipe": RECIPE.model_dump(mode="json"),
            "chosen_on": CHOSEN_ON,
            "read_at_evaluation": EARLY,
            "sets": sets,
        },
    )
    for label, result in sets.items():
        print(label, result, flush=True)


if __name__ == "__main__":
    main()
