"""T07: what is wrong with the files of a PEFT adapter; tensors are read from safetensors only."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from tunewell.evaluate.autopsy.output_folder import STAGE, newest
from tunewell.evaluate.autopsy.tensors import TensorFile, TensorSummary
from tunewell.json_text import parse_json
from tunewell.plurals import plural
from tunewell.types import Finding

CONFIG: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model*.safetensors"
INDEX: Final = "adapter_model.safetensors.index.json"
_PART: Final = re.compile(
    r"^(?P<module>.+?)\.(?P<part>lora_(?:embedding_)?[AB]|lora_E|lora_magnitude_vector|ia3_l|"
    r"vera_lambda_[bd]|modules_to_save|trainable_tokens_delta|token_adapter|"
    r"trainable_tokens_original)(?:\..+)?$"
)
"""A tensor's module and which part of an adapter it is, in the names that PEFT writes."""
_PREFIX: Final = "base_model.model."
_PARTNER: Final = {
    "lora_A": "lora_B",
    "lora_B": "lora_A",
    "lora_embedding_A": "lora_embedding_B",
    "lora_embedding_B": "lora_embedding_A",
}
_TRAINED_WHOLE: Final = frozenset({"", "modules_to_save", "trainable_tokens_delta"})
"""Tensors that replace or add to the base's own: from them alone training cannot be told."""
_NO_TARGETS: Final = frozenset(
    {"PROMPT_TUNING", "PREFIX_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING", "ADAPTION_PROMPT"}
)
_LAYER: Final = re.compile(r"\.(\d+)\.")


@dataclass(frozen=True)
class AdapterFault:
    """Something wrong with an adapter.

    Attributes:
        why: In words.
        blocking: Whether it cannot be used as it is.
    """

    why: str
    blocking: bool = True


def adapter_in(folder: Path) -> Path | None:
    """The adapter of a trainer's output: of the folder itself, else of its last checkpoint.

    None if there is none.
    """
    config = newest(folder, CONFIG)
    return config and config.parent


def plumbing(folder: Path) -> Iterator[Finding]:
    """T07: an adapter that is untrained or not finite, or keys that its configuration lacks."""
    files = AdapterFiles(folder)
    faults = list(files.faults())
    if not faults:
        yield files.without_faults()
    for fault in faults:
        yield Finding(
            code="T07",
            status="found",
            stage=STAGE,
            why=fault.why,
            remedy="check how the adapter was saved (safetensors, base model, target modules)",
            blocking=fault.blocking,
        )


@dataclass(frozen=True)
class AdapterFiles:
    """An adapter's folder.

    Attributes:
        folder: Where it is.
    """

    folder: Path

    def faults(self) -> Iterator[AdapterFault]:
        """Everything that is wrong; without tensors nothing else is looked at."""
        try:
            config = self.config
        except (OSError, ValueError) as error:
            yield AdapterFault(f"adapter_config.json cannot be read: {error}")
            return
        paths = sorted(self.folder.glob(WEIGHTS))
        if not paths:
            yield AdapterFault(self._why_no_weights())
            return
        try:
            files = [TensorFile.open(path) for path in paths]
            tensors = [summary for file in files for summary in file.summaries()]
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            yield AdapterFault(f"{paths[0].name} cannot be read: {error}")
            return
        yield from self._faults_of_files(files, tensors)
        if tensors:
            yield from AdapterTensors(tensors, config).faults()

    @cached_property
    def config(self) -> dict[str, Any]:
        """``adapter_config.json``.

        Raises:
            ValueError: It is no JSON object.
            OSError: It cannot be read.
        """
        config = parse_json((self.folder / CONFIG).read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError("it is not a JSON object")
        return config

    def without_faults(self) -> Finding:
        """What was looked at, where nothing is wrong; unchecked where training cannot be told."""
        files = [TensorFile.open(path) for path in sorted(self.folder.glob(WEIGHTS))]
        tensors = AdapterTensors([s for file in files for s in file.summaries()], self.config)
        kinds = ", ".join(sorted({tensor.dtype for tensor in tensors.tensors}))
        looked_at = f"All {plural(len(tensors.tensors), 'tensor')} ({kinds}) are finite"
        not_looked_at = "Chat template and loss mask are not in these files."
        if tensors.kind == "LORA" and self.config.get("lora_alpha") is None:
            not_looked_at += " Its configuration has no lora_alpha: PEFT takes 8."
        trained = tensors.modules_in_use
        if trained:
            why = f"{looked_at} and {plural(trained, 'module')} changed by training. "
            return Finding(code="T07", status="clear", stage=STAGE, why=why + not_looked_at)
        why = (
            f"{looked_at}, but whether a {tensors.kind} adapter was trained cannot be told from "
            "its files alone."
        )
        return Finding(code="T07", status="unchecked", stage=STAGE, why=why)

    def _why_no_weights(self) -> str:
        if (self.folder / "adapter_model.bin").is_file():
            return "The adapter is saved as a pickle, which is never opened."
        return "There is no safetensors file."

    def _faults_of_files(
        self, files: Sequence[TensorFile], tensors: Sequence[TensorSummary]
    ) -> Iterator[AdapterFault]:
        if not tensors:
            yield AdapterFault("The adapter holds no tensors.")
        twice = [name for file in files for name in file.doubled]
        names = Counter(tensor.name for tensor in tensors)
        twice += [name for name, count in names.items() if count > 1]
        if twice:
            count = plural(len(twice), "tensor appears", "tensors appear")
            yield AdapterFault(f"{count} twice in the files, such as {twice[0]}.")
        lost = [name for name in self._promised() if name not in names]
        if lost:
            count = plural(len(lost), "tensor is", "tensors are")
            yield AdapterFault(f"{count} in the index but in no file, such as {lost[0]}.")

    def _promised(self) -> list[str]:
        """The tensors that an index of several files lists."""
        try:
            index = parse_json((self.folder / INDEX).read_text(encoding="utf-8"))
            return list(index["weight_map"])
        except (OSError, ValueError, KeyError, TypeError):
            return []


@dataclass(frozen=True)
class AdapterTensors:
    """An adapter's tensors beside its configuration.

    Attributes:
        tensors: All of them.
        config: ``adapter_config.json``.
    """

    tensors: Sequence[TensorSummary]
    config: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """What PEFT calls it."""
        return str(self.config.get("peft_type") or "LORA")

    @cached_property
    def modules(self) -> dict[str, dict[str, TensorSummary]]:
        """Module to its parts; tensors that are no adapter's are parts without a name."""
        found: dict[str, dict[str, TensorSummary]] = defaultdict(dict)
        for tensor in self.tensors:
            match = _PART.match(tensor.name.removeprefix(_PREFIX))
            if match:
                found[match["module"]][match["part"]] = tensor
            else:
                found[tensor.name.removeprefix(_PREFIX)][""] = tensor
        return found

    @cached_property
    def _adapted(self) -> dict[str, dict[str, TensorSummary]]:
        """The modules whose change to the base can be read off."""
        return {m: parts for m, parts in self.modules.items() if _change(parts) is not None}

    @property
    def modules_in_use(self) -> int:
        """How many modules change what the base computes."""
        return sum(bool(_change(parts)) for parts in self._adapted.values())

    def faults(self) -> Iterator[AdapterFault]:
        """What is wrong with values, pairs, ranks and names."""
        yield from self._broken()
        yield from self._untrained()
        yield from self._half()
        yield from self._holes()
        yield from self._copies()
        yield from self._of_another_rank()
        yield from self._of_no_target()

    def _broken(self) -> Iterator[AdapterFault]:
        broken = [tensor.name for tensor in self.tensors if tensor.bad]
        if broken:
            count = plural(len(broken), "matrix holds", "matrices hold")
            yield AdapterFault(f"{count} NaN or infinity, such as {broken[0]}.")

    def _untrained(self) -> Iterator[AdapterFault]:
        """Modules that leave the base as it is."""
        idle = [module for module, parts in self._adapted.items() if _change(parts) is False]
        if not idle:
            if self.tensors and all(tensor.zero for tensor in self.tensors):
                yield AdapterFault("Every tensor is zero: the adapter was never trained.")
            return
        others = [p for m in self.modules.values() for p in m if p in _TRAINED_WHOLE]
        if len(idle) == len(self._adapted) and not others:
            what = _what_is_idle(self._adapted[idle[0]])
            yield AdapterFault(f"{what}: the adapter was never trained, the model is its base.")
        else:
            shown = f"{len(idle)} of {len(self._adapted)} adapted modules"
            yield AdapterFault(
                f"{shown} change nothing (a factor of them is all zero), such as {idle[0]}.",
                blocking=False,
            )

    def _half(self) -> Iterator[AdapterFault]:
        lone = []
        for module, parts in self.modules.items():
            for part in parts:
                if part in _PARTNER and _PARTNER[part] not in parts:
                    lone.append(f"{module} has {part} without {_PARTNER[part]}")
        if lone:
            count = plural(len(lone), "module lacks", "modules lack")
            yield AdapterFault(f"{count} half of its pair: {lone[0]}.")

    def _holes(self) -> Iterator[AdapterFault]:
        """Layers that lack a module which the layers around them have."""
        if self.config.get("layers_to_transform") or self.config.get("exclude_modules"):
            return
        layers: dict[str, set[int]] = defaultdict(set)
        for module in self._adapted:
            match = _LAYER.search(module)
            if match:
                pattern = f"{module[: match.start()]}.*.{module[match.end() :]}"
                layers[pattern].add(int(match[1]))
        everywhere = set().union(*layers.values()) if layers else set()
        holes = []
        for pattern, found in layers.items():
            for layer in sorted(everywhere - found):
                holes.append(pattern.replace("*", str(layer), 1))
        if holes:
            count = plural(len(holes), "module has", "modules have")
            yield AdapterFault(
                f"{count} no tensors where other layers have them, such as {holes[0]}.",
                blocking=False,
            )

    def _copies(self) -> Iterator[AdapterFault]:
        """Trained factors that are the same to the last bit in two modules."""
        same: dict[str, list[str]] = defaultdict(list)
        for module, parts in self._adapted.items():
            factors = [parts.get(name) for name in ("lora_B", "lora_embedding_A")]
            for tensor in factors:
                if tensor is not None and not tensor.zero and not tensor.bad:
                    same[tensor.digest].append(module)
        twice = [modules for modules in same.values() if len(modules) > 1]
        if twice and len(self._adapted) > 1:
            yield AdapterFault(
                f"{len(twice[0])} modules hold the same trained matrix: {', '.join(twice[0][:2])}.",
                blocking=False,
            )

    def _of_another_rank(self) -> Iterator[AdapterFault]:
        """What is wrong with the rank; one that differs by module is not checked."""
        said = self.config.get("r")
        if not said or self.config.get("rank_pattern") or self.kind != "LORA":
            return
        ranks = set()
        for parts in self._adapted.values():
            for name in ("lora_A", "lora_embedding_A"):
                if name in parts and len(parts[name].shape) == 2:
                    ranks.add(parts[name].shape[0])
        if ranks - {said}:
            yield AdapterFault(
                f"adapter_config.json says rank {said}, the matrices have {sorted(ranks)}."
            )

    def _of_no_target(self) -> Iterator[AdapterFault]:
        """What is wrong with the names, on both sides."""
        targets = self.config.get("target_modules")
        if not isinstance(targets, list) or self.kind in _NO_TARGETS:
            return
        named = [*targets, *(self.config.get("target_parameters") or [])]
        strange = [m for m in self._adapted if not any(_ends_in(m, t) for t in named)]
        if strange:
            count = plural(len(strange), "matrix is", "matrices are")
            yield AdapterFault(
                f"{count} of no target module, such as {strange[0]}: loaders drop them silently."
            )
        if self.config.get("exclude_modules"):
            return
        empty = [t for t in targets if not any(_ends_in(m, t) for m in self.modules)]
        if empty:
            yield AdapterFault(
                f"target modules without tensors: {', '.join(empty)}.", blocking=bool(self._adapted)
            )


def _ends_in(module: str, target: str) -> bool:
    return module == target or module.endswith(f".{target}") or f".{target}." in f".{module}."


def _change(parts: Mapping[str, TensorSummary]) -> bool | None:
    """Whether a module's parts change what the base computes; None where that cannot be told."""
    if "ia3_l" in parts:
        return not parts["ia3_l"].ones
    if "vera_lambda_b" in parts:
        return not parts["vera_lambda_b"].zero
    factors = [parts[p] for p in (*_PARTNER, "lora_E") if p in parts]
    if not factors:
        return None
    return not any(factor.zero for factor in factors)


def _what_is_idle(parts: Mapping[str, TensorSummary]) -> str:
    if "ia3_l" in parts:
        return "Every scale is one"
    zero = [name for name, tensor in parts.items() if tensor.zero]
    return f"Every {zero[0]} is zero" if zero else "Every module is idle"
