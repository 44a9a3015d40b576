"""What a low rating without a correction leads to: the training rows nearest to it, for people to look at."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from tunewell.people import Book, Item, Verdict
from tunewell.people.work import Batch

COMMON = 0.1
"""A word in more than this share of the rows says nothing about which are near."""
NEAR = 3
"""Training rows that are queued for each row rated low."""
_WORD = re.compile(r"[^\W_]+")


def low_rated(book: Book, batch: Batch) -> list[Item]:
    """Items that people rated low on any question (mostly no, or at most 2 of 5) and nobody corrected, as drawn."""
    words: dict[str, list[Verdict]] = defaultdict(list)
    for v in book.verdicts(batch.id):
        if not v.said.skipped:
            words[v.item].append(v)
    return [
        item
        for item in book.items(batch.id)
        if not item.gold and _low(words[item.id], batch) and not any(v.said.correction.strip() for v in words[item.id])
    ]


def _low(said: Sequence[Verdict], batch: Batch) -> bool:
    for criterion in batch.rubric:
        values = [v.said.scores[criterion.name] for v in said if criterion.name in v.said.scores]
        if values and sum(values) / len(values) <= (0.49 if criterion.scale == "yes/no" else 2.0):
            return True
    return False


def nearest(asked: Sequence[str], rows: Sequence[str], *, count: int = NEAR) -> list[list[int]]:
    """Positions of the rows nearest to each text: cosine of words weighted by how rare they are, the nearest first.

    Args:
        asked: What was asked where the answer was rated low.
        rows: Inputs of the training rows.
        count: How many for each; fewer where fewer share a telling word.

    Example:
        >>> nearest(["My meter shows E-07"], ["meter shows E-05", "the bill is late", "E-07 on the meter"], count=2)
        [[2, 0]]
    """
    bags = [Counter(_WORD.findall(text.casefold())) for text in rows]
    found: Counter[str] = Counter(word for bag in bags for word in bag)
    most = max(COMMON * len(rows), 2)
    weight = {word: math.log(1 + len(rows) / n) for word, n in found.items() if n <= most}
    postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for n, bag in enumerate(bags):
        length = math.sqrt(sum(weight[w] ** 2 for w in bag if w in weight)) or 1.0
        for word in bag:
            if word in weight:
                postings[word].append((n, weight[word] / length))
    out = []
    for text in asked:
        scores: dict[int, float] = defaultdict(float)
        for word in set(_WORD.findall(text.casefold())):
            for n, part in postings.get(word, ()):
                scores[n] += part * weight[word]
        out.append(sorted(scores, key=lambda n: (-scores[n], n))[:count])
    return out


def near_rows(low: Sequence[Item], training: Sequence[tuple[str, str]], *, count: int = NEAR) -> list[str]:
    """Ids of the training rows nearest to items that were rated low, the nearest of each first, none twice.

    Args:
        low: As `low_rated` gives them.
        training: (id, input) of the training rows.
        count: How many for each item.
    """
    ranked = nearest([item.source for item in low], [text for _, text in training], count=count)
    names = [training[ranked[k][rank]][0] for rank in range(count) for k in range(len(low)) if rank < len(ranked[k])]
    return list(dict.fromkeys(names))
