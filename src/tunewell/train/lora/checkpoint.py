"""What a killed process had done so far: one safetensors file per phase, replaced whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.store.files import disk_errors, fsync


class Checkpoint:
    """The newest state of one phase.

    Args:
        path: The file; its folder is made when first written. None = nothing is kept.
        every_s: Least seconds between two states within an epoch.
    """

    def __init__(self, path: Path | None, *, every_s: float = 60.0) -> None:
        self.path = path
        self.every_s = every_s

    def save(self, arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, Any]) -> None:
        """Write a state; after a kill at any moment either this one or the one before is there."""
        if self.path is None:
            return
        from safetensors.numpy import save_file

        temporary = self.path.with_suffix(".tmp")
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            whole = {k: np.ascontiguousarray(v) for k, v in arrays.items()}
            save_file(whole, temporary, metadata={"notes": json.dumps(notes)})
            fsync(temporary)
            os.replace(temporary, self.path)
            fsync(self.path.parent)

    def load(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
        """The newest state, or None."""
        if self.path is None or not self.path.is_file():
            return None
        from safetensors import safe_open

        with safe_open(self.path, framework="numpy") as file:
            arrays = {k: file.get_tensor(k) for k in file.keys()}
            return arrays, json.loads(file.metadata()["notes"])
