"""An adapter as the ecosystem reads it: PEFT's two files and a model card."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tunewell.types import Finding, Recipe

if TYPE_CHECKING:
    from tunewell.train.lora.adapted import Adapted

ON_CARD = frozenset(
    {
        "rank",
        "alpha",
        "dropout",
        "weight_decay",
        "label_smoothing",
        "noise",
        "replay",
        "rate",
        "epochs",
        "layers",
        "seed",
    }
)
"""Parts of a recipe that a card shows."""

PREFIX = "base_model.model."
"""Before the name of a map in PEFT's names of tensors."""

TITLE = "# LoRA adapter for "
LOADING = "## Loading"
LOAD_ADAPTER = (
    "from peft import PeftModel",
    'model = PeftModel.from_pretrained(base, "path/of/this/folder")',
)
LOAD_MERGED = (
    "from transformers import AutoModelForCausalLM",
    'model = AutoModelForCausalLM.from_pretrained("path/of/this/folder")',
)


def peft_files(
    adapted: Adapted,
    *,
    base: str,
    card: str,
) -> dict[str, bytes]:
    """The files of a PEFT folder, byte for byte the same for the same adapter.

    Args:
        adapted: One adapter.
        base: Name of the base model.
        card: Text of the model card.

    Returns:
        File name to content: ``adapter_config.json``, ``adapter_model.safetensors``, ``README.md``.
    """
    from safetensors.numpy import save

    tensors = adapted.bank.tensors(0)
    ordered = {name: tensors[name] for name in sorted(tensors)}
    config = json.dumps(_config(adapted, list(ordered), base), indent=2, sort_keys=True)
    return {
        "adapter_config.json": f"{config}\n".encode(),
        "adapter_model.safetensors": save(ordered, metadata={"format": "pt"}),
        "README.md": card.encode(),
    }


def _config(
    adapted: Adapted,
    tensors: Sequence[str],
    base: str,
) -> dict[str, Any]:
    """PEFT's settings; ``tensors`` by its names (``base_model.model.<map>.lora_A.weight`` …)."""
    recipe, network = adapted.recipe, adapted.network
    alpha = recipe.alpha
    layers = list(range(adapted.cut, network.layers)) if adapted.cut else None
    return {
        "peft_type": "LORA",
        "task_type": None if network.part else "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": recipe.rank,
        "lora_alpha": int(alpha) if alpha == int(alpha) else alpha,
        "lora_dropout": recipe.dropout,
        "target_modules": _targets(tensors, network.part),
        "bias": "none",
        "fan_in_fan_out": network.transposed,
        "inference_mode": True,
        "init_lora_weights": True,
        "use_rslora": False,
        "layers_to_transform": layers,
        "layers_pattern": "layers" if layers else None,
    }


def _targets(tensors: Sequence[str], part: str) -> list[str] | str:
    """Names of the maps; of a part of a model a pattern, for the names occur elsewhere too."""
    if not part:
        return sorted({name.split(".")[-3] for name in tensors})
    start = f"{PREFIX}{part}."
    # What is between the number of the layer and ``lora_A.weight``.
    maps = {".".join(name.removeprefix(start).split(".")[1:-2]) for name in tensors}
    named = "|".join(re.escape(each) for each in sorted(maps))
    return rf"{re.escape(part)}\.\d+\.({named})"


def model_card(
    *,
    base: str,
    recipe: Recipe,
    facts: Mapping[str, str],
    findings: Sequence[Finding] = (),
    task: str = "",
    loading: Sequence[str] = LOAD_ADAPTER,
) -> str:
    """The model card: what it is, what it was trained on, what was measured, how to load it.

    Args:
        base: Name of the base model.
        recipe: What it was trained with.
        facts: Further lines, name to value (dataset, split, rows, losses).
        findings: What training saw.
        task: What the model is for.
        loading: How it is loaded, in Python.
    """
    lines = [
        "---",
        f"base_model: {json.dumps(base)}",
        "library_name: peft",
        "tags: [lora, tunewell]",
        "---",
        "",
        f"{TITLE}{_plain(base)}",
        "",
    ]
    if task:
        lines += [_plain(task), ""]

    lines += ["| | |", "|---|---|"]
    lines += [f"| {_plain(name)} | {_plain(value)} |" for name, value in facts.items()]
    for name, value in recipe.model_dump(mode="json").items():
        if name in ON_CARD:
            lines.append(f"| {name} | {value} |")

    if findings:
        lines += ["", "## What was seen in training", ""]
        lines += [f"* **{f.code}** ({f.status}): {_plain(f.why)}" for f in findings]
    lines += ["", *_loading(loading)]
    return "\n".join(lines)


def merged_card(card: str) -> str:
    r"""The card of an adapter, for the model that it was folded into.

    Example:
        >>> card = "library_name: peft\n# LoRA adapter for x\n\n## Loading\n\nold"
        >>> print(merged_card(card).splitlines()[1])
        # x with its LoRA adapter merged in
    """
    before, _, _ = card.partition(LOADING)
    before = before.replace("library_name: peft", "library_name: transformers")
    lines = []
    for line in before.splitlines():
        if line.startswith(TITLE):
            line = f"# {line.removeprefix(TITLE)} with its LoRA adapter merged in"
        lines.append(line)
    return "\n".join([*lines, *_loading(LOAD_MERGED)])


def _loading(code: Sequence[str]) -> list[str]:
    """The last section: how to load it."""
    return [LOADING, "", "```python", *code, "```", ""]


def _plain(text: str) -> str:
    """Text that cannot leave its table cell or become markup."""
    flat = " ".join(text.split())
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("`", "'")
