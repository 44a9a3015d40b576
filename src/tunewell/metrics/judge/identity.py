"""Which model answers: two servers may serve two models under one name."""

from __future__ import annotations

import uuid
import weakref
from pathlib import Path
from typing import Final

from tunewell.model.base import Model
from tunewell.types import digest

_WEIGHTS: Final = frozenset({".safetensors", ".bin", ".gguf", ".json"})
_KNOWN: dict[int, tuple[weakref.ref[object], str]] = {}
"""Models that say no more than their name, by their place in memory."""


def identity_of(model: Model) -> str:
    """What tells a model from every other one, in a few words or as a digest.

    Its own ``identity`` (server, weights) where it has one. A model that does not say where it runs
    is itself alone: replies of another object of the same name are none of its own.
    """
    told = getattr(model, "identity", "")
    if isinstance(told, str) and told:
        return told
    return f"{model.name} {_nonce(model)}"


def _nonce(model: Model) -> str:
    found = _KNOWN.get(id(model))
    if found is not None and found[0]() is model:
        return found[1]
    nonce = uuid.uuid4().hex
    try:
        _KNOWN[id(model)] = (weakref.ref(model), nonce)
    except TypeError:
        # Without a weak reference it cannot be recognised, so nothing of it is used again.
        return nonce
    return nonce


def weights_of(name: str) -> str:
    """A digest of a folder or file of weights (names, sizes, times); the name if there is none."""
    path = Path(name)
    if path.is_file():
        files = [path]
    elif path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in _WEIGHTS)
    else:
        return name
    seen = []
    for file in files:
        status = file.stat()
        seen.append([file.name, status.st_size, status.st_mtime_ns])
    return digest([str(path.resolve()), seen])
