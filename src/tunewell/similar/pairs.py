"""Near-duplicates: candidates from rare words, every reported pair verified word by word.

Fine-tuning rows are short, and shingles of several words do not survive edits in short rows (at 10 % edited words the
usual recipes propose fewer than 7 % of the copies). So candidates share *rare single words*: MinHash (Broder 1997) over
the words of a row that are in few other rows, cut into bands. Candidates are cheap; each is then verified by the
similarity of the word sequences (Indel, rapidfuzz), so that an estimate is never a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewell.similar.words import Words, split_words

THRESHOLD = 0.65
"""Similarity of two word sequences from which they are near-duplicates: 2 × common subsequence / words of both."""

_HASHES = 64
"""Hashes of a sketch."""

_VERY_RARE = 5
"""A word that stands in so few rows makes them candidates by itself."""

_SMALL = 50_000
"""Up to so many rows the bands are shorter: more candidates, more recall."""

_WINDOW = 6
"""In a bucket every row is held against its next six and against the first: families close transitively."""


@dataclass(frozen=True)
class Pairs:
    """Verified pairs ``left[k] < right[k]`` with their similarity in [0, 1], each of shape (pairs,)."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    similarity: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.left)


def near_pairs(
    texts: Sequence[str] | Words, *, threshold: float = THRESHOLD, across: int = 0, workers: int = 1
) -> Pairs:
    """All pairs of texts that are alike.

    Args:
        texts: The texts, or their words.
        threshold: Least similarity.
        across: If not 0, only pairs between the first ``across`` texts and the rest.
        workers: Threads for the verification.

    Example:
        >>> pairs = near_pairs(["please send me the new bill for my flat today",
        ...                     "please send me a new bill for my flat today", "my meter is broken since monday"])
        >>> list(zip(pairs.left.tolist(), pairs.right.tolist()))
        [(0, 1)]
    """
    words = texts if isinstance(texts, Words) else split_words(texts)
    left, right = _candidates(words, across)
    similarity = similarities(words, left, right, cutoff=threshold, workers=workers)
    keep = similarity >= threshold
    return Pairs(left[keep], right[keep], similarity[keep])


def similarities(
    words: Words, left: NDArray[np.int64], right: NDArray[np.int64], *, cutoff: float = 0.0, workers: int = 1
) -> NDArray[np.float32]:
    """Similarity of the word sequences of the pairs; 0 where it is below the cutoff. Two empty texts are alike (1)."""
    if not len(left):
        return np.empty(0, dtype=np.float32)
    from rapidfuzz.distance import Indel
    from rapidfuzz.process import cpdist

    # The lengths alone bound the similarity; what they rule out is not compared.
    lengths = words.lengths
    short = np.minimum(lengths[left], lengths[right])
    total = lengths[left] + lengths[right]
    possible = np.flatnonzero((2 * short >= cutoff * total) & (total > 0))
    result = np.where(total == 0, 1.0, 0.0).astype(np.float32)
    for start in range(0, len(possible), 200_000):
        part = possible[start : start + 200_000]
        texts = {int(i): words.text(int(i)) for i in np.unique(np.concatenate([left[part], right[part]]))}
        result[part] = cpdist(
            [texts[int(i)] for i in left[part]],
            [texts[int(j)] for j in right[part]],
            scorer=Indel.normalized_similarity,
            score_cutoff=cutoff,
            dtype=np.float32,
            workers=workers,
        )
    return result


def document_frequency(words: Words) -> NDArray[np.int32]:
    """How often each word stands in all texts, shape (words,); counted in hashed buckets, so never too low."""
    bits = 22 if len(words.codes) < 4_000_000 else 24
    shift = np.uint32(32 - bits)
    counts = np.zeros(1 << bits, dtype=np.int64)
    step = 1 << 22  # bincount widens its input to 64 bits: in blocks, so that memory stays low
    for at in range(0, len(words.codes), step):
        counts += np.bincount(words.codes[at : at + step] >> shift, minlength=1 << bits)
    result: NDArray[np.int32] = counts.astype(np.int32)[words.codes >> shift]
    return result


def _candidates(words: Words, across: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs worth a look: rows that share a very rare word, or a band of a sketch of rare or of middling words."""
    n = len(words)
    small = n <= _SMALL
    rare, middling = max(20, n // 100), max(50, n // 5)
    frequency = document_frequency(words)
    # 0 = stands once, 1 = very rare, 2 = rare, 3 = middling, 4 = common: one byte a word is kept.
    tier = np.searchsorted([1, _VERY_RARE, rare, middling], frequency, side="left").astype(np.uint8)
    del frequency
    owner = np.repeat(np.arange(n, dtype=np.int32), words.lengths)
    random = np.random.default_rng(20261122)
    very = tier == 1
    found = [_bucket_pairs(words.codes[very].astype(np.uint64), owner[very].astype(np.int64), n, across)]
    for most, width in ((2, 3 if small else 4), (3, 4 if small else 5)):
        use = (tier >= 1) & (tier <= most)
        found += _banded(words.codes[use], owner[use], n, across, width, random)
    # Rows that are nearly the same and have no rare word (a template that stands in every row).
    found += _banded(words.codes, owner, n, across, 6, random, hashes=_HASHES // 2)
    pairs = np.unique(np.concatenate(found))
    pairs = pairs[pairs // max(n, 1) != pairs % max(n, 1)]
    return pairs // max(n, 1), pairs % max(n, 1)


def _banded(
    codes: NDArray[np.uint32],
    owner: NDArray[np.int32],
    n: int,
    across: int,
    width: int,
    random: np.random.Generator,
    *,
    hashes: int = _HASHES,
) -> list[NDArray[np.int64]]:
    """Pairs that agree in a band of ``width`` least hashes."""
    if not len(codes):
        return []
    first = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    rows = owner[first].astype(np.int64)
    found = []
    for _band in range(hashes // width):
        key = np.zeros(len(rows), dtype=np.uint64)
        for _ in range(width):
            multiplier, shift = (np.uint32(x) for x in random.integers(1, 1 << 32, 2, dtype=np.uint32))
            lowest = _lowest(codes, first, multiplier | np.uint32(1), shift)
            key = (key ^ lowest) * np.uint64(0x9E3779B97F4A7C15)
            key ^= key >> np.uint64(29)
        found.append(_bucket_pairs(key, rows, n, across))
    return found


def _lowest(
    codes: NDArray[np.uint32], first: NDArray[np.int64], multiplier: np.uint32, shift: np.uint32
) -> NDArray[np.uint32]:
    """The least hash of every text, in blocks that stay in the processor's cache."""
    result = np.empty(len(first), dtype=np.uint32)
    step = 8192
    for at in range(0, len(first), step):
        low = int(first[at])
        high = int(first[at + step]) if at + step < len(first) else len(codes)
        hashed = (codes[low:high] ^ shift) * multiplier
        hashed ^= hashed >> np.uint32(15)
        hashed *= np.uint32(0x2C1B3C6D)
        np.minimum.reduceat(hashed, first[at : at + step] - low, out=result[at : at + step])
    return result


def _bucket_pairs(key: NDArray[np.uint64], rows: NDArray[np.int64], n: int, across: int) -> NDArray[np.int64]:
    """Pairs with the same key, as ``low * n + high``."""
    order = np.argsort(key, kind="stable")
    ordered, members = key[order], rows[order]
    same = ordered[1:] == ordered[:-1]
    if not same.any():
        return np.empty(0, np.int64)
    bucket = np.concatenate([[0], np.cumsum(~same)])
    start = np.flatnonzero(np.r_[True, ~same])
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
    if across:
        cross = (low < across) & (high >= across)
        low, high = low[cross], high[cross]
    result: NDArray[np.int64] = low * n + high
    return result


def _crossing(
    members: NDArray[np.int64], bucket: NDArray[np.int64], start: NDArray[np.int64], across: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each of the rest against the last of the first ``across`` texts, so that no large bucket hides a crossing.

    Sorting is stable, so in a bucket the first texts come first.
    """
    head = np.add.reduceat((members < across).astype(np.int64), start)
    mixed = np.flatnonzero((members >= across) & (head[bucket] > 0))
    return members[start[bucket[mixed]] + head[bucket[mixed]] - 1], members[mixed]
