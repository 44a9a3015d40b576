"""Tokens a second of answers: transformers one by one and in batches, and ours.

The same weights and prompts for all. Three loads: questions of unlike length; the same behind an
instruction with few shots that all share; and the questions with a LoRA adapter on all maps (PEFT
against ours). Only tokens that belong to an answer count, so a batch that goes on for the sake of
one long answer pays for it. Scoring: nats of given targets, all logits against the target's alone::

    python -m bench.generation.speed                    # all
    python -m bench.generation.speed questions adapter  # these, kept beside the others
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.machine import RESULTS, keep
from tunewell.model.base import GenerateOptions
from tunewell.model.local import LocalModel
from tunewell.types import Message

LOADS = ["questions", "shots", "scoring", "adapter"]
ROWS = 64
NEW = 48
SUBJECTS = (
    "bill",
    "tariff",
    "outage",
    "meter reading",
    "move",
    "refund",
    "contract",
    "heat pump",
    "deposit",
    "payment plan",
)
SHOTS = "\n\n".join(
    f"Question: My {s} looks wrong, what now?\n"
    f"Answer: Please send the number of your {s}; we check it within two days."
    for s in SUBJECTS
)


def questions(*, shared: bool) -> list[tuple[Message, ...]]:
    """Prompts of 8 to 120 words; the same list every time."""
    rows: list[tuple[Message, ...]] = []
    for i in range(ROWS):
        subject = SUBJECTS[i % len(SUBJECTS)]
        filler = " ".join(f"In month {m} I paid {17 * m + i} euros." for m in range(i * 7 % 15))
        user = Message(
            role="user", content=f"What should I do about my {subject} number {i}? {filler}".strip()
        )
        system = Message(
            role="system", content=f"You are a service desk. Answer in two sentences.\n\n{SHOTS}"
        )
        rows.append((system, user) if shared else (user,))
    return rows


def timed(run: Callable[[], int]) -> tuple[float, float]:
    """Units of one run a second of the clock, and a second of processor time (of all threads)."""
    clock, processor = time.perf_counter(), time.process_time()
    units = run()
    return units / (time.perf_counter() - clock), units / (time.process_time() - processor)


def theirs(
    network: Any, local: LocalModel, prompts: Sequence[tuple[Message, ...]], batch: int
) -> int:
    """Answer tokens made by ``generate`` in batches, in the order of the list."""
    import torch

    made = 0
    for at in range(0, len(prompts), batch):
        rows = [local.chat.encode(p).ids for p in prompts[at : at + batch]]
        width = max(map(len, rows))
        ids = torch.tensor([[0] * (width - len(r)) + list(r) for r in rows])
        mask = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rows])
        with torch.inference_mode():
            out = network.generate(ids, attention_mask=mask, max_new_tokens=NEW, do_sample=False)[
                :, width:
            ]
        made += sum((row.index(2) if 2 in row else len(row)) for row in out.tolist())
    return made


def ours(model: LocalModel, prompts: Sequence[tuple[Message, ...]]) -> int:
    """Answer tokens made by ours."""
    return sum(
        r.tokens for r in model.generate(prompts, options=GenerateOptions(max_new_tokens=NEW))
    )


def all_logits(
    network: Any, local: LocalModel, prompts: Sequence[tuple[Message, ...]], targets: Sequence[str]
) -> int:
    """Tokens scored the usual way: padded batches of 8, logits everywhere."""
    import torch

    encoded = [local.chat.encode(p, t) for p, t in zip(prompts, targets, strict=True)]
    for at in range(0, len(encoded), 8):
        rows = [e.ids for e in encoded[at : at + 8]]
        width = max(map(len, rows))
        ids = torch.tensor([list(r) + [0] * (width - len(r)) for r in rows])
        labels = ids.clone()
        for r, e in enumerate(encoded[at : at + 8]):
            labels[r, : e.target_start] = -100
            labels[r, len(e.ids) :] = -100
        mask = torch.tensor([[1] * len(r) + [0] * (width - len(r)) for r in rows])
        with torch.inference_mode():
            logits = network(ids, attention_mask=mask, use_cache=False).logits.float()
            torch.nn.functional.cross_entropy(
                logits[:, :-1].transpose(1, 2), labels[:, 1:], reduction="none"
            )
    return sum(len(e.ids) for e in encoded)


def with_adapter(local: LocalModel, folder: Path) -> Any:
    """A random LoRA of rank 16 on every map, written by PEFT; the network that PEFT makes of it."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(
        local.weights.folder, dtype=torch.bfloat16
    ).eval()
    maps = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    torch.manual_seed(0)
    tuned = get_peft_model(
        network, LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules=maps)
    ).eval()
    tuned.save_pretrained(folder)
    return tuned


def main() -> None:
    """Measure the loads that are asked for, both sides of each in one process.

    Keep them beside those kept before.
    """
    import torch
    from transformers import AutoModelForCausalLM

    asked = sys.argv[1:] or LOADS
    local = LocalModel("smollm2-135m")
    network = AutoModelForCausalLM.from_pretrained(
        local.weights.folder, dtype=getattr(torch, local.dtype)
    ).eval()
    plain, shared = questions(shared=False), questions(shared=True)
    setting = {
        "model": local.weights.name,
        "digest": local.weights.digest,
        "dtype": local.dtype,
        "threads": torch.get_num_threads(),
        "rows": ROWS,
        "max_new_tokens": NEW,
    }
    path = RESULTS / "generation.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    rates: dict[str, dict[str, float]] = (
        kept["tokens"] if all(kept.get(k) == v for k, v in setting.items()) else {}
    )

    def measure(name: str, run: Callable[[], int]) -> None:
        clock, processor = timed(run)
        rates[name] = {"per_second": round(clock, 1), "per_processor_second": round(processor, 1)}
        print(
            f"{name:45} {clock:8.1f} tokens/s {processor:8.1f} tokens/processor second", flush=True
        )

    theirs(network, local, plain[:2], 2)
    ours(local, plain[:2])
    if "questions" in asked:
        measure("questions: transformers, one by one", lambda: theirs(network, local, plain[:6], 1))
        measure("questions: transformers, batches of 32", lambda: theirs(network, local, plain, 32))
        measure("questions: ours", lambda: ours(local, plain))
    if "shots" in asked:
        measure(
            "few shots: transformers, batches of 32", lambda: theirs(network, local, shared, 32)
        )
        measure("few shots: ours", lambda: ours(local, shared))
    if "scoring" in asked:
        targets = ["Please send us the number; we will check it within two days."] * ROWS
        measure(
            "scoring: all logits, batches of 8", lambda: all_logits(network, local, plain, targets)
        )
        scored = sum(len(local.chat.encode(p, t).ids) for p, t in zip(plain, targets, strict=True))

        def score() -> int:
            local.score(plain, targets)
            return scored

        measure("scoring: ours", score)
    if "adapter" in asked:
        with tempfile.TemporaryDirectory() as folder:
            tuned = with_adapter(local, Path(folder))
            measure("adapter: PEFT, batches of 32", lambda: theirs(tuned, local, plain, 32))
            adapted = local.with_adapter(Path(folder))
            measure("adapter: ours", lambda: ours(adapted, plain))
    keep("generation", {**setting, "tokens": rates})


if __name__ == "__main__":
    main()
