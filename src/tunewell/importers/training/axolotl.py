"""Axolotl configurations.

Source: the examples of axolotl-ai-cloud/axolotl (Apache-2.0) and its configuration reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tunewell.importers.blueprint import Blueprint, slug
from tunewell.importers.plain_values import listed, mapping, mappings, text
from tunewell.importers.source_keys import SourceKeys
from tunewell.importers.training import datasets, recipe
from tunewell.importers.training.reasons import COMMON, FULL, MEDIA, OBJECTIVE, TOKENS

TOKENS_OF_A_ROW: Final = 2048
"""What Axolotl takes where ``sequence_len`` is not given."""

READERS: Final = ("json", "csv", "parquet", "text")
PREFERENCES: Final = ("dpo", "ipo", "orpo", "simpo", "kto")
REASONS: Final = {
    **COMMON,
    "sequence_parallel*": "it decides how processes share the work",
    "neftune_noise_alpha": "it is no number",
    "datasets.*.type*": "how a row is laid out is told by its columns",
    "datasets.*.split": "take that part of the data set when you fetch it",
    "datasets.*.name": "take that configuration of the data set when you fetch it",
    "datasets.*.ds_type": "the kind of file is told by its content",
    "datasets.*.data_files": "take those files when you fetch the data set",
    "datasets.*.roles*": "roles are known by their usual names; others: fields.roles",
    "datasets.*.chat_template*": TOKENS,
    "datasets.*.train_on_eos*": "the end of every learned answer is learned",
    "datasets.*.train_on_eot*": "the end of every learned answer is learned",
    "datasets.*.roles_to_train": "the answers of the assistant are learned",
    "datasets.*.message_field_training*": "a turn's own weight counts (0 = context only)",
    "datasets.*.drop_system_message": "system turns stay; drop their column to lose them",
    "datasets.*.*thinking*": "a turn's reasoning is read by its usual names",
    "datasets.*.shards*": "rows are drawn by seed: data.limit",
    "datasets.*.preprocess_shards": "rows are drawn by seed: data.limit",
    "datasets.*.step_separator": OBJECTIVE,
    "datasets.*.max_completion_length": OBJECTIVE,
    "datasets.*.train_on_last_step_only": OBJECTIVE,
    "datasets.*.trust_remote_code": "code of a data set is never run",
    "datasets.*.revision": "take that revision when you fetch the data set",
    "datasets.*": "it decides how Axolotl lays out a row; rows are read by their columns here",
    "freeze_mm_modules": MEDIA,
    "cls_model_config": TOKENS,
    "*eaft*": OBJECTIVE,
    "device_map*": "it decides how processes share the work",
    "do_causal_lm_eval": "held-out rows are evaluated on the task's own metrics",
    "max_memory*": "it decides how processes share the work",
    "adapter": FULL,
}


def is_axolotl(value: Mapping[str, Any]) -> bool:
    """Whether a configuration is one of Axolotl's."""
    return "base_model" in value and not value.keys() & {"model_name_or_path", "functions"}


def read_axolotl(value: Mapping[str, Any], path: Path, project: Path) -> Blueprint:
    """A project from an Axolotl configuration.

    Args:
        value: The configuration.
        path: Its file.
        project: The folder of the project to be.
    """
    plan = Blueprint(name=slug(path.stem), about="")
    keys = SourceKeys(value)
    recipe.take_model(plan, keys, "base_model")
    tokens = int(recipe.number(keys.get("sequence_len")) or TOKENS_OF_A_ROW)
    plan.fit(keys, "sequence_len", "train.max_tokens", why="longer rows are left out, never cut")
    _numbers(plan, keys)
    recipe.take_batch(
        plan,
        keys,
        rows=("micro_batch_size", "gradient_accumulation_steps", "batch_size"),
        tokens=tokens,
    )
    _objective(plan, keys)
    _data(plan, keys, path, project)
    _held_out(plan, keys, path, project)
    plan.lines = keys.finish(REASONS)
    return plan


def _numbers(plan: Blueprint, keys: SourceKeys) -> None:
    """The recipe's numbers that mean the same here."""
    plan.fit(keys, "lora_r", "train.rank")
    plan.fit(keys, "lora_alpha", "train.alpha")
    plan.fit(keys, "lora_dropout", "train.dropout")
    recipe.take_targets(plan, keys, "lora_target_modules")
    if keys.get("lora_target_linear"):
        keys.carry("lora_target_linear", "train.targets", "all linear maps is the default")
    else:
        keys.leave("lora_target_linear", "train.targets says which maps carry adapters")
    plan.fit(keys, "learning_rate", "train.rate")
    plan.fit(keys, "weight_decay", "train.weight_decay")
    plan.fit(keys, "warmup_ratio", "train.warmup")
    plan.fit(keys, "neftune_noise_alpha", "train.noise")
    plan.fit(keys, "noisy_embedding_alpha", "train.noise")
    plan.fit(keys, "label_smoothing_factor", "train.label_smoothing")
    plan.fit(keys, "seed", "train.seed")
    plan.fit(
        keys,
        "early_stopping_patience",
        "train.patience",
        why="in evaluations of the folds",
    )
    recipe.take_epochs(plan, keys, "num_epochs")
    recipe.take_steps(keys, "max_steps")
    if keys.has("warmup_steps"):
        keys.leave("warmup_steps", "train.warmup is a share of the steps, 6 % if not set")
    recipe.take_adapter(plan, keys, "adapter", plain=("lora", "qlora"))


def _objective(plan: Blueprint, keys: SourceKeys) -> None:
    """What was learned: answers, preferences, or something that Tunewell does not train."""
    method = str(keys.get("rl") or "")
    if method in PREFERENCES:
        keys.change("rl", "train.preferences", f"{OBJECTIVE}: the chosen answers are learned")
        plan.set("train", "preferences", "chosen")
    elif method:
        plan.notes.append(
            f"Your configuration trained by reinforcement ({method}); this project fine-tunes on "
            "the answers of the rows instead."
        )
    if keys.get("train_on_inputs") is True:
        keys.change("train_on_inputs", "train", "only answers are learned, never questions")
        plan.notes.append(
            "Your configuration also learned the questions (train_on_inputs). This project learns "
            "only the answers."
        )
    elif keys.has("train_on_inputs"):
        keys.carry("train_on_inputs", "train", "only answers are learned")


def _data(plan: Blueprint, keys: SourceKeys, path: Path, project: Path) -> None:
    """The data sets, each with the columns that the configuration names."""
    for number, entry in enumerate(listed(keys.get("datasets"))):
        if text(entry) or text(mapping(entry).get("path")):
            _source(plan, keys, f"datasets.{number}", path, project)
        else:
            keys.leave(f"datasets.{number}", "a data set is named by its path")
    if not plan.data:
        pretraining = keys.get("pretraining_dataset")
        why = "it names texts to pre-train on" if pretraining else "it names no data"
        datasets.without_data(plan, f"There are no rows in your configuration ({why}).")


def _source(
    plan: Blueprint,
    keys: SourceKeys,
    place: str,
    path: Path,
    project: Path,
    *,
    role: str = "train",
) -> None:
    """One data set of the configuration as an entry of ``data``."""
    entry = mapping(keys.get(place))
    at = f"{place}." if entry else ""
    name = text(entry.get("path")) or str(keys.get(place))
    found = datasets.data_path(
        plan,
        _file_of(entry, path.parent) or name,
        beside=path.parent,
        project=project,
        split=text(entry.get("split")),
    )
    keys.carry(f"{at}path" if at else place, f"data: {found}")
    columns = _columns(keys, at) if at else {}
    datasets.add_source(plan, found, fields=columns, role=role)


def _file_of(entry: Mapping[str, Any], folder: Path) -> str:
    """The file of a data set whose path only says how it is read (``json``); else nothing."""
    files = entry.get("data_files")
    first = text(files) or text(next(iter(listed(files)), ""))
    path = text(entry.get("path"))
    return first if path in READERS and not (folder / path).is_dir() else ""


def _columns(keys: SourceKeys, at: str) -> dict[str, Any]:
    """The columns that an entry names, by our names for them."""
    named = {
        "field_messages": "messages",
        "message_property_mappings.role": "role",
        "message_property_mappings.content": "content",
        "message_field_role": "role",
        "message_field_content": "content",
        "field_system": "system",
        "field_instruction": "input",
        "field_input": "context",
        "field_output": "target",
        "field_chosen": "target",
        "field_rejected": "rejected",
        "field_tools": "tools",
        "field": "input",
        "type.field_instruction": "input",
        "type.field_input": "context",
        "type.field_output": "target",
        "type.field_system": "system",
    }
    found: dict[str, Any] = {}
    for theirs, ours in named.items():
        column = keys.get(f"{at}{theirs}")
        if not isinstance(column, str) or not column or ours in found:
            continue
        keys.carry(f"{at}{theirs}", f"data.fields.{ours}")
        found[ours] = column
    if "messages" not in found and {"role", "content"} & found.keys():
        found["messages"] = "messages"
    return found


def _held_out(plan: Blueprint, keys: SourceKeys, path: Path, project: Path) -> None:
    """What was held out, and a note where that was nothing."""
    for number, entry in mappings(keys.get("test_datasets")):
        if text(entry.get("path")):
            _source(plan, keys, f"test_datasets.{number}", path, project, role="test")
    has_tests = any(entry.get("role") == "test" for entry in plan.data)
    held_out = recipe.take_held_out(plan, keys, "val_set_size")
    if has_tests:
        plan.sections.pop("split", None)
    elif not held_out:
        plan.hold_out()
