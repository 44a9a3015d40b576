"""An adapter as the ecosystem reads it: PEFT's two files and a model card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.types import Finding, Recipe


def peft_files(
    tensors: Mapping[str, NDArray[np.float32]],
    *,
    recipe: Recipe,
    base: str,
    layers: Sequence[int] | None,
    card: str,
    transposed: bool = False,
) -> dict[str, bytes]:
    """The files of a PEFT folder, byte for byte the same for the same adapter.

    Args:
        tensors: By PEFT's names (``base_model.model.<map>.lora_A.weight`` …).
        recipe: Rank, alpha, targets.
        base: Name of the base model.
        layers: The layers that carry adapters; None = all.
        card: Text of the model card.
        transposed: Whether the base keeps its weights as (inputs, outputs), as GPT-2 does.

    Returns:
        File name to content: ``adapter_config.json``, ``adapter_model.safetensors``, ``README.md``.
    """
    from safetensors.numpy import save

    config: dict[str, Any] = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": recipe.rank,
        "lora_alpha": recipe.alpha,
        "lora_dropout": recipe.dropout,
        "target_modules": sorted({name.rsplit(".", 3)[-3] for name in tensors}),
        "bias": "none",
        "fan_in_fan_out": transposed,
        "inference_mode": True,
        "init_lora_weights": True,
        "use_rslora": False,
        "layers_to_transform": sorted(layers) if layers is not None else None,
        "layers_pattern": "layers" if layers is not None else None,
    }
    config["lora_alpha"] = int(recipe.alpha) if recipe.alpha == int(recipe.alpha) else recipe.alpha
    return {
        "adapter_config.json": (json.dumps(config, indent=2, sort_keys=True) + "\n").encode(),
        "adapter_model.safetensors": save(
            {k: tensors[k] for k in sorted(tensors)}, metadata={"format": "pt"}
        ),
        "README.md": card.encode(),
    }


def model_card(
    *,
    base: str,
    recipe: Recipe,
    facts: Mapping[str, str],
    findings: Sequence[Finding] = (),
    task: str = "",
) -> str:
    """The model card: what it is, what it was trained on, what was measured, how to load it.

    Args:
        base: Name of the base model.
        recipe: What it was trained with.
        facts: Further lines, name to value (dataset, split, rows, losses).
        findings: What training saw.
        task: What the model is for.
    """
    lines = [
        "---",
        f"base_model: {json.dumps(base)}",
        "library_name: peft",
        "tags: [lora, tunewell]",
        "---",
        "",
    ]
    lines += [f"# LoRA adapter for {_plain(base)}", ""]
    lines += [_plain(task), ""] if task else []
    lines += ["| | |", "|---|---|", *(f"| {_plain(k)} | {_plain(v)} |" for k, v in facts.items())]
    shown = {
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
    lines += [f"| {k} | {v} |" for k, v in recipe.model_dump(mode="json").items() if k in shown]
    if findings:
        lines += ["", "## What was seen in training", ""]
        lines += [f"* **{f.code}** ({f.status}): {_plain(f.why)}" for f in findings]
    lines += [
        "",
        "## Loading",
        "",
        "```python",
        "from peft import PeftModel",
        'model = PeftModel.from_pretrained(base, "path/of/this/folder")',
        "```",
        "",
    ]
    return "\n".join(lines)


def merged_card(card: str) -> str:
    r"""The card of an adapter, for the model that it was folded into.

    Example:
        >>> print(merged_card("library_name: peft\n# LoRA adapter for x\n\n## Loading\n\nold").splitlines()[1])
        # x with its LoRA adapter merged in
    """
    told = card.partition("## Loading")[0].replace(
        "library_name: peft", "library_name: transformers"
    )
    lines = [
        f"# {line.removeprefix('# LoRA adapter for ')} with its LoRA adapter merged in"
        if line.startswith("# LoRA adapter for ")
        else line
        for line in told.splitlines()
    ]
    lines += [
        "## Loading",
        "",
        "```python",
        "from transformers import AutoModelForCausalLM",
        'model = AutoModelForCausalLM.from_pretrained("path/of/this/folder")',
        "```",
        "",
    ]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text that cannot leave its table cell or become markup."""
    flat = " ".join(text.split())
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("`", "'")
