"""What a killed process had done so far: one file per phase, replaced whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.disk import disk_errors
from tunewell.store.files import fsync

Arrays = Mapping[str, NDArray[Any]]
"""Name to array, of any kind of numbers."""


class Checkpoint:
    """The newest state of one phase, as a safetensors file.

    Args:
        path: The file; its folder is made when first written. None = nothing is kept.
        every_s: Least seconds between two states within an epoch.
    """

    def __init__(self, path: Path | None, *, every_s: float = 60.0) -> None:
        self.path = path
        self.every_s = every_s

    def save(self, arrays: Arrays, notes: Mapping[str, Any]) -> None:
        """Write a state; after a kill at any moment either this one or the one before is there."""
        if self.path is None:
            return
        from safetensors.numpy import save_file

        temporary = self.path.with_suffix(".tmp")
        whole = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
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
            arrays = {name: file.get_tensor(name) for name in file.keys()}
            return arrays, json.loads(file.metadata()["notes"])
