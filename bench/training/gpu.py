"""Training on one GPU against TRL's SFTTrainer with packing and Liger.

Same rows, same random weights, one run::

    # SmolLM2-1.7B's shape, about six minutes on an H200 or H100
    python -m bench.training.gpu
    # Qwen2.5-0.5B's
    python -m bench.training.gpu --shape 0.5b
    # tries the benchmark itself, on any machine; keeps no result
    python -m bench.training.gpu --shape tiny

Speed does not depend on what the weights are, so they are drawn at random and nothing is
downloaded. Needed beside a CUDA build of torch: transformers, peft, numpy, pyarrow, pydantic,
sqlalchemy, PyYAML, safetensors; for the other side `pip install trl==1.16.0 datasets liger-kernel`
(without them that side is left out). On a machine without a network, carry them: `pip download -d
wheels --no-deps trl==1.16.0 datasets dill multiprocess liger-kernel pydantic pydantic-core
annotated-types typing-inspection sqlalchemy`, there `pip install --no-index --no-deps
wheels/*.whl`, then `PYTHONPATH=src python -m bench.training.gpu`.

Every arm runs in a process of its own, its first steps are not counted (kernels are compiled
there), and the device is waited for before the clock is read. TRL runs twice, packed (best fit, no
padding) and in padded batches of rows of like length, both in bf16 without gradient checkpointing,
with Liger's layers and flash attention where they are installed; it is compared by the faster of
the two. A step is 8,192 tokens of each adapter on both sides. The share of the matrix-product rate
counts the frozen maps' products alone (forwards and for the inputs' gradients), over the best rate
that this GPU reaches on products of such shapes: what attention, adapters and logits do counts as
nothing.
"""

from __future__ import annotations

import argparse
import importlib.metadata
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

from bench.machine import keep
from tunewell.train.lora.rows import TrainRow
from tunewell.train.session import cut_of
from tunewell.types import Recipe

ARMS = ("trl-packed", "trl-padded", "ours-1", "ours-0.25", "folds-0.25", "folds-0.5", "folds-1")
FOLDS, EPOCHS, WARM = 5, 2, 3
TARGET = 1.3
"""The issue's: five folds in at most so many times one run of TRL's."""

Shape = dict[str, int]
SHAPES: dict[str, Shape] = {
    "tiny": {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 268,
    },
    "0.5b": {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
    },
    "1.7b": {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 24,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "vocab_size": 49152,
    },
}
TOKENS = {"tiny": 12_000, "0.5b": 400_000, "1.7b": 400_000}
STEP = {"tiny": 512, "0.5b": 8192, "1.7b": 8192}
LONGEST = 1024


def make_rows(shape: str, tokens: int) -> list[TrainRow]:
    """Rows of unlike length: median about 180 tokens, at most 1,024; a quarter is target."""
    rng = np.random.default_rng(0)
    longest = LONGEST if shape != "tiny" else 96
    rows: list[TrainRow] = []
    done = 0
    while done < tokens:
        length = int(np.clip(rng.lognormal(np.log(longest / 5.7), 0.7), 16, longest))
        ids = rng.integers(3, SHAPES[shape]["vocab_size"], length).astype(np.int32)
        rows.append(TrainRow(str(len(rows)), ids, start=length - max(4, length // 4)))
        done += length
    return rows


def make_recipe(shape: str) -> Recipe:
    """LoRA of rank 16 on all maps, with dropout, as by default."""
    return Recipe(epochs=EPOCHS, rate=2e-4, tokens_per_batch=STEP[shape], max_tokens=LONGEST)


def make_model(shape: str, attention: str = "sdpa") -> Any:
    """A Llama of this shape with random weights in bf16, on the GPU where there is one."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from tunewell.model.load import best_device

    config = LlamaConfig(
        **SHAPES[shape],
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        attn_implementation=attention,
    )
    torch.manual_seed(0)
    with torch.device(best_device()):
        torch.set_default_dtype(torch.bfloat16)
        try:
            return LlamaForCausalLM(config).eval()
        finally:
            torch.set_default_dtype(torch.float32)


def clock() -> float:
    """Seconds, once the GPU has done all it was given."""
    from tunewell.model.load import best_device
    from tunewell.train.lora.device import finish

    finish(best_device())
    return time.perf_counter()


# --- the other side -------------------------------------------------------------------------------


def trl(
    shape: str, rows: Sequence[TrainRow], folder: Path, *, packed: bool
) -> tuple[float, int, dict[str, Any]]:
    """Seconds and tokens of SFTTrainer after its first steps, and what it used."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from tunewell.testing.tiny import tiny_model_folder

    gpu = torch.cuda.is_available()
    flash = gpu and find_spec("flash_attn") is not None
    liger = gpu and find_spec("liger_kernel") is not None
    recipe, size = make_recipe(shape), min(LONGEST, STEP[shape])
    labels = [[-100] * r.start + r.ids[r.start :].tolist() for r in rows]
    data = Dataset.from_dict({"input_ids": [r.ids.tolist() for r in rows], "labels": labels})
    mean = sum(len(r.ids) for r in rows) / len(rows)
    options = SFTConfig(
        output_dir=str(folder / "out"),
        use_cpu=not gpu,
        bf16=True,
        gradient_checkpointing=False,
        report_to="none",
        packing=packed,
        max_length=size,
        use_liger_kernel=liger,
        per_device_train_batch_size=max(
            1, STEP[shape] // size if packed else round(STEP[shape] / mean)
        ),
        train_sampling_strategy="random" if packed else "group_by_length",
        num_train_epochs=EPOCHS,
        learning_rate=recipe.rate,
        lr_scheduler_type="linear",
        weight_decay=recipe.weight_decay,
        seed=0,
        logging_strategy="no",
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=gpu,
    )
    lora = LoraConfig(
        r=recipe.rank,
        lora_alpha=int(recipe.alpha),
        lora_dropout=recipe.dropout,
        target_modules=list(recipe.targets),
        task_type="CAUSAL_LM",
    )
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder(folder / "tokenizer"))
    trainer = SFTTrainer(
        model=make_model(shape, "flash_attention_2" if flash else "sdpa"),
        args=options,
        train_dataset=data,
        processing_class=tokenizer,
        peft_config=lora,
    )
    collate, sizes, began = trainer.data_collator, [], []

    def counted(batch: Any) -> Any:
        sizes.append(sum(len(row["input_ids"]) for row in batch))
        return collate(batch)

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == WARM:
                began.append(clock())

    trainer.data_collator = counted
    trainer.add_callback(Watch())
    trainer.train()
    seconds = clock() - began[0]
    used = {
        "attention": "flash_attention_2" if flash else "sdpa",
        "liger": liger,
        "rows_a_step": options.per_device_train_batch_size,
    }
    return seconds, sum(sizes[WARM:]), used


# --- our side -------------------------------------------------------------------------------------


def ours(
    shape: str, rows: Sequence[TrainRow], folder: Path, *, share: float, folds: int
) -> tuple[float, int, dict[str, Any]]:
    """Seconds and tokens of one adapter, or of all folds together; filling the cache included."""
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.fast import FastDecoder
    from tunewell.train.lora.job import Job
    from tunewell.train.lora.trunk import Trunk

    network = FastDecoder(make_model(shape).requires_grad_(False))
    cut, used = cut_of(network.layers, share), {}
    seconds, trunk = 0.0, None
    if cut:
        Trunk(folder / "warm", network, rows[:WARM], cut=cut).fill()
        trunk = Trunk(folder / "states", network, rows, cut=cut)
        began = clock()
        trunk.fill()
        seconds = clock() - began
        used = {"trunk_seconds": round(seconds, 2), "cache_bytes": trunk.size_bytes}
    train = np.arange(len(rows))[None] % max(folds, 2) != np.arange(folds)[:, None]
    train |= folds == 1
    adapted = Adapted.begin(network, make_recipe(shape), cut=cut, adapters=range(folds))
    job = Job(adapted, rows, train=train, states=trunk)
    began, done, step = 0.0, 0, 0
    for epoch in range(EPOCHS):
        for batch in job.batches(epoch):
            if step == WARM:
                began = clock()
            job.backward(batch, step=step)
            job.bank.step(rate=1e-4, weight_decay=0.01)
            done += batch.tokens(job.lengths) if step >= WARM else 0
            step += 1
    training = clock() - began
    whole = int((train * job.lengths[None]).sum()) * EPOCHS
    # The few steps that were not counted are, for the cache is filled for all of them.
    return (
        seconds + training * whole / done,
        whole,
        {**used, "steps": step, "training_seconds": round(training, 2)},
    )


# --- what both are held against -------------------------------------------------------------------


def products(shape: str) -> float:
    """The best rate of bf16 matrix products of this model's shapes here, in operations a second."""
    import torch

    from tunewell.model.load import best_device

    device, size, best = best_device(), SHAPES[shape], 0.0
    for outputs in (size["hidden_size"] * 3, size["intermediate_size"] * 2):
        x = torch.randn(STEP[shape], size["hidden_size"], device=device, dtype=torch.bfloat16)
        w = torch.randn(outputs, size["hidden_size"], device=device, dtype=torch.bfloat16)
        for _ in range(5):
            began = clock()
            for _ in range(10):
                torch.nn.functional.linear(x, w)
            best = max(best, 20 * x.numel() * outputs / (clock() - began))
    return best


def operations(shape: str, *, share: float, tokens: int, distinct: int) -> float:
    """Of the frozen maps' products.

    Two a weight forwards, two for the input's gradient, below a cut once forwards.

    Example:
        >>> found = operations("tiny", share=1.0, tokens=10, distinct=5)
        >>> found / 10 / 4 == 4 * (64 * 64 * 3 + 3 * 64 * 128)
        True
    """
    size = SHAPES[shape]
    width, key = (
        size["hidden_size"],
        size["hidden_size"] * size["num_key_value_heads"] // size["num_attention_heads"],
    )
    layer = width * (2 * width + 2 * key) + 3 * width * size["intermediate_size"]
    cut = cut_of(size["num_hidden_layers"], share)
    top = size["num_hidden_layers"] - cut
    return 4.0 * layer * top * tokens + 2.0 * layer * cut * distinct


def peak() -> int:
    """Most bytes held: of the GPU where there is one, else of the process."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def arm(name: str, shape: str, tokens: int) -> dict[str, Any]:
    """Measure one arm, in this process."""
    rows = make_rows(shape, tokens)
    kind, _, how = name.partition("-")
    rate = products(shape)
    with tempfile.TemporaryDirectory() as folder:
        if kind == "trl":
            share = 1.0
            seconds, done, used = trl(shape, rows, Path(folder), packed=how == "packed")
        else:
            share = float(how)
            seconds, done, used = ours(
                shape, rows, Path(folder), share=share, folds=FOLDS if kind == "folds" else 1
            )
    distinct = sum(len(r.ids) for r in rows)
    work = operations(shape, share=share, tokens=done, distinct=distinct)
    return {
        "tokens": done,
        "seconds": round(seconds, 3),
        "tokens_per_s": round(done / seconds, 1),
        "run_seconds": round(
            seconds * distinct * EPOCHS * (1 if kind != "folds" else FOLDS - 1) / done, 3
        ),
        "share_of_product_rate": round(work / seconds / rate, 3),
        "products_tflops": round(rate / 1e12, 2),
        "peak_bytes": peak(),
        **used,
    }


def summary(arms: dict[str, Any]) -> dict[str, Any]:
    """Each arm's time over one run of TRL's faster arm and over one full-depth run of ours.

    Example:
        >>> arms = {"trl-packed": {"run_seconds": 4.0}, "folds-0.25": {"run_seconds": 5.0}}
        >>> summary(arms)["over_trl"]
        {'folds-0.25': 1.25}
    """
    found: dict[str, Any] = {}
    theirs = {
        n: a["run_seconds"] for n, a in arms.items() if n.startswith("trl") and "run_seconds" in a
    }
    mine = {
        n: a["run_seconds"]
        for n, a in arms.items()
        if not n.startswith("trl") and "run_seconds" in a
    }
    if theirs:
        best = min(theirs, key=lambda n: theirs[n])
        found["trl"] = best
        found["over_trl"] = {n: round(s / theirs[best], 3) for n, s in mine.items()}
        if "folds-0.25" in mine:
            found["five_folds_within"] = bool(mine["folds-0.25"] <= TARGET * theirs[best])
    if "ours-1" in mine:
        found["over_ours"] = {n: round(s / mine["ours-1"], 3) for n, s in mine.items()}
    return found


def gpu() -> dict[str, Any]:
    """The GPU and the versions of what matters on it."""
    import torch

    found: dict[str, Any] = {"versions": {}}
    for name in ("torch", "triton", "trl", "peft", "liger-kernel", "flash-attn"):
        try:
            found["versions"][name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    if torch.cuda.is_available():
        about = torch.cuda.get_device_properties(0)
        found |= {
            "name": about.name,
            "memory_gib": round(about.total_memory / 2**30, 1),
            "cuda": torch.version.cuda,
        }
    return found


def measure(
    names: Sequence[str], shape: str, tokens: int, told: Callable[[str], None]
) -> dict[str, Any]:
    """Every arm in a process of its own; one that fails says why and stands as failed."""
    arms: dict[str, Any] = {}
    for name in names:
        if name.startswith("trl") and not (find_spec("trl") and find_spec("datasets")):
            continue
        command = [
            sys.executable,
            "-m",
            "bench.training.gpu",
            "--alone",
            name,
            "--shape",
            shape,
            "--tokens",
            str(tokens),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            arms[name] = {"failed": done.stderr.strip().splitlines()[-1][:300]}
        else:
            arms[name] = json.loads(done.stdout.splitlines()[-1])
        told(f"{name}: {arms[name]}")
    return arms


def main() -> None:
    """Measure all arms; keep the result where it comes from a GPU and a real shape."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("arms", nargs="*", choices=[*ARMS, []], help="which; all by default")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="1.7b")
    parser.add_argument("--tokens", type=int, default=0, help="training tokens of one epoch")
    parser.add_argument("--alone", help="measure this arm in this process and print it")
    asked = parser.parse_args()
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    tokens = asked.tokens or TOKENS[asked.shape]
    if asked.alone:
        print(json.dumps(arm(asked.alone, asked.shape, tokens)), flush=True)
        return
    import torch

    if asked.shape != "tiny" and not torch.cuda.is_available():
        sys.exit("there is no GPU here; --shape tiny tries the benchmark itself")
    arms = measure(asked.arms or ARMS, asked.shape, tokens, lambda line: print(line, flush=True))
    result = {
        "shape": asked.shape,
        "tokens": tokens,
        "epochs": EPOCHS,
        "folds": FOLDS,
        "gpu": gpu(),
        "summary": summary(arms),
        "arms": arms,
    }
    print(json.dumps(result["summary"], indent=1))
    if asked.shape == "tiny":
        print("a try: no result is kept")
        return
    print(keep(f"training-gpu-{asked.shape}" if asked.shape != "1.7b" else "training-gpu", result))


if __name__ == "__main__":
    main()
