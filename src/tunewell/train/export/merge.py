"""An adapter folded into its base: one model folder that needs no PEFT."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewell.disk import disk_errors
from tunewell.errors import ModelError
from tunewell.json_text import parse_json
from tunewell.model.weights import Weights
from tunewell.train.export.peft import merged_card

if TYPE_CHECKING:
    from torch import Tensor

KEPT = ("*.json", "*.jinja", "*.model", "*.txt")
"""What a base's folder holds beside its weights, and the merged one too."""

MORE_THAN_LORA = ("use_dora", "modules_to_save", "use_rslora")
"""Settings of PEFT that a plain product of B and A does not know."""

PREFIX = "base_model.model."


def merge(
    adapter: Path,
    weights: Weights,
    target: Path,
) -> Path:
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
    if target.exists():
        raise ModelError(f"'{target}' is there already.", hint="name another folder")
    pairs = _read(adapter)
    target.mkdir(parents=True)
    found: set[str] = set()
    for path in sorted(weights.folder.glob("*.safetensors")):
        found |= _merge_file(path, pairs, target / path.name)
    missing = sorted(pairs.sites - found)
    if missing:
        shutil.rmtree(target)
        raise ModelError(
            f"the base '{weights.name}' has no {', '.join(missing[:3])}",
            hint="name the base that it was trained on",
        )

    for pattern in KEPT:
        for path in weights.folder.glob(pattern):
            shutil.copy(path, target / path.name)
    (target / "tunewell.json").unlink(missing_ok=True)
    card = adapter / "README.md"
    if card.is_file():
        merged = merged_card(card.read_text(encoding="utf-8"))
        (target / "README.md").write_text(merged, encoding="utf-8")
    return target


@dataclass(frozen=True, eq=False)
class _Pairs:
    """An adapter's A's and B's.

    Attributes:
        tensors: By PEFT's names.
        scale: What the product of B and A is multiplied by.
        flipped: Whether the base keeps its weights as (inputs, outputs).
    """

    tensors: dict[str, Tensor]
    scale: float
    flipped: bool

    @property
    def sites(self) -> set[str]:
        """Names of the adapted maps."""
        tail = ".lora_A.weight"
        names = (name for name in self.tensors if ".lora_A." in name)
        return {name.removeprefix(PREFIX).removesuffix(tail) for name in names}

    def of(self, site: str) -> tuple[Tensor, Tensor]:
        """A and B of a map as its weight wants them: A (rank, columns), B (rows, rank)."""
        a, b = (self.tensors[f"{PREFIX}{site}.lora_{side}.weight"].float() for side in "AB")
        return (b.t(), a.t()) if self.flipped else (a, b)


def _read(adapter: Path) -> _Pairs:
    """A plain adapter.

    Raises:
        ModelError: It is more than plain LoRA.
    """
    from safetensors.torch import load_file

    text = (adapter / "adapter_config.json").read_text(encoding="utf-8")
    config: dict[str, Any] = parse_json(text)
    if any(config.get(name) for name in MORE_THAN_LORA):
        raise ModelError(
            f"'{adapter}' is more than plain LoRA.",
            hint="merge it with PEFT's merge_and_unload",
        )
    return _Pairs(
        tensors=load_file(adapter / "adapter_model.safetensors"),
        scale=config["lora_alpha"] / config["r"],
        flipped=bool(config.get("fan_in_fan_out")),
    )


def _merge_file(
    path: Path,
    pairs: _Pairs,
    target: Path,
) -> set[str]:
    """Write one file of the base with what it holds of the adapted maps; gives their names.

    Raises:
        ModelError: A map has another shape.
    """
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(path)
    here = pairs.sites & {name.removesuffix(".weight") for name in tensors}
    for site in sorted(here):
        a, b = pairs.of(site)
        base = tensors[f"{site}.weight"]
        if base.shape != (b.shape[0], a.shape[1]):
            raise ModelError(f"the adapter's {site} does not fit the base: {tuple(base.shape)}")
        merged = torch.addmm(base.float(), b, a, alpha=pairs.scale)
        tensors[f"{site}.weight"] = merged.to(base.dtype)
    with disk_errors(target):
        save_file(tensors, target, metadata={"format": "pt"})
    return here
