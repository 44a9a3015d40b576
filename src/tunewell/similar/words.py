"""Texts as arrays of word codes, made without a Python loop over words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tunewell.similar.keys import normalise

_CHUNK_BYTES = 1 << 19
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")

_CLASS = np.zeros(256, dtype=np.uint8)  # 0 = between words, 1 = in a word, 2 = digit
_CLASS[[*range(ord("a"), ord("z") + 1), *range(ord("A"), ord("Z") + 1), *range(128, 256)]] = 1
_CLASS[range(ord("0"), ord("9") + 1)] = 2
_LOWER = np.arange(256, dtype=np.uint8)
_LOWER[ord("A") : ord("Z") + 1] += 32


@dataclass(frozen=True)
class Words:
    """The words of n texts.

    Attributes:
        codes: A 32-bit hash of every word, case and punctuation taken away, shape (words,).
        starts: The words of text i are ``codes[starts[i]:starts[i + 1]]``, shape (n + 1,).
        numbers: Whether the word holds a digit, shape (words,).
    """

    codes: NDArray[np.uint32]
    starts: NDArray[np.int64]
    numbers: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Words in each text, shape (n,)."""
        return np.diff(self.starts)

    def of(self, i: int) -> NDArray[np.uint32]:
        """Codes of one text."""
        return self.codes[self.starts[i] : self.starts[i + 1]]

    def text(self, i: int) -> str:
        """One text as a string with a character a word: what rapidfuzz compares fastest."""
        return ((self.of(i) & np.uint32(0xFFFFF)) + np.uint32(0x10000)).astype("<u4").tobytes().decode("utf-32-le")


def split_words(texts: Sequence[str]) -> Words:
    """Split texts into hashed words.

    Example:
        >>> words = split_words(["The bill, the BILL!", "", "Pay 30 €"])
        >>> words.lengths.tolist(), bool(words.codes[0] == words.codes[2]), words.numbers.tolist()[-2:]
        ([4, 0, 2], True, [False, True])
    """
    parts = [_split(chunk) for chunk in _chunks(texts)]
    if not parts:
        return Words(np.empty(0, np.uint32), np.zeros(1, np.int64), np.empty(0, np.bool_))
    counts = np.concatenate([p[1] for p in parts])
    starts = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=starts[1:])
    return Words(np.concatenate([p[0] for p in parts]), starts, np.concatenate([p[2] for p in parts]))


def _chunks(texts: Sequence[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    size = 0
    for text in texts:
        if not text.isascii():
            text = normalise(text)
            if _CJK.search(text):  # no spaces between words there: two characters stand for a word
                text = _CJK.sub(_apart, text)
        chunk.append(text)
        size += len(text)
        if size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _apart(match: re.Match[str]) -> str:
    following = match.string[match.end() : match.end() + 1]
    return f" {match[0]}{following if _CJK.match(following) else ''} "


def _split(texts: list[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.bool_]]:
    array = pa.array([t if t.isascii() else t.encode("utf-8", "replace").decode() for t in texts], pa.large_string())
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int64, count=len(texts) + 1)
    size = int(offsets[-1])
    if size == 0:
        return np.empty(0, np.uint32), np.zeros(len(texts), np.int64), np.empty(0, np.bool_)
    data = np.frombuffer(array.buffers()[2], dtype=np.uint8, count=size)
    kind = _CLASS[data]
    inside = kind > 0
    before = np.empty(size, dtype=bool)
    before[0] = False
    before[1:] = inside[:-1]
    before[offsets[:-1][offsets[:-1] < size]] = False  # a row begins a new word
    begin = np.flatnonzero(inside & ~before)
    after = np.empty(size, dtype=bool)
    after[-1] = True
    after[:-1] = ~inside[1:]
    last = offsets[1:][offsets[1:] > 0] - 1
    after[last] = True
    end = np.flatnonzero(inside & after) + 1
    # A polynomial hash of every word from one running sum: sum of byte * P^(position), times P^-(start of the word).
    powers = np.empty(size + 1, dtype=np.uint64)
    powers[0] = 1
    powers[1:] = _PRIME
    np.multiply.accumulate(powers, out=powers)
    sums = np.zeros(size + 1, dtype=np.uint64)
    np.cumsum((_LOWER[data].astype(np.uint64) + np.uint64(1)) * powers[:-1], out=sums[1:])
    codes = (sums[end] - sums[begin]) * _inverse_powers(begin)
    codes ^= codes >> np.uint64(31)
    codes *= np.uint64(0xBF58476D1CE4E5B9)
    codes ^= codes >> np.uint64(32)
    digits = np.zeros(size + 1, dtype=np.int32)
    np.cumsum(kind == 2, out=digits[1:])
    rows = np.searchsorted(begin, offsets)
    return codes.astype(np.uint32), np.diff(rows).astype(np.int64), digits[end] > digits[begin]


_INVERSE = np.uint64(pow(int(_PRIME), -1, 1 << 64))


def _inverse_powers(exponents: NDArray[np.int64]) -> NDArray[np.uint64]:
    """P^-e modulo 2^64 for every e, from two tables of 4,096 powers and one for what is above."""
    step = 4096
    low = np.empty(step, dtype=np.uint64)
    low[0] = 1
    low[1:] = _INVERSE
    np.multiply.accumulate(low, out=low)
    top = int(exponents.max(initial=0)) // step + 1
    high = np.empty(top, dtype=np.uint64)
    high[0] = 1
    high[1:] = np.uint64(pow(int(_INVERSE), step, 1 << 64))
    np.multiply.accumulate(high, out=high)
    return low[exponents % step] * high[exponents // step]
