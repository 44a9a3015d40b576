"""Pairs worth a look: rows that share a very rare word, or a band of a sketch of their words.

Rows are sketched in blocks that stay in the processor's cache and of each band one 32-bit key a row
is kept; bands are then sorted one by one. Memory: 4 bytes a row and band, 1 byte a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise

import numpy as np

from tunewell.similar.arrays import (
    Bools,
    Bytes,
    Codes,
    Packed,
    Positions,
    distinct,
)
from tunewell.similar.frequency import Frequency, count_words
from tunewell.similar.word_table import WordTable

HASHES = 64
"""Hashes of a sketch."""

_VERY_RARE = 5
"""A word that stands in so few rows makes them candidates by itself."""

_SMALL = 50_000
"""Up to so many rows the bands are shorter: more candidates, more recall. The check is cheap."""

_WINDOW = 6
"""In a bucket every row is held against its next six and the first: families close transitively."""

_BLOCK_WORDS = 1 << 17
_AT_ONCE = 1 << 22
"""Candidates that are handed on together."""

CHECKED_AT_ONCE = 1 << 14
"""Pairs whose sketches are compared together: they stay in the processor's cache."""

LIKELY = 8
"""Hashes of a checked sketch, of 63 or 64, in which a pair must agree to be looked at.

An edited copy (30 % of its words) agrees in about 38; two rows that met by chance in one band, in
five.
"""

_ONCE_TIER, _VERY_RARE_TIER, _RARE_TIER, _MIDDLING_TIER, _COMMON_TIER = range(5)
"""Words by how many rows they stand in: one; up to `_VERY_RARE`; few; many; most."""


@dataclass(frozen=True)
class BandPlan:
    """One way to sketch rows.

    Attributes:
        least: Lowest tier of the words that are looked at.
        most: Highest tier.
        width: Hashes of a band.
        bands: How many there are.
        checked: Whether pairs must agree in enough hashes of the whole sketch.
    """

    least: int
    most: int
    width: int
    bands: int
    checked: bool = False


@dataclass(frozen=True)
class Sketch:
    """Sketches of all rows.

    Attributes:
        keys: Of each band, shape (bands, n).
        has: Whether the row has a word to sketch, shape (n,).
        bytes: The lowest byte of each least hash (b-bit MinHash, Li and König 2010), shape (n,
            hashes), or (0, 0).
    """

    keys: Codes
    has: Bools
    bytes: Bytes

    @cached_property
    def rows(self) -> Packed:
        """The rows that have a word to sketch."""
        return np.flatnonzero(self.has).astype(np.uint64)

    @classmethod
    def empty(cls, n: int, plan: BandPlan) -> Sketch:
        """Room for the sketches of n rows."""
        kept = (n, plan.bands * plan.width) if plan.checked else (0, 0)
        return cls(
            keys=np.empty((plan.bands, n), np.uint32),
            has=np.zeros(n, np.bool_),
            bytes=np.empty(kept, np.uint8),
        )


@dataclass(frozen=True)
class TieredWords:
    """Words of the rows with the tier of each, shape (words,)."""

    words: WordTable
    tier: Bytes

    @classmethod
    def of(cls, words: WordTable) -> TieredWords:
        """Count the words and sort them into tiers."""
        return cls.counted(words, count_words(words), len(words))

    @classmethod
    def counted(cls, words: WordTable, frequency: Frequency, n: int) -> TieredWords:
        """Sort the words of some rows into tiers by their counts in all n rows."""
        rare = max(20, n // 100)
        middling = max(50, n // 5)
        bounds = (1, _VERY_RARE, rare, middling)
        return cls(words, frequency.tiers(words.codes, bounds))

    def very_rare(self, first: int = 0) -> Packed:
        """Very rare words with their rows, packed and sorted.

        Args:
            first: Number of the first of these rows among all.
        """
        at = np.flatnonzero(self.tier == _VERY_RARE_TIER)
        rows = np.searchsorted(self.words.starts, at, side="right") - 1 + first
        return packed(self.words.codes[at], rows.astype(np.uint64))

    def blocks(self) -> list[slice]:
        """Rows in blocks of about `_BLOCK_WORDS` words."""
        marks = range(0, len(self.words.codes), _BLOCK_WORDS)
        rows = np.searchsorted(self.words.starts, marks, side="right") - 1
        cuts = [*np.unique(rows).tolist(), len(self.words)]
        return [slice(low, high) for low, high in pairwise(cuts)]


def candidates(
    words: WordTable,
    *,
    across: int = 0,
    workers: int = 1,
) -> Iterator[Positions]:
    """Pairs of rows as ``low * n + high``, each batch sorted and without doubles.

    A pair may come in several batches.

    Args:
        words: Words of the rows.
        across: If not 0, only pairs between the first ``across`` rows and the rest.
        workers: Threads; the pairs are the same for any number of them.
    """
    tiered = TieredWords.of(words)
    buckets = Buckets(len(words), across)
    found = [buckets.pairs(tiered.very_rare())]
    size = len(found[0])

    plans = band_plans(len(words))
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for plan, numbers in zip(plans, hash_numbers(plans), strict=True):
            sketch = sketch_rows(tiered, plan, numbers, pool)
            pairs_of = partial(buckets.pairs_of_band, sketch)
            for pairs in pool.map(pairs_of, range(plan.bands)):
                found.append(pairs)
                size += len(pairs)
                if size > _AT_ONCE:
                    yield distinct(np.concatenate(found))
                    found, size = [], 0
    yield distinct(np.concatenate([*found, np.empty(0, np.int64)]))


def band_plans(n: int) -> tuple[BandPlan, ...]:
    """The ways in which n rows are sketched."""
    # Rows that are nearly the same and have no rare word (a template that stands in every row).
    of_all_words = BandPlan(_ONCE_TIER, _COMMON_TIER, width=6, bands=5)
    if n <= _SMALL:
        return (
            BandPlan(
                _VERY_RARE_TIER,
                _RARE_TIER,
                width=2,
                bands=HASHES // 2,
                checked=True,
            ),
            BandPlan(
                _VERY_RARE_TIER,
                _MIDDLING_TIER,
                width=3,
                bands=HASHES // 3,
                checked=True,
            ),
            of_all_words,
        )
    return (
        BandPlan(
            _VERY_RARE_TIER,
            _RARE_TIER,
            width=3,
            bands=HASHES // 3,
            checked=True,
        ),
        BandPlan(_VERY_RARE_TIER, _MIDDLING_TIER, width=5, bands=12),
        of_all_words,
    )


def hash_numbers(plans: Sequence[BandPlan]) -> list[Codes]:
    """Multiplier and offset of each hash of some plans, shape (bands, width, 2) each."""
    random = np.random.default_rng(20261122)
    found = []
    for plan in plans:
        shape = (plan.bands, plan.width, 2)
        numbers = random.integers(1, 1 << 32, shape, dtype=np.uint32)
        numbers[:, :, 0] |= 1  # a multiplier that is odd loses no bit
        found.append(numbers)
    return found


def packed(key: Codes, rows: Packed) -> Packed:
    """Key and row in one number, sorted: several times faster than sorting rows by key."""
    both = key.astype(np.uint64)
    both <<= np.uint64(32)
    both |= rows
    both.sort()
    return both


def sketch_rows(
    tiered: TieredWords,
    plan: BandPlan,
    numbers: Codes,
    pool: ThreadPoolExecutor,
) -> Sketch:
    """The sketches of some rows."""
    made = Sketch.empty(len(tiered.words), plan)

    def sketch(block: slice) -> None:
        _sketch_block(tiered, plan, numbers, block, made)

    for _ in pool.map(sketch, tiered.blocks()):
        pass
    return made


def _sketch_block(
    tiered: TieredWords,
    plan: BandPlan,
    numbers: Codes,
    block: slice,
    made: Sketch,
) -> None:
    """Sketch the rows of one block: the least hashes of a band folded into one key.

    MinHash, Broder 1997.
    """
    starts = tiered.words.starts[block.start : block.stop + 1]
    low, high = int(starts[0]), int(starts[-1])
    tier = tiered.tier[low:high]
    use = np.flatnonzero((tier >= plan.least) & (tier <= plan.most))
    codes = tiered.words.codes[low:high][use]

    bounds = np.searchsorted(use, starts - low)
    full = bounds[1:] > bounds[:-1]
    made.has[block] = full
    first = bounds[:-1][full]
    if not len(first):
        return

    hashed = np.empty_like(codes)
    spare = np.empty_like(codes)
    lowest = np.empty(len(first), np.uint32)
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
                kept = made.bytes[block, band * plan.width + at]
                kept[full] = lowest & np.uint32(0xFF)
        made.keys[band, block][full] = key >> np.uint64(32)


@dataclass(frozen=True)
class Buckets:
    """Rows with the same key are pairs.

    Attributes:
        n: How many rows there are.
        across: See `candidates`.
    """

    n: int
    across: int

    def pairs_of_band(self, sketch: Sketch, band: int) -> Positions:
        """Pairs that agree in a band and, where sketches are kept, in enough of them."""
        keys = sketch.keys[band][sketch.has]
        found = self.pairs(packed(keys, sketch.rows))
        if not sketch.bytes.size:
            return found
        return self._likely(found, sketch.bytes)

    def _likely(self, pairs: Positions, sketches: Bytes) -> Positions:
        """The pairs whose sketches agree in enough hashes to be worth a look."""
        keep = np.empty(len(pairs), dtype=np.bool_)
        for at in range(0, len(pairs), CHECKED_AT_ONCE):
            part = slice(at, at + CHECKED_AT_ONCE)
            low, high = np.divmod(pairs[part], self.n)
            keep[part] = may_be_alike(sketches[low], sketches[high])
        return pairs[keep]

    def pairs(self, both: Packed) -> Positions:
        """Pairs with the same key, as ``low * n + high``.

        Args:
            both: Codes and rows, sorted, shape (rows,).
        """
        key = (both >> np.uint64(32)).astype(np.uint32)
        same = key[1:] == key[:-1]
        as_before = np.r_[False, same]
        as_next = np.r_[same, False]
        several = np.flatnonzero(as_before | as_next)
        if not len(several):
            return np.empty(0, np.int64)

        key = key[several]
        members = (both[several] & np.uint64(0xFFFFFFFF)).astype(np.int64)
        fresh = np.r_[True, key[1:] != key[:-1]]
        bucket = np.cumsum(fresh) - 1
        start = np.flatnonzero(fresh)

        found = [_next_ones(members, bucket), _first_ones(members, bucket, start)]
        if self.across:
            found.append(self._crossing(members, bucket, start))
        left = np.concatenate([a for a, _ in found])
        right = np.concatenate([b for _, b in found])
        return self._numbered(left, right)

    def _numbered(self, left: Positions, right: Positions) -> Positions:
        low = np.minimum(left, right)
        high = np.maximum(left, right)
        keep = low != high
        if self.across:
            keep = (low < self.across) & (high >= self.across)
        return distinct(low[keep] * self.n + high[keep])

    def _crossing(
        self,
        members: Positions,
        bucket: Positions,
        start: Positions,
    ) -> tuple[Positions, Positions]:
        """Each of the rest against the last of the first ``across`` texts of its bucket.

        So no large bucket hides a crossing. Members are sorted, so in a bucket the first texts come
        first.
        """
        first = members < self.across
        head = np.add.reduceat(first.astype(np.int64), start)
        mixed = np.flatnonzero(~first & (head[bucket] > 0))
        own = bucket[mixed]
        last_of_head = start[own] + head[own] - 1
        return members[last_of_head], members[mixed]


def may_be_alike(left: Bytes, right: Bytes) -> Bools:
    """Whether two sketches agree in enough hashes, pair by pair.

    Args:
        left: Lowest bytes of the least hashes, shape (pairs, hashes).
        right: Those of the other rows.
    """
    agree = (left == right).sum(axis=1)
    return np.asarray(agree >= LIKELY)


def _next_ones(members: Positions, bucket: Positions) -> tuple[Positions, Positions]:
    """Each member of a bucket with the next `_WINDOW` ones."""
    none = np.empty(0, np.int64)
    left, right = [none], [none]
    for distance in range(1, _WINDOW + 1):
        at = np.flatnonzero(bucket[distance:] == bucket[:-distance])
        if not len(at):
            break
        left.append(members[at])
        right.append(members[at + distance])
    return np.concatenate(left), np.concatenate(right)


def _first_ones(
    members: Positions,
    bucket: Positions,
    start: Positions,
) -> tuple[Positions, Positions]:
    """The first member of a bucket with those beyond the window."""
    first = start[bucket]
    place = np.arange(len(members)) - first
    far = np.flatnonzero(place > _WINDOW)
    return members[first[far]], members[far]
