"""Where a training step's time goes.

The matrix products' share, the cost law of the folds, peak memory, the cache.

A step's matrix products are recorded with their shapes, and each is then timed alone in a hot loop.
``share`` is the time that they would take so, divided by the time of the whole step: 1 would be a
step that does nothing else, at the rate that the machine reaches. It is measured with all
instructions of the processor, and, where it has AMX, once more without (``avx512_bf16``), because
matrix products that are ten times faster leave everything else where it was.

The cost law says what K folds on the top share s of the layers cost, in units of one full-depth run
over E epochs: ``(1 - s) / (2 E) + (K - 1) s``. It is held against the arms of
`bench.training.against_trl`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import RESULTS, describe, keep
from bench.training.project import examples
from tunewell.model.chat import load_tokenizer
from tunewell.model.weights import resolve
from tunewell.train.lora.rows import encode_rows
from tunewell.train.session import cut_of
from tunewell.types import Recipe

NAME = "training-cost"
RECIPE = Recipe(rate=1e-3)
PRODUCTS = ("aten::mm", "aten::bmm", "aten::addmm", "aten::baddbmm", "aten::baddbmm_")
STEPS, ROUNDS, ENOUGH_S, TARGET = 3, 5, 25, 0.7
ISA = {"all": "", "avx512_bf16": "AVX512_CORE_BF16"}

Shape = tuple[str, tuple[tuple[int, ...], ...]]


def make_job(folder: Path, folds: int, share: float) -> Any:
    """A job on contract clauses; over a trunk where the share is below 1."""
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job
    from tunewell.train.lora.load import load_network
    from tunewell.train.lora.trunk import Trunk

    weights = resolve(RECIPE.model)
    network = load_network(weights.folder)
    rows = encode_rows(examples("legal", 60), load_tokenizer(weights.folder), max_tokens=512).rows
    cut, trunk = cut_of(network.layers, share), None
    if cut:
        trunk = Trunk(folder / "trunk", network, rows, cut=cut)
        trunk.fill()
    train = (np.arange(len(rows))[None] % 5 != np.arange(folds)[:, None]) | (folds == 1)
    adapted = Adapted.begin(network, RECIPE, cut=cut, adapters=range(folds))
    return Job(adapted, rows, train=train, states=trunk)


def step(job: Any, i: int) -> int:
    """One step; its training tokens."""
    batch = job.batches(0)[i]
    job.backward(batch, step=i)
    job.bank.step(rate=1e-9, weight_decay=0.0)
    return batch.tokens(job.lengths)


def fastest(job: Any) -> tuple[int, float]:
    """Tokens and seconds of a few steps: the best of several rounds.

    The products alone have their best too.
    """
    best, tokens, everything = float("inf"), 0, time.perf_counter()
    for done in range(1, ROUNDS + 1):
        began = time.perf_counter()
        tokens = sum(step(job, i) for i in range(STEPS))
        best = min(best, time.perf_counter() - began)
        if done > 1 and time.perf_counter() - everything > ENOUGH_S:
            break
    return tokens, best


def recorded(job: Any) -> Counter[Shape]:
    """The matrix products of the steps: name and shapes of both operands, to how often."""
    from torch.profiler import ProfilerActivity, profile

    found: Counter[Shape] = Counter()
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as seen:
        for i in range(STEPS):
            step(job, i)
    for event in seen.events() or ():
        if event.name in PRODUCTS and event.input_shapes:
            shapes = [tuple(s) for s in event.input_shapes if len(s) >= 2]
            found[event.name, tuple(shapes[-2:])] += 1
    return found


def alone(shape: Shape, dtype: Any) -> tuple[float, float]:
    """Seconds of one product in a hot loop (the best of several), and its operations."""
    import torch

    _, (left, right) = shape
    a, b = torch.randn(left).to(dtype), torch.randn(right).to(dtype)
    out = torch.empty(*left[:-1], right[-1], dtype=dtype)
    run = torch.bmm if len(left) == 3 else torch.mm
    best = float("inf")
    for _ in range(7):
        began = time.perf_counter()
        run(a, b, out=out)
        best = min(best, time.perf_counter() - began)
    return best, 2.0 * float(np.prod(left)) * right[-1]


def measure(folds: int, share: float) -> dict[str, Any]:
    """The share of the matrix products in the time of a few steps."""
    with tempfile.TemporaryDirectory() as name:
        job = make_job(Path(name), folds, share)
        tokens, seconds = fastest(job)
        products = recorded(job)
    timed = {shape: alone(shape, job.adapted.network.head.dtype) for shape in products}
    ideal = sum(timed[s][0] * n for s, n in products.items())
    operations = sum(timed[s][1] * n for s, n in products.items())
    return {
        "folds": folds,
        "share_of_layers": share,
        "tokens_per_s": round(tokens / seconds, 1),
        "achieved_gflops": round(operations / seconds / 1e9, 1),
        "measured_gflops_at_these_shapes": round(operations / ideal / 1e9, 1),
        "share": round(ideal / seconds, 3),
        "different_products": len(products),
    }


def cost_law() -> list[dict[str, Any]]:
    """What the folds cost in units of our own full-depth run, measured and by the law."""
    path = RESULTS / "training-against-trl.json"
    if not path.is_file():
        return []
    kept = json.loads(path.read_text(encoding="utf-8"))
    arms, epochs, folds = (
        kept["arms"],
        kept["setting"]["recipe"]["epochs"],
        kept["setting"]["folds"],
    )
    found = []
    for name in ("folds-0.25", "folds-0.5"):
        if name in arms and "ours-1" in arms:
            share = 1 - cut_of(30, float(name.partition("-")[2])) / 30
            law = (1 - share) / (2 * epochs) + (folds - 1) * share
            measured = (
                arms[name]["total"]["processor_seconds"]
                / arms["ours-1"]["total"]["processor_seconds"]
            )
            found.append(
                {
                    "arm": name,
                    "law": round(law, 3),
                    "measured": round(measured, 3),
                    "cache_gb_per_million_tokens": arms[name]["cache_bytes_per_million_tokens"]
                    / 1e9,
                    "peak_gib": round(arms[name]["peak_bytes"] / 2**30, 2),
                }
            )
    return found


def main() -> None:
    """Measure with each set of instructions (or those named) in a process of its own.

    Keep what is there of others.
    """
    if sys.argv[1:] == ["measure"]:
        print(json.dumps([measure(1, 1.0), measure(5, 0.25)]), flush=True)
        return
    result: dict[str, Any] = {"target": TARGET, "threads": os.environ.get("OMP_NUM_THREADS", "all")}
    path = RESULTS / f"{NAME}.json"
    if path.is_file() and sys.argv[1:]:
        kept = json.loads(path.read_text(encoding="utf-8"))
        result |= {name: kept[name] for name in ISA if name in kept}
    has_amx = "amx_bf16" in describe()["features"]
    for name, isa in ISA.items():
        if (isa and not has_amx) or (sys.argv[1:] and name not in sys.argv[1:]):
            continue
        env = os.environ | ({"ONEDNN_MAX_CPU_ISA": isa} if isa else {})
        command = [sys.executable, "-m", "bench.training.cost", "measure"]
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
        result[name] = json.loads(done.stdout.splitlines()[-1])
        print(name, result[name], flush=True)
        keep(NAME, {**result, "cost_law": cost_law()})


if __name__ == "__main__":
    main()
