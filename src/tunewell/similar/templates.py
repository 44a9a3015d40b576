"""Template families: many rows from one text with slots, told apart from edited copies of one row.

Edits of copies fall anywhere, and each copy has its own. In a template the same few places differ
in nearly every row, and what fills them differs from row to row.

A family is no set of copies: its rows differ where it counts. But five hundred of them teach one
sentence five hundred times, so a family can be capped, and what is kept should show as many
fillings of the slots as it can.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections import Counter
from collections.abc import Sequence

import numpy as np

from tunewell.similar.arrays import Bools
from tunewell.similar.near_duplicates import Pairs
from tunewell.similar.union_find import families_of
from tunewell.similar.word_table import WordTable, split_words

LEAST = 5
"""Fewer rows do not make a template family: too few to tell."""

_SAMPLE = 40
_SLOT = 0.25
"""A place is a slot when at least this share of the rows differ there from the reference …"""

_ONE_FILL = 0.8
"""… and no filling stands in a larger share of them (where the reference itself was edited, all
others hold one word there) …"""

_HALF = (0.25, 0.75)
"""… unless about half of the rows differ: a slot with two values."""

_LONG_FILL = 5
"""Where most rows differ in runs of more words, different things stand behind one instruction."""

_FEWEST_OF_HALF = 4

_COVERED = 0.6
"""A family is a template when this share of all its differences lies in slots."""


def template_families(words: WordTable, pairs: Pairs) -> list[list[int]]:
    """Families of at least five rows that come from one template.

    Args:
        words: Words of the whole rows.
        pairs: Verified pairs of rows that are alike.

    Returns:
        Positions of the members of each template family.
    """
    families = families_of(pairs.positions(), len(words), least=LEAST)
    return [group for group in families if is_template(words, group)]


def without(
    pairs: Pairs,
    families: Sequence[Sequence[int]],
    n: int,
) -> Bools:
    """Which pairs do not lie in one of the families, shape (pairs,)."""
    family = np.full(n, -1, dtype=np.int64)
    for k, members in enumerate(families):
        family[list(members)] = k
    left = family[pairs.left]
    right = family[pairs.right]
    return np.asarray((left < 0) | (left != right))


def is_template(words: WordTable, members: Sequence[int]) -> bool:
    """Whether rows that are alike come from one text with slots.

    Example:
        >>> from tunewell.similar.word_table import split_words
        >>> rows = [f"dear {a} your order of the {b} has left our house today" for a, b in
        ...         zip("ann bob cem dua eve".split(), "lamp desk chair sofa shelf".split())]
        >>> is_template(split_words(rows), range(5))
        True
    """
    chosen = list(members)
    if len(chosen) > _SAMPLE:
        evenly = np.linspace(0, len(chosen) - 1, _SAMPLE).astype(int)
        chosen = [chosen[i] for i in evenly]
    reference, *others = [words.text(i) for i in chosen]

    fills: dict[int, Counter[str]] = {}
    edits = 0
    longest = []
    for other in others:
        differences = _differences(reference, other)
        longest.append(_longest_run([place for place, _ in differences]))
        for place, fill in differences:
            fills.setdefault(place, Counter())[fill] += 1
            edits += 1
    if not edits or statistics.median(longest) > _LONG_FILL:
        return False

    inside = 0
    for counts in fills.values():
        differing = sum(counts.values())
        if _is_slot(differing / len(others), max(counts.values()) / differing, differing):
            inside += differing
    return inside >= _COVERED * edits


def _is_slot(differ: float, top: float, rows: int) -> bool:
    """Whether a place where rows differ is a slot.

    Args:
        differ: Share of the rows that differ there from the reference.
        top: Share of these that the most frequent filling has.
        rows: How many differ.
    """
    if differ < _SLOT:
        return False
    if top <= _ONE_FILL:
        return True
    return rows >= _FEWEST_OF_HALF and _HALF[0] <= differ <= _HALF[1]


def _longest_run(places: Sequence[int]) -> int:
    """Length of the longest run of neighbouring places."""
    longest = run = 0
    before = -2
    for place in places:
        run = run + 1 if place in (before, before + 1) else 1
        before = place
        longest = max(longest, run)
    return longest


def _differences(reference: str, other: str) -> list[tuple[int, str]]:
    """Places of the reference where another text differs, with what stands there."""
    from rapidfuzz.distance import Levenshtein

    found: list[tuple[int, str]] = []
    for op in Levenshtein.opcodes(reference, other):
        if op.tag == "replace":
            instead = other[op.dest_start : op.dest_end]
            found += enumerate(instead, op.src_start)
        elif op.tag == "delete":
            found += [(place, "") for place in range(op.src_start, op.src_end)]
        elif op.tag == "insert":
            found.append((op.src_start, other[op.dest_start : op.dest_end]))
    return found


def choose_of_template(
    texts: Sequence[str],
    dates: Sequence[dt.date | None],
    most: int,
    *,
    by: str,
) -> list[int]:
    """Positions of the rows of one template that stay.

    Args:
        texts: The rows, whole.
        dates: The day of each, where known.
        most: How many stay.
        by: ``first``; ``newest`` (undated rows last); ``diverse``: each next row is the one with
            the most words that no chosen row has, which is what stands in the slots; once nothing
            is new, words count afresh.

    Example:
        >>> texts = [f"the {word} bill" for word in "gas gas tax gas tax".split()]
        >>> choose_of_template(texts, [None] * 5, 2, by="diverse")
        [0, 2]
    """
    most = min(most, len(texts))
    if by == "first":
        return list(range(most))
    if by == "newest":
        known = [date or dt.date.min for date in dates]
        order = sorted(
            enumerate(known),
            key=lambda row: (row[1], -row[0]),
            reverse=True,
        )
        return sorted(i for i, _ in order[:most])
    return _diverse(texts, most)


def _diverse(texts: Sequence[str], most: int) -> list[int]:
    """Greedy cover of the family's words.

    Nemhauser, Wolsey and Fisher 1978: at least 1 - 1/e of the best.
    """
    words = split_words(texts)
    distinct, number = np.unique(words.codes, return_inverse=True)
    owner = np.repeat(np.arange(len(texts)), words.lengths)

    # Each word of a row once.
    width = len(distinct) + 1
    owner, number = np.divmod(np.unique(owner * width + number), width)

    fresh = np.ones(len(distinct), dtype=np.float64)
    left = np.ones(len(texts), dtype=bool)
    result: list[int] = []
    while len(result) < most:
        gain = np.bincount(owner, weights=fresh[number], minlength=len(texts))
        gain[~left] = -1.0
        best = int(np.argmax(gain))
        if gain[best] == 0.0 and not fresh.all():
            fresh[:] = 1.0
            continue
        result.append(best)
        left[best] = False
        fresh[number[owner == best]] = 0.0
    return sorted(result)
