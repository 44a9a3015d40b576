"""Tensors of safetensors files, each read in its own type: no torch, nothing executed.

Source: the safetensors format (8 bytes of length, a JSON header, the bytes of the tensors).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tunewell.json_text import parse_json

_LONGEST_HEADER: Final = 100 << 20
_BLOCK: Final = 1 << 22
"""Elements looked at together."""
_PLAIN: Final[Mapping[str, str]] = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
}
_EIGHT_BITS: Final[Mapping[str, tuple[int, int, int | None]]] = {
    "F8_E4M3": (4, 7, None),
    "F8_E5M2": (5, 15, 31),
}
"""Type to (bits of the exponent, its bias, the exponent of infinities, if it has any)."""


@dataclass(frozen=True)
class TensorSummary:
    """What one tensor holds.

    Attributes:
        name: In the file.
        dtype: ``F32``, ``BF16`` …
        shape: Its shape.
        largest: Greatest magnitude of the finite values.
        bad: How many values are NaN or infinite.
        ones: Whether every value is exactly one.
        digest: Of its bytes.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    largest: float
    bad: int
    ones: bool
    digest: str

    @property
    def zero(self) -> bool:
        """Whether it holds nothing but zeros."""
        return self.largest == 0 and not self.bad


@dataclass(frozen=True)
class TensorFile:
    """One safetensors file.

    Attributes:
        path: Of the file.
        entries: Name to type, shape and place.
        doubled: Names that stand twice in its header.
        start: Where the tensors begin, in bytes.
    """

    path: Path
    entries: Mapping[str, Mapping[str, Any]]
    doubled: Sequence[str]
    start: int

    @classmethod
    def open(cls, path: Path) -> TensorFile:
        """Read the header.

        Raises:
            ValueError: It is none, or cut off.
            OSError: It cannot be read.
        """
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length <= _LONGEST_HEADER:
                raise ValueError("it has no safetensors header")
            raw = file.read(length)
        if len(raw) < length:
            raise ValueError("it is cut off within its header")
        doubled: list[str] = []

        def noted(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            names = [name for name, _ in pairs]
            doubled.extend(name for name in dict.fromkeys(names) if names.count(name) > 1)
            return dict(pairs)

        header = parse_json(raw, object_pairs_hook=noted)
        header.pop("__metadata__", None)
        end = 8 + length + max((e["data_offsets"][1] for e in header.values()), default=0)
        if path.stat().st_size < end:
            raise ValueError(f"it is cut off: {path.stat().st_size} of {end} bytes")
        return cls(path, header, tuple(doubled), 8 + length)

    def summaries(self) -> Iterator[TensorSummary]:
        """Every tensor, looked at value by value."""
        for name in self.entries:
            yield self._summary(name)

    def _summary(self, name: str) -> TensorSummary:
        entry = self.entries[name]
        dtype, shape = str(entry["dtype"]), tuple(entry["shape"])
        begin, end = entry["data_offsets"]
        raw = np.memmap(self.path, np.uint8, "r", self.start + begin, (end - begin,))
        largest, bad, ones = 0.0, 0, True
        for values in _values(raw, dtype):
            finite = np.isfinite(values)
            bad += int((~finite).sum())
            largest = max(largest, float(np.abs(values[finite]).max(initial=0.0)))
            ones = ones and bool((values == 1).all())
        return TensorSummary(
            name=name,
            dtype=dtype,
            shape=shape,
            largest=largest,
            bad=bad,
            ones=ones and math.prod(shape) > 0,
            digest=hashlib.sha256(raw.tobytes()).hexdigest(),
        )


def _values(raw: NDArray[np.uint8], dtype: str) -> Iterator[NDArray[np.float64]]:
    """The values of a tensor in blocks, as numbers.

    Raises:
        ValueError: The type is not known.
    """
    width = _width(dtype)
    step = _BLOCK * width
    for start in range(0, len(raw), step):
        block = np.frombuffer(raw[start : start + step].tobytes(), np.uint8)
        yield _decoded(block, dtype)


def _width(dtype: str) -> int:
    if dtype == "BF16":
        return 2
    if dtype in _EIGHT_BITS:
        return 1
    if dtype in _PLAIN:
        return np.dtype(_PLAIN[dtype]).itemsize
    raise ValueError(f"the type {dtype} is not known")


def _decoded(block: NDArray[np.uint8], dtype: str) -> NDArray[np.float64]:
    if dtype == "BF16":
        # The upper half of a float32.
        wide = block.view("<u2").astype(np.uint32) << 16
        return wide.view(np.float32).astype(np.float64)
    if dtype in _EIGHT_BITS:
        return _eight_bit_table(dtype)[block]
    return block.view(_PLAIN[dtype]).astype(np.float64)


def _eight_bit_table(dtype: str) -> NDArray[np.float64]:
    """The value of every byte, shape (256,)."""
    bits, bias, infinite = _EIGHT_BITS[dtype]
    mantissa_bits = 7 - bits
    table = np.empty(256)
    for byte in range(256):
        sign = -1.0 if byte & 0x80 else 1.0
        exponent = (byte & 0x7F) >> mantissa_bits
        mantissa = byte & ((1 << mantissa_bits) - 1)
        if infinite is not None and exponent == infinite:
            table[byte] = np.nan if mantissa else sign * np.inf
        elif infinite is None and byte & 0x7F == 0x7F:
            table[byte] = np.nan
        elif exponent == 0:
            table[byte] = sign * mantissa * 2.0 ** (1 - bias - mantissa_bits)
        else:
            fraction = 1 + mantissa / (1 << mantissa_bits)
            table[byte] = sign * fraction * 2.0 ** (exponent - bias)
    return table
