"""The nearest of some kept texts to each of a batch, compared with every one of them.

Candidates of `near_pairs` share rare words, which is how a million rows are compared; it misses a
few edited copies. Where no copy may be missed and there are some thousand texts, every pair can be
looked at: the words that two texts have in common bound how similar their sequences can be, one
product of sparse matrices gives that bound for all pairs, and only pairs above it are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewell.similar.arrays import Codes, Positions, Shares
from tunewell.similar.near_duplicates import Pairs, similarities
from tunewell.similar.word_products import WordCells, common
from tunewell.similar.word_table import WordTable, split_words

_AT_ONCE = 2_000
"""Kept texts that are bounded at once: the bounds of a batch are a dense array."""

_MOST_SPLIT = 60_000
"""Texts whose words are held at a time."""

NOBODY = -1

_ROUNDING = 1e-6
"""Bounds are 32-bit floats: none may fall below what it bounds."""


@dataclass(frozen=True)
class Closest:
    """The nearest kept text of each text, shape (n,) each.

    Attributes:
        place: Its position; `NOBODY` where none reaches the threshold.
        similarity: Of the word sequences, in [0, 1]; 0 where there is none.
    """

    place: Positions
    similarity: Shares


class KeptTexts:
    """Texts that others are compared with; more can be added.

    Args:
        texts: To begin with.

    Example:
        >>> kept = KeptTexts(["please send me the new bill for my flat", "the meter is broken"])
        >>> found = kept.closest(["please send the new bill for my flat", "hello"], threshold=0.6)
        >>> found.place.tolist(), found.similarity.astype(float).round(2).tolist()
        ([0, -1], [0.94, 0.0])
    """

    def __init__(self, texts: Sequence[str] | WordTable = ()) -> None:
        self._parts: list[WordTable] = []
        self.add(texts)

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def add(self, texts: Sequence[str] | WordTable) -> None:
        """Keep more texts, behind those that are kept."""
        if len(texts):
            self._parts.append(_words_of(texts))
        if len(self._parts) > 1 and len(self._parts[-1]) * 4 >= len(self._parts[-2]):
            self._parts = [_chained(self._parts)]

    def near(
        self,
        texts: Sequence[str] | WordTable,
        *,
        threshold: float,
    ) -> Pairs:
        """All pairs of a text and a kept one that are at least so similar.

        Args:
            texts: The texts, or their words, shape (n,).
            threshold: Least similarity, above 0.

        Example:
            >>> kept = KeptTexts(["the meter is broken", "the meter is broken again"])
            >>> list(kept.near(["the meter is broken"], threshold=0.8).positions())
            [(0, 0), (0, 1)]
        """
        words = _words_of(texts)
        nothing = np.empty(0, dtype=np.int64)
        found = Pairs(nothing, nothing, np.empty(0, dtype=np.float32))
        offset = 0
        for part in self._parts:
            for start in range(0, len(part), _AT_ONCE):
                block = _slice(part, start, min(start + _AT_ONCE, len(part)))
                found = found.followed_by(_similar(words, block, offset + start, threshold))
            offset += len(part)
        return found

    def closest(
        self,
        texts: Sequence[str] | WordTable,
        *,
        threshold: float,
    ) -> Closest:
        """The nearest kept text of each, where one is at least so similar.

        Args:
            texts: The texts, or their words, shape (n,).
            threshold: Least similarity, above 0.
        """
        words = _words_of(texts)
        place = np.full(len(words), NOBODY, dtype=np.int64)
        best = np.zeros(len(words), dtype=np.float32)
        offset = 0
        for part in self._parts:
            for start in range(0, len(part), _AT_ONCE):
                block = _slice(part, start, min(start + _AT_ONCE, len(part)))
                _improve(words, block, offset + start, threshold, place, best)
            offset += len(part)
        return Closest(place, best)


class SplitTexts:
    """Words of texts that are looked at more than once: each is split once.

    Example:
        >>> texts = SplitTexts()
        >>> texts.table(["one two", "three", "one two"]).lengths.tolist()
        [2, 1, 2]
    """

    def __init__(self) -> None:
        self._codes: dict[str, Codes] = {}

    def table(self, texts: Sequence[str]) -> WordTable:
        """The words of some texts."""
        new = list(dict.fromkeys(text for text in texts if text not in self._codes))
        if new:
            words = split_words(new)
            for place, text in enumerate(new):
                self._codes[text] = words.of(place)
        found = [self._codes[text] for text in texts]
        lengths = np.array([len(codes) for codes in found], dtype=np.int64)
        starts = np.zeros(len(found) + 1, dtype=np.int64)
        np.cumsum(lengths, out=starts[1:])
        codes = np.concatenate(found) if found else np.empty(0, dtype=np.uint32)
        if len(self._codes) > _MOST_SPLIT:
            self._codes.clear()
        return WordTable(codes, starts)

    def similarity(
        self,
        left: Sequence[str],
        right: Sequence[str],
    ) -> Shares:
        """Of the word sequences of each pair, shape (n,)."""
        places = np.arange(len(left))
        return similarities(self.table([*left, *right]), places, places + len(left))


def _words_of(texts: Sequence[str] | WordTable) -> WordTable:
    return texts if isinstance(texts, WordTable) else split_words(texts)


def pairs_within(
    texts: Sequence[str] | WordTable,
    *,
    threshold: float,
) -> Pairs:
    """All pairs of the texts that are at least so similar; every pair is looked at.

    Args:
        texts: Some thousand at most, or their words.
        threshold: Least similarity, above 0.

    Example:
        >>> texts = ["send me the bill for my flat", "send the bill for my flat", "hello"]
        >>> list(pairs_within(texts, threshold=0.8).positions())
        [(0, 1)]
    """
    words = _words_of(texts)
    if len(words) < 2:
        nothing = np.empty(0, dtype=np.int64)
        return Pairs(nothing, nothing, np.empty(0, dtype=np.float32))
    possible = np.triu(_bounds(words, words) >= threshold - _ROUNDING, k=1)
    left, right = np.nonzero(possible)
    value = similarities(words, left, right, cutoff=threshold)
    keep = value >= threshold
    return Pairs(left[keep], right[keep], value[keep])


def _improve(
    words: WordTable,
    block: WordTable,
    offset: int,
    threshold: float,
    place: Positions,
    best: Shares,
) -> None:
    """Look at a block of kept texts: ``place`` and ``best`` are written where one is nearer."""
    found = _similar(words, block, offset, threshold)
    # In ascending order, so that of several the last that is written is the nearest, the first of
    # equals.
    for k in np.lexsort((-found.right, found.similarity)).tolist():
        row = int(found.left[k])
        if found.similarity[k] > best[row] or place[row] >= offset:
            place[row] = int(found.right[k])
            best[row] = found.similarity[k]


def _similar(
    words: WordTable,
    block: WordTable,
    offset: int,
    threshold: float,
) -> Pairs:
    """All pairs of a text and one of a block that begins at ``offset``, compared word by word."""
    if not len(words) or not len(block):
        nothing = np.empty(0, dtype=np.int64)
        return Pairs(nothing, nothing, np.empty(0, dtype=np.float32))
    left, right = np.nonzero(_bounds(words, block) >= threshold - _ROUNDING)
    both = _chained([words, block])
    value = similarities(both, left, len(words) + right, cutoff=threshold)
    keep = value >= threshold
    return Pairs(left[keep], offset + right[keep], value[keep])


def _bounds(
    words: WordTable,
    block: WordTable,
) -> Shares:
    """How similar each pair can be at most, shape (words, block).

    Twice the words in common, each counted as often as both have it, over the words of both.
    """
    both = _occurrences(_chained([words, block]))
    one = both.between(0, len(words))
    other = both.between(len(words), both.rows)
    shared = common(one, other)
    total = words.lengths[:, None] + block.lengths[None]
    return np.asarray(np.where(total > 0, 2 * shared / np.maximum(total, 1), 0), dtype=np.float32)


def _occurrences(words: WordTable) -> WordCells:
    """Which text has which word, as ones.

    A word's second occurrence is a word of its own: what two texts share is then a product.
    """
    row = np.repeat(np.arange(len(words)), words.lengths)
    order = np.lexsort((words.codes, row))
    code = words.codes[order].astype(np.int64)
    place = np.arange(len(order))
    fresh = (np.diff(code, prepend=-1) != 0) | (np.diff(row, prepend=-1) != 0)
    time = place - np.maximum.accumulate(np.where(fresh, place, 0))

    # Hashes have 32 bits: the number of the occurrence goes above them.
    _, column = np.unique(code + (time << 32), return_inverse=True)
    return WordCells(row, column, np.ones(len(order)), len(words))


def _chained(tables: Sequence[WordTable]) -> WordTable:
    codes = np.concatenate([table.codes for table in tables])
    lengths = np.concatenate([table.lengths for table in tables])
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    return WordTable(codes, starts)


def _slice(
    table: WordTable,
    first: int,
    last: int,
) -> WordTable:
    starts = table.starts[first : last + 1]
    return WordTable(table.codes[starts[0] : starts[-1]], starts - starts[0])
