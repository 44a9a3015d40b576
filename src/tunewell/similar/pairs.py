"""Near-duplicates: candidates from rare words, every reported pair verified word by word.

Fine-tuning rows are short, and shingles of several words do not survive edits in short rows (at 10
% edited words the usual recipes propose fewer than 7 % of the copies). So candidates share *rare
single words*: MinHash (Broder 1997) over the words of a row that are in few other rows, cut into
bands. Candidates are cheap; each is then verified by the similarity of the word sequences (Indel,
rapidfuzz), so that an estimate is never a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewell.similar.candidates import candidates
from tunewell.similar.word_table import WordTable, split_words

THRESHOLD = 0.65
"""Similarity of two word sequences from which they are near-duplicates: 2 × common subsequence / words of both."""


@dataclass(frozen=True)
class Pairs:
    """Verified pairs ``left[k] < right[k]`` with their similarity in [0, 1], each of shape (pairs,)."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    similarity: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.left)


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
        ...                     "please send me a new bill for my flat today", "my meter is broken since monday"])
        >>> list(zip(pairs.left.tolist(), pairs.right.tolist()))
        [(0, 1)]
    """
    words = texts if isinstance(texts, WordTable) else split_words(texts, workers=workers)
    n = max(len(words), 1)
    known, similarity = np.empty(0, np.int64), np.empty(0, np.float32)
    for batch in candidates(words, across=across, workers=workers):
        fresh = batch[~np.isin(batch, known, assume_unique=True)] if len(known) else batch
        left, right = np.divmod(fresh, n)
        value = similarities(words, left, right, cutoff=threshold, workers=workers)
        keep = value >= threshold
        known, similarity = np.append(known, fresh[keep]), np.append(similarity, value[keep])
    order = np.argsort(known)
    left, right = np.divmod(known[order], n)
    return Pairs(left, right, similarity[order])


def similarities(
    words: WordTable,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    *,
    cutoff: float = 0.0,
    workers: int = 1,
) -> NDArray[np.float32]:
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
    for start in range(0, len(possible), 200_000):
        part = possible[start : start + 200_000]
        texts = {
            int(i): words.text(int(i)) for i in np.unique(np.concatenate([left[part], right[part]]))
        }
        result[part] = cpdist(
            [texts[int(i)] for i in left[part]],
            [texts[int(j)] for j in right[part]],
            scorer=Indel.normalized_similarity,
            score_cutoff=cutoff,
            dtype=np.float32,
            workers=workers,
        )
    return result
