"""Pairs worth a look: rows that share a very rare word, or a band of a sketch of their rare or middling words.

Rows are sketched in blocks that stay in the processor's cache and of each band one 32-bit key a row
is kept; bands are then sorted one by one. Memory: 4 bytes a row and band, 1 byte a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tunewell.similar.frequency import count_words
from tunewell.similar.word_table import WordTable

HASHES = 64
"""Hashes of a sketch."""

_VERY_RARE = 5
"""A word that stands in so few rows makes them candidates by itself."""

_SMALL = 50_000
"""Up to so many rows the bands are shorter: more candidates, more recall. The check makes them cheap."""

_WINDOW = 6
"""In a bucket every row is held against its next six and against the first: families close transitively."""

_BLOCK_WORDS = 1 << 17
_AT_ONCE = 1 << 22
"""Candidates that are handed on together."""


_LIKELY = 8
"""Hashes of a checked sketch, of 63 or 64, in which a pair must agree to be looked at.

An edited copy (30 % of its words) agrees in about 38; two rows that met by chance in one band, in five.
"""


@dataclass(frozen=True)
class _Plan:
    """Words to look at (``least <= tier <= most``), hashes of a band, bands, whether the sketch checks its pairs."""

    least: int
    most: int
    width: int
    bands: int
    checked: bool = False


@dataclass(frozen=True)
class _Sketch:
    """Sketches of all rows.

    Attributes:
        keys: Of each band, shape (bands, n).
        has: Whether the row has a word to sketch, shape (n,).
        bytes: The lowest byte of each least hash (b-bit MinHash, Li and König 2010), shape (n,
            hashes), or (0, 0).
    """

    keys: NDArray[np.uint32]
    has: NDArray[np.bool_]
    bytes: NDArray[np.uint8]


def candidates(
    words: WordTable, *, across: int = 0, workers: int = 1
) -> Iterator[NDArray[np.int64]]:
    """Pairs of rows as ``low * n + high``, each batch sorted and without doubles.

    A pair may come in several batches.

    Args:
        words: Words of the rows.
        across: If not 0, only pairs between the first ``across`` rows and the rest.
        workers: Threads; the pairs are the same for any number of them.
    """
    n = len(words)
    rare, middling = max(20, n // 100), max(50, n // 5)
    # 0 = stands once, 1 = very rare, 2 = rare, 3 = middling, 4 = common.
    tier = count_words(words).tiers(words.codes, (1, _VERY_RARE, rare, middling))
    small = n <= _SMALL
    plans = (
        _Plan(1, 2, 2, HASHES // 2, checked=True)
        if small
        else _Plan(1, 2, 3, HASHES // 3, checked=True),
        _Plan(1, 3, 3, HASHES // 3, checked=True) if small else _Plan(1, 3, 5, 12),
        # Rows that are nearly the same and have no rare word (a template that stands in every row).
        _Plan(0, 4, 6, 5),
    )
    found = [_bucket_pairs(_very_rare(words, tier), n, across)]
    size = len(found[0])
    random = np.random.default_rng(20261122)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for plan in plans:
            for pairs in _banded(_sketch(words, tier, plan, random, pool), n, across, pool):
                found.append(pairs)
                size += len(pairs)
                if size > _AT_ONCE:
                    yield np.unique(np.concatenate(found))
                    found, size = [], 0
    yield np.unique(np.concatenate([*found, np.empty(0, np.int64)]))


def _banded(
    sketch: _Sketch, n: int, across: int, pool: ThreadPoolExecutor
) -> Iterator[NDArray[np.int64]]:
    """Pairs that agree in a band, band by band."""
    rows = np.flatnonzero(sketch.has).astype(np.uint64)

    def pairs(band: int) -> NDArray[np.int64]:
        found = _bucket_pairs(_packed(sketch.keys[band][sketch.has], rows), n, across)
        return _likely(found, n, sketch.bytes) if sketch.bytes.size else found

    yield from pool.map(pairs, range(len(sketch.keys)))


def _likely(pairs: NDArray[np.int64], n: int, sketches: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The pairs whose sketches agree in enough hashes to be worth a look."""
    keep = np.empty(len(pairs), dtype=np.bool_)
    for at in range(0, len(pairs), 1 << 14):
        low, high = np.divmod(pairs[at : at + (1 << 14)], n)
        keep[at : at + (1 << 14)] = (sketches[low] == sketches[high]).sum(axis=1) >= _LIKELY
    return pairs[keep]


def _very_rare(words: WordTable, tier: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Very rare words with their rows, packed and sorted."""
    at = np.flatnonzero(tier == 1)
    return _packed(
        words.codes[at], (np.searchsorted(words.starts, at, side="right") - 1).astype(np.uint64)
    )


def _packed(key: NDArray[np.uint32], rows: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Key and row in one number, sorted: several times faster than sorting rows by key."""
    packed = key.astype(np.uint64)
    packed <<= np.uint64(32)
    packed |= rows
    packed.sort()
    return packed


def _sketch(
    words: WordTable,
    tier: NDArray[np.uint8],
    plan: _Plan,
    random: np.random.Generator,
    pool: ThreadPoolExecutor,
) -> _Sketch:
    n = len(words)
    numbers = random.integers(1, 1 << 32, (plan.bands, plan.width, 2), dtype=np.uint32)
    numbers[:, :, 0] |= 1
    kept = (n, plan.bands * plan.width) if plan.checked else (0, 0)
    made = _Sketch(
        np.empty((plan.bands, n), np.uint32), np.zeros(n, np.bool_), np.empty(kept, np.uint8)
    )
    cuts = np.unique(
        np.searchsorted(words.starts, range(0, len(words.codes), _BLOCK_WORDS), side="right") - 1
    )
    blocks = [slice(low, high) for low, high in pairwise([*cuts.tolist(), n])]
    for _ in pool.map(lambda block: _sketch_block(words, tier, plan, numbers, block, made), blocks):
        pass
    return made


def _sketch_block(
    words: WordTable,
    tier: NDArray[np.uint8],
    plan: _Plan,
    numbers: NDArray[np.uint32],
    block: slice,
    made: _Sketch,
) -> None:
    """Sketch the rows of one block: MinHash (Broder 1997), the least hashes of a band folded into one key."""
    starts = words.starts[block.start : block.stop + 1]
    low, high = int(starts[0]), int(starts[-1])
    part = tier[low:high]
    use = np.flatnonzero((part >= plan.least) & (part <= plan.most))
    codes = words.codes[low:high][use]
    bounds = np.searchsorted(use, starts - low)
    full = bounds[1:] > bounds[:-1]
    made.has[block] = full
    first = bounds[:-1][full]
    if not len(first):
        return
    hashed, spare, lowest = (
        np.empty_like(codes),
        np.empty_like(codes),
        np.empty(len(first), np.uint32),
    )
    for band in range(plan.bands):
        key = np.zeros(len(first), dtype=np.uint64)
        for at, (multiplier, offset) in enumerate(numbers[band]):
            np.bitwise_xor(codes, offset, out=hashed)
            np.multiply(hashed, multiplier, out=hashed)
            np.right_shift(hashed, np.uint32(15), out=spare)
            np.bitwise_xor(hashed, spare, out=hashed)
            np.multiply(hashed, np.uint32(0x2C1B3C6D), out=hashed)
            np.minimum.reduceat(hashed, first, out=lowest)
            key = (key ^ lowest) * np.uint64(0x9E3779B97F4A7C15)
            key ^= key >> np.uint64(29)
            if plan.checked:
                made.bytes[block, band * plan.width + at][full] = lowest & np.uint32(0xFF)
        made.keys[band, block][full] = key >> np.uint64(32)


def _bucket_pairs(packed: NDArray[np.uint64], n: int, across: int) -> NDArray[np.int64]:
    """Pairs with the same key, as ``low * n + high``.

    Args:
        packed: Keys and rows, sorted, shape (rows,).
        n: How many rows there are.
        across: See `candidates`.
    """
    key = (packed >> np.uint64(32)).astype(np.uint32)
    same = key[1:] == key[:-1]
    several = np.flatnonzero(np.r_[False, same] | np.r_[same, False])
    if not len(several):
        return np.empty(0, np.int64)
    key, members = key[several], (packed[several] & np.uint64(0xFFFFFFFF)).astype(np.int64)
    fresh = np.r_[True, key[1:] != key[:-1]]
    bucket, start = np.cumsum(fresh) - 1, np.flatnonzero(fresh)
    found = []
    for distance in range(1, _WINDOW + 1):
        at = np.flatnonzero(bucket[distance:] == bucket[:-distance])
        if not len(at):
            break
        found.append((members[at], members[at + distance]))
    far = np.flatnonzero(np.arange(len(members)) - start[bucket] > _WINDOW)
    found.append((members[start[bucket[far]]], members[far]))
    if across:
        found.append(_crossing(members, bucket, start, across))
    a = np.concatenate([f[0] for f in found])
    b = np.concatenate([f[1] for f in found])
    low, high = np.minimum(a, b), np.maximum(a, b)
    keep = (low < across) & (high >= across) if across else low != high
    return np.unique(low[keep] * n + high[keep])


def _crossing(
    members: NDArray[np.int64], bucket: NDArray[np.int64], start: NDArray[np.int64], across: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each of the rest against the last of the first ``across`` texts, so that no large bucket hides a crossing.

    Members are sorted, so in a bucket the first texts come first.
    """
    head = np.add.reduceat((members < across).astype(np.int64), start)
    mixed = np.flatnonzero((members >= across) & (head[bucket] > 0))
    return members[start[bucket[mixed]] + head[bucket[mixed]] - 1], members[mixed]
