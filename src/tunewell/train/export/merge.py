"""An adapter folded into its base: one model folder that needs no PEFT."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tunewell.errors import ModelError
from tunewell.model.weights import Weights
from tunewell.train.export.peft import merged_card

KEPT = ("*.json", "*.jinja", "*.model", "*.txt")


def merge(adapter: Path, weights: Weights, target: Path) -> Path:
    """Write the base with the adapter folded in, in the base's own type, as safetensors.

    Each product of B and A is added in fp32 and rounded once: the merged model differs from base
    plus adapter by that rounding alone.

    Args:
        adapter: Folder in PEFT format, such as an adapter of ours.
        weights: Its base.
        target: Folder to make; it must not be there.

    Returns:
        The folder, in Hugging Face layout.

    Raises:
        ModelError: The target is there already, or the adapter does not fit the base.
    """
    import torch
    from safetensors.torch import load_file, save_file

    if target.exists():
        raise ModelError(f"'{target}' is there already.", hint="name another folder")
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    if config.get("use_dora") or config.get("modules_to_save") or config.get("use_rslora"):
        raise ModelError(
            f"'{adapter}' is more than plain LoRA.", hint="merge it with PEFT's merge_and_unload"
        )
    scale = config["lora_alpha"] / config["r"]
    pairs = load_file(adapter / "adapter_model.safetensors")
    wanted = {
        n.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
        for n in pairs
        if ".lora_A." in n
    }
    found: set[str] = set()
    target.mkdir(parents=True)
    for path in sorted(weights.folder.glob("*.safetensors")):
        tensors = load_file(path)
        flipped = bool(config.get("fan_in_fan_out"))
        for site in sorted(wanted & {n.removesuffix(".weight") for n in tensors}):
            a, b = (pairs[f"base_model.model.{site}.lora_{x}.weight"].float() for x in "AB")
            if flipped:
                a, b = b.t(), a.t()
            base = tensors[f"{site}.weight"]
            if base.shape != (b.shape[0], a.shape[1]):
                raise ModelError(f"the adapter's {site} does not fit the base: {tuple(base.shape)}")
            tensors[f"{site}.weight"] = torch.addmm(base.float(), b, a, alpha=scale).to(base.dtype)
            found.add(site)
        save_file(tensors, target / path.name, metadata={"format": "pt"})
    if found != wanted:
        shutil.rmtree(target)
        missing = ", ".join(sorted(wanted - found)[:3])
        raise ModelError(
            f"the base '{weights.name}' has no {missing}",
            hint="name the base that it was trained on",
        )
    for pattern in KEPT:
        for path in weights.folder.glob(pattern):
            shutil.copy(path, target / path.name)
    (target / "tunewell.json").unlink(missing_ok=True)
    card = adapter / "README.md"
    if card.is_file():
        (target / "README.md").write_text(
            merged_card(card.read_text(encoding="utf-8")), encoding="utf-8"
        )
    return target
