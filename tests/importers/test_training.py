"""Axolotl, LLaMA-Factory, TRL and OpenAI's jobs: what a run was becomes what a project is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import ignored, made, write
from tunewell.errors import DataError
from tunewell.importers.blueprint import HELD_OUT_NOTHING

ROWS = [{"instruction": f"Question {n}?", "output": f"Answer {n}."} for n in range(4)]

AXOLOTL: dict[str, Any] = {
    "base_model": "NousResearch/Llama-3.2-1B",
    "datasets": [
        {
            "path": "rows.jsonl",
            "type": "chat_template",
            "field_messages": "conversations",
            "message_property_mappings": {"role": "from", "content": "value"},
        },
        {"path": "tatsu-lab/alpaca", "type": "alpaca", "split": "train[:10%]"},
    ],
    "val_set_size": 0.1,
    "sequence_len": 2048,
    "adapter": "qlora",
    "lora_r": 32,
    "lora_alpha": 16,
    "lora_dropout": 0.05,
    "lora_target_modules": ["q_proj", "v_proj", "c_attn"],
    "micro_batch_size": 2,
    "gradient_accumulation_steps": 4,
    "num_epochs": 2.5,
    "learning_rate": "2e-5",
    "warmup_ratio": 0.1,
    "weight_decay": 0.0,
    "wandb_project": None,
    "flux_capacitor": True,
    "special_tokens": {"pad_token": "</s>"},
}


def test_an_axolotl_configuration(tmp_path: Path) -> None:
    write(tmp_path / "theirs" / "rows.jsonl", ROWS)
    source = write(tmp_path / "theirs" / "config.yml", AXOLOTL)
    found = made(source, tmp_path / "ours")
    recipe = found.file.spec.train
    assert (recipe.model, recipe.rank, recipe.alpha) == ("NousResearch/Llama-3.2-1B", 32, 16.0)
    assert (recipe.rate, recipe.epochs, recipe.max_tokens) == (2e-5, 2, 2048)
    assert recipe.targets == ("q_proj", "v_proj")
    assert recipe.tokens_per_batch == 8192
    assert found.file.spec.split.test == 0.1

    here, hub = found.file.spec.data
    assert here.path == "../theirs/rows.jsonl"
    assert (here.fields.messages, here.fields.role, here.fields.content) == (
        "conversations",
        "from",
        "value",
    )
    assert hub.path == "data/tatsu-lab-alpaca"
    assert any("hf download tatsu-lab/alpaca" in step for step in found.result.todo)

    assert ignored(source, found.result) == []
    assert found.line("num_epochs")[0] == "changed"
    assert found.line("lora_target_modules")[0] == "changed"
    assert "c_attn" in found.why("lora_target_modules")
    assert found.why("flux_capacitor") == "Tunewell does not know this key"
    assert not any(HELD_OUT_NOTHING in note for note in found.result.notes)


@pytest.mark.parametrize("size", [0, 0.0, None, "absent"])
def test_a_configuration_that_held_out_nothing_is_told_so(tmp_path: Path, size: Any) -> None:
    config = {**AXOLOTL, "val_set_size": size}
    if size == "absent":
        del config["val_set_size"]
    found = made(write(tmp_path / "c.yml", config), tmp_path / "p")
    assert sum(HELD_OUT_NOTHING in note for note in found.result.notes) == 1
    assert found.file.spec.split.test == 0.2
    assert HELD_OUT_NOTHING in (tmp_path / "p" / "IMPORT.md").read_text(encoding="utf-8")


def test_test_datasets_are_a_test_set(tmp_path: Path) -> None:
    write(tmp_path / "held.jsonl", ROWS)
    config = {**AXOLOTL, "val_set_size": 0, "test_datasets": [{"path": "held.jsonl"}]}
    found = made(write(tmp_path / "c.yml", config), tmp_path / "p")
    assert [source.role for source in found.file.spec.data] == ["train", "train", "test"]
    assert not any(HELD_OUT_NOTHING in note for note in found.result.notes)


def test_other_objectives_are_said(tmp_path: Path) -> None:
    dpo = made(write(tmp_path / "a.yml", {**AXOLOTL, "rl": "dpo"}), tmp_path / "dpo")
    assert dpo.file.spec.train.preferences == "chosen"
    grpo = made(write(tmp_path / "b.yml", {**AXOLOTL, "rl": "grpo"}), tmp_path / "grpo")
    assert any("reinforcement (grpo)" in note for note in grpo.result.notes)
    full = {key: value for key, value in AXOLOTL.items() if key != "adapter"}
    whole = made(write(tmp_path / "c.yml", full), tmp_path / "full")
    assert any("did not train plain LoRA" in note for note in whole.result.notes)


LLAMA_FACTORY: dict[str, Any] = {
    "model_name_or_path": "Qwen/Qwen3-4B",
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "lora",
    "lora_rank": 8,
    "lora_target": "all",
    "dataset": "mine,hubbed",
    "template": "qwen3",
    "cutoff_len": 512,
    "max_samples": 1000,
    "learning_rate": 1.0e-4,
    "num_train_epochs": 3.0,
    "per_device_train_batch_size": 1,
    "gradient_accumulation_steps": 8,
    "bf16": True,
}
CATALOGUE: dict[str, Any] = {
    "mine": {
        "file_name": "mine.json",
        "formatting": "sharegpt",
        "columns": {"messages": "conversations", "system": "sys", "images": "images"},
        "tags": {"role_tag": "who", "content_tag": "what", "user_tag": "human"},
    },
    "hubbed": {"hf_hub_url": "org/name", "split": "train", "num_samples": 50, "odd": 1},
}


def test_a_llama_factory_configuration_with_its_catalogue(tmp_path: Path) -> None:
    write(tmp_path / "theirs" / "data" / "dataset_info.json", CATALOGUE)
    write(tmp_path / "theirs" / "data" / "mine.json", ROWS)
    source = write(tmp_path / "theirs" / "examples" / "sft.yaml", LLAMA_FACTORY)
    found = made(source, tmp_path / "ours")
    assert found.file.spec.train.alpha == 16.0
    mine, hubbed = found.file.spec.data
    assert mine.path == "../theirs/data/mine.json"
    assert (mine.fields.messages, mine.fields.role, mine.fields.content) == (
        "conversations",
        "who",
        "what",
    )
    assert (mine.limit, hubbed.limit, hubbed.path) == (1000, 50, "data/org-name")
    assert ignored(source, found.result) == []
    assert found.line("dataset_info.json mine: columns.images")[0] == "not carried over"
    assert found.why("dataset_info.json hubbed: odd") == "Tunewell does not know this key"
    assert any(HELD_OUT_NOTHING in note for note in found.result.notes)


def test_a_llama_factory_configuration_that_evaluates(tmp_path: Path) -> None:
    config = {**LLAMA_FACTORY, "eval_dataset": "hubbed", "dataset": "mine"}
    write(tmp_path / "data" / "dataset_info.json", CATALOGUE)
    found = made(write(tmp_path / "c.yaml", config), tmp_path / "p")
    assert [source.role for source in found.file.spec.data] == ["train", "test"]
    share = made(write(tmp_path / "d.yaml", {**LLAMA_FACTORY, "val_size": 0.1}), tmp_path / "q")
    assert share.file.spec.split.test == 0.1


TRL: dict[str, Any] = {
    "model_name_or_path": "Qwen/Qwen2.5-0.5B",
    "dataset_name": "trl-lib/Capybara",
    "dataset_test_split": "test",
    "learning_rate": 2.0e-4,
    "num_train_epochs": 1,
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 8,
    "max_length": 2048,
    "packing": True,
    "use_peft": True,
    "lora_r": 32,
    "lora_alpha": 16,
}


def test_a_trl_configuration(tmp_path: Path) -> None:
    source = write(tmp_path / "c.yaml", TRL)
    found = made(source, tmp_path / "p")
    assert (found.file.spec.train.rank, found.file.spec.train.max_tokens) == (32, 2048)
    assert found.file.spec.data[0].path == "data/trl-lib-Capybara"
    assert found.why("dataset_test_split") == "it was named, but eval_strategy is 'no'"
    assert any(HELD_OUT_NOTHING in note for note in found.result.notes)
    assert ignored(source, found.result) == []
    evaluates = made(write(tmp_path / "d.yaml", {**TRL, "eval_strategy": "steps"}), tmp_path / "q")
    assert not any(HELD_OUT_NOTHING in note for note in evaluates.result.notes)


def test_mixtures_of_trl(tmp_path: Path) -> None:
    base = {key: value for key, value in TRL.items() if key != "dataset_name"}
    mixtures: list[dict[str, Any]] = [
        {"datasets": [{"path": "a/b"}, {"path": "c/d", "split": "train"}]},
        {"dataset_mixer": {"a/b": 0.5, "c/d": 1.0}},
        {"dataset_mixture": {"datasets": [{"id": "a/b"}, {"id": "c/d"}]}},
    ]
    for number, more in enumerate(mixtures):
        source = write(tmp_path / f"{number}.yaml", {**base, **more})
        found = made(source, tmp_path / f"p{number}")
        assert [each.path for each in found.file.spec.data] == ["data/a-b", "data/c-d"]
        assert ignored(source, found.result) == []


JOB: dict[str, Any] = {
    "object": "fine_tuning.job",
    "id": "ftjob-1",
    "model": "gpt-4o-mini-2024-07-18",
    "created_at": 1,
    "fine_tuned_model": "ft:gpt-4o-mini:acme::1",
    "organization_id": "org-1",
    "result_files": ["file-res"],
    "status": "succeeded",
    "validation_file": None,
    "training_file": "file-abc",
    "hyperparameters": {"n_epochs": 3, "batch_size": "auto", "learning_rate_multiplier": 1.8},
    "trained_tokens": 5768,
    "seed": 42,
    "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}},
}


def test_an_openai_job(tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}]
    write(tmp_path / "files" / "file-abc.jsonl", rows)
    source = write(tmp_path / "job.json", JOB)
    found = made(source, tmp_path / "p", data=tmp_path / "files")
    assert (found.file.spec.train.epochs, found.file.spec.train.seed) == (3, 42)
    assert found.file.spec.data[0].path == "../files/file-abc.jsonl"
    arm = found.file.spec.evaluate.arms[0]
    assert (arm.name, arm.model) == ("production", "ft:gpt-4o-mini:acme::1")
    assert any(HELD_OUT_NOTHING in note for note in found.result.notes)
    assert ignored(source, found.result) == []
    assert len(found.rows()) == 1

    elsewhere = made(source, tmp_path / "q")
    assert any("curl https://api.openai.com/v1/files/file-abc" in t for t in elsewhere.result.todo)


def test_jobs_as_a_list_need_a_name(tmp_path: Path) -> None:
    other = {**JOB, "id": "ftjob-2", "seed": 7}
    source = write(tmp_path / "jobs.json", {"object": "list", "data": [JOB, other]})
    with pytest.raises(Exception, match="ftjob-1, ftjob-2"):
        made(source, tmp_path / "p")
    assert made(source, tmp_path / "p", only="ftjob-2").file.spec.train.seed == 7


def test_a_job_by_reinforcement_brings_its_grader(tmp_path: Path) -> None:
    grader = {
        "type": "string_check",
        "name": "right",
        "operation": "eq",
        "input": "{{sample.output_text}}",
        "reference": "{{item.answer}}",
    }
    method = {"type": "reinforcement", "reinforcement": {"grader": grader}}
    found = made(write(tmp_path / "j.json", {**JOB, "method": method}), tmp_path / "p")
    assert [metric.name for metric in found.file.spec.metrics] == ["right"]


def test_a_training_file_alone(tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}]
    found = made(write(tmp_path / "train.jsonl", rows), tmp_path / "p")
    assert found.file.spec.data[0].path == "../train.jsonl"
    assert any(HELD_OUT_NOTHING in note for note in found.result.notes)


def test_results_lead_to_the_autopsy(tmp_path: Path) -> None:
    source = write(tmp_path / "results.csv", "step,train_loss,valid_loss\n1,2.0,\n")
    with pytest.raises(DataError, match="loss curve") as caught:
        made(source, tmp_path / "p")
    assert "tunewell autopsy" in caught.value.hint
