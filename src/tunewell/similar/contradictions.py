"""Contradictions (D09): rows with one input and several answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import (
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from itertools import pairwise
from typing import TypeVar

from rapidfuzz.distance import OSA

from tunewell.similar.conversations import (
    ComparedRow,
    inputs_of,
    targets_of,
)
from tunewell.similar.edited_copies import alike, only_numbers_differ
from tunewell.similar.exact_keys import key, normalise
from tunewell.similar.near_duplicates import near_pairs
from tunewell.similar.union_find import Links, by_key
from tunewell.similar.word_table import split_words

SAME = 0.85
"""Similarity of two inputs from which different answers contradict each other."""

_TELLING = 0.9
"""Agreement of their telling words from which two such inputs are one."""

_SHORTEST = 3
"""Letters of a word in which a slip can be told from another word."""

_MOST_SLIPS = 4
_RARE = 2
"""A writing in more texts than this is no slip."""

_POLITE = frozenset(
    "please kindly really very just quite actually simply also perhaps maybe hello hi hey dear "
    "good morning afternoon evening thanks thank you many kind regards cheers best wishes advise "
    "help me urgently sorry bitte danke vielen dank hallo guten tag gerne mal eben is now the a an "
    "this that our my will would can could about on".split()
)
"""Words that may differ between two ways to ask one thing."""

_VALUE = re.compile(r"\b(?:[A-Z]{1,3}-?\d+[\w-]*|\d[\d.,:/-]*\d|\d)\b")
_WORD = re.compile(r"\w+")

RowT = TypeVar("RowT", bound=ComparedRow)


def contradictory(
    rows: Sequence[RowT],
    *,
    copies: Sequence[Sequence[RowT]] = (),
) -> list[list[RowT]]:
    """Families of rows with one input and several answers.

    Inputs are one when they are equal after normalisation, alike in all words that tell (see
    `tunewell.similar.edited_copies`), or differ only in typing slips and polite words. Answers
    differ when they are not alike, or when each has a number or code, known from other answers too,
    that the other has not.

    Args:
        rows: The rows.
        copies: Families of copies of which one is among the rows: what contradicts another copy
            contradicts that one.
    """
    here = {id(row) for row in rows}
    stands_for = _representatives(copies, here)
    others = [row for family in copies for row in family if id(row) not in here]
    every = [*rows, *others]

    links = Links(len(every))
    links.join_pairs(_conflicts(every))
    found = []
    for group in links.groups():
        kept: dict[int, RowT] = {}
        for i in group:
            row = stands_for.get(id(every[i]), every[i])
            if id(row) in here:
                kept[id(row)] = row
        if len(kept) > 1:
            found.append(list(kept.values()))
    return found


def _representatives(
    copies: Sequence[Sequence[RowT]],
    here: set[int],
) -> Mapping[int, RowT]:
    """The row that was kept for every other copy.

    Later families first, for what they kept may be a copy too.
    """
    found: dict[int, RowT] = {}
    for family in reversed(copies):
        still_there = [row for row in family if id(row) in here]
        stand_ins = [found[id(row)] for row in family if id(row) in found]
        kept = [*still_there, *stand_ins]
        if kept:
            others = [row for row in family if id(row) not in here]
            found.update((id(row), kept[0]) for row in others)
    return found


def _conflicts(rows: Sequence[ComparedRow]) -> Iterator[tuple[int, int]]:
    """Pairs of rows with one input and different answers."""
    asked = inputs_of(rows)
    said = targets_of(rows)
    yield from _with_equal_inputs(rows, asked, said)

    inputs = split_words(asked)
    answers = split_words(said)
    pairs = near_pairs(inputs, threshold=SAME)
    telling = alike(
        inputs,
        pairs.left,
        pairs.right,
        least=SAME,
        telling=_TELLING,
    )
    same_answer = alike(answers, pairs.left, pairs.right)

    differ = _differing_values(said)
    words = _counts(asked)
    for k, (i, j) in enumerate(pairs.positions()):
        if not asked[i].strip() or only_numbers_differ(inputs, i, j):
            continue
        if same_answer[k] and not differ(i, j):
            continue
        if telling[k] or slips_only(asked[i], asked[j], words):
            yield i, j


def _with_equal_inputs(
    rows: Sequence[ComparedRow],
    asked: Sequence[str],
    said: Sequence[str],
) -> Iterator[tuple[int, int]]:
    """Pairs whose inputs are equal after normalisation, of groups with several answers."""
    keys: list[bytes | str] = []
    for row, text in zip(rows, asked, strict=True):
        keys.append(key(text) if text.strip() else row.id)
    for members in by_key(keys):
        answers = {normalise(said[i]) for i in members}
        if len(answers) > 1:
            yield from pairwise(members)


def _differing_values(said: Sequence[str]) -> Callable[[int, int], bool]:
    """A test whether each of two answers has a value that the other has not.

    One that stands in no other answer is an instance, not a fact.
    """
    counts: Counter[str] = Counter()
    for text in said:
        counts.update(_values(text))

    def has_own(one: set[str], other: set[str]) -> bool:
        return any(counts[value] > 1 for value in one - other)

    def differ(i: int, j: int) -> bool:
        a = _values(said[i])
        b = _values(said[j])
        return has_own(a, b) and has_own(b, a)

    return differ


def _values(text: str) -> set[str]:
    return set(_VALUE.findall(text))


def _counts(texts: Sequence[str]) -> Counter[str]:
    """In how many different texts each word stands."""
    counts: Counter[str] = Counter()
    for text in set(texts):
        counts.update(set(_WORD.findall(text.casefold())))
    return counts


def slips_only(
    a: str,
    b: str,
    counts: Counter[str],
) -> bool:
    """Whether two texts differ only in typing slips and in polite words.

    A slip is one letter more, less, other or swapped, in a word of three letters or more of which
    one writing is rare.

    Args:
        a: A text.
        b: Another.
        counts: In how many texts each word stands.

    Example:
        >>> from collections import Counter
        >>> slips_only("I pay by card", "I pay by cash", Counter({"card": 9, "cash": 9}))
        False
        >>> counts = Counter({"damage": 9, "damgae": 1})
        >>> slips_only("Please, who covers the damage?", "who covers the damgae?", counts)
        True
    """
    first = _telling_words(a)
    second = _telling_words(b)
    left = sorted((first - second).elements())
    right = sorted((second - first).elements())
    if len(left) != len(right) or len(left) > _MOST_SLIPS:
        return False
    for word in left:
        matches = [other for other in right if _slip(word, other, counts)]
        if not matches:
            return False
        right.remove(matches[0])
    return True


def _telling_words(text: str) -> Counter[str]:
    words = Counter(_WORD.findall(text.casefold()))
    for word in _POLITE.intersection(words):
        del words[word]
    return words


def _slip(
    a: str,
    b: str,
    counts: Counter[str],
) -> bool:
    """Whether one word is the other with a slip."""
    if min(len(a), len(b)) < _SHORTEST or not (a + b).isalpha():
        return False
    if min(counts[a], counts[b]) > _RARE:
        return False
    return bool(OSA.distance(a, b, score_cutoff=1) <= 1)
