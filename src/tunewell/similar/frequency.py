"""In how many places a word stands, counted in hashed buckets so that a table of fixed size is enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewell.similar.word_table import WordTable

_BLOCK = 1 << 18


@dataclass(frozen=True)
class Frequency:
    """How often each word stands in all texts.

    Two words may share a bucket, so a count is never too low.

    Attributes:
        counts: By the highest bits of the code.
        shift: Bits of the code that are left out.
    """

    counts: NDArray[np.int32]
    shift: np.uint32

    def of(self, codes: NDArray[np.uint32]) -> NDArray[np.int32]:
        """How often each of some words stands, shape (words,).

        Example:
            >>> from tunewell.similar.word_table import split_words
            >>> words = split_words(["a b", "a"])
            >>> count_words(words).of(words.codes).tolist()
            [2, 1, 2]
        """
        counts: NDArray[np.int32] = self.counts[codes >> self.shift]
        return counts

    def tiers(self, codes: NDArray[np.uint32], bounds: tuple[int, ...]) -> NDArray[np.uint8]:
        """How many of the rising bounds each word's count is above, shape (words,): one byte a word."""
        table = np.zeros(len(self.counts), dtype=np.uint8)
        for bound in bounds:
            table += self.counts > bound
        result = np.empty(len(codes), dtype=np.uint8)
        for at in range(0, len(codes), _BLOCK):
            result[at : at + _BLOCK] = table[codes[at : at + _BLOCK] >> self.shift]
        return result


def count_words(words: WordTable) -> Frequency:
    """Count the words of all texts."""
    bits = 22 if len(words.codes) < 4_000_000 else 24
    shift = np.uint32(32 - bits)
    counts = np.zeros(1 << bits, dtype=np.int32)
    for at in range(0, len(words.codes), _BLOCK):
        np.add.at(counts, words.codes[at : at + _BLOCK] >> shift, np.int32(1))
    return Frequency(counts, shift)
