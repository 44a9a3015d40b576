"""Texts as arrays of word codes, made without a Python loop over words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np

from tunewell.similar.arrays import (
    Bools,
    Codes,
    Packed,
    Positions,
)
from tunewell.similar.confusables import plain_letters
from tunewell.similar.exact_keys import normalise
from tunewell.similar.signs import with_signs

_CHUNK = 1 << 17
"""Bytes that are looked at together: what is computed of them stays in the processor's cache."""

_FEW_TEXTS = 2_000
"""Fewer texts are not worth a thread."""

_PRIME = 0x9E3779B97F4A7C15
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")

NEGATIONS = (
    "0not",  # the one whose code all of them get
    *"not no never none nothing nobody nor cannot without t neither unless except".split(),
    *"nicht kein keine keinen keinem keiner keines nie niemals ohne weder".split(),
    *"pas ne non jamais sans aucun aucune nunca sin ningún ninguna não nem sem mai senza".split(),
    *"niet geen nooit zonder nie bez не нет без ни ikke inte aldrig utan ej ei değil hayır".split(),
    *"لا ليس لم لن غير नहीं मत ない せん 不 没 無 无 未 別 别 안 않 못".split(),
)
"""Words that turn what is said. All are one word: "cannot" and "can't" say the same."""

_CJK_NEGATIONS = frozenset("不没無无未別别안않못")

_SMALL_LETTERS = range(ord("a"), ord("z") + 1)
_CAPITALS = range(ord("A"), ord("Z") + 1)
_DIGITS = range(ord("0"), ord("9") + 1)
_BEYOND_ASCII = range(128, 256)

_INSIDE = bytes(
    any(byte in part for part in (_SMALL_LETTERS, _CAPITALS, _DIGITS, _BEYOND_ASCII))
    for byte in range(256)
)
_LOWER = bytes(byte + 32 if byte in _CAPITALS else byte for byte in range(256))
_DIGIT = bytes(byte in _DIGITS for byte in range(256))


@dataclass(frozen=True)
class WordTable:
    """The words of n texts.

    Attributes:
        codes: A hash of every word in 31 bits, case and punctuation taken away; the lowest bit says
            whether the word is a value: it holds a digit, is a sign (see
            `tunewell.similar.signs`) or negates. Shape (words,).
        starts: The words of text i are ``codes[starts[i]:starts[i + 1]]``, shape (n + 1,).
    """

    codes: Codes
    starts: Positions

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Positions:
        """Words in each text, shape (n,)."""
        return np.diff(self.starts)

    def shorter(self, left: Positions, right: Positions) -> Positions:
        """Words of the shorter text of each pair, shape (pairs,)."""
        lengths = self.lengths
        return np.minimum(lengths[left], lengths[right])

    def of(self, i: int) -> Codes:
        """Codes of one text."""
        return self.codes[self.starts[i] : self.starts[i + 1]]

    def text(self, i: int) -> str:
        """One text as a string with a character a word: what rapidfuzz compares fastest."""
        # 20 bits of the code, moved past the surrogates into the planes that hold any character.
        low_bits = self.of(i) & np.uint32(0xFFFFF)
        points = low_bits + np.uint32(0x10000)
        return points.astype("<u4").tobytes().decode("utf-32-le")


def have_digits(codes: Codes) -> Bools:
    """Whether each word is a value: holds a digit, is a sign or negates; shape (words,)."""
    return (codes & np.uint32(1)).astype(np.bool_)


def split_words(texts: Sequence[str], *, workers: int = 1) -> WordTable:
    """Split texts into hashed words.

    Args:
        texts: The texts.
        workers: Threads; the result is the same for any number of them.

    Example:
        >>> words = split_words(["The bill, the BILL!", "", "Pay 30 €"])
        >>> words.lengths.tolist(), have_digits(words.codes).tolist()[-3:]
        ([4, 0, 3], [False, True, True])
        >>> bool(words.codes[0] == words.codes[2])
        True
    """
    # Memory that is not written to costs nothing: room for a word every two characters, cut in the
    # end.
    characters = sum(map(len, texts))
    codes = np.empty(characters // 2 + len(texts), dtype=np.uint32)
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    words = row = 0
    for part, ends in _parts(texts, workers):
        until = words + len(part)
        if until > len(codes):  # Unicode has characters that stand for several words
            codes.resize(2 * until, refcheck=False)
        codes[words:until] = part
        starts[row + 1 : row + 1 + len(ends)] = ends + words
        words = until
        row += len(ends)
    codes.resize(words, refcheck=False)
    return WordTable(codes, starts)


def _parts(texts: Sequence[str], workers: int) -> Iterator[tuple[Codes, Positions]]:
    """Codes of a chunk of texts, and where each text ends in them."""
    if workers < 2 or len(texts) < _FEW_TEXTS:
        yield from map(_split, _chunks(texts))
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting = []
        for chunk in _chunks(texts):
            waiting.append(pool.submit(_split, chunk))
            if len(waiting) > 2 * workers:
                yield waiting.pop(0).result()
        for done in waiting:
            yield done.result()


def _chunks(texts: Sequence[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    size = 0
    for text in texts:
        chunk.append(text)
        size += len(text) + 1
        if size >= _CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _plain(text: str) -> bytes:
    text = with_signs(plain_letters(text))
    if text.isascii():
        return text.encode()
    text = normalise(text)
    if _CJK.search(text):  # no spaces between words there: two characters stand for a word
        text = _CJK.sub(_apart, text)
    return text.encode("utf-8", "replace")


def _apart(match: re.Match[str]) -> str:
    following = match.string[match.end() : match.end() + 1]
    second = following if _CJK.match(following) else ""
    negation = f"{match[0]} " if match[0] in _CJK_NEGATIONS else ""
    return f" {match[0]}{second} {negation}"


def _split(texts: list[str]) -> tuple[Codes, Positions]:
    plain = [_plain(text) for text in texts]
    ends = np.cumsum([len(part) + 1 for part in plain])
    raw = b"\n".join(chain(plain, (b"",)))

    codes, offsets = [], []
    for low, high in pairwise(_cuts(raw)):
        some_codes, some_offsets = _codes(raw[low:high], low)
        codes.append(some_codes)
        offsets.append(some_offsets)
    words_before = np.searchsorted(np.concatenate(offsets), ends)
    return np.concatenate(codes), words_before


def _cuts(raw: bytes) -> list[int]:
    """Where pieces of at most two chunks begin and end, between words: one text may be huge."""
    cuts = [0]
    while len(raw) - cuts[-1] > 2 * _CHUNK:
        longest = cuts[-1] + 2 * _CHUNK
        space = raw.rfind(b" ", cuts[-1] + _CHUNK, longest)
        cuts.append(space if space > 0 else longest)
    return [*cuts, len(raw)]


def _codes(raw: bytes, offset: int) -> tuple[Codes, Positions]:
    """Codes of the words of some bytes, and the offset of each word."""
    size = len(raw)
    inside = np.zeros(size + 2, dtype=np.bool_)
    inside[1:-1] = _marked(raw, _INSIDE)
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    begin, end = edges[::2], edges[1::2]

    # A polynomial hash of every word from one running sum: sum of byte * P^(position), times
    # P^-(start of the word).
    lower = np.frombuffer(raw.translate(_LOWER), dtype=np.uint8)
    sums = np.zeros(size + 1, dtype=np.uint64)
    np.multiply(lower, _POWERS[:size], out=sums[1:])
    np.cumsum(sums, out=sums)
    codes = (sums[end] - sums[begin]) * _INVERSE[begin]
    codes ^= codes >> np.uint64(31)
    codes *= np.uint64(0xBF58476D1CE4E5B9)
    codes ^= codes >> np.uint64(32)
    result = codes.astype(np.uint32) & np.uint32(0xFFFFFFFE)

    digits = np.flatnonzero(_marked(raw, _DIGIT))
    word_of_digit = np.searchsorted(begin, digits, side="right") - 1
    result[word_of_digit] |= np.uint32(1)
    return _with_negations(result), begin + offset


def _with_negations(codes: Codes) -> Codes:
    """The codes with one code, a value, for all words that negate."""
    if _NEGATION_CODES.size == 0:
        return codes
    at = np.flatnonzero(_MAY_NEGATE[codes >> np.uint32(_NEGATION_SHIFT)])
    at = at[np.isin(codes[at], _NEGATION_CODES)]
    codes[at] = _NEGATION_CODES[0]
    return codes


def _marked(raw: bytes, table: bytes) -> Bools:
    """Which bytes the table marks, shape (bytes,)."""
    return np.frombuffer(raw.translate(table), dtype=np.bool_)


def _powers(base: int) -> Packed:
    """Powers of a number modulo 2^64, from 0 up to the length of two chunks."""
    table = np.full(2 * _CHUNK, base, dtype=np.uint64)
    table[0] = 1
    return np.multiply.accumulate(table)


_POWERS = _powers(_PRIME)
_INVERSE = _powers(pow(_PRIME, -1, 1 << 64))

_NEGATION_SHIFT = 12
_NEGATION_CODES: Codes = np.empty(0, np.uint32)
_NEGATION_CODES = np.concatenate([split_words([word]).codes for word in NEGATIONS])
_MAY_NEGATE = np.zeros(1 << (32 - _NEGATION_SHIFT), dtype=np.bool_)
_MAY_NEGATE[_NEGATION_CODES >> np.uint32(_NEGATION_SHIFT)] = True
