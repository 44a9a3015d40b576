"""TRL's configurations (``trl sft --config``), and recipes in the manner of the alignment handbook.

Source: TRL's script arguments (``ScriptArguments``, ``SFTConfig``, ``ModelConfig``), version 1.16.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tunewell.importers.blueprint import Blueprint, slug
from tunewell.importers.plain_values import listed, mapping, text
from tunewell.importers.source_keys import SourceKeys
from tunewell.importers.training import datasets, recipe
from tunewell.importers.training.reasons import COMMON, OBJECTIVE

TOKENS_OF_A_ROW: Final = 1024
OWN_KEYS: Final = frozenset(
    {"dataset_name", "datasets", "dataset_mixer", "dataset_mixture", "use_peft"}
    | {"per_device_train_batch_size", "num_train_epochs", "max_length", "max_seq_length"}
)
REASONS: Final = {
    **COMMON,
    "dataset_num_proc": "it decides how fast rows are prepared",
    "dataset_config*": "take that configuration of the data set when you fetch it",
    "dataset_train_split": "take that part of the data set when you fetch it",
    "dataset_streaming": "rows are read once, and kept",
    "dataset_kwargs*": "rows are prepared as the base model's chat template says",
    "dataset_text_field": "columns are known by their usual names; others: data.fields",
    "datasets.*": "take that part of the data set when you fetch it",
    "dataset_mixture.datasets.*.columns": "columns that are not used are named in the report",
    "dataset_mixture.datasets.*.weight": "all rows of a data set count; data.limit bounds them",
    "dataset_mixture.datasets.*": "take that part of the data set when you fetch it",
    "dataset_mixture.seed": "rows are drawn by train.seed",
    "dataset_splits": "take that part of the data set when you fetch it",
    "average_tokens_across_devices": "it decides how processes share the work",
    "eos_token": "tokens are those of the base model",
    "pad_token": "tokens are those of the base model",
    "warmup_steps": "train.warmup is a share of the steps, 6 % if not set",
    "auto_insert_empty_system_msg": "rows stay as they are",
    "assistant_only_loss": "only answers are learned",
    "completion_only_loss": "only answers are learned",
    "lora_task_type": "a language model",
    "ignore_bias_buffers": "it decides how processes share the work",
    "reward_*": OBJECTIVE,
    "num_generations": OBJECTIVE,
    "max_completion_length": OBJECTIVE,
    "max_prompt_length": OBJECTIVE,
    "ref_model*": OBJECTIVE,
    "teacher_*": OBJECTIVE,
    "precompute_ref_log_probs": OBJECTIVE,
    "system_prompt": "it is no text",
    "hub_*": "nothing is uploaded",
    "benchmarks": "evaluate outputs of other tools: tunewell evaluate --predictions",
}


def is_trl(value: Mapping[str, Any]) -> bool:
    """Whether a configuration is one of TRL's."""
    return "model_name_or_path" in value and bool(OWN_KEYS & value.keys())


def read_trl(value: Mapping[str, Any], path: Path, project: Path) -> Blueprint:
    """A project from a TRL configuration.

    Args:
        value: The configuration.
        path: Its file.
        project: The folder of the project to be.
    """
    plan = Blueprint(name=slug(path.stem), about="")
    keys = SourceKeys(value)
    recipe.take_model(plan, keys, "model_name_or_path")
    tokens = TOKENS_OF_A_ROW
    for key in ("max_length", "max_seq_length"):
        tokens = int(recipe.number(keys.get(key)) or tokens)
        plan.fit(keys, key, "train.max_tokens", why="longer rows are left out, never cut")
    for theirs, ours in (
        ("lora_r", "rank"),
        ("lora_alpha", "alpha"),
        ("lora_dropout", "dropout"),
        ("learning_rate", "rate"),
        ("weight_decay", "weight_decay"),
        ("warmup_ratio", "warmup"),
        ("neftune_noise_alpha", "noise"),
        ("label_smoothing_factor", "label_smoothing"),
        ("seed", "seed"),
    ):
        plan.fit(keys, theirs, f"train.{ours}")
    recipe.take_targets(plan, keys, "lora_target_modules")
    recipe.take_epochs(plan, keys, "num_train_epochs")
    recipe.take_steps(keys, "max_steps")
    rows = ("per_device_train_batch_size", "gradient_accumulation_steps")
    recipe.take_batch(plan, keys, rows=rows, tokens=tokens)
    if isinstance(keys.get("system_prompt"), str):
        plan.instruction = str(keys.carry("system_prompt", "task.instruction"))
    _method(plan, keys)
    _data(plan, keys, path, project)
    _held_out(plan, keys)
    plan.lines = keys.finish(REASONS)
    return plan


def _method(plan: Blueprint, keys: SourceKeys) -> None:
    if keys.get("use_peft") is True:
        keys.carry("use_peft", "train", "adapters, LoRA")
    else:
        recipe.take_adapter(plan, keys, "use_peft", plain=())
    is_preference = any(keys.has(key) for key in ("beta", "loss_type", "ref_model"))
    if is_preference and not keys.has("reward_funcs"):
        plan.set("train", "preferences", "chosen")
        plan.notes.append(
            "Your configuration trains on preferences; this project learns the chosen answers "
            "(train.preferences)."
        )


def _data(plan: Blueprint, keys: SourceKeys, path: Path, project: Path) -> None:
    """The data sets, in each of the forms that TRL has had."""
    for key, name in _named(keys):
        place = datasets.data_path(plan, name, beside=path.parent, project=project)
        if key.startswith("dataset_mixer"):
            keys.change(key, f"data: {place}", "all rows of it, not a share")
        else:
            keys.carry(key, f"data: {place}")
        datasets.add_source(plan, place)
    if not plan.data:
        datasets.without_data(plan, "There are no rows in your configuration.")


def _named(keys: SourceKeys) -> Iterator[tuple[str, str]]:
    """The keys that name a data set, each with the name."""
    if text(keys.get("dataset_name")):
        yield "dataset_name", keys.get("dataset_name")
    for section in ("datasets", "dataset_mixture.datasets"):
        for number in range(len(listed(keys.get(section)))):
            yield from _name_of(keys, f"{section}.{number}")
    for name in mapping(keys.get("dataset_mixer")):
        yield f"dataset_mixer.{name}", str(name)


def _name_of(keys: SourceKeys, place: str) -> Iterator[tuple[str, str]]:
    """The name of a data set of a mixture."""
    for key in ("path", "id", "name"):
        name = text(keys.get(f"{place}.{key}"))
        if name:
            yield f"{place}.{key}", name
            return


def _held_out(plan: Blueprint, keys: SourceKeys) -> None:
    """TRL evaluates only where it is told to, on a part of the data set of its own."""
    mixed = "dataset_mixture.test_split_size"
    if keys.has(mixed) and recipe.take_held_out(plan, keys, mixed):
        return
    strategy = str(keys.get("eval_strategy", keys.get("evaluation_strategy", "no")))
    does = strategy not in {"no", "None", "False"} or keys.get("do_eval") is True
    part = keys.get("dataset_test_split") or "test"
    if does:
        plan.todo.append(
            f"if you fetch the part {part!r} of the data set, give it as a source with role: test"
        )
        plan.notes.append(
            f"Your configuration evaluates on the part {part!r} of its data set. Until that is a "
            "source with role: test, this project holds out rows of its own."
        )
        if keys.has("dataset_test_split"):
            keys.change("dataset_test_split", "data.role", "name the part as a source of its own")
        return
    if keys.has("dataset_test_split"):
        keys.leave("dataset_test_split", "it was named, but eval_strategy is 'no'")
    plan.hold_out()
