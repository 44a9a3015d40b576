"""The autopsy of a model: a fake with known losses, and one fine-tuned by transformers and peft."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tunewell.cli.main import app
from tunewell.evaluate.autopsy.model_losses import autopsy_model, general
from tunewell.model.base import GenerateOptions, Generation, Progress, TargetScore
from tunewell.types import Example, Finding, Message


class Losses:
    """A model whose loss of an answer is looked up by the asker."""

    name = "losses"

    def __init__(self, known: float, new: float, general: float, *, shots: float = 0.0) -> None:
        self.known, self.new, self.general, self.shots = known, new, general, shots

    def generate(
        self,
        prompts: Sequence[tuple[Message, ...]],
        *,
        options: GenerateOptions | None = None,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[Generation]:
        raise AssertionError("nothing is generated")

    def score(
        self,
        prompts: Sequence[tuple[Message, ...]],
        targets: Sequence[str],
        *,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[TargetScore]:
        out = []
        for p, target in zip(prompts, targets, strict=True):
            kind = p[-1].content.split(" ")[0]
            loss = {"train": self.known, "new": self.new}.get(kind, self.general)
            if len(p) > 1:
                loss -= self.shots
            out.append(
                TargetScore(
                    nats=10 * (loss + random.Random(target + p[-1].content).gauss(0, 0.02)),
                    tokens=10,
                )
            )
        return out


def rows(kind: str, count: int = 40) -> list[Example]:
    return [
        Example(
            id=f"{kind}{i}",
            messages=(
                Message(role="user", content=f"{kind} {i}"),
                Message(role="assistant", content=f"answer {i}"),
            ),
        )
        for i in range(count)
    ]


def ask(base: Losses, tuned: Losses, *, train: int = 40, new: int = 40) -> dict[str, Finding]:
    found = autopsy_model(base, tuned, train=rows("train", train), held_out=rows("new", new))
    return {f.code: f for f in found}


def test_what_is_known_by_heart_is_told_from_what_was_learnt() -> None:
    base = Losses(3.0, 3.0, 2.0)
    assert ask(base, Losses(0.4, 2.8, 2.0))["T02"].status == "found"
    learnt = ask(base, Losses(1.5, 1.5, 2.0))["T02"]
    assert learnt.status == "clear"
    assert learnt.estimate is not None
    assert abs(learnt.estimate.value) < 0.05
    # Rows that were easy before do not count as memorised.
    assert ask(Losses(1.0, 3.0, 2.0), Losses(0.5, 2.5, 2.0))["T02"].status == "clear"


def test_forgetting_and_a_gain_over_the_prompted_base() -> None:
    base = Losses(3.0, 3.0, 2.0, shots=0.5)
    good = ask(base, Losses(2.0, 2.0, 2.02))
    assert (good["T04"].status, good["T05"].status) == ("clear", "clear")
    bad = ask(base, Losses(2.9, 2.9, 2.6))
    assert (bad["T04"].status, bad["T05"].status, bad["T05"].blocking) == ("found", "found", True)
    assert "30" in bad["T04"].why


def test_without_rows_it_says_what_is_needed() -> None:
    found = ask(Losses(3, 3, 2), Losses(2, 2, 2), train=0, new=3)
    assert (found["T02"].status, found["T05"].status) == ("unchecked", "unchecked")
    assert "--data, --eval" in found["T02"].why
    assert found["T04"].status == "clear"


def test_the_general_set_has_questions_and_passages() -> None:
    prompts = [p[0].content for p, _ in general()]
    assert sum(p.startswith("Continue this text") for p in prompts) >= 8
    assert len(prompts) >= 24
    assert all(answer for _, answer in general())


@pytest.mark.slow
def test_a_real_fine_tune_that_knows_its_rows_by_heart(tmp_path: Path) -> None:
    """Twelve rows, forty epochs, random answers: nothing can be learnt but the rows themselves."""
    folder, data, held_out = fine_tune(tmp_path, epochs=40)
    found = CliRunner().invoke(
        app,
        [
            "autopsy",
            str(folder / "out"),
            "--base",
            str(folder / "base"),
            "--data",
            str(data),
            "--eval",
            str(held_out),
            "--json",
        ],
    )
    assert found.exit_code in (0, 3), found.output
    said = json.loads(found.stdout)["result"]["findings"]
    by = {f["code"]: f for f in said}
    assert by["T01"]["status"] == "found"
    assert "stopped too late" in by["T01"]["why"]
    assert by["T02"]["status"] == "found"
    assert "memorised" in by["T02"]["why"]
    assert by["T04"]["estimate"]["n"] >= 24
    assert by["T05"]["estimate"] is not None
    assert by["T07"]["status"] == "clear"
    assert by["D11"]["status"] == "found"  # one held-out row was trained on


def fine_tune(tmp_path: Path, *, epochs: int) -> tuple[Path, Path, Path]:
    """A LoRA adapter made by transformers' Trainer on a tiny model, as anybody would make one."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments

    from tunewell.testing.tiny import tiny_model_folder

    base = tiny_model_folder(tmp_path / "base", hidden=64)
    rng = random.Random(0)
    words = [
        "alder",
        "birch",
        "cedar",
        "dogwood",
        "elm",
        "fir",
        "ginkgo",
        "hazel",
        "ivy",
        "juniper",
    ]

    def row(i: int) -> dict[str, Any]:
        answer = " ".join(rng.choice(words) for _ in range(6))
        question = f"What is the code of case {i}, filed in {rng.choice(words)}?"
        return {
            "messages": [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ]
        }

    train, new = [row(i) for i in range(12)], [row(i) for i in range(100, 130)]
    new.append(train[0])
    data, held_out = tmp_path / "train.jsonl", tmp_path / "eval.jsonl"
    for path, made in ((data, train), (held_out, new)):
        path.write_text("\n".join(map(json.dumps, made)), encoding="utf-8")
    tokenizer = AutoTokenizer.from_pretrained(base)

    def coded(made: list[dict[str, Any]]) -> list[dict[str, Any]]:
        out = []
        for r in made:
            ids = tokenizer(tokenizer.apply_chat_template(r["messages"], tokenize=False))[
                "input_ids"
            ]
            start = len(
                tokenizer(
                    tokenizer.apply_chat_template(
                        r["messages"][:1], tokenize=False, add_generation_prompt=True
                    )
                )["input_ids"]
            )
            out.append({"input_ids": ids, "labels": [-100] * start + ids[start:]})
        return out

    def collate(batch: list[dict[str, Any]]) -> dict[str, Any]:
        longest = max(len(b["input_ids"]) for b in batch)
        padded = {
            key: torch.tensor([b[key] + [fill] * (longest - len(b[key])) for b in batch])
            for key, fill in (("input_ids", 2), ("labels", -100))
        }
        lengths = torch.tensor([len(b["input_ids"]) for b in batch])
        return {**padded, "attention_mask": (torch.arange(longest)[None] < lengths[:, None]).long()}

    torch.manual_seed(0)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base),
        LoraConfig(
            r=16,
            lora_alpha=64,
            target_modules=["q_proj", "v_proj", "up_proj", "down_proj"],
            task_type="CAUSAL_LM",
        ),
    )
    arguments = TrainingArguments(
        output_dir=str(tmp_path / "out"),
        num_train_epochs=epochs,
        per_device_train_batch_size=4,
        learning_rate=2e-2,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        logging_strategy="epoch",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        seed=0,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=coded(train),
        eval_dataset=coded(new[:-1]),
        data_collator=collate,
    )
    trainer.train()
    return tmp_path, data, held_out
