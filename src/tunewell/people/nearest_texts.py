"""Which texts are near which, by the words they share, weighted by how rare those are."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

COMMON = 0.1
"""A word in more than this share of the texts (and more than `FEW`) says nothing about nearness."""

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
        bags = [_words(text) for text in texts]
        counts: Counter[str] = Counter()
        for bag in bags:
            counts.update(bag)

        # Inverse document frequency; a word that no text has weighs as much as the rarest could.
        most = max(COMMON * len(texts), FEW)
        size = len(texts)
        self._unseen = math.log(1 + max(1, size))
        self._common: set[str] = set()
        self._weight: dict[str, float] = {}
        for word, count in counts.items():
            if count > most:
                self._common.add(word)
            else:
                self._weight[word] = math.log(1 + size / count)

        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for place, bag in enumerate(bags):
            self._post(place, bag - self._common)

    def _post(self, place: int, words: set[str]) -> None:
        """Note under each word of a text what it adds to the text's direction."""
        length = self._length(words)
        for word in words:
            self._postings[word].append((place, self._weight[word] / length))

    def _length(self, words: Iterable[str]) -> float:
        weights = [self._weight.get(word, self._unseen) for word in words]
        squares = math.fsum(weight**2 for weight in weights)
        return math.sqrt(squares) or 1.0

    def to(self, text: str, *, count: int = 0) -> list[tuple[int, float]]:
        """Places and cosines of texts that share a telling word, the nearest first.

        The first ``count`` if given.
        """
        words = _words(text) - self._common
        length = self._length(words)
        cosines: dict[int, float] = defaultdict(float)
        for word in sorted(words & self._postings.keys()):
            weight = self._weight[word] / length
            for place, part in self._postings[word]:
                cosines[place] += part * weight

        ranked = sorted(cosines, key=lambda place: (-cosines[place], place))
        if count:
            ranked = ranked[:count]
        return [(place, cosines[place]) for place in ranked]


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))
