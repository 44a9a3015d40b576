"""T07: what is wrong with the files of a PEFT adapter; tensors are read from safetensors only."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tunewell.evaluate.autopsy.output_folder import STAGE, newest
from tunewell.evaluate.wording import counted
from tunewell.types import Finding

CONFIG: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"


def adapter_in(folder: Path) -> Path | None:
    """The adapter of a trainer's output: of the folder itself, else of its last checkpoint.

    None if there is none.
    """
    config = newest(folder, CONFIG)
    return config and config.parent


def plumbing(folder: Path) -> Iterator[Finding]:
    """T07: an adapter that is untrained or not finite, or keys that its configuration lacks."""
    faults = list(_adapter_faults(folder))
    if not faults:
        why = "The adapter's files fit together and are trained."
        yield Finding(
            code="T07",
            status="clear",
            stage=STAGE,
            why=why,
        )
    for fault in faults:
        yield Finding(
            code="T07",
            status="found",
            stage=STAGE,
            why=fault,
            remedy="check how the adapter was saved (safetensors, base model, target modules)",
            blocking=True,
        )


def _adapter_faults(folder: Path) -> Iterator[str]:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        yield f"adapter_config.json cannot be read: {error}"
        return
    path = folder / WEIGHTS
    if path.is_file():
        yield from _weight_faults(path, config)
    elif (folder / "adapter_model.bin").is_file():
        yield "The adapter is saved as a pickle, which is never opened."
    else:
        yield "There is no safetensors file."


def _weight_faults(path: Path, config: Mapping[str, Any]) -> Iterator[str]:
    from safetensors import SafetensorError

    try:
        matrices = _Matrices.read(path)
    except (SafetensorError, OSError, TypeError, ValueError) as error:
        yield f"adapter_model.safetensors cannot be read: {error}"
        return
    if not matrices.outputs:
        yield "The adapter holds no lora_B matrices."
        return
    yield from matrices.untrained_or_broken()
    yield from matrices.of_another_rank(config)
    yield from matrices.of_no_target(config.get("target_modules"))


@dataclass(frozen=True)
class _Matrices:
    """An adapter's matrices.

    Attributes:
        shapes: Name to shape, of all.
        outputs: Name to (greatest magnitude, whether all is finite), of the ``lora_B`` alone: they
            are zero before training.
    """

    shapes: Mapping[str, Sequence[int]]
    outputs: Mapping[str, tuple[float, bool]]

    @classmethod
    def read(cls, path: Path) -> _Matrices:
        """From a safetensors file."""
        from safetensors import safe_open

        with safe_open(str(path), framework="np") as file:
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}
            outputs = {name: _summary(file, name) for name in shapes if "lora_B" in name}
        return cls(shapes, outputs)

    def untrained_or_broken(self) -> Iterator[str]:
        """What is wrong with the values."""
        if all(size == 0 for size, _ in self.outputs.values()):
            yield "Every lora_B is zero: the adapter was never trained, the model is its base."
        broken = [name for name, (_, finite) in self.outputs.items() if not finite]
        if broken:
            count = counted(len(broken), "matrix holds", "matrices hold")
            yield f"{count} NaN or infinity, such as {broken[0]}."

    def of_another_rank(self, config: Mapping[str, Any]) -> Iterator[str]:
        """What is wrong with the rank; one that differs by module is not checked."""
        said = config.get("r")
        if not said or config.get("rank_pattern"):
            return
        ranks = set()
        for name, shape in self.shapes.items():
            if "lora_A" in name and len(shape) == 2:
                ranks.add(shape[0])
        if ranks - {said}:
            yield f"adapter_config.json says rank {said}, the matrices have {sorted(ranks)}."

    def of_no_target(self, targets: Any) -> Iterator[str]:
        """What is wrong with the names."""
        if not isinstance(targets, list):
            return
        strange = []
        for name in self.outputs:
            if not any(f".{target}." in name for target in targets):
                strange.append(name)
        if strange:
            count = counted(len(strange), "matrix is", "matrices are")
            yield f"{count} of no target module, such as {strange[0]}: loaders drop them silently."


def _summary(file: Any, name: str) -> tuple[float, bool]:
    """(greatest magnitude, whether all is finite) of a tensor; bfloat16 counts as finite."""
    try:
        array = np.asarray(file.get_tensor(name)).astype(np.float64)
    except (TypeError, AttributeError):  # NumPy knows no bfloat16
        return math.nan, True
    finite = bool(np.isfinite(array).all())
    return float(np.abs(array[np.isfinite(array)]).max(initial=0.0)), finite
