"""The final run by our own loop and by ``train.backend: trl``, in one run: same rows, base, recipe, steps and start.

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
from tunewell.train.session import TrainingSession
from tunewell.types import Recipe

NAME = "training-backend"
TRAIN, HELD_OUT = 80, 120
RECIPE = Recipe(epochs=1, rate=1e-3)


def ours(setting: TrainingSession) -> dict[str, Any]:
    """The final run of the stage."""
    everything = np.ones((1, len(setting.rows.rows)), np.bool_)
    began = time.perf_counter()
    job = setting.job(0, train=everything, measure=~everything, adapters=(0,))
    done = setting.run("final", job, epochs=RECIPE.epochs)
    return {
        "tensors": job.bank.tensors(0),
        "tokens": done.tokens,
        "tokens_per_s": round(done.tokens_per_s, 1),
        "seconds_in_all": round(time.perf_counter() - began, 1),
    }


def trl(setting: TrainingSession, place: Place) -> dict[str, Any]:
    """The same through TRL."""
    began = time.perf_counter()
    done = train_final(setting, place, cut=0, epochs=RECIPE.epochs)
    return {
        "tensors": done.bank.tensors(0),
        "tokens": done.tokens,
        "tokens_per_s": round(done.tokens_per_s, 1),
        "seconds_in_all": round(time.perf_counter() - began, 1),
        "peak_bytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
    }


def main() -> None:
    """Train with both, measure both on the same held-out rows, and write it down."""
    from tunewell.train.lora.job import Job

    weights = resolve(RECIPE.model)
    rows = examples("legal", TRAIN + HELD_OUT)
    with tempfile.TemporaryDirectory() as name:
        dataset, split, _, store = project(Path(name), rows[:TRAIN], RECIPE, folds=2)
        setting = TrainingSession(dataset, split, RECIPE, weights, store, Path(name) / "work")
        place = Place(1, "cpu", "none")
        arms = {"tunewell": ours(setting), "trl": trl(setting, place)}
        theirs = encode_rows(rows[TRAIN:], setting.tokenizer, max_tokens=RECIPE.max_tokens).rows
        everything = np.ones((1, len(theirs)), np.bool_)
        job = Job(
            setting.network, theirs, recipe=RECIPE, cut=0, train=~everything, measure=everything
        )
        losses = {"base": job.evaluate(everything)[0].astype(np.float64)}
        for arm, found in arms.items():
            job.bank.put(0, found.pop("tensors"))
            losses[arm] = job.evaluate(everything)[0].astype(np.float64)
        setting.free()
        setting.remove_checkpoints()
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
