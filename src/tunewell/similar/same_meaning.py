"""Rows that may say the same in other words or another order: they are reported, never dropped.

Words in another order are the same set of words. Other words are told by static word vectors, where
the optional part ``vectors`` is installed; without it only the order is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunewell.similar import vectors
from tunewell.similar.arrays import Bools, Points, Positions
from tunewell.similar.compared_texts import ComparedTexts
from tunewell.similar.edited_copies import telling
from tunewell.similar.near_duplicates import Pairs, near_pairs
from tunewell.similar.word_table import WordTable

MOST_ROWS = 50_000
"""Larger sets are not searched: every row is held against every other one."""

_SHARED = 0.8
"""Share of the words that two texts have in common, in whatever order …"""

_TELLING = 0.85
"""… and how far their telling words agree."""

_FEWEST_WORDS = 4
_CLOSE = 0.86
"""Cosine of two texts from which they may say the same …"""

_RESEMBLE = 0.4
"""… if they share so many of their words."""

_BESIDE = 0.6
"""Share of the words beside one long text in which two questions on it must agree."""

_AT_ONCE = 1_000


def not_searched(rows: int) -> str:
    """What is not looked for among so many rows, in words; empty if everything is."""
    if rows <= MOST_ROWS:
        return ""
    return (
        f"rows that say the same in other words were not looked for (that is done for up to "
        f"{MOST_ROWS:,} rows)"
    )


def likely_copies(texts: ComparedTexts, known: Pairs, *, across: int = 0) -> Pairs:
    """Pairs of rows that may ask the same and are answered alike, without those that are known.

    Args:
        texts: The texts of the rows.
        known: Pairs that are found already.
        across: If not 0, only pairs between the first ``across`` rows and the rest.
    """
    n = len(texts.gists)
    if not_searched(n):
        return known.where(np.zeros(len(known), dtype=np.bool_))
    found = _reordered(texts.gists, across).followed_by(_by_vectors(texts, across))
    numbers, first = np.unique(found.left * n + found.right, return_index=True)
    fresh = first[~np.isin(numbers, known.left * n + known.right)]
    found = Pairs(found.left[fresh], found.right[fresh], found.similarity[fresh])
    return found.where(_may_be_one(texts, found))


def _may_be_one(texts: ComparedTexts, pairs: Pairs) -> Bools:
    """Which pairs do not differ in values, frames or answers, shape (pairs,)."""
    keep = texts.answers_agree(pairs)
    keep &= texts.gists.shorter(pairs.left, pairs.right) >= _FEWEST_WORDS
    for k in np.flatnonzero(keep):
        i, j = int(pairs.left[k]), int(pairs.right[k])
        keep[k] = not (
            texts.of_two_frames(i, j)
            or _other_values(texts.gists, i, j)
            or _other_question(texts, i, j)
        )
    return keep


def _other_question(texts: ComparedTexts, i: int, j: int) -> bool:
    """Whether two rows share a text and have few words in common beside it."""
    rest = texts.beside_one_text(i, j)
    if rest is None:
        return False
    first, second = map(set, rest)
    return 2 * len(first & second) < _BESIDE * (len(first) + len(second))


def _other_values(words: WordTable, i: int, j: int) -> bool:
    """Whether two texts have other values, in whatever order."""
    a, b = words.of(i), words.of(j)
    return not np.array_equal(np.sort(a[a & 1 == 1]), np.sort(b[b & 1 == 1]))


def _reordered(words: WordTable, across: int) -> Pairs:
    """Pairs of texts of mostly the same words: the likeness of the words in sorted order."""
    owner = np.repeat(np.arange(len(words)), words.lengths)
    order = np.lexsort((words.codes, owner))
    pairs = near_pairs(
        WordTable(words.codes[order], words.starts), threshold=_SHARED, across=across
    )
    return pairs.where(telling(words, pairs.left, pairs.right) >= _TELLING)


def _by_vectors(texts: ComparedTexts, across: int) -> Pairs:
    """Pairs of texts whose vectors are close, each text with its nearest one."""
    none = np.empty(0, np.int64)
    if not vectors.available():
        return Pairs(none, none, np.empty(0, np.float32))
    points = vectors.vectors(_behind_frames(texts))
    left, right, cosine = _nearest(points, across)
    close = cosine >= _CLOSE
    pairs = Pairs(left[close], right[close], cosine[close].astype(np.float32))
    said = telling(texts.gists, pairs.left, pairs.right)
    return pairs.where(said >= _RESEMBLE)


def _behind_frames(texts: ComparedTexts) -> list[str]:
    """What each row asks without its frame, as text."""
    found = []
    for text, (begin, end) in zip(texts.asked, texts.ends, strict=True):
        words = text.split()
        inner = words[begin : len(words) - end]
        found.append(" ".join(inner or words))
    return found


def _nearest(points: Points, across: int) -> tuple[Positions, Positions, Points]:
    """Each point (of the rest) with its nearest other one (of the first ``across``)."""
    n = len(points)
    rows = np.arange(across, n)
    others = points[:across] if across else points
    best = np.empty(len(rows), dtype=np.int64)
    cosine = np.empty(len(rows), dtype=np.float32)
    for at in range(0, len(rows), _AT_ONCE):
        part = rows[at : at + _AT_ONCE]
        likeness = points[part] @ others.T
        if not across:
            likeness[np.arange(len(part)), part] = -1.0
        best[at : at + _AT_ONCE] = likeness.argmax(axis=1)
        cosine[at : at + _AT_ONCE] = likeness.max(axis=1)
    return np.minimum(rows, best), np.maximum(rows, best), cosine


__all__: Sequence[str] = ("MOST_ROWS", "likely_copies", "not_searched")
