"""Near-duplicates: candidates from rare words, every reported pair verified word by word.

Fine-tuning rows are short, and shingles of several words do not survive edits in short rows (at 10
% edited words the usual recipes propose fewer than 7 % of the copies). So candidates share *rare
single words*: MinHash (Broder 1997) over the words of a row that are in few other rows, cut into
bands. Candidates are cheap; each is then verified by the similarity of the word sequences (Indel,
rapidfuzz), so that an estimate is never a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tunewell.similar.arrays import (
    Bools,
    Positions,
    Shares,
    distinct,
)
from tunewell.similar.candidates import candidates
from tunewell.similar.word_table import WordTable, split_words

THRESHOLD = 0.65
"""Similarity of two word sequences from which they are near-duplicates.

Twice the common subsequence over the words of both.
"""

_AT_ONCE = 200_000
"""Pairs that are compared together: their texts are held as strings."""


@dataclass(frozen=True)
class Pairs:
    """Verified pairs ``left[k] < right[k]`` and their similarity in [0, 1], shape (pairs,) each."""

    left: Positions
    right: Positions
    similarity: Shares

    def __len__(self) -> int:
        return len(self.left)

    def positions(self) -> Iterator[tuple[int, int]]:
        """Left and right of each pair."""
        return zip(self.left.tolist(), self.right.tolist(), strict=True)

    def where(self, keep: Bools) -> Pairs:
        """The pairs that are kept, shape (pairs,)."""
        return Pairs(self.left[keep], self.right[keep], self.similarity[keep])

    def followed_by(self, other: Pairs) -> Pairs:
        """These pairs, then those."""
        return Pairs(
            np.concatenate([self.left, other.left]),
            np.concatenate([self.right, other.right]),
            np.concatenate([self.similarity, other.similarity]),
        )

    def once(self, n: int) -> Pairs:
        """Each pair once, sorted, with the similarity that it has first.

        Args:
            n: How many texts there are.
        """
        _, first = np.unique(self.left * n + self.right, return_index=True)
        return Pairs(self.left[first], self.right[first], self.similarity[first])


def no_pairs() -> Pairs:
    """A set of pairs without any."""
    none = np.empty(0, np.int64)
    return Pairs(none, none, np.empty(0, np.float32))


def near_pairs(
    texts: Sequence[str] | WordTable,
    *,
    threshold: float = THRESHOLD,
    across: int = 0,
    workers: int = 1,
) -> Pairs:
    """All pairs of texts that are alike.

    Args:
        texts: The texts, or their words.
        threshold: Least similarity.
        across: If not 0, only pairs between the first ``across`` texts and the rest.
        workers: Threads for the verification.

    Example:
        >>> pairs = near_pairs(["please send me the new bill for my flat today",
        ...                     "please send me a new bill for my flat today",
        ...                     "my meter is broken since monday"])
        >>> list(pairs.positions())
        [(0, 1)]
    """
    words = texts if isinstance(texts, WordTable) else split_words(texts, workers=workers)
    n = max(len(words), 1)
    known = np.empty(0, np.int64)
    similarity = np.empty(0, np.float32)

    for batch in candidates(words, across=across, workers=workers):
        fresh = batch
        if len(known):
            fresh = batch[~np.isin(batch, known, assume_unique=True)]
        left, right = np.divmod(fresh, n)
        value = similarities(words, left, right, cutoff=threshold, workers=workers)
        keep = value >= threshold
        known = np.append(known, fresh[keep])
        similarity = np.append(similarity, value[keep])

    order = np.argsort(known)
    left, right = np.divmod(known[order], n)
    return Pairs(left, right, similarity[order])


def similarities(
    words: WordTable,
    left: Positions,
    right: Positions,
    *,
    cutoff: float = 0.0,
    workers: int = 1,
) -> Shares:
    """Similarity of the word sequences of the pairs; 0 where it is below the cutoff.

    Two empty texts are alike (1).
    """
    if not len(left):
        return np.empty(0, dtype=np.float32)
    from rapidfuzz.distance import Indel
    from rapidfuzz.process import cpdist

    # The lengths alone bound the similarity; what they rule out is not compared.
    lengths = words.lengths
    short = np.minimum(lengths[left], lengths[right])
    total = lengths[left] + lengths[right]
    possible = np.flatnonzero((2 * short >= cutoff * total) & (total > 0))

    result = np.where(total == 0, 1.0, 0.0).astype(np.float32)
    for start in range(0, len(possible), _AT_ONCE):
        part = possible[start : start + _AT_ONCE]
        rows = distinct(np.concatenate([left[part], right[part]]))
        texts = {row: words.text(row) for row in rows.tolist()}
        result[part] = cpdist(
            [texts[i] for i in left[part].tolist()],
            [texts[j] for j in right[part].tolist()],
            scorer=Indel.normalized_similarity,
            score_cutoff=cutoff,
            dtype=np.float32,
            workers=workers,
        )
    return result
