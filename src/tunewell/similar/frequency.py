"""In how many places a word stands, counted in hashed buckets: a table of fixed size is enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewell.similar.arrays import Bytes, Codes
from tunewell.similar.word_table import WordTable

MOST_BITS = 24
_BLOCK = 1 << 18
_FEW_WORDS = 4_000_000
"""Up to so many words the smaller table does."""


@dataclass(frozen=True)
class Frequency:
    """How often each word stands in all texts.

    Two words may share a bucket, so a count is never too low.

    Attributes:
        counts: By the highest bits of the code.
        shift: Bits of the code that are left out.
        texts: How many texts were counted.
    """

    counts: NDArray[np.int32]
    shift: np.uint32
    texts: int

    def of(self, codes: Codes) -> NDArray[np.int32]:
        """How often each of some words stands, shape (words,).

        Example:
            >>> from tunewell.similar.word_table import split_words
            >>> words = split_words(["a b", "a"])
            >>> count_words(words).of(words.codes).tolist()
            [2, 1, 2]
        """
        counts: NDArray[np.int32] = self.counts[codes >> self.shift]
        return counts

    def tiers(self, codes: Codes, bounds: tuple[int, ...]) -> Bytes:
        """How many of the rising bounds each word's count is above, shape (words,), in one byte."""
        table = np.zeros(len(self.counts), dtype=np.uint8)
        for bound in bounds:
            table += self.counts > bound
        result = np.empty(len(codes), dtype=np.uint8)
        for at in range(0, len(codes), _BLOCK):
            part = slice(at, at + _BLOCK)
            result[part] = table[codes[part] >> self.shift]
        return result


def count_words(words: WordTable) -> Frequency:
    """Count the words of all texts."""
    bits = bits_for(len(words.codes))
    shift = np.uint32(32 - bits)
    counts = np.zeros(1 << bits, dtype=np.int32)
    for at in range(0, len(words.codes), _BLOCK):
        bucket = words.codes[at : at + _BLOCK] >> shift
        np.add.at(counts, bucket, np.int32(1))
    return Frequency(counts, shift, len(words))


def bits_for(words: int) -> int:
    """Bits of a code by which so many words are counted."""
    return 22 if words < _FEW_WORDS else MOST_BITS
