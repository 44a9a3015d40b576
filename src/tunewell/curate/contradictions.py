"""The same question, another answer (pitfall D09)."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rapidfuzz.distance import OSA

from tunewell.curate.rows import InputRow, Ledger
from tunewell.similar import (
    Links,
    alike,
    by_key,
    key,
    near_pairs,
    normalise,
    only_numbers_differ,
    split_words,
)
from tunewell.task import TaskFile

SAME = 0.85
"""Similarity of two inputs from which different answers contradict each other."""

_SHORTEST = 3
"""Letters of a word in which a slip can be told from another word."""

_POLITE = frozenset(
    "please kindly really very just quite actually simply also perhaps maybe hello hi hey dear good morning afternoon "
    "evening thanks thank you many kind regards cheers best wishes advise help me urgently sorry bitte danke vielen "
    "dank hallo guten tag gerne mal eben is now the a an this that our my will would can could about on".split()
)
"""Words that may differ between two ways to ask one thing."""


def contradictions(
    rows: Sequence[InputRow],
    file: TaskFile,
    ledger: Ledger,
    *,
    copies: Sequence[Sequence[InputRow]] = (),
) -> list[list[InputRow]]:
    """Same or nearly the same input, different target (D09): report, drop all, or keep the newest if all are dated.

    Args:
        rows: Those that are still there.
        file: The project's definition.
        ledger: Receipts.
        copies: Families of copies of which one row is kept: what contradicts a dropped copy
            contradicts the kept one.

    Returns:
        The families of rows that contradict each other.
    """
    rule = file.spec.rules.contradictions
    cites = file.where("rules.contradictions")
    families = contradictory(rows, copies=copies)
    for family in families:
        dated = all(row.date for row in family) and len({row.date for row in family}) > 1
        if rule == "report" or (rule == "newest" and not dated):
            ledger.seen("D09", [row.id for row in family])
            continue
        newest = max(family, key=lambda r: r.date or dt.date.min) if rule == "newest" else None
        for row in family:
            if row is not newest:
                other = newest.id if newest else next(r.id for r in family if r is not row)
                words = (
                    "the newest of contradictory rows is kept"
                    if newest
                    else "contradictory rows are dropped"
                )
                ledger.drop(
                    row,
                    "contradictions",
                    words,
                    cites=cites,
                    code="D09",
                    evidence=f"same input, {len(family)} answers",
                    other=other,
                )
    return families


def contradictory(
    rows: Sequence[InputRow], *, copies: Sequence[Sequence[InputRow]] = ()
) -> list[list[InputRow]]:
    """Families of rows with one input and several answers.

    Inputs are one when they are equal after normalisation, alike in all words that tell (see
    `tunewell.similar.same_text`), or differ only in typing slips and polite words. Answers differ
    when they are not alike, or when each has a number or code, known from other answers too, that
    the other has not.
    """
    here = {id(row) for row in rows}
    stands_for = _representatives(copies, here)
    every = [*rows, *(row for family in copies for row in family if id(row) not in here)]
    links = Links(len(every))
    for i, j in _conflicts(every):
        links.join(i, j)
    found = []
    for group in links.groups():
        kept = {
            id(r): r
            for r in (stands_for.get(id(every[i]), every[i]) for i in group)
            if id(r) in here
        }
        if len(kept) > 1:
            found.append(list(kept.values()))
    return found


def _representatives(copies: Sequence[Sequence[InputRow]], here: set[int]) -> dict[int, InputRow]:
    """The row that was kept for every dropped copy.

    Later families first, for what they kept may be a copy too.
    """
    found: dict[int, InputRow] = {}
    for family in reversed(copies):
        kept = next((row for row in family if id(row) in here), None)
        kept = kept or next((found[id(row)] for row in family if id(row) in found), None)
        if kept is not None:
            found.update({id(row): kept for row in family if id(row) not in here})
    return found


def _conflicts(rows: Sequence[InputRow]) -> Iterator[tuple[int, int]]:
    asked, said = [row.input for row in rows], [row.target for row in rows]
    for members in by_key(
        [key(text) if text.strip() else row.id for row, text in zip(rows, asked, strict=True)]
    ):
        if len({normalise(said[i]) for i in members}) > 1:
            yield from pairwise(members)
    inputs, answers = split_words(asked), split_words(said)
    pairs = near_pairs(inputs, threshold=SAME)
    telling = alike(inputs, pairs.left, pairs.right, least=SAME, telling=0.9)
    alike_said = alike(answers, pairs.left, pairs.right)
    words, values = _counts(asked), Counter(value for text in said for value in _values(text))
    for k, (i, j) in enumerate(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)):
        if not asked[i].strip() or only_numbers_differ(inputs, i, j):
            continue
        if alike_said[k] and not _other_values(said[i], said[j], values):
            continue
        if telling[k] or slips_only(asked[i], asked[j], words):
            yield i, j


_VALUE = re.compile(r"\b(?:[A-Z]{1,3}-?\d+[\w-]*|\d[\d.,:/-]*\d|\d)\b")


def _values(text: str) -> set[str]:
    return set(_VALUE.findall(text))


def _other_values(a: str, b: str, counts: Counter[str]) -> bool:
    """Whether each answer has a value that the other has not.

    One that stands in no other answer is an instance.
    """
    one, other = _values(a), _values(b)
    return any(counts[v] > 1 for v in one - other) and any(counts[v] > 1 for v in other - one)


_WORD = re.compile(r"\w+")


def _counts(texts: Sequence[str]) -> Counter[str]:
    """In how many different texts each word stands."""
    return Counter(word for text in set(texts) for word in set(_WORD.findall(text.casefold())))


def slips_only(a: str, b: str, counts: Counter[str]) -> bool:
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
        >>> slips_only("Please, who covers the damage?", "who covers the damgae?", Counter({"damage": 9, "damgae": 1}))
        True
    """
    first, second = (
        Counter(w for w in _WORD.findall(t.casefold()) if w not in _POLITE) for t in (a, b)
    )
    left, right = sorted((first - second).elements()), sorted((second - first).elements())
    if len(left) != len(right) or len(left) > 4:
        return False
    for word in left:
        match = next((other for other in right if _slip(word, other, counts)), None)
        if match is None:
            return False
        right.remove(match)
    return True


def _slip(a: str, b: str, counts: Counter[str]) -> bool:
    rare, known = sorted((a, b), key=lambda word: counts[word])
    return (
        min(len(a), len(b)) >= _SHORTEST
        and rare.isalpha()
        and known.isalpha()
        and counts[rare] <= 2
        and OSA.distance(a, b, score_cutoff=1) <= 1
    )
