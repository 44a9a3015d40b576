"""LoRA adapters from disk, strictly: every tensor finds its place, every promised place its tensors, or it is an error.

Plain LoRA is applied by our own small module, so that several adapters share one base and are
switched between calls. What is not plain (DoRA, extra saved modules, rank patterns …) goes through
PEFT on a base of its own.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn
from torch.nn import functional as F

from tunewell.errors import ModelError
from tunewell.model.files import tensors_digest
from tunewell.types import digest as value_digest

PREFIX: Final = "base_model.model."
KEY = re.compile(r"^(?P<module>.+)\.lora_(?P<side>[AB])(?:\.default)?\.weight$")
NOT_PLAIN: Final = (
    "use_dora",
    "lora_bias",
    "modules_to_save",
    "rank_pattern",
    "alpha_pattern",
    "fan_in_fan_out",
    "layer_replication",
    "trainable_token_indices",
    "target_parameters",
    "megatron_config",
    "eva_config",
    "corda_config",
    "loftq_config",
)


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter read from a PEFT folder.

    Attributes:
        folder: Where it lies.
        digest: SHA-256 (hex) of its tensors and of what decides how they are used (rank, scale,
            kind).
        config: ``adapter_config.json``.
        tensors: All tensors by their names in the file.
    """

    folder: Path
    digest: str
    config: Mapping[str, Any]
    tensors: Mapping[str, torch.Tensor]

    @property
    def plain(self) -> bool:
        """Whether it is LoRA and nothing but LoRA."""
        c = self.config
        return (
            c.get("peft_type") == "LORA"
            and c.get("bias", "none") == "none"
            and not any(c.get(k) for k in NOT_PLAIN)
        )

    @property
    def scale(self) -> float:
        """What the product B·A is multiplied by."""
        rank = int(self.config["r"])
        return float(self.config["lora_alpha"]) / (
            math.sqrt(rank) if self.config.get("use_rslora") else rank
        )


def read_adapter(folder: Path) -> Adapter:
    """Reads an adapter folder (``adapter_config.json`` and ``adapter_model.safetensors``).

    Never a pickle.

    Raises:
        ModelError: Something is missing, cut off, or only there as a pickle.
    """
    config_file, file = folder / "adapter_config.json", folder / "adapter_model.safetensors"
    if not config_file.is_file():
        raise ModelError(
            f"'{folder}' is no adapter: there is no adapter_config.json.",
            hint="give a folder in PEFT format",
        )
    if not file.is_file():
        if (folder / "adapter_model.bin").is_file():
            raise ModelError(
                f"The adapter '{folder}' is a pickle (adapter_model.bin), which can run code and is never read.",
                hint="save it where you trust it with model.save_pretrained(folder, safe_serialization=True)",
            )
        raise ModelError(f"The adapter '{folder}' has no adapter_model.safetensors.")
    from safetensors.torch import load_file

    try:
        config = json.loads(config_file.read_text(encoding="utf-8"))
        if not isinstance(config, dict) or not isinstance(config.get("peft_type"), str):
            raise ValueError("no peft_type")
    except ValueError as error:
        raise ModelError(f"'{config_file}' cannot be read: {error}.") from error
    decides = {k: config.get(k) for k in ("peft_type", "r", "lora_alpha", "use_rslora", *NOT_PLAIN)}
    digest = value_digest([tensors_digest(folder), decides])
    return Adapter(folder=folder, digest=digest, config=config, tensors=load_file(file))


class Switch(nn.Module):
    """A linear map with adapters beside it, of which at most one is on.

    Args:
        base: The frozen map, shape (out, in).
    """

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.pairs: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self.on: str | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``base(x) + scale · B A x`` for the adapter that is on."""
        y: torch.Tensor = self.base(x)
        pair = self.pairs.get(self.on) if self.on else None
        return y if pair is None else y + F.linear(F.linear(x, pair[0]), pair[1])


def attach(model: nn.Module, adapter: Adapter) -> None:
    """Puts a plain adapter beside the linear maps of a model, switched off (`switch` turns it on).

    Raises:
        ModelError: A tensor has no place in the model or the wrong shape, or a place that the
            configuration names has no tensors. The model is then as before.
    """
    pairs = _pairs(adapter)
    faults = _faults(model, adapter, pairs)
    if faults:
        more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
        raise ModelError(
            f"The adapter '{adapter.folder}' does not fit the model: {'; '.join(faults[:3])}{more}.",
            hint=f"it was made for '{adapter.config.get('base_model_name_or_path', 'another model')}'",
        )
    for name, (a, b) in pairs.items():
        linear = _linear(model, name)
        assert linear is not None
        place = model.get_submodule(name)
        if not isinstance(place, Switch):
            place = Switch(linear)
            parent, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(parent), leaf, place)
        weight = linear.weight
        place.pairs[adapter.digest] = (
            a.to(weight.device, weight.dtype).contiguous(),
            (b.float() * adapter.scale).to(weight.device, weight.dtype).contiguous(),
        )


def switch(model: nn.Module, digest: str | None) -> None:
    """Turns one attached adapter on and all others off; None turns all off."""
    for module in model.modules():
        if isinstance(module, Switch):
            module.on = digest


def through_peft(model: nn.Module, adapter: Adapter) -> nn.Module:
    """The model with an adapter that is not plain LoRA, by PEFT.

    ``model`` is changed and must not be shared.

    Raises:
        ModelError: PEFT cannot read it, or a tensor is missing or too many.
    """
    from peft import PeftConfig, get_peft_model, set_peft_model_state_dict

    try:
        config = PeftConfig.from_pretrained(str(adapter.folder))
        config.inference_mode = True
        wrapped: Any = get_peft_model(model, config)
        result = set_peft_model_state_dict(wrapped, dict(adapter.tensors))
    except (ValueError, KeyError, TypeError, RuntimeError, OSError) as error:
        raise ModelError(
            f"The adapter '{adapter.folder}' does not fit the model: {error}"
        ) from error
    missing = [
        k
        for k in result.missing_keys
        if any(part in k for part in ("lora_", "modules_to_save", "ia3_", "vera_"))
    ]
    if result.unexpected_keys or missing:
        wrong = [
            *(f"{k} has no place" for k in result.unexpected_keys),
            *(f"{k} is missing" for k in missing),
        ]
        raise ModelError(
            f"The adapter '{adapter.folder}' does not fit the model: {'; '.join(wrong[:3])}."
        )
    merged: nn.Module = wrapped.eval()
    return merged


def _pairs(adapter: Adapter) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    sides: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in adapter.tensors.items():
        match = KEY.match(key.removeprefix(PREFIX))
        if match is None:
            raise ModelError(
                f"The adapter '{adapter.folder}' holds '{key[:200]}', which is no LoRA tensor."
            )
        sides.setdefault(match["module"], {})[match["side"]] = tensor
    half = [name for name, pair in sides.items() if len(pair) != 2]
    if half or not sides:
        what = f"only one of A and B for '{half[0]}'" if half else "no tensors at all"
        raise ModelError(f"The adapter '{adapter.folder}' holds {what}.")
    return {name: (pair["A"], pair["B"]) for name, pair in sorted(sides.items())}


def _faults(
    model: nn.Module, adapter: Adapter, pairs: Mapping[str, tuple[torch.Tensor, torch.Tensor]]
) -> list[str]:
    faults = []
    rank = int(adapter.config.get("r", 0))
    for name, (a, b) in pairs.items():
        linear = _linear(model, name)
        if linear is None:
            faults.append(f"the model has no linear map '{name}'")
            continue
        want = ((rank, linear.in_features), (linear.out_features, rank))
        if (tuple(a.shape), tuple(b.shape)) != want:
            faults.append(
                f"'{name}' has shapes {tuple(a.shape)}, {tuple(b.shape)} where {want[0]}, {want[1]} are needed"
            )
    return faults + [
        f"there are no tensors for '{name}'"
        for name in sorted(_promised(model, adapter) - set(pairs))
    ]


def _promised(model: nn.Module, adapter: Adapter) -> set[str]:
    """Linear maps that the configuration says are adapted."""
    targets, layers = (
        adapter.config.get("target_modules"),
        adapter.config.get("layers_to_transform"),
    )
    names = {
        name
        for name, m in model.named_modules()
        if isinstance(m, nn.Linear | Switch) and not name.endswith(".base")
    }
    if isinstance(targets, str):
        if targets == "all-linear":
            return set()  # which maps that means is PEFT's own rule
        chosen = {name for name in names if re.fullmatch(targets, name)}
    else:
        chosen = {n for n in names if any(n == t or n.endswith(f".{t}") for t in targets or ())}
    if layers is None:
        return chosen
    wanted = {layers} if isinstance(layers, int) else set(layers)
    return {n for n in chosen if any(int(i) in wanted for i in re.findall(r"\.(\d+)\.", n)[:1])}


def _linear(model: nn.Module, name: str) -> nn.Linear | None:
    try:
        module = model.get_submodule(name)
    except AttributeError:
        return None
    module = module.base if isinstance(module, Switch) else module
    return module if isinstance(module, nn.Linear) else None
