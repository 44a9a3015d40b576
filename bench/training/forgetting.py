"""T04 and its remedy: what training costs a model's general ability, and what general rows in the mix give back.

Bank customers' questions and their intents, 10,000 tokens, at four times the usual rate for the set's size, where the
loss on general text rises much: full depth, without and with shares of general rows. The general text that is measured
is not among the rows that are replayed. Each arm is written when it is there::

    python -m bench.training.forgetting
"""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np

from bench.machine import RESULTS, keep
from bench.training.project import examples
from tunewell.model.chat import load_tokenizer
from tunewell.model.weights import resolve
from tunewell.train.forgetting import forgetting, general_losses, general_rows
from tunewell.train.replay import replay_rows
from tunewell.train.rows import draw, encode_rows
from tunewell.train.stopping import HeldOut
from tunewell.types import Recipe

NAME = "training-forgetting"
RECIPE = Recipe(rate=2e-3, epochs=3, max_tokens=256)
SHARES = (0.0, 0.05, 0.02, 0.1)


def measure(share: float) -> dict[str, Any]:
    """Train on four fifths of the rows; general text before and after, and the loss of the last fifth."""
    from tunewell.train.loop import Job, run_job
    from tunewell.train.network import load_network

    weights = resolve(RECIPE.model)
    tokenizer = load_tokenizer(weights.folder)
    network, recipe = load_network(weights.folder), RECIPE.model_copy(update={"replay": share})
    rows = draw(encode_rows(examples("banking", 2000), tokenizer, max_tokens=256), max_tokens=10_000, seed=0).rows
    train = (np.arange(len(rows)) % 5 != 0)[None]
    general = replay_rows(tokenizer) if share else ()
    job = Job(network, rows, recipe=recipe, cut=0, train=train, measure=~train, replay=general)
    began = time.perf_counter()
    done = run_job(job, epochs=recipe.epochs, read_every=False)
    trained = time.perf_counter()
    measured = general_rows(tokenizer)
    found = forgetting(general_losses(network, measured, recipe, 0, job.bank.values), measured)
    ended = time.perf_counter()
    rule = HeldOut(~train, np.asarray([r.targets for r in rows]), [r.id for r in rows])
    return {
        "replay": share,
        "tokens": done.tokens,
        "own_tokens": job.epoch_tokens * recipe.epochs,
        "general_text": found.estimate.model_dump(mode="json") if found.estimate else None,
        "seconds": {"training": round(trained - began, 1), "general_text": round(ended - trained, 2)},
        "status": found.status,
        "why": found.why,
        "held_out": rule.mean(done.readings[-1].losses).model_dump(mode="json"),
        "losses": np.round(done.readings[-1].losses[0][~train[0]], 5).tolist(),
    }


def main() -> None:
    """Measure what is missing; write bench/results/training-forgetting.json."""
    path = RESULTS / f"{NAME}.json"
    arms: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["arms"] if path.is_file() else []
    for share in SHARES:
        if share not in {a["replay"] for a in arms}:
            arms.append(measure(share))
            keep(NAME, {"recipe": RECIPE.model_dump(mode="json"), "limit": 0.05, "arms": arms})
            print({k: v for k, v in arms[-1].items() if k != "losses"}, flush=True)


if __name__ == "__main__":
    main()
