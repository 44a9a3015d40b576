"""Training against TRL's SFTTrainer: same rows, base, epochs, rank, rate and held-out rows, on this machine.

Speeds in training tokens (prompt and target, no padding) a second of the clock and a second of processor time. TRL runs
with bf16, batches of 8, the loss on the completion alone and without gradient checkpointing, which is its fastest
setting here. The rows are contract clauses of `legal_summarization` under TUNEWELL_DATA. TRL is no dependency of
ours: `pip install trl==1.16.0`, or it is left out.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import keep
from tunewell.model.chat import load_tokenizer
from tunewell.model.weights import Weights, resolve
from tunewell.train.batches import plan
from tunewell.train.findings import clustered_mean
from tunewell.train.fit import fit
from tunewell.train.rows import Row, encode_rows
from tunewell.train.setting import cut_of
from tunewell.types import Example, Message, Recipe

TRAIN, HELD_OUT, FOLDS = 64, 48, 5
RECIPE = Recipe(epochs=2, rate=1e-3)


def clauses() -> list[Example]:
    """Clauses with their plain-English sentence, in an order drawn by seed."""
    root = Path(os.environ.get("TUNEWELL_DATA", "../shared/data"))
    path = root / "legal_summarization" / "all_v1.json"
    if not path.is_file():
        sys.exit(f"no {path}: set TUNEWELL_DATA")
    found = json.loads(path.read_text(encoding="utf-8"))
    keys = np.random.default_rng(0).permutation(sorted(found))[: TRAIN + HELD_OUT]
    return [
        Example(id=str(k), messages=(
            Message(role="system", content="You put contracts into plain English."),
            Message(role="user", content=found[k]["original_text"]),
            Message(role="assistant", content=found[k]["reference_summary"])))
        for k in keys
    ]  # fmt: skip


def timed(run: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """A result, with seconds of the clock and of the processor (all threads)."""
    clock, processor = time.perf_counter(), time.process_time()
    result = run()
    return result, {"seconds": time.perf_counter() - clock, "processor_seconds": time.process_time() - processor}


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
    """Train with SFTTrainer; leaves the adapter in the folder and gives the time of its training loop."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    turns = [[{"role": m.role, "content": m.content} for m in e.messages] for e in rows]
    data = Dataset.from_list([{"prompt": t[:-1], "completion": t[-1:]} for t in turns])
    options = SFTConfig(
        output_dir=str(folder / "out"), use_cpu=True, bf16=True, gradient_checkpointing=False, report_to="none",
        per_device_train_batch_size=8, num_train_epochs=RECIPE.epochs, learning_rate=RECIPE.rate,
        lr_scheduler_type="linear", warmup_steps=0.06, weight_decay=RECIPE.weight_decay, logging_strategy="no",
        save_strategy="no", max_length=RECIPE.max_tokens, seed=0, dataloader_pin_memory=False, disable_tqdm=True,
    )  # fmt: skip
    lora = LoraConfig(r=RECIPE.rank, lora_alpha=int(RECIPE.alpha), lora_dropout=RECIPE.dropout,
                      target_modules=list(RECIPE.targets), task_type="CAUSAL_LM")  # fmt: skip
    base = AutoModelForCausalLM.from_pretrained(weights.folder, dtype=torch.bfloat16)
    tokenizer = AutoTokenizer.from_pretrained(weights.folder)
    trainer = SFTTrainer(model=base, args=options, train_dataset=data, processing_class=tokenizer, peft_config=lora)
    _, taken = timed(trainer.train)
    trainer.model.save_pretrained(folder / "adapter")
    return taken


def folds(network: Any, rows: Sequence[Row], share: float, folder: Path) -> dict[str, Any]:
    """Fill the trunk and train five folds over it, evaluations left out."""
    from tunewell.train.loop import Job, run_job
    from tunewell.train.trunk import Trunk

    cut = cut_of(network.layers, share)
    trunk = Trunk(folder / f"trunk-{cut}", rows, width=network.width, dtype=network.head.dtype)
    _, filling = timed(lambda: trunk.fill(network, rows, cut=cut))
    fold = np.arange(len(rows)) % FOLDS
    train = fold[None] != np.arange(FOLDS)[:, None]
    job = Job(network, rows, recipe=RECIPE, cut=cut, train=train, measure=np.zeros_like(train),
              adapters=range(FOLDS), trunk=trunk)  # fmt: skip
    done, taken = timed(lambda: run_job(job, epochs=RECIPE.epochs, read_every=False))
    tokens = sum(len(r.ids) for r in rows)
    return {
        "share": share,
        "trunk": speeds(filling, tokens),
        "training": speeds(taken, done.tokens),
        "cache_bytes_per_million_tokens": round(trunk.size_bytes / tokens * 1e6),
    }


def products(network: Any) -> float:
    """Matrix products of the width of the model, in billions of operations a second."""
    import torch

    x = torch.randn(1024, network.width).to(network.head.dtype)
    w = torch.randn(1536, network.width).to(network.head.dtype)
    best = 0.0
    for _ in range(30):
        began = time.perf_counter()
        torch.nn.functional.linear(x, w)
        best = max(best, 2 * x.numel() * 1536 / (time.perf_counter() - began) / 1e9)
    return best


def operations_per_token(network: Any, rows: Sequence[Row]) -> float:
    """Operations of the frozen maps, forward and to the inputs, and of the logits, per training token."""
    maps = sum(s.inputs * s.outputs for g, _ in network.sites(RECIPE.targets, 0) for s in g)
    targets = sum(r.targets for r in rows) / sum(len(r.ids) for r in rows)
    return float(4 * (maps + targets * network.head.numel()))


def losses_of(adapter: Path, weights: Weights, rows: Sequence[Example]) -> Any:
    """Nats a token of held-out rows under an adapter, and their tokens."""
    from tunewell.model.local import LocalModel

    scores = LocalModel(weights, adapter=adapter).score([e.prompt for e in rows], [e.target for e in rows])
    return np.asarray([s.nats / s.tokens for s in scores]), np.asarray([float(s.tokens) for s in scores])


def main() -> None:
    """Measure everything; write bench/results/training-against-trl.json."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from tunewell.train.network import load_network

    weights = resolve(RECIPE.model)
    examples = clauses()
    mine, theirs = examples[:TRAIN], examples[TRAIN:]
    coded = encode_rows(mine, load_tokenizer(weights.folder), max_tokens=RECIPE.max_tokens).rows
    tokens = sum(len(r.ids) for r in coded) * RECIPE.epochs
    lengths = np.asarray([len(r.ids) for r in coded])
    padded = sum(b.rows.size * b.length for b in plan(lengths, [np.arange(len(coded))], budget=1024)) / lengths.sum()
    result: dict[str, Any] = {"rows": TRAIN, "epochs": RECIPE.epochs, "padding": round(float(padded), 3)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        network = load_network(weights.folder)
        warm = RECIPE.model_copy(update={"epochs": 1})
        fit(mine[:8], recipe=warm, weights=weights, network=network)
        done, taken = timed(lambda: fit(mine, recipe=RECIPE, weights=weights, network=network))
        result["ours_full_depth"] = speeds(taken, tokens)
        done.save(folder / "ours")
        print("ours, full depth", result["ours_full_depth"], flush=True)
        rate = products(network)
        result["products_gflops"] = round(rate)
        result["share_of_products"] = round(
            result["ours_full_depth"]["tokens_per_processor_s"] * operations_per_token(network, coded) / 1e9 / rate, 3
        )
        result["folds"] = [folds(network, coded, share, folder) for share in (0.25, 0.5)]
        for line in result["folds"]:
            print("five folds", line, flush=True)
        result["peak_bytes_ours"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        if find_spec("trl"):
            result["trl"] = speeds(trl(mine, weights, folder), tokens)
            print("TRL", result["trl"], flush=True)
            one = result["trl"]["processor_seconds"]
            result["shares_of_one_trl_run"] = {
                "final": round(result["ours_full_depth"]["processor_seconds"] / one, 3),
                **{
                    f"five folds, top {f['share']:g}": round(
                        (f["trunk"]["processor_seconds"] + f["training"]["processor_seconds"]) / one, 3
                    )
                    for f in result["folds"]
                },
            }
            (a, weight), (b, _) = (losses_of(folder / n, weights, theirs) for n in ("ours", "adapter"))
            difference = clustered_mean(a - b, weight, [e.id for e in theirs])
            result["held_out"] = {"ours": float((a * weight).sum() / weight.sum()),
                                  "trl": float((b * weight).sum() / weight.sum()),
                                  "ours_minus_trl": difference.model_dump(mode="json")}  # fmt: skip
        print(json.dumps({k: v for k, v in result.items() if k != "folds"}, indent=1), flush=True)
    keep("training-against-trl", result)


if __name__ == "__main__":
    main()
