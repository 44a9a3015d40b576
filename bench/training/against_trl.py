"""Training against TRL's SFTTrainer on this machine.

Same rows, base, epochs, rank, rate and held-out rows. Every arm runs in a process of its own and
its result is written as soon as it is there, so a benchmark that is cut off goes on where it was::

    python -m bench.training.against_trl                 # what is not measured yet
    python -m bench.training.against_trl ours-1 --again  # these arms, anew

Speeds in training tokens (prompt and target, no padding) a second of the clock and a second of
processor time. TRL runs in the type that this machine has instructions for (bf16, else fp32, which
is then several times faster), eight rows a step (two at once in fp32), with the loss on the
completion alone and without gradient checkpointing, which is its fastest setting here; its time is
that of ``trainer.train()`` alone. Ours holds everything from the encoded rows on, and in the arm
``everything`` the loading of the model as well. The rate of the matrix products is measured before
each arm, so that one can see whether the machine was the same. TRL is no dependency of ours:
`pip install trl==1.16.0`, or that arm is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import RESULTS, keep
from bench.training.project import examples, project
from tunewell.model.chat import load_tokenizer
from tunewell.model.weights import Weights, resolve
from tunewell.train.diagnose.losses import clustered_mean
from tunewell.train.lora.rows import TrainRow, encode_rows
from tunewell.train.session import cut_of
from tunewell.types import Example, Recipe

NAME = "training-against-trl"
TRAIN, HELD_OUT, FOLDS = 48, 120, 5
RECIPE = Recipe(epochs=2, rate=1e-3)
ARMS = ("trl", "ours-1", "ours-0.5", "ours-0.25", "folds-0.25", "folds-0.5", "everything")


def timed(run: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """A result, with seconds of the clock and of the processor (all threads)."""
    clock, processor = time.perf_counter(), time.process_time()
    result = run()
    return result, {
        "seconds": time.perf_counter() - clock,
        "processor_seconds": time.process_time() - processor,
    }


def speeds(taken: dict[str, float], tokens: int) -> dict[str, float]:
    """Tokens a second, both ways."""
    return {
        "tokens": tokens,
        "seconds": round(taken["seconds"], 1),
        "processor_seconds": round(taken["processor_seconds"], 1),
        "tokens_per_s": round(tokens / taken["seconds"], 1),
        "tokens_per_processor_s": round(tokens / taken["processor_seconds"], 1),
    }


def trl(rows: Sequence[Example], weights: Weights, folder: Path) -> dict[str, float]:
    """Train with SFTTrainer.

    Leaves the adapter in the folder and gives the time of its training loop.
    """
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    from tunewell.model.load import best_device, best_type

    precision = best_type(best_device())
    in_halves = precision == torch.bfloat16
    # Eight rows at once in fp32 take more than 24 GB.
    at_once = 8 if in_halves else 2
    turns = [[{"role": m.role, "content": m.content} for m in e.messages] for e in rows]
    data = Dataset.from_list([{"prompt": t[:-1], "completion": t[-1:]} for t in turns])
    options = SFTConfig(
        output_dir=str(folder / "out"),
        use_cpu=True,
        bf16=in_halves,
        gradient_checkpointing=False,
        report_to="none",
        per_device_train_batch_size=at_once,
        gradient_accumulation_steps=8 // at_once,
        num_train_epochs=RECIPE.epochs,
        learning_rate=RECIPE.rate,
        lr_scheduler_type="linear",
        warmup_steps=0.06,
        weight_decay=RECIPE.weight_decay,
        logging_strategy="no",
        save_strategy="no",
        max_length=RECIPE.max_tokens,
        seed=0,
        dataloader_pin_memory=False,
        disable_tqdm=True,
    )
    lora = LoraConfig(
        r=RECIPE.rank,
        lora_alpha=int(RECIPE.alpha),
        lora_dropout=RECIPE.dropout,
        target_modules=list(RECIPE.targets),
        task_type="CAUSAL_LM",
    )
    base = AutoModelForCausalLM.from_pretrained(weights.folder, dtype=precision)
    tokenizer = AutoTokenizer.from_pretrained(weights.folder)
    trainer = SFTTrainer(
        model=base, args=options, train_dataset=data, processing_class=tokenizer, peft_config=lora
    )
    _, taken = timed(trainer.train)
    trainer.model.save_pretrained(folder / "adapter")
    return taken


def final(share: float, rows: Sequence[Example], weights: Weights, folder: Path) -> dict[str, Any]:
    """One adapter on the top share of the layers.

    Above a cut the frozen layers run once, into a trunk.
    """
    from tunewell.train.fit import fit
    from tunewell.train.lora.load import load_network

    network = load_network(weights.folder)
    coded = encode_rows(rows, load_tokenizer(weights.folder), max_tokens=RECIPE.max_tokens).rows
    fit(rows[:8], recipe=RECIPE.model_copy(update={"epochs": 1}), weights=weights, network=network)
    if share < 1:
        return over_trunk(network, coded, share, folds=1)
    done, taken = timed(lambda: fit(rows, recipe=RECIPE, weights=weights, network=network))
    done.save(folder)
    return {"total": speeds(taken, done.tokens)}


def over_trunk(
    network: Any, rows: Sequence[TrainRow], share: float, *, folds: int
) -> dict[str, Any]:
    """Fill the trunk and train one adapter on all rows, or one for each fold, over it.

    Evaluations left out.
    """
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job
    from tunewell.train.lora.run import Schedule, run_job
    from tunewell.train.lora.trunk import Trunk

    cut = cut_of(network.layers, share)
    with tempfile.TemporaryDirectory() as folder:
        trunk = Trunk(Path(folder) / "trunk", network, rows, cut=cut)
        _, filling = timed(trunk.fill)
        train = np.arange(len(rows))[None] % max(folds, 2) != np.arange(folds)[:, None]
        train |= folds == 1
        adapted = Adapted.begin(network, RECIPE, cut=cut, adapters=range(folds))
        job = Job(adapted, rows, train=train, states=trunk)
        schedule = Schedule(RECIPE.epochs, read_every=False)
        done, taken = timed(lambda: run_job(job, schedule))
    tokens = sum(len(r.ids) for r in rows)
    both = {n: filling[n] + taken[n] for n in taken}
    return {
        "trunk": speeds(filling, tokens),
        "training": speeds(taken, done.tokens),
        "total": speeds(both, done.tokens),
        "cache_bytes_per_million_tokens": round(trunk.size_bytes / tokens * 1e6),
    }


def folds(share: float, rows: Sequence[Example], weights: Weights) -> dict[str, Any]:
    """Five folds over the trunk."""
    from tunewell.train.lora.load import load_network

    network = load_network(weights.folder)
    coded = encode_rows(rows, load_tokenizer(weights.folder), max_tokens=RECIPE.max_tokens).rows
    return over_trunk(network, coded, share, folds=FOLDS)


def everything(rows: Sequence[Example]) -> dict[str, Any]:
    """The stages of a user: folds, full-depth check, final, findings, forgetting.

    Then the learning curve.
    """
    from tunewell.train import learning_curve, train

    with tempfile.TemporaryDirectory() as name:
        made = project(Path(name), rows, RECIPE, folds=FOLDS)
        trained, first = timed(lambda: train(*made))
        curve, second = timed(lambda: learning_curve(*made))
    return {
        "train": {k: round(v, 1) for k, v in first.items()},
        "learning_curve": {k: round(v, 1) for k, v in second.items()},
        "total": {k: round(first[k] + second[k], 1) for k in first},
        "final_epochs": trained.model.recipe.epochs,
        "gain_from_twice_the_rows": curve.gain.model_dump(mode="json"),
    }


def products() -> float:
    """Matrix products of the width of the model, in billions of operations a second."""
    import torch

    from tunewell.model.load import best_device, best_type

    x, w = (torch.randn(n, 576).to(best_type(best_device())) for n in (1024, 1536))
    best = 0.0
    for _ in range(30):
        began = time.perf_counter()
        torch.nn.functional.linear(x, w)
        best = max(best, 2 * x.numel() * 1536 / (time.perf_counter() - began) / 1e9)
    return best


def losses_of(adapter: Path, weights: Weights, rows: Sequence[Example]) -> dict[str, list[float]]:
    """Nats of each held-out row under an adapter, and its tokens."""
    from tunewell.model.local import LocalModel

    scores = LocalModel(weights, adapter=adapter).score(
        [e.prompt for e in rows], [e.target for e in rows]
    )
    return {"nats": [round(s.nats, 4) for s in scores], "tokens": [s.tokens for s in scores]}


def arm(name: str) -> dict[str, Any]:
    """Measure one arm, in this process."""
    weights = resolve(RECIPE.model)
    rows = examples("legal", TRAIN + HELD_OUT)
    mine, theirs = rows[:TRAIN], rows[TRAIN:]
    kind, _, share = name.partition("-")
    tokens = (
        encode_rows(mine, load_tokenizer(weights.folder), max_tokens=RECIPE.max_tokens).tokens
        * RECIPE.epochs
    )
    with tempfile.TemporaryDirectory() as folder:
        before = products()
        if kind == "trl":
            result: dict[str, Any] = {"total": speeds(trl(mine, weights, Path(folder)), tokens)}
        elif kind == "ours":
            result = final(float(share), mine, weights, Path(folder) / "adapter")
        elif kind == "folds":
            result = folds(float(share), mine, weights)
        else:
            result = everything(mine)
        result["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        result["products_gflops"] = round(before)
        if (Path(folder) / "adapter").is_dir():
            result["held_out"] = losses_of(Path(folder) / "adapter", weights, theirs)
    return result


def summary(arms: dict[str, Any]) -> dict[str, Any]:
    """Shares of the time of one TRL run.

    And the final's held-out loss against TRL's, where both are there.
    """
    found: dict[str, Any] = {}
    if "trl" not in arms:
        return found
    for clock in ("seconds", "processor_seconds"):
        one = arms["trl"]["total"][clock]
        found[f"shares_of_trl_by_{clock}"] = {
            n: round(a["total"][clock] / one, 3) for n, a in arms.items() if n != "trl"
        }
    if "ours-1" in arms:
        a, b = (arms[n]["held_out"] for n in ("ours-1", "trl"))
        weight = np.asarray(a["tokens"], np.float64)
        ours, theirs = np.asarray(a["nats"]) / weight, np.asarray(b["nats"]) / weight
        difference = clustered_mean(ours - theirs, weight, [str(i) for i in range(len(weight))])
        found["held_out"] = {
            "ours": round(float(np.average(ours, weights=weight)), 4),
            "trl": round(float(np.average(theirs, weights=weight)), 4),
            "ours_minus_trl": difference.model_dump(mode="json"),
        }
    return found


def main() -> None:
    """Measure the arms that are asked for, or that are missing; write the results after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arms", nargs="*", choices=[*ARMS, []], help="which; all by default")
    parser.add_argument("--again", action="store_true", help="measure them even if they are there")
    parser.add_argument("--result", default=NAME, help="name of the result, for another machine")
    parser.add_argument("--alone", help="measure this arm in this process and print it")
    asked = parser.parse_args()
    os.environ.setdefault("DO_NOT_TRACK", "1")
    if asked.alone:
        print(json.dumps(arm(asked.alone)), flush=True)
        return
    path = RESULTS / f"{asked.result}.json"
    setting = {
        "rows": TRAIN,
        "held_out_rows": HELD_OUT,
        "folds": FOLDS,
        "recipe": RECIPE.model_dump(mode="json"),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
    }
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    arms: dict[str, Any] = kept.get("arms", {}) if kept.get("setting") == setting else {}
    for name in asked.arms or ARMS:
        if (name in arms and not asked.again) or (name == "trl" and not find_spec("trl")):
            continue
        command = [sys.executable, "-m", "bench.training.against_trl", "--alone", name]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        arms[name] = json.loads(done.stdout.splitlines()[-1])
        keep(asked.result, {"setting": setting, "summary": summary(arms), "arms": arms})
        print(name, arms[name]["total"], flush=True)


if __name__ == "__main__":
    main()
