"""Which texts are near which, by the words they share, weighted by how rare those are."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

COMMON = 0.1
"""A word in more than this share of the texts (and more than `FEW`) says nothing about which are near."""
FEW = 100
_WORD = re.compile(r"[^\W_]+")


class Near:
    """Texts that others are held against.

    Args:
        texts: Of the rows.

    Example:
        >>> near = Near(["meter shows E-05", "the bill is late", "E-07 on the meter"])
        >>> [place for place, _ in near.to("E-07?")]
        [2, 0]
    """

    def __init__(self, texts: Sequence[str]) -> None:
        bags = [set(_WORD.findall(text.casefold())) for text in texts]
        found: Counter[str] = Counter(word for bag in bags for word in bag)
        most = max(COMMON * len(texts), FEW)
        self._rare = math.log(1 + max(1, len(texts)))
        self._common = {word for word, n in found.items() if n > most}
        self._weight = {
            word: math.log(1 + len(texts) / n) for word, n in found.items() if n <= most
        }
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for n, bag in enumerate(bags):
            known = [w for w in bag if w in self._weight]
            length = math.sqrt(sum(self._weight[w] ** 2 for w in known)) or 1.0
            for word in known:
                self._postings[word].append((n, self._weight[word] / length))

    def to(self, text: str, *, count: int = 0) -> list[tuple[int, float]]:
        """Places and cosines of texts that share a telling word, the nearest first.

        The first ``count`` if given.
        """
        words = set(_WORD.findall(text.casefold())) - self._common
        length = math.sqrt(sum(self._weight.get(w, self._rare) ** 2 for w in words)) or 1.0
        scores: dict[int, float] = defaultdict(float)
        for word in words:
            for n, part in self._postings.get(word, ()):
                scores[n] += part * self._weight[word] / length
        ranked = sorted(scores.items(), key=lambda x: (-x[1], x[0]))
        return ranked[:count] if count else ranked
