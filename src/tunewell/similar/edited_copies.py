"""Whether two texts say the same in nearly the same words.

Short ones must agree more: one word can turn them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tunewell.similar.arrays import (
    Bools,
    Codes,
    Positions,
    Shares,
)
from tunewell.similar.frequency import Frequency, count_words
from tunewell.similar.near_duplicates import Pairs, similarities
from tunewell.similar.word_table import WordTable, have_digits

SHORT = 20
"""A text with fewer words than this is held to its telling words too."""

_RUN = 4
"""Words in a row that make a changed clause."""

_IN_RUNS = 0.6
"""Share of the changed words that stand in such runs, from which two texts are recombined."""

_CLOSE = 0.8
"""More similar rows are held to their numbers, less similar ones to where they differ …"""

_LONG = 100
"""… if they have fewer words than this."""

_OF_CHANGES = 2
"""Of so many changed words one must be a value in place of another, and texts are two facts."""

_SEVERAL = 2
"""So many values tell two texts apart by themselves."""

_PART = 0.6
_TELLING = 0.8

_ROUNDING = 1e-6
"""Similarities are 32-bit floats: what is equal to a threshold must not fall below it."""


def alike(
    words: WordTable,
    left: Positions,
    right: Positions,
    *,
    least: float = _PART,
    telling: float = _TELLING,
    counts: Frequency | None = None,
) -> Bools:
    """Which pairs of texts are alike, shape (pairs,).

    The word sequences must be similar (``least``; 0.7 below 20 words). Below 20 words, the words
    weighted by how rare they are (inverse document frequency) must agree by ``telling`` too: "pay
    by card" and "pay by cheque" differ in one word of three, and it is the one that counts. Two
    empty texts are alike.

    Args:
        words: Words of the texts.
        left: A text of each pair.
        right: The other.
        least: Least similarity of the word sequences.
        telling: Least agreement of short texts.
        counts: How often each word stands, where these are not all texts.
    """
    shorter = words.shorter(left, right)
    floor = np.where(shorter >= SHORT, least, max(least, 0.7))
    similarity = similarities(words, left, right, cutoff=least - 0.01)
    result = np.asarray(similarity >= floor - _ROUNDING)

    short = np.flatnonzero(result & (shorter < SHORT) & (shorter > 0))
    if not len(short):
        return result
    frequency = counts or count_words(words)
    for k in short:
        agree = _agreement(words, frequency, int(left[k]), int(right[k]))
        result[k] = agree >= telling
    return result


def copies(
    asked: WordTable,
    answers: WordTable,
    whole: WordTable,
    pairs: Pairs,
    *,
    counts: tuple[Frequency | None, Frequency | None] = (None, None),
) -> Bools:
    """Which pairs of rows are edited copies of each other, shape (pairs,).

    Alike as whole rows (0.7 below 50 words), and in the input and in the answer: rows that share a
    long standard answer and ask for different things are no copies. Rows that differ in their
    numbers alone are two facts in one template.

    Args:
        asked: Words of the inputs.
        answers: Words of the answers.
        whole: Words of both together.
        pairs: Candidate pairs with the similarity of the whole.
        counts: How often each word stands in inputs and in answers, where these are not all rows.
    """
    left, right = pairs.left, pairs.right
    words = whole.shorter(left, right)
    result = pairs.similarity >= np.where(words < 50, 0.7, 0.0) - _ROUNDING
    for part in (asked, answers):
        result &= _part_alike(part, left, right)

    short = np.flatnonzero(result & (words < SHORT))
    for part, frequency in zip((asked, answers), counts, strict=True):
        result[short] &= alike(part, left[short], right[short], counts=frequency)

    close = pairs.similarity >= _CLOSE
    for k in np.flatnonzero(result):
        i, j = int(left[k]), int(right[k])
        if value_changes(asked, i, j) or value_changes(answers, i, j):
            result[k] = False

    for k in np.flatnonzero(result & ~close & (words < _LONG)):
        i, j = int(left[k]), int(right[k])
        result[k] = not recombined(whole.text(i), whole.text(j))
    return np.asarray(result)


def recombined(a: str, b: str) -> bool:
    """Whether two texts (a character a word) differ in whole clauses, not in scattered words.

    Edits of a copy fall anywhere. Two texts built from the same stock of sentences differ in runs:
    at 30 % edited words one edit in twelve stands in a run of four or more, so a majority never
    does by chance.

    Example:
        >>> recombined("abcdefghijkl", "abcdWXYZijkl"), recombined("abcdefghijkl", "aXcdeYghiZkl")
        (True, False)
    """
    from rapidfuzz.distance import Levenshtein

    changes = _merged(list(Levenshtein.opcodes(a, b)))
    runs = [change.words for change in changes]
    long_runs = [run for run in runs if run >= _RUN]
    return sum(long_runs) > _IN_RUNS * sum(runs)


@dataclass
class _Change:
    src_start: int
    src_end: int
    dest_start: int
    dest_end: int

    @property
    def words(self) -> int:
        """Words that it changed.

        One word may become several ("it" → "self.model.config"): of a replacement the shorter side
        tells.
        """
        removed = self.src_end - self.src_start
        added = self.dest_end - self.dest_start
        return min(removed, added) or max(removed, added)

    def touches(self, op: Any) -> bool:
        """Whether an operation begins where this change ends."""
        return bool(self.src_end == op.src_start and self.dest_end == op.dest_start)


def _merged(ops: Sequence[Any]) -> list[_Change]:
    """Changes that touch each other as one."""
    found: list[_Change] = []
    for op in ops:
        if op.tag == "equal":
            continue
        if found and found[-1].touches(op):
            found[-1].src_end = op.src_end
            found[-1].dest_end = op.dest_end
        else:
            change = _Change(
                src_start=op.src_start,
                src_end=op.src_end,
                dest_start=op.dest_start,
                dest_end=op.dest_end,
            )
            found.append(change)
    return found


def telling(
    words: WordTable,
    left: Positions,
    right: Positions,
) -> Shares:
    """How far the words of each pair agree, weighted by how rare they are, shape (pairs,).

    Dice's coefficient, in [0, 1].
    """
    frequency = count_words(words)
    pairs = zip(left.tolist(), right.tolist(), strict=True)
    values = [_agreement(words, frequency, i, j) for i, j in pairs]
    return np.array(values, dtype=np.float32)


def _part_alike(
    words: WordTable,
    left: Positions,
    right: Positions,
) -> Bools:
    shorter = words.shorter(left, right)
    floor_below = np.where(shorter >= 6, 0.5, 0.3)
    floor = np.where(shorter >= SHORT, _PART, floor_below)
    similarity = similarities(words, left, right, cutoff=0.29)
    return np.asarray(similarity >= floor - _ROUNDING)


def _agreement(
    words: WordTable,
    frequency: Frequency,
    i: int,
    j: int,
) -> float:
    """Dice coefficient of the two sets of words, weighted by inverse document frequency."""
    a = _weights(words, frequency, i)
    b = _weights(words, frequency, j)
    total = sum(a.values()) + sum(b.values())
    if not total:
        return 1.0
    common = sum(weight for code, weight in a.items() if code in b)
    return 2 * common / total


def _weights(
    words: WordTable,
    frequency: Frequency,
    i: int,
) -> dict[int, float]:
    """Inverse document frequency of each word of a text.

    Small corpora say little, so one row is added.
    """
    codes = words.of(i)
    n = frequency.texts + 1
    rows_with_it = np.minimum(frequency.of(codes), n)
    weights = np.log((n + 1) / rows_with_it).astype(np.float32)
    return dict(zip(codes.tolist(), weights.tolist(), strict=True))


def value_changes(
    words: WordTable,
    i: int,
    j: int,
    *,
    short: int = SHORT,
    spared: float = 0.0,
) -> bool:
    """Whether two texts that are alike differ in values: numbers, signs, negations.

    In a short text every value counts. In a longer one a value must stand where the other has
    another one, and half of all changes must be of that kind, for edits of a copy fall on
    values too.

    Args:
        words: Words of the texts.
        i: A text.
        j: Another.
        short: Words below which a text is short.
        spared: Share of the values of the text with fewer that the other must have too, where
            there are several.

    Example:
        >>> from tunewell.similar.word_table import split_words
        >>> texts = ["What is C?", "What is C++?", "You may smoke", "You may not smoke"]
        >>> value_changes(split_words(texts), 0, 1), value_changes(split_words(texts), 2, 3)
        (True, True)
    """
    a, b = words.of(i), words.of(j)
    in_a, in_b = have_digits(a), have_digits(b)
    if not in_a.any() and not in_b.any():
        return False
    if np.array_equal(np.sort(a[in_a]), np.sort(b[in_b])):
        # The same values in another order: "7 / 3" and "3 / 7".
        return not np.array_equal(a[in_a], b[in_b]) and min(len(a), len(b)) < short
    if min(len(a), len(b)) < short or np.array_equal(a[~in_a], b[~in_b]):
        return True
    if _share_few(a[in_a], b[in_b], spared):
        return True
    changed, replaced = _replaced_values(words.text(i), words.text(j), in_a, in_b)
    return _OF_CHANGES * replaced >= changed > 0


def _share_few(a: Codes, b: Codes, spared: float) -> bool:
    """Whether several values stand in each of two texts, and too many of them in one alone.

    Edits spare most values of a copy; two sums, two orders, two accounts share hardly any.
    """
    fewer = min(len(a), len(b))
    if fewer < _SEVERAL:
        return False
    common = sum((Counter(a.tolist()) & Counter(b.tolist())).values())
    return common < spared * fewer


def _replaced_values(a: str, b: str, in_a: Bools, in_b: Bools) -> tuple[int, int]:
    """Changed words of two texts, and how many of them are values in place of other values."""
    from rapidfuzz.distance import Levenshtein

    changed = replaced = 0
    for op in Levenshtein.editops(a, b):
        changed += 1
        if op.tag == "replace" and in_a[op.src_pos] and in_b[op.dest_pos]:
            replaced += 1
    return changed, replaced


def only_numbers_differ(
    words: WordTable,
    i: int,
    j: int,
) -> bool:
    """Whether two texts have the same words and different numbers: two facts in one template.

    Example:
        >>> from tunewell.similar.word_table import split_words
        >>> only_numbers_differ(split_words(["bill 4711 is due", "bill 4712 is due"]), 0, 1)
        True
    """
    a = words.of(i)
    b = words.of(j)
    in_a = have_digits(a)
    in_b = have_digits(b)
    if not in_a.any() or not in_b.any():
        return False
    if np.array_equal(a[in_a], b[in_b]):
        return False
    return np.array_equal(a[~in_a], b[~in_b])
