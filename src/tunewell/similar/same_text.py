"""Whether two texts say the same in nearly the same words.

Short ones must agree more: one word can turn them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.similar.frequency import Frequency, count_words
from tunewell.similar.pairs import Pairs, similarities
from tunewell.similar.word_table import WordTable

SHORT = 20
"""A text with fewer words than this is held to its telling words too."""

_RUN = 4
"""Words in a row that make a changed clause."""

_PART = 0.6
_TELLING = 0.8


def alike(
    words: WordTable,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    *,
    least: float = _PART,
    telling: float = _TELLING,
) -> NDArray[np.bool_]:
    """Which pairs of texts are alike, shape (pairs,).

    The word sequences must be similar (``least``; 0.7 below 20 words). Below 20 words, the words
    weighted by how rare they are (inverse document frequency) must agree by ``telling`` too: "pay
    by card" and "pay by cheque" differ in one word of three, and it is the one that counts. Two
    empty texts are alike.
    """
    shorter = np.minimum(words.lengths[left], words.lengths[right])
    floor = np.where(shorter >= SHORT, least, max(least, 0.7))
    result = np.asarray(similarities(words, left, right, cutoff=least - 0.01) >= floor - 1e-6)
    short = np.flatnonzero(result & (shorter < SHORT) & (shorter > 0))
    if len(short):
        frequency = count_words(words)
        for k in short:
            result[k] = _telling(words, frequency, int(left[k]), int(right[k])) >= telling
    return result


def copies(
    asked: WordTable, answers: WordTable, whole: WordTable, pairs: Pairs
) -> NDArray[np.bool_]:
    """Which pairs of rows are edited copies of each other, shape (pairs,).

    Alike as whole rows (0.7 below 50 words), and in the input and in the answer: rows that share a
    long standard answer and ask for different things are no copies. Rows that differ in their
    numbers alone are two facts in one template.

    Args:
        asked: Words of the inputs.
        answers: Words of the answers.
        whole: Words of both together.
        pairs: Candidate pairs with the similarity of the whole.
    """
    left, right = pairs.left, pairs.right
    words = np.minimum(whole.lengths[left], whole.lengths[right])
    result = pairs.similarity >= np.where(words < 50, 0.7, 0.0) - 1e-6
    for part in (asked, answers):
        result &= _part_alike(part, left, right)
    short = np.flatnonzero(result & (words < SHORT))
    for part in (asked, answers):
        result[short] &= alike(part, left[short], right[short])
    for k in np.flatnonzero(result & (pairs.similarity >= 0.8)):
        i, j = int(left[k]), int(right[k])
        result[k] = not (only_numbers_differ(asked, i, j) or only_numbers_differ(answers, i, j))
    for k in np.flatnonzero(result & (pairs.similarity < 0.8) & (words < 100)):
        result[k] = not recombined(whole.text(int(left[k])), whole.text(int(right[k])))
    return np.asarray(result)


def recombined(a: str, b: str) -> bool:
    """Whether two texts (a character a word) differ in whole clauses rather than in scattered words.

    Edits of a copy fall anywhere. Two texts built from the same stock of sentences differ in runs:
    at 30 % edited words one edit in twelve stands in a run of four or more, so a majority never
    does by chance.

    Example:
        >>> recombined("abcdefghijkl", "abcdWXYZijkl"), recombined("abcdefghijkl", "aXcdeYghiZkl")
        (True, False)
    """
    from rapidfuzz.distance import Levenshtein

    changes = _merged(list(Levenshtein.opcodes(a, b)))
    sides = [(op.src_end - op.src_start, op.dest_end - op.dest_start) for op in changes]
    # One word may become several ("it" → "self.model.config"): of a replacement the shorter side
    # tells.
    runs = [min(sides_) or max(sides_) for sides_ in sides]
    return sum(n for n in runs if n >= _RUN) > 0.6 * sum(runs)


@dataclass
class _Change:
    src_start: int
    src_end: int
    dest_start: int
    dest_end: int


def _merged(ops: Sequence[Any]) -> list[_Change]:
    """Changes that touch each other as one."""
    found: list[_Change] = []
    for op in ops:
        if op.tag == "equal":
            continue
        if found and found[-1].src_end == op.src_start and found[-1].dest_end == op.dest_start:
            found[-1].src_end, found[-1].dest_end = op.src_end, op.dest_end
        else:
            found.append(_Change(op.src_start, op.src_end, op.dest_start, op.dest_end))
    return found


def telling(
    words: WordTable, left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.float32]:
    """How far the words of each pair agree, weighted by how rare they are: Dice, in [0, 1], shape (pairs,)."""
    frequency = count_words(words)
    values = [_telling(words, frequency, int(i), int(j)) for i, j in zip(left, right, strict=True)]
    return np.array(values, dtype=np.float32)


def _part_alike(
    words: WordTable, left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.bool_]:
    shorter = np.minimum(words.lengths[left], words.lengths[right])
    floor = np.where(shorter >= SHORT, _PART, np.where(shorter >= 6, 0.5, 0.3))
    return np.asarray(similarities(words, left, right, cutoff=0.29) >= floor - 1e-6)


def _telling(words: WordTable, frequency: Frequency, i: int, j: int) -> float:
    """Dice coefficient of the two sets of words, weighted by inverse document frequency."""
    a = _by_word(words, frequency, i)
    b = _by_word(words, frequency, j)
    total = sum(a.values()) + sum(b.values())
    return 2 * sum(weight for code, weight in a.items() if code in b) / total if total else 1.0


def _by_word(words: WordTable, frequency: Frequency, i: int) -> dict[int, float]:
    """Inverse document frequency of each word of a text.

    Small corpora say little, so one row is added.
    """
    codes = words.of(i)
    n = len(words) + 1
    weights = np.log((n + 1) / np.minimum(frequency.of(codes), n)).astype(np.float32)
    return dict(zip(codes.tolist(), weights.tolist(), strict=True))


def only_numbers_differ(words: WordTable, i: int, j: int) -> bool:
    """Whether two texts have the same words and different numbers: two facts in one template, not a copy.

    Example:
        >>> from tunewell.similar.word_table import split_words
        >>> only_numbers_differ(split_words(["bill 4711 is due", "bill 4712 is due"]), 0, 1)
        True
    """
    a, b = words.of(i), words.of(j)
    na, nb = (a & np.uint32(1)).astype(bool), (b & np.uint32(1)).astype(bool)
    if not na.any() or not nb.any() or np.array_equal(a[na], b[nb]):
        return False
    return np.array_equal(a[~na], b[~nb])
