"""The pairs of `tunewell.similar.near_duplicates`, found part by part: the same ones."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from tunewell.engine import Engine
from tunewell.similar.arrays import Bytes, Packed, Positions, distinct
from tunewell.similar.candidates import (
    BandPlan,
    Buckets,
    TieredWords,
    band_plans,
    hash_numbers,
    may_be_alike,
    packed,
    sketch_rows,
)
from tunewell.similar.in_parts.part_files import by_part, load, save
from tunewell.similar.in_parts.word_parts import WordParts
from tunewell.similar.near_duplicates import THRESHOLD, Pairs, similarities

_ROWS_AT_ONCE = 16_000_000
"""Rows whose keys one worker sorts; more are sorted in several ranges of keys."""

_CHECKED_AT_ONCE = 1 << 18
_VERIFIED_AT_ONCE = 1 << 20

_NOTHING = pa.table({"done": [True]})


@dataclass(frozen=True)
class _KeyRange:
    """Keys that are sorted together.

    Attributes:
        plan: Which way of sketching; None for very rare words.
        band: Which of its bands.
        range: Keys with this remainder …
        ranges: … when divided by this.
    """

    plan: int | None
    band: int
    range: int
    ranges: int


@dataclass(frozen=True)
class _NearSearch:
    """A search for near pairs.

    Attributes:
        words: What rows are brought together by.
        verified_by: What they are compared by.
        threshold: Least similarity.
        rows_at_once: See `_ROWS_AT_ONCE`.
    """

    words: WordParts
    verified_by: WordParts
    threshold: float
    rows_at_once: int

    @cached_property
    def plans(self) -> tuple[BandPlan, ...]:
        """The ways in which the rows are sketched."""
        return band_plans(len(self.words))

    @cached_property
    def key_ranges(self) -> list[_KeyRange]:
        """All keys, as they are sorted together."""
        ranges = -(-len(self.words) // self.rows_at_once)
        bands: list[tuple[int | None, int]] = [(None, 0)]
        for number, plan in enumerate(self.plans):
            bands += [(number, band) for band in range(plan.bands)]
        return [_KeyRange(*band, part, ranges) for band in bands for part in range(ranges)]

    def sketch(self, part: int) -> pa.Table:
        """Sketch the rows of one part."""
        words = self.words.words(part)
        tiered = TieredWords.counted(words, self.words.frequency(), len(self.words))
        save(self._file("rare", part), tiered.very_rare(self.words.firsts[part]))
        with ThreadPoolExecutor(1) as pool:
            for k, numbers in enumerate(hash_numbers(self.plans)):
                sketch = sketch_rows(tiered, self.plans[k], numbers, pool)
                save(self._file(f"keys{k}", part), sketch.keys)
                save(self._file(f"has{k}", part), sketch.has)
                save(self._file(f"bytes{k}", part), sketch.bytes)
        return _NOTHING

    def sort(self, number: int) -> pa.Table:
        """Find the pairs of rows with the same key in one range of keys."""
        keys = self.key_ranges[number]
        parts = [self._packed(keys, part) for part in range(self.words.parts)]
        both = np.concatenate(parts)
        both.sort()
        found = Buckets(len(self.words), across=0).pairs(both)
        if keys.plan is not None and self.plans[keys.plan].checked:
            found = self._likely(found, keys.plan)
        save(self._file("pairs", number), found)
        return _NOTHING

    def _packed(self, keys: _KeyRange, part: int) -> Packed:
        """Keys of one range with their rows, of one part."""
        if keys.plan is None:
            rare: Packed = load(self._file("rare", part))
            in_range = (rare >> np.uint64(32)) % np.uint64(keys.ranges) == keys.range
            return np.asarray(rare[in_range])
        own = load(self._file(f"keys{keys.plan}", part))[keys.band]
        rows = np.flatnonzero(load(self._file(f"has{keys.plan}", part)))
        rows = rows[own[rows] % np.uint32(keys.ranges) == keys.range]
        numbers = (rows + self.words.firsts[part]).astype(np.uint64)
        return packed(own[rows], numbers)

    def _likely(self, pairs: Positions, plan: int) -> Positions:
        keep = np.empty(len(pairs), dtype=np.bool_)
        for at in range(0, len(pairs), _CHECKED_AT_ONCE):
            some = slice(at, at + _CHECKED_AT_ONCE)
            left, right = np.divmod(pairs[some], len(self.words))
            keep[some] = may_be_alike(self._sketches(left, plan), self._sketches(right, plan))
        return pairs[keep]

    def _sketches(self, rows: Positions, plan: int) -> Bytes:
        """The kept bytes of some rows' sketches, shape (rows, hashes)."""
        order = np.argsort(rows, kind="stable")
        rising = rows[order]
        hashes = self.plans[plan].bands * self.plans[plan].width
        result = np.empty((len(rows), hashes), dtype=np.uint8)
        for part, places in by_part(rising, self.words.firsts):
            own = rising[places] - self.words.firsts[part]
            result[order[places]] = load(self._file(f"bytes{plan}", part))[own]
        return result

    def verify(self, part: int) -> pa.Table:
        """Compare the pairs whose left rows are in one part, word by word."""
        numbers = [np.empty(0, np.int64)]
        similarity = [np.empty(0, np.float32)]
        pairs = self._pairs_from(part)
        for at in range(0, len(pairs), _VERIFIED_AT_ONCE):
            some = pairs[at : at + _VERIFIED_AT_ONCE]
            left, right = np.divmod(some, len(self.words))
            rows = distinct(np.concatenate([left, right]))
            value = similarities(
                self.verified_by.take(rows),
                np.searchsorted(rows, left),
                np.searchsorted(rows, right),
                cutoff=self.threshold,
            )
            keep = value >= self.threshold
            numbers.append(some[keep])
            similarity.append(value[keep])
        save(self._file("found", part), np.concatenate(numbers))
        save(self._file("similarity", part), np.concatenate(similarity))
        return _NOTHING

    def _pairs_from(self, part: int) -> Positions:
        """Each pair once whose left row is in a part."""
        first, last = self.words.firsts[part : part + 2]
        bounds = np.array([first, last]) * len(self.words)
        found = []
        for number in range(len(self.key_ranges)):
            pairs: Positions = load(self._file("pairs", number))
            low, high = np.searchsorted(pairs, bounds)
            found.append(pairs[low:high])
        return distinct(np.concatenate(found))

    def found(self) -> Pairs:
        """All pairs that were verified."""
        parts = range(self.words.parts)
        numbers = np.concatenate([load(self._file("found", part)) for part in parts])
        similarity = np.concatenate([load(self._file("similarity", part)) for part in parts])
        left, right = np.divmod(numbers, len(self.words))
        return Pairs(left, right, similarity)

    def _file(self, what: str, number: int) -> Path:
        return self.words.folder / f"{what}.{number}.npy"


def near_pairs_in_parts(
    words: WordParts,
    engine: Engine,
    *,
    verified_by: WordParts | None = None,
    threshold: float = THRESHOLD,
    rows_at_once: int = _ROWS_AT_ONCE,
) -> Pairs:
    """All pairs of rows that are alike, as `near_pairs` finds them in one piece.

    Args:
        words: What rows are brought together by.
        engine: Where the parts are worked on.
        verified_by: What they are compared by; the same words if not given.
        threshold: Least similarity.
        rows_at_once: Rows whose keys one worker sorts.
    """
    search = _NearSearch(words, verified_by or words, threshold, rows_at_once)
    engine.each(search.sketch, words.parts)
    engine.each(search.sort, len(search.key_ranges))
    engine.each(search.verify, words.parts)
    return search.found()
