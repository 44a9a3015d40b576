"""Template families: many rows from one text with slots, told apart from edited copies of one row.

Edits of copies fall anywhere, and each copy has its own. In a template the same few places differ
in nearly every row, and what fills them differs from row to row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunewell.similar.families import Links
from tunewell.similar.pairs import Pairs
from tunewell.similar.word_table import WordTable

LEAST = 5
"""Fewer rows do not make a template family: too few to tell."""

_SAMPLE = 40
_SLOT = 0.5
"""A place is a slot when at least this share of the rows differ there from the row they are held against …"""

_VARIED = 0.4
"""… and what stands there is different in at least this share of them."""

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
    links = Links(len(words))
    for i, j in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
        links.join(i, j)
    families = [group for group in links.groups() if len(group) >= LEAST]
    return [group for group in families if is_template(words, group)]


def without(pairs: Pairs, families: Sequence[Sequence[int]], n: int) -> NDArray[np.bool_]:
    """Which pairs do not lie in one of the families, shape (pairs,)."""
    family = np.full(n, -1, dtype=np.int64)
    for k, members in enumerate(families):
        family[list(members)] = k
    return np.asarray((family[pairs.left] < 0) | (family[pairs.left] != family[pairs.right]))


def is_template(words: WordTable, members: Sequence[int]) -> bool:
    """Whether rows that are alike come from one text with slots.

    Example:
        >>> from tunewell.similar.word_table import split_words
        >>> rows = [f"dear {a} your order of the {b} has left our house today" for a, b in
        ...         zip("ann bob cem dua eve fay".split(), "lamp desk chair sofa shelf bed".split())]
        >>> is_template(split_words(rows), range(6))
        True
    """
    chosen = list(members)
    if len(chosen) > _SAMPLE:
        chosen = [chosen[i] for i in np.linspace(0, len(chosen) - 1, _SAMPLE).astype(int)]
    reference, *others = [words.text(i) for i in chosen]
    fills: dict[int, Counter[str]] = {}
    edits = 0
    for other in others:
        for place, fill in _differences(reference, other):
            fills.setdefault(place, Counter())[fill] += 1
            edits += 1
    if not edits:
        return False
    inside = 0
    for counts in fills.values():
        differing = sum(counts.values())
        if differing >= _SLOT * len(others) and len(counts) >= max(2, _VARIED * differing):
            inside += differing
    return inside >= _COVERED * edits


def _differences(reference: str, other: str) -> list[tuple[int, str]]:
    """Places of the reference where another text differs, with what stands there."""
    from rapidfuzz.distance import Levenshtein

    found = []
    for op in Levenshtein.opcodes(reference, other):
        if op.tag == "replace":
            found += [
                (op.src_start + k, other[op.dest_start + k])
                for k in range(op.src_end - op.src_start)
            ]
        elif op.tag == "delete":
            found += [(place, "") for place in range(op.src_start, op.src_end)]
        elif op.tag == "insert":
            found.append((op.src_start, other[op.dest_start : op.dest_end]))
    return found
