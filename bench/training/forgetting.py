"""T04 and its remedy: what can be seen of what training costs a model's general ability.

And for how much time. Bank customers' questions and contract clauses, 10,000 tokens each, full
depth, from the usual rate to four times of it; then shares of general rows in the mix. The general
text that is measured is not among the rows that are replayed, and what other people wrote (news,
instructions) is measured beside it. Each arm is written when it is there::

    # every arm: change, detectable change by size of the set
    python -m bench.training.forgetting arms
    # a whole training run of 5,000 tokens: the share of its time
    python -m bench.training.forgetting stage
    # the interval on sets drawn from the passages of the arms
    python -m bench.training.forgetting coverage
    # detectable change against share of time, by length of the run
    python -m bench.training.forgetting curve
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from bench.machine import RESULTS, keep
from bench.training.project import data, examples, project
from tunewell.model.chat import load_tokenizer
from tunewell.model.weights import resolve
from tunewell.train.diagnose.losses import clustered_mean
from tunewell.train.diagnose.stopping import HeldOut
from tunewell.train.forgetting.finding import forgetting, relative_change
from tunewell.train.forgetting.general_rows import FEWEST, READ, SHARE, general_rows, replay_rows
from tunewell.train.forgetting.losses import general_losses
from tunewell.train.lora.rows import TrainRow, draw, encode_rows
from tunewell.types import Recipe

NAME = "training-forgetting"
RECIPE = Recipe(rate=2e-3, epochs=3)
ROW_TOKENS = {"banking": 256, "legal": 512}
TOKENS = 10_000
ARMS = [("banking", 2e-3, r) for r in (0.0, 0.02, 0.05, 0.1)]
ARMS += [
    ("banking", 5e-4, 0.0),
    ("banking", 5e-4, 0.05),
    ("legal", 5e-4, 0.0),
    ("legal", 2e-3, 0.0),
]
ARMS += [("banking", 1e-3, 0.0), ("banking", 2e-4, 0.0), ("legal", 2e-4, 0.0), ("legal", 1e-3, 0.0)]
REPETITIONS = 2000
STAGE_TOKENS = 5_000
"""Of the whole run whose clock is read.

The share of time beside the share of work that the finding prints.
"""


def outside(tokenizer: Any) -> dict[str, tuple[TrainRow, ...]]:
    """The first 64 tokens of other people's texts: 60 news articles and 100 instructions."""
    news = json.loads(data("judge_bench", "newsroom.json").read_text(encoding="utf-8"))["instances"]
    articles = list(
        dict.fromkeys(r["instance"].split("### Source Article", 1)[1].strip() for r in news)
    )[:60]
    asked = json.loads(data("pandalm", "testset-v1.json").read_text(encoding="utf-8"))
    tasks = list(dict.fromkeys(f"{r['instruction']}\n{r['input']}".strip() for r in asked))[:100]
    found = {}
    for name, texts in (("news articles", articles), ("instructions", tasks)):
        ids = [tokenizer(t, add_special_tokens=False)["input_ids"][:64] for t in texts]
        found[name] = tuple(
            TrainRow(f"text/{name}/{i}", np.asarray(t, np.int32), 1) for i, t in enumerate(ids)
        )
    return found


def measure(name: str, rate: float, share: float) -> dict[str, Any]:
    """Train on four fifths of the rows.

    General text before and after, and the loss of the last fifth.
    """
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job
    from tunewell.train.lora.load import load_network
    from tunewell.train.lora.run import Schedule, run_job

    weights = resolve(RECIPE.model)
    tokenizer = load_tokenizer(weights.folder)
    network = load_network(weights.folder)
    recipe = RECIPE.model_copy(update={"replay": share, "rate": rate})
    coded = encode_rows(examples(name, 2000), tokenizer, max_tokens=ROW_TOKENS[name])
    rows = draw(coded, max_tokens=TOKENS, seed=0).rows
    train = (np.arange(len(rows)) % 5 != 0)[None]
    general = replay_rows(tokenizer) if share else ()
    adapted = Adapted.begin(network, recipe, cut=0)
    job = Job(adapted, rows, train=train, replay=general)
    done = run_job(job, Schedule(recipe.epochs, read_every=False), measure=~train)
    measured = general_rows(tokenizer)
    losses = general_losses(adapted, measured, weights=weights.digest)
    rule = HeldOut(~train, np.asarray([r.targets for r in rows]), [r.id for r in rows])
    return {
        "data": name,
        "rate": rate,
        "replay": share,
        "tokens": done.tokens,
        "own_tokens": job.epoch_tokens * recipe.epochs,
        "training_tokens_per_s": round(done.tokens_per_s, 1),
        **changes(losses, measured),
        "outside": {
            n: shown(general_losses(adapted, r, weights=weights.digest), r)
            for n, r in outside(tokenizer).items()
        },
        "why": forgetting(losses, measured).why,
        "held_out": rule.mean(done.readings[-1].losses).model_dump(mode="json"),
        "held_out_losses": np.round(done.readings[-1].losses[0][~train[0]], 5).tolist(),
        "held_out_tokens": [r.targets for r, t in zip(rows, train[0], strict=True) if not t],
        "losses": np.round(losses, 5).tolist(),
    }


def shown(losses: Any, rows: Any) -> dict[str, Any]:
    """A change with what could have been seen."""
    kinds = [r.id.rsplit("/", 1)[0] for r in rows]
    change = relative_change(losses, np.asarray([r.targets for r in rows], float), kinds)
    return {
        **change.estimate.model_dump(mode="json"),
        "detectable": change.detectable,
        "tokens": sum(len(r.ids) for r in rows),
    }


def changes(losses: Any, rows: Any) -> dict[str, Any]:
    """The change of general text by size of the set, of each kind, and of general questions."""
    kind = np.asarray([r.id.rsplit("/", 1)[0] for r in rows])
    text = np.flatnonzero(kind != "question")
    parts = {str(n): text[:n] for n in (FEWEST, 2 * FEWEST, 4 * FEWEST, 6 * FEWEST, len(text))}
    every = {**parts, **{k: np.flatnonzero(kind == k) for k in dict.fromkeys(kind.tolist())}}
    found = {name: shown(losses[:, at], [rows[i] for i in at]) for name, at in every.items()}
    return {
        "by_size": {n: found[n] for n in parts},
        "by_kind": {n: e for n, e in found.items() if n not in parts},
    }


def arms(kept: dict[str, Any]) -> None:
    """Measure the arms that are missing."""
    found = kept.setdefault("arms", [])
    for arm in ARMS:
        if arm not in {(a["data"], a["rate"], a["replay"]) for a in found}:
            found.append(measure(*arm))
            plain = next(
                (a for a in found if (a["data"], a["rate"], a["replay"]) == (arm[0], arm[1], 0.0)),
                None,
            )
            if arm[2] and plain:
                found[-1]["task_loss_against_no_replay"] = paired(found[-1], plain)
            keep(NAME, kept)
            print(arm, found[-1]["why"], found[-1].get("task_loss_against_no_replay"), flush=True)


def paired(mixed: dict[str, Any], plain: dict[str, Any]) -> dict[str, Any]:
    """Held-out loss of the task with general rows in the mix minus without.

    Nats a token, paired by row.
    """
    losses = np.asarray(mixed["held_out_losses"]) - np.asarray(plain["held_out_losses"])
    weights = np.asarray(plain["held_out_tokens"], float)
    return clustered_mean(losses, weights, [str(i) for i in range(len(losses))]).model_dump(
        mode="json"
    )


def stage(kept: dict[str, Any]) -> None:
    """A whole training run as users run it: folds, check, final adapter, findings.

    Processor time of T04 and of all.
    """
    from tunewell.train import train

    spent: list[float] = []

    def timed(*given: Any, **named: Any) -> Any:
        began = time.process_time()
        try:
            return general_losses(*given, **named)
        finally:
            spent.append(time.process_time() - began)

    recipe = Recipe(max_train_tokens=STAGE_TOKENS, max_tokens=ROW_TOKENS["banking"])
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for new in (True, False):
            made = project(
                Path(folder) / f"project-{new}", examples("banking", 2000), recipe, folds=5
            )
            with (
                mock.patch("tunewell.train.phases.general_losses", timed),
                mock.patch(
                    "tunewell.train.forgetting.losses.cache_folder", return_value=Path(folder)
                ),
            ):
                began = time.process_time()
                train(*made)
                whole = time.process_time() - began
            finding = next(f for f in made[3].runs(stage="train")[0].findings if f.code == "T04")
            found.append(
                {
                    "base_is_new": new,
                    "seconds": round(whole, 1),
                    "forgetting": round(spent[-1], 2),
                    "share": round(spent[-1] / whole, 4),
                    "why": finding.why,
                }
            )
            kept["stage"] = {
                "data": "banking",
                "tokens": STAGE_TOKENS,
                "clock": "processor time",
                "runs": found,
            }
            keep(NAME, kept)
            print(found[-1], flush=True)


def coverage(kept: dict[str, Any]) -> None:
    """How often the interval holds the change of the passages that sets are drawn from.

    Power at what is detectable.
    """
    tokenizer = load_tokenizer(resolve(RECIPE.model).folder)
    rows = [r for r in general_rows(tokenizer) if r.id.startswith("text/")]
    tokens = np.asarray([r.targets for r in rows], float)
    kinds = np.asarray([r.id.split("/")[1] for r in rows])
    cells = []
    for arm in kept["arms"]:
        losses = np.asarray(arm["losses"])[:, : len(rows)]
        truth = float((losses[1] * tokens).sum() / (losses[0] * tokens).sum() - 1)
        for each in (3, 6, 12, 24):
            rng = np.random.default_rng((each, 9))
            held = seen = 0
            for _ in range(REPETITIONS):
                at = np.concatenate(
                    [rng.choice(np.flatnonzero(kinds == k), each) for k in dict.fromkeys(kinds)]
                )
                change = relative_change(losses[:, at], tokens[at], kinds[at].tolist())
                held += change.estimate.low <= truth <= change.estimate.high
                seen += change.estimate.low > truth - change.detectable
            cells.append(
                {
                    "data": arm["data"],
                    "rate": arm["rate"],
                    "replay": arm["replay"],
                    "passages": 12 * each,
                    "coverage": held / REPETITIONS,
                    "power": seen / REPETITIONS,
                }
            )
    found = [c["coverage"] for c in cells]
    kept["coverage"] = {
        "repetitions": REPETITIONS,
        "lowest": min(found),
        "mean": float(np.mean(found)),
        "power": [min(c["power"] for c in cells), max(c["power"] for c in cells)],
        "cells": cells,
    }
    keep(NAME, kept)
    print({k: v for k, v in kept["coverage"].items() if k != "cells"})


def curve(kept: dict[str, Any]) -> None:
    """Detectable change against share of time, by length of the run.

    Sizes as the stage chooses them.

    The work of a whole run of N tokens is that of the stage as run: five folds on the top quarter,
    the check and the final at full depth, three epochs each.
    """
    tokenizer = load_tokenizer(resolve(RECIPE.model).folder)
    found = []
    for tokens in (10_000, 30_000, 100_000):
        for what, work in (
            ("whole run", 3 * tokens * (4 / 4 + 0.8 + 1)),
            ("final adapter alone", 3 * tokens),
        ):
            rows = general_rows(tokenizer, work=work)
            texts = [r for r in rows if r.id.startswith("text/")]
            size = len(texts)
            read = READ * sum(len(r.ids) for r in rows)
            seen = {
                f"{a['data']} {a['rate']:g}": at_size(a, texts)
                for a in kept["arms"]
                if not a["replay"]
            }
            found.append(
                {
                    "tokens": tokens,
                    "of": what,
                    "passages": size,
                    "questions": len(rows) - size,
                    "share": read / work,
                    "share_with_a_new_base": 2 * read / work,
                    "detectable": seen,
                }
            )
    kept["curve"] = {"allowed": SHARE, "cells": found}
    keep(NAME, kept)
    for cell in found:
        print(cell)


def at_size(arm: dict[str, Any], texts: Any) -> float:
    """Detectable change of an arm on the first passages."""
    return float(shown(np.asarray(arm["losses"])[:, : len(texts)], texts)["detectable"])


def main() -> None:
    """Measure what is asked for; write bench/results/training-forgetting.json."""
    path = RESULTS / f"{NAME}.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    kept = {"recipe": RECIPE.model_dump(mode="json"), "limit": 0.05, **kept}
    kept.pop("machine", None)
    for part in sys.argv[1:] or ["arms", "stage", "coverage", "curve"]:
        {"arms": arms, "stage": stage, "coverage": coverage, "curve": curve}[part](kept)


if __name__ == "__main__":
    main()
