"""Fold traces as safetensors: what a `FoldTrace` is on disk."""

from __future__ import annotations

import json
import struct

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tunewell.errors import StoreError
from tunewell.types import FoldTrace

_FIELDS = ("losses", "tokens", "held_out", "epochs")


def trace_to_bytes(trace: FoldTrace) -> bytes:
    """A trace as safetensors bytes, the ids in the header; the same trace gives the same bytes.

    Example:
        >>> t = FoldTrace(losses=np.zeros((1, 2, 1), np.float32), tokens=np.ones(1, np.int64),
        ...               held_out=np.array([[True], [False]]), epochs=np.zeros(1), examples=("a",))
        >>> trace_from_bytes(trace_to_bytes(t)).examples
        ('a',)
    """
    arrays = {name: np.ascontiguousarray(getattr(trace, name)) for name in _FIELDS}
    # One entry only: safetensors writes several in an order that changes from process to process.
    return bytes(save(arrays, metadata={"examples": json.dumps(trace.examples)}))


def trace_from_bytes(data: bytes) -> FoldTrace:
    """The trace that `trace_to_bytes` wrote.

    Raises:
        StoreError: The bytes are no trace.
    """
    try:
        (size,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + size])
        examples = json.loads(header["__metadata__"]["examples"])
        arrays = load(data)
        fields = {name: arrays[name] for name in _FIELDS}
        return FoldTrace(**fields, examples=tuple(map(str, examples)))
    except (ValueError, KeyError, TypeError, struct.error, SafetensorError) as error:
        raise StoreError(
            f"these bytes are no fold trace: {error}", hint="tunewell train makes it again"
        ) from error
