"""What many texts begin or end with: a standing instruction, a preamble, one source text.

Such a frame says nothing of what a row asks: rows are compared by what differs. Edited copies of
one text also begin alike, but they go on alike after each edit; behind a frame the texts part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from tunewell.similar.arrays import Positions
from tunewell.similar.word_table import WordTable

FEWEST = 3
"""Texts that must share a frame …"""

_SHARE = 0.02
"""… or this share of all, up to …"""

_ENOUGH = 12
"""… so many, however many texts there are."""

_LEAST_WORDS = 6
"""Words of a frame …"""

_LEAST_WORDS_OF_MOST = 3
"""… or fewer, where it stands in so large a share of all texts:"""

_MOST_TEXTS = 0.3

_PARTED = 0.6
"""Behind a frame no word follows in a larger share of the texts."""


def frames(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Words at the beginning and at the end of each text that are a frame.

    Args:
        texts: The texts, a character a word (`tunewell.similar.word_table.WordTable.text`).

    Example:
        >>> frames(["ABCDEFxyz", "ABCDEFuvw", "ABCDEFst", "qrs"])
        [(6, 0), (6, 0), (6, 0), (0, 0)]
    """
    distinct = sorted(set(texts))
    first = _prefixes(distinct)
    left = [text[first[text] :][::-1] for text in distinct]
    last = _prefixes(sorted(set(left)))
    found: dict[str, tuple[int, int]] = {}
    for text, reverse in zip(distinct, left, strict=True):
        begin, end = first[text], last[reverse]
        # A text that is nothing but frame is compared as it stands.
        found[text] = (begin, end) if begin + end < len(text) else (0, 0)
    return [found[text] for text in texts]


def _prefixes(texts: Sequence[str]) -> dict[str, int]:
    """Words of the frame that each of some sorted, different texts begins with."""
    found = dict.fromkeys(texts, 0)
    enough = max(FEWEST, min(_ENOUGH, round(_SHARE * len(texts))))
    most = max(FEWEST, _MOST_TEXTS * len(texts))

    waiting = list(_groups(texts, _LEAST_WORDS_OF_MOST).values())
    while waiting:
        group = waiting.pop()
        if len(group) < enough:
            continue
        depth = _common(group[0], group[-1])
        following = _groups(group, depth + 1, since=depth)
        least = _LEAST_WORDS_OF_MOST if len(group) >= most else _LEAST_WORDS
        parted = max(map(len, following.values())) <= _PARTED * len(group)
        if parted and depth >= least:
            since = found[group[0]]
            if depth - since >= least:
                found.update(dict.fromkeys(group, depth))
        waiting += following.values()
    return found


def _common(a: str, b: str) -> int:
    """Characters that two texts begin with in common: of sorted texts, the first and the last."""
    for place, (one, other) in enumerate(zip(a, b, strict=False)):
        if one != other:
            return place
    return min(len(a), len(b))


def _groups(
    texts: Sequence[str],
    until: int,
    *,
    since: int = 0,
) -> dict[str, list[str]]:
    """Texts by their words from one place to another."""
    groups: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        groups[text[since:until]].append(text)
    return groups


def cut(words: WordTable, ends: Sequence[tuple[int, int]]) -> WordTable:
    """The words without so many at the beginning and at the end of each text."""
    taken = np.array(ends, dtype=np.int64).reshape(-1, 2)
    starts: Positions = words.starts[:-1] + taken[:, 0]
    stops: Positions = words.starts[1:] - taken[:, 1]
    change = np.zeros(len(words.codes) + 1, dtype=np.int32)
    np.add.at(change, starts, 1)
    np.add.at(change, stops, -1)
    kept = np.cumsum(change[:-1]) > 0
    new_starts = np.zeros(len(words) + 1, dtype=np.int64)
    np.cumsum(stops - starts, out=new_starts[1:])
    return WordTable(words.codes[kept], new_starts)
