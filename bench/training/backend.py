"""The final run by our own loop and by ``train.backend: trl``, in one run.

Same rows, base, recipe, steps and start::

    python -m bench.training.backend

One process each, on the processor; the tokens a second are of the training steps alone, as a user
is told them, and the seconds beside them hold everything (TRL's process, its libraries and the
loading of the base included). Held-out rows are measured by the same code under both adapters,
paired.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import keep
from bench.training.project import examples, project
from tunewell.model.weights import resolve
from tunewell.train.diagnose.losses import clustered_mean
from tunewell.train.distributed.run import Place, how, train_final
from tunewell.train.lora.rows import encode_rows
from tunewell.train.masks import Masks
from tunewell.train.session import TrainingSession
from tunewell.types import Recipe

NAME = "training-backend"
TRAIN, HELD_OUT = 80, 120
RECIPE = Recipe(epochs=1, rate=1e-3)


def ours(session: TrainingSession) -> dict[str, Any]:
    """The final run of the stage."""
    masks = Masks.everything(len(session.rows.rows))
    began = time.perf_counter()
    job = session.job(0, masks)
    done = session.run("final", job, masks, epochs=RECIPE.epochs)
    return {
        "tensors": job.bank.tensors(0),
        "tokens": done.tokens,
        "tokens_per_s": round(done.tokens_per_s, 1),
        "seconds_in_all": round(time.perf_counter() - began, 1),
    }


def trl(session: TrainingSession, place: Place) -> dict[str, Any]:
    """The same through TRL."""
    began = time.perf_counter()
    done = train_final(session, place, cut=0, epochs=RECIPE.epochs)
    return {
        "tensors": done.adapted.bank.tensors(0),
        "tokens": done.tokens,
        "tokens_per_s": round(done.tokens_per_s, 1),
        "seconds_in_all": round(time.perf_counter() - began, 1),
        "peak_bytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
    }


def main() -> None:
    """Train with both, measure both on the same held-out rows, and write it down."""
    from tunewell.train.lora.adapted import Adapted

    weights = resolve(RECIPE.model)
    rows = examples("legal", TRAIN + HELD_OUT)
    with tempfile.TemporaryDirectory() as name:
        dataset, split, _, store = project(Path(name), rows[:TRAIN], RECIPE, folds=2)
        work = Path(name) / "work"
        with TrainingSession(dataset, split, RECIPE, weights, store, work) as session:
            place = Place(1, "cpu", "none")
            arms = {"tunewell": ours(session), "trl": trl(session, place)}
            limit = RECIPE.max_tokens
            theirs = encode_rows(rows[TRAIN:], session.tokenizer, max_tokens=limit).rows
            adapted = Adapted.begin(session.network, RECIPE, cut=0)
            losses = {"base": adapted.measure(theirs)[0].astype(np.float64)}
            for arm, found in arms.items():
                adapted.bank.put(0, found.pop("tensors"))
                losses[arm] = adapted.measure(theirs)[0].astype(np.float64)
    tokens = np.asarray([r.targets for r in theirs], np.float64)
    names = [r.id for r in theirs]
    result = {
        "setting": {
            "rows": TRAIN,
            "held_out_rows": len(theirs),
            "recipe": RECIPE.model_dump(mode="json"),
            "trl": how(place),
            "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        },
        "arms": arms,
        "held_out": {
            n: clustered_mean(v, tokens, names).model_dump(mode="json") for n, v in losses.items()
        },
        "ours_minus_trl": clustered_mean(
            losses["tunewell"] - losses["trl"], tokens, names
        ).model_dump(mode="json"),
        "speed_ours_over_trl": round(
            arms["tunewell"]["tokens_per_s"] / arms["trl"]["tokens_per_s"], 2
        ),
    }
    keep(NAME, result)
    print({k: v for k, v in result.items() if k != "setting"})


if __name__ == "__main__":
    main()
