"""LoRA adapters from disk, strictly: a tensor without a place, or a place without one, is an error.

Plain LoRA is applied by our own small module, so that several adapters share one base and are
switched between calls. What is not plain (DoRA, extra saved modules, rank patterns …) goes through
PEFT on a base of its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from tunewell.errors import ModelError
from tunewell.json_text import parse_json
from tunewell.model.files import tensors_digest
from tunewell.timed_pattern import TimedPattern
from tunewell.types import digest as value_digest

PREFIX: Final = "base_model.model."
KEY = re.compile(r"^(?P<module>.+)\.lora_(?P<side>[AB])(?:\.default)?\.weight$")
LAYER = re.compile(r"\.(\d+)\.")
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
DECIDING: Final = ("peft_type", "r", "lora_alpha", "use_rslora", *NOT_PLAIN)
ADAPTERS_OWN = re.compile("lora_|modules_to_save|ia3_|vera_")
PEFT_RANK: Final = 8
PEFT_ALPHA: Final = 8
"""What PEFT takes where adapter_config.json says nothing (`LoraConfig`)."""
VIRTUAL_TOKENS: Final = frozenset(
    {"PROMPT_TUNING", "PREFIX_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING"}
)
"""Kinds that change the prompt rather than the weights."""
VOCABULARY: Final = re.compile(
    r"\.(?:embed_tokens|wte|lm_head|embed_in|embed_out)\.(?:.+\.)?weight$"
)
EMBEDDINGS: Final = re.compile(rf"lora_embedding_|{VOCABULARY.pattern}")
FAULTS_SHOWN: Final = 3


class LoraPair(NamedTuple):
    """The two matrices of one adapted map: A of shape (rank, in), B of shape (out, rank)."""

    a: torch.Tensor
    b: torch.Tensor


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter read from a PEFT folder.

    Attributes:
        folder: Where it is.
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
        kind = self.config.get("peft_type")
        bias = self.config.get("bias", "none")
        if (kind, bias) != ("LORA", "none"):
            return False
        if any(map(self.config.get, NOT_PLAIN)):
            return False
        # Adapted embeddings, and embeddings that were saved whole, go through PEFT.
        return not any(EMBEDDINGS.search(f".{key}") for key in self.tensors)

    @property
    def scale(self) -> float:
        """What the product B·A is multiplied by."""
        rank = _rank(self.config)
        given = self.config.get("lora_alpha")
        alpha = float(PEFT_ALPHA if given is None else given)
        if self.config.get("use_rslora"):
            return alpha / math.sqrt(rank)
        return alpha / rank

    def misfit(self, faults: Sequence[str], *, hint: str = "") -> ModelError:
        """The error that says why it does not fit a model; of many faults it shows a few."""
        shown = "; ".join(faults[:FAULTS_SHOWN])
        others = len(faults) - FAULTS_SHOWN
        more = f" (and {others} more)" if others > 0 else ""
        return ModelError(
            f"The adapter '{self.folder}' does not fit the model: {shown}{more}.",
            hint=hint,
        )


# --- from disk ------------------------------------------------------------------------------------


def read_adapter(folder: Path) -> Adapter:
    """Reads an adapter folder (``adapter_config.json`` and ``adapter_model.safetensors``).

    Never a pickle.

    Raises:
        ModelError: Something is missing, cut off, or only there as a pickle.
    """
    config_file = folder / "adapter_config.json"
    if not config_file.is_file():
        raise ModelError(
            f"'{folder}' is no adapter: there is no adapter_config.json.",
            hint="give a folder in PEFT format",
        )
    tensors = _read_tensors(_tensor_files(folder))
    config = _read_config(config_file)
    if config["peft_type"] in VIRTUAL_TOKENS:
        raise ModelError(
            f"The adapter '{folder}' is a {config['peft_type']}: it puts virtual tokens before the "
            "prompt instead of changing weights, which is not supported.",
            hint="evaluate its outputs instead: tunewell evaluate --predictions tuned=FILE",
        )
    deciding = {setting: config.get(setting) for setting in DECIDING}
    return Adapter(
        folder=folder,
        digest=value_digest([tensors_digest(folder), deciding]),
        config=config,
        tensors=tensors,
    )


def _read_tensors(files: Sequence[Path]) -> dict[str, torch.Tensor]:
    """The tensors of all files, each of which is there once and finite."""
    from safetensors.torch import load_file

    tensors: dict[str, torch.Tensor] = {}
    seen: set[str] = set()
    for file in files:
        for name, tensor in load_file(file).items():
            plain = name.replace(".default.", ".")
            if plain in seen:
                raise ModelError(f"The adapter '{file.parent}' holds '{name[:200]}' twice.")
            if tensor.is_floating_point() and not torch.isfinite(tensor.float()).all():
                raise ModelError(
                    f"The adapter '{file.parent}' holds NaN or infinity in '{name[:200]}'.",
                    hint="its training diverged: tunewell autopsy FOLDER",
                )
            seen.add(plain)
            tensors[name] = tensor
    return tensors


def _tensor_files(folder: Path) -> list[Path]:
    found = sorted(folder.glob("adapter_model*.safetensors"))
    if found:
        return found
    if (folder / "adapter_model.bin").is_file():
        raise ModelError(
            f"The adapter '{folder}' is a pickle (adapter_model.bin), which can run code "
            "and is never read.",
            hint="save it where you trust it with "
            "model.save_pretrained(folder, safe_serialization=True)",
        )
    raise ModelError(f"The adapter '{folder}' has no adapter_model.safetensors.")


def _read_config(file: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = parse_json(file.read_text(encoding="utf-8"))
        kind = config["peft_type"]
    except ValueError as error:
        raise ModelError(f"'{file}' cannot be read: {error}.") from error
    except (KeyError, TypeError):
        kind = None
    if not isinstance(kind, str):
        raise ModelError(f"'{file}' cannot be read: no peft_type.")
    return config


# --- onto a model ---------------------------------------------------------------------------------


class Switch(nn.Module):
    """A linear map with adapters beside it, of which at most one is on.

    Args:
        base: The frozen map, shape (out, in).
    """

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.pairs: dict[str, LoraPair] = {}
        self.on: str | None = None

    def add(self, adapter: Adapter, pair: LoraPair) -> None:
        """Puts an adapter's matrices beside the map; B takes the scale."""
        weight = self.base.weight
        scaled = pair.b.float() * adapter.scale
        self.pairs[adapter.digest] = LoraPair(
            pair.a.to(weight.device, weight.dtype).contiguous(),
            scaled.to(weight.device, weight.dtype).contiguous(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``base(x) + scale · B A x`` for the adapter that is on."""
        y: torch.Tensor = self.base(x)
        pair = self.pairs.get(self.on) if self.on else None
        if pair is None:
            return y
        low_rank = F.linear(x, pair.a)
        return y + F.linear(low_rank, pair.b)


def attach(model: nn.Module, adapter: Adapter) -> None:
    """Puts a plain adapter beside the linear maps of a model, switched off (`switch` turns it on).

    Raises:
        ModelError: A tensor has no place in the model or the wrong shape, or a place that the
            configuration names has no tensors. The model is then as before.
    """
    pairs = _pairs(adapter)
    faults = list(_faults(model, adapter, pairs))
    if faults:
        made_for = adapter.config.get("base_model_name_or_path", "another model")
        raise adapter.misfit(faults, hint=f"it was made for '{made_for}'")
    for name, pair in pairs.items():
        place = _switch_at(model, name)
        place.add(adapter, pair)


def _switch_at(model: nn.Module, name: str) -> Switch:
    """The `Switch` at a place of the model; put there if there is only the linear map."""
    module = model.get_submodule(name)
    if isinstance(module, Switch):
        return module
    place = Switch(module)
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, place)
    return place


def switch(model: nn.Module, digest: str | None) -> None:
    """Turns one attached adapter on and all others off; None turns all off."""
    for module in model.modules():
        if isinstance(module, Switch):
            module.on = digest


def _resized(model: nn.Module, adapter: Adapter) -> None:
    """Give the model as many tokens as the adapter was trained with, where it saved their rows."""
    rows = {len(t) for name, t in adapter.tensors.items() if VOCABULARY.search(f".{name}")}
    embedding = model.get_input_embeddings()
    if len(rows) == 1 and rows != {len(embedding.weight)}:
        model.resize_token_embeddings(rows.pop(), mean_resizing=False)


def _once(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors without what PEFT writes besides of an embedding that was trained whole.

    It saves such a layer under its own name, and again with the base's as ``modules_to_save`` and
    ``original_module``.
    """
    kept = dict(tensors)
    for name in tensors:
        for again in (".modules_to_save.", ".original_module."):
            if again in name and name.replace(again, ".") in tensors:
                del kept[name]
    return kept


def through_peft(model: nn.Module, adapter: Adapter) -> nn.Module:
    """The model with an adapter that is not plain LoRA, by PEFT.

    ``model`` is changed and must not be shared.

    Raises:
        ModelError: PEFT cannot read it, or a tensor is missing or too many.
    """
    from peft import PeftConfig, get_peft_model, set_peft_model_state_dict

    try:
        _resized(model, adapter)
        config = PeftConfig.from_pretrained(str(adapter.folder))
        config.inference_mode = True
        wrapped: nn.Module = get_peft_model(model, config)
        result = set_peft_model_state_dict(wrapped, _once(adapter.tensors))
    except (ValueError, KeyError, TypeError, RuntimeError, OSError) as error:
        raise adapter.misfit([str(error).rstrip(".")]) from error

    wrong = [f"{key} has no place" for key in result.unexpected_keys]
    # The base's own tensors are missing from every adapter; only the adapter's own count.
    missing = filter(ADAPTERS_OWN.search, result.missing_keys)
    wrong += [f"{key} is missing" for key in missing]
    if wrong:
        raise adapter.misfit(wrong)
    return wrapped.eval()


# --- whether it fits ------------------------------------------------------------------------------


def _pairs(adapter: Adapter) -> dict[str, LoraPair]:
    """The pairs of an adapter by the name of their map, sorted."""
    sides: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in adapter.tensors.items():
        match = KEY.match(key.removeprefix(PREFIX))
        if match is None:
            raise ModelError(
                f"The adapter '{adapter.folder}' holds '{key[:200]}', which is no LoRA tensor."
            )
        sides.setdefault(match["module"], {})[match["side"]] = tensor
    if not sides:
        raise ModelError(f"The adapter '{adapter.folder}' holds no tensors at all.")

    pairs: dict[str, LoraPair] = {}
    for name in sorted(sides):
        pair = sides[name]
        if len(pair) != 2:
            raise ModelError(
                f"The adapter '{adapter.folder}' holds only one of A and B for '{name}'."
            )
        pairs[name] = LoraPair(pair["A"], pair["B"])
    return pairs


def _rank(config: Mapping[str, Any]) -> int:
    """The rank that PEFT takes: a setting that is missing has its default."""
    given = config.get("r")
    return int(PEFT_RANK if given is None else given)


def _faults(model: nn.Module, adapter: Adapter, pairs: Mapping[str, LoraPair]) -> Iterator[str]:
    """Why an adapter's pairs do not fit the model, one sentence each."""
    rank = _rank(adapter.config)
    for name, pair in pairs.items():
        linear = _linear(model, name)
        if linear is None:
            yield f"the model has no linear map '{name}'"
            continue
        a, b = tuple(pair.a.shape), tuple(pair.b.shape)
        needed_a = (rank, linear.in_features)
        needed_b = (linear.out_features, rank)
        if (a, b) != (needed_a, needed_b):
            yield f"'{name}' has shapes {a}, {b} where {needed_a}, {needed_b} are needed"
    for name in sorted(_promised(model, adapter) - set(pairs)):
        yield f"there are no tensors for '{name}'"


def _promised(model: nn.Module, adapter: Adapter) -> set[str]:
    """Linear maps that the configuration says are adapted."""
    names = _targeted(_linear_names(model), adapter.config.get("target_modules"))
    names -= _targeted(sorted(names), adapter.config.get("exclude_modules"))
    layers = adapter.config.get("layers_to_transform")
    if layers is None:
        return names
    wanted = {layers} if isinstance(layers, int) else set(layers)
    return {name for name in names if _layer_of(name) in wanted}


def _linear_names(model: nn.Module) -> list[str]:
    names = []
    for name, module in model.named_modules():
        # The base inside a `Switch` is a linear map too, and not a place of its own.
        if isinstance(module, nn.Linear | Switch) and not name.endswith(".base"):
            names.append(name)
    return names


def _targeted(names: list[str], targets: str | list[str] | None) -> set[str]:
    """Those of the names that PEFT's ``target_modules`` mean."""
    if targets == "all-linear":
        return set()  # which maps that means is PEFT's own rule
    if isinstance(targets, str):
        return set(filter(_timed(targets).fullmatch, names))
    ends = tuple(f".{target}" for target in targets or ())
    return {name for name in names if f".{name}".endswith(ends)}


def _timed(targets: str) -> TimedPattern:
    """The pattern of an adapter, which others may have written.

    Raises:
        ModelError: It is none.
    """
    try:
        return TimedPattern(targets)
    except ValueError as error:
        raise ModelError(f"target_modules of the adapter: {error}") from error


def _layer_of(name: str) -> int | None:
    """Number of the layer that a map belongs to: 3 for ``model.layers.3.mlp.up_proj``."""
    number = LAYER.search(name)
    return int(number[1]) if number else None


def _linear(model: nn.Module, name: str) -> nn.Linear | None:
    """The linear map of that name, whether or not adapters are beside it."""
    try:
        module = model.get_submodule(name)
    except AttributeError:
        return None
    if isinstance(module, Switch):
        module = module.base
    return module if isinstance(module, nn.Linear) else None
