"""LLaMA-Factory configurations, with the ``dataset_info.json`` that says what their data sets are.

Source: the examples and the data guide of hiyouga/LLaMA-Factory (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tunewell.errors import UserError
from tunewell.importers.blueprint import Blueprint, slug
from tunewell.importers.plain_values import listed, mapping
from tunewell.importers.source_files import read_value
from tunewell.importers.source_keys import ImportLine, SourceKeys
from tunewell.importers.training import datasets, recipe
from tunewell.importers.training.reasons import COMMON, MEDIA, NOT_TRAINING, OBJECTIVE

TOKENS_OF_A_ROW: Final = 2048
CATALOGUE: Final = "dataset_info.json"
OWN_KEYS: Final = frozenset(
    {"stage", "finetuning_type", "template", "cutoff_len", "dataset_dir", "infer_backend"}
    | {"export_dir", "do_train", "preprocessing_num_workers"}
)
"""Keys that tell such a configuration from one of TRL."""
KEYS_OF_TRL: Final = frozenset({"dataset_name", "dataset_mixer", "dataset_mixture", "use_peft"})
OWN_KEYS_OF_NEW: Final = frozenset(
    {"train_dataset", "model_class", "sample_backend", "peft_config", "dist_config", "init_config"}
)
"""Keys of the configurations of its version 1, whose model is called ``model``."""
PREFERENCES: Final = ("dpo", "kto", "orpo", "simpo", "rm")
REASONS: Final = {
    **COMMON,
    "do_*": NOT_TRAINING,
    "model_class": "a language model",
    "max_new_tokens": "evaluate.max_new_tokens takes no such value",
    "val_size": "it is no share or number",
    "mix_strategy": "rows of all data sets are drawn by seed",
    "interleave_probs": "rows of all data sets are drawn by seed",
    "adapter_name_or_path": "a trained adapter is a contender: evaluate.arms with adapter: FOLDER",
    "peft_config.adapter_name_or_path": "a contender: evaluate.arms with adapter: FOLDER",
    "peft_config.export*": "`tunewell export` writes the merged model or a GGUF file",
    "peft_config*": "adapters are plain LoRA",
    "micro_batch_size": "a step is counted in tokens",
    "batching_strategy": "rows are batched by length",
    "double_quantization": "the base model is not quantised here",
}
REASONS_OF_ENTRIES: Final = {
    "columns.images": MEDIA,
    "columns.videos": MEDIA,
    "columns.audios": MEDIA,
    "tags.*": "roles are known by their usual names; others: data.fields.roles",
    "formatting": "how a row is laid out is told by its columns",
    "ranking": OBJECTIVE,
    "split": "take that part of the data set when you fetch it",
    "subset": "take that configuration of the data set when you fetch it",
    "folder": "take that folder of the data set when you fetch it",
    "*hub_url": "another hub with the same rows",
    "script_url": "code of a data set is never run",
    "cloud_file_name": "fetch the file, and name it as data.path",
    "load_from": "rows are read from files",
    "columns.*": "it has no counterpart among data.fields",
}


def is_llama_factory(value: Mapping[str, Any]) -> bool:
    """Whether a configuration is one of LLaMA-Factory's."""
    if "model_name_or_path" in value:
        return bool(OWN_KEYS & value.keys()) and not KEYS_OF_TRL & value.keys()
    return "model" in value and bool(OWN_KEYS_OF_NEW & value.keys())


def read_llama_factory(value: Mapping[str, Any], path: Path, project: Path) -> Blueprint:
    """A project from a LLaMA-Factory configuration.

    Args:
        value: The configuration.
        path: Its file.
        project: The folder of the project to be.
    """
    plan = Blueprint(name=slug(path.stem), about="")
    keys = SourceKeys(value)
    recipe.take_model(
        plan, keys, "model_name_or_path" if keys.has("model_name_or_path") else "model"
    )
    tokens = int(recipe.number(keys.get("cutoff_len")) or TOKENS_OF_A_ROW)
    plan.fit(
        keys,
        "cutoff_len",
        "train.max_tokens",
        why="longer rows are left out, never cut",
    )
    _numbers(plan, keys)
    recipe.take_batch(
        plan,
        keys,
        rows=("per_device_train_batch_size", "micro_batch_size", "gradient_accumulation_steps"),
        tokens=tokens,
    )
    _method(plan, keys)
    _stage(plan, keys)
    catalogue = _Catalogue.near(keys, path, project)
    _data(plan, keys, catalogue)
    plan.lines = [*keys.finish(REASONS), *catalogue.lines]
    return plan


def _numbers(plan: Blueprint, keys: SourceKeys) -> None:
    """The recipe's numbers that mean the same here."""
    for theirs, ours in (
        ("lora_rank", "rank"),
        ("peft_config.r", "rank"),
        ("lora_alpha", "alpha"),
        ("peft_config.lora_alpha", "alpha"),
        ("lora_dropout", "dropout"),
        ("peft_config.lora_dropout", "dropout"),
        ("learning_rate", "rate"),
        ("weight_decay", "weight_decay"),
        ("warmup_ratio", "warmup"),
        ("neftune_noise_alpha", "noise"),
        ("label_smoothing_factor", "label_smoothing"),
        ("seed", "seed"),
    ):
        plan.fit(keys, theirs, f"train.{ours}")
    has_alpha = keys.has("lora_alpha") or keys.has("peft_config.lora_alpha")
    rank = plan.sections.get("train", {}).get("rank")
    if rank and not has_alpha:
        plan.set("train", "alpha", 2.0 * rank)
        plan.notes.append(
            f"lora_alpha was not set: LLaMA-Factory takes twice the rank, so train.alpha is "
            f"{2 * rank}."
        )
    recipe.take_targets(plan, keys, "lora_target")
    recipe.take_targets(plan, keys, "peft_config.target_modules")
    plan.fit(keys, "max_new_tokens", "evaluate.max_new_tokens")
    recipe.take_epochs(plan, keys, "num_train_epochs")
    recipe.take_steps(keys, "max_steps")
    if keys.has("warmup_steps"):
        keys.leave("warmup_steps", "train.warmup is a share of the steps, 6 % if not set")


def _method(plan: Blueprint, keys: SourceKeys) -> None:
    if keys.has("peft_config"):
        recipe.take_adapter(plan, keys, "peft_config.name", plain=("lora",))
    elif keys.has("finetuning_type"):
        recipe.take_adapter(plan, keys, "finetuning_type", plain=("lora",))


def _stage(plan: Blueprint, keys: SourceKeys) -> None:
    """What was learned."""
    stage = str(keys.get("stage") or "")
    if stage == "sft":
        keys.carry("stage", "train", "answers are learned")
    elif stage in PREFERENCES:
        keys.change("stage", "train.preferences", f"{OBJECTIVE}: the chosen answers are learned")
        plan.set("train", "preferences", "chosen")
    elif stage:
        keys.leave("stage", OBJECTIVE)
        plan.notes.append(
            f"Your configuration is of the stage {stage!r}; this project fine-tunes on the answers "
            "of the rows instead."
        )
    if keys.get("train_on_prompt") is True:
        keys.change("train_on_prompt", "train", "only answers are learned, never questions")


def _data(plan: Blueprint, keys: SourceKeys, catalogue: _Catalogue) -> None:
    """The data sets by the names that the catalogue explains, and what was held out."""
    limit = int(recipe.number(keys.get("max_samples")) or 0)
    for key in ("dataset", "train_dataset"):
        for name in _names(keys.get(key)):
            catalogue.add(plan, name, limit=limit)
        keys.carry(key, "data")
    keys.carry("max_samples", "data.limit", "of each data set")
    keys.carry("dataset_dir", "data")
    trains = bool(plan.data)

    tests = list(_names(keys.get("eval_dataset")))
    for name in tests:
        catalogue.add(plan, name, limit=limit, role="test")
    keys.carry("eval_dataset", "data", "held out")
    share = keys.has("val_size") and recipe.take_held_out(plan, keys, "val_size")
    if not plan.data:
        datasets.without_data(plan, "There are no rows in your configuration.")
    elif trains and not tests and not share:
        plan.hold_out()


def _names(value: Any) -> Iterator[str]:
    """Names between commas, or of a list."""
    names = value.split(",") if isinstance(value, str) else value
    for name in listed(names):
        if isinstance(name, str) and name.strip():
            yield name.strip()


class _Catalogue:
    """What ``dataset_info.json`` says of the data sets of a configuration."""

    def __init__(self, entries: Mapping[str, Any], folder: Path, project: Path) -> None:
        self.entries = entries
        self.folder = folder
        self.project = project
        self.lines: list[ImportLine] = []

    @classmethod
    def near(cls, keys: SourceKeys, path: Path, project: Path) -> _Catalogue:
        """The catalogue beside a configuration, in the folder that it names, or above it."""
        named = keys.get("dataset_dir")
        names = [named] if isinstance(named, str) else []
        for folder in (path.parent, *list(path.resolve().parents)[:4]):
            for name in (*names, "data", "."):
                found = folder / name / CATALOGUE
                if found.is_file():
                    entries = read_value(found)
                    if not isinstance(entries, Mapping):
                        raise UserError("must be a mapping of data sets", place=str(found))
                    return cls(entries, found.parent, project)
        return cls({}, path.parent, project)

    def add(self, plan: Blueprint, name: str, *, limit: int, role: str = "train") -> None:
        """Add a data set to a project."""
        if name.endswith((".yaml", ".yml")):
            self._add_list(plan, name, limit=limit, role=role)
            return
        entry = self.entries.get(name)
        if not isinstance(entry, Mapping):
            place = datasets.data_path(plan, name, beside=self.folder, project=self.project)
            if not self.entries:
                plan.notes.append(
                    f"{CATALOGUE} is not near your configuration: what {name!r} is, and how its "
                    "columns are called, is not known."
                )
            datasets.add_source(plan, place, role=role, limit=limit)
            return
        self._add_entry(plan, entry, name, limit=limit, role=role)

    def _add_list(self, plan: Blueprint, name: str, *, limit: int, role: str) -> None:
        """The data sets of a list in a file of its own, as version 1 has them."""
        file = next(
            (f / name for f in (self.folder, *self.folder.parents) if (f / name).is_file()), None
        )
        if file is None:
            place = f"data/{Path(name).stem}"
            plan.todo.append(f"put the rows that {name} names into {place} (the list is not here)")
            datasets.add_source(plan, place, role=role, limit=limit)
            return
        entries = mapping(read_value(file))
        for each, entry in entries.items():
            if isinstance(entry, Mapping):
                self._add_entry(plan, entry, str(each), limit=limit, role=role)

    def _add_entry(
        self, plan: Blueprint, entry: Mapping[str, Any], name: str, *, limit: int, role: str
    ) -> None:
        keys = SourceKeys(entry, name=f"{CATALOGUE} {name}")
        place = name
        for key in ("file_name", "path", "hf_hub_url", "ms_hub_url"):
            if isinstance(entry.get(key), str):
                place = entry[key]
                keys.carry(key, "data.path")
                break
        fields = self._columns(keys)
        most = int(recipe.number(entry.get("num_samples")) or 0)
        if most:
            keys.carry("num_samples", "data.limit")
        found = datasets.data_path(
            plan,
            place,
            beside=self.folder,
            project=self.project,
            split=str(entry.get("split") or ""),
        )
        smaller = min(filter(None, (limit, most)), default=0)
        datasets.add_source(plan, found, fields=fields, role=role, limit=smaller)
        self.lines += keys.finish(REASONS_OF_ENTRIES)

    def _columns(self, keys: SourceKeys) -> dict[str, Any]:
        preference = bool(keys.get("ranking"))
        named = {
            "columns.prompt": "input",
            "columns.query": "context",
            "columns.response": "target",
            "columns.chosen": "target",
            "columns.rejected": "rejected",
            "columns.history": "history",
            "columns.messages": "messages",
            "columns.system": "system",
            "columns.tools": "tools",
            "columns.kto_tag": "label",
            "tags.role_tag": "role",
            "tags.content_tag": "content",
        }
        found: dict[str, Any] = {}
        for theirs, ours in named.items():
            column = keys.get(theirs)
            if isinstance(column, str) and column and ours not in found:
                keys.carry(theirs, f"data.fields.{ours}")
                found[ours] = column
        if preference:
            keys.change("ranking", "train.preferences", OBJECTIVE)
        return found
