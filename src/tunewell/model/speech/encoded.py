"""What the encoder makes of recordings, computed once: it is frozen, and most of the work."""

from __future__ import annotations

import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tunewell.types import digest

if TYPE_CHECKING:
    import torch

IN_MEMORY: Final = 256
"""Encoded recordings that are held, 2.3 MB each for the smallest model in fp32."""

ON_DISK_BYTES: Final = 8 << 30
"""Encoded recordings beyond this are removed from a project's cache, the longest unused first."""

VERSION: Final = 1
"""Of the way from a recording to its features."""


class EncodedClips:
    """Encoded recordings by their digest, in memory and, where a folder is given, on disk.

    Args:
        encode: From the digest of a recording to what the encoder makes of it, shape (positions,
            width).
        weights: Digest of the model.
        folder: Keeps them for the next process; None = memory alone.
    """

    def __init__(
        self, encode: Callable[[str], torch.Tensor], *, weights: str, folder: Path | None = None
    ) -> None:
        self._encode = encode
        self._weights = weights
        self._folder = folder
        self._held: OrderedDict[str, torch.Tensor] = OrderedDict()

    def get(self, clip: str) -> torch.Tensor:
        """What the encoder makes of a recording, shape (positions, width).

        Raises:
            UnreadableClip: It cannot be read.
        """
        found = self._held.pop(clip, None)
        if found is None:
            found = self._from_disk(clip)
        self._held[clip] = found
        if len(self._held) > IN_MEMORY:
            self._held.popitem(last=False)
        return found

    def _from_disk(self, clip: str) -> torch.Tensor:
        if self._folder is None:
            return self._encode(clip)
        import torch

        path = self._folder / f"heard-{digest([self._weights, clip, VERSION])[:32]}.npy"
        kept = _read(path)
        if kept is not None:
            return torch.from_numpy(kept)
        found = self._encode(clip)
        _write(path, found.cpu().numpy())
        return found

    def trim(self) -> None:
        """Remove what is too much on disk, the longest unused first."""
        if self._folder is None:
            return
        newest = sorted(self._folder.glob("heard-*.npy"), key=lambda p: p.stat().st_atime)[::-1]
        total = 0
        for path in newest:
            total += path.stat().st_size
            if total > ON_DISK_BYTES:
                path.unlink(missing_ok=True)


def _read(path: Path) -> Any:
    """What was kept, unless it is not there or not whole."""
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None


def _write(path: Path, states: Any) -> None:
    """Keep states, whole or not at all; a disk that refuses only costs time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            np.save(file, states, allow_pickle=False)
        os.replace(file.name, path)
    except OSError:
        return
