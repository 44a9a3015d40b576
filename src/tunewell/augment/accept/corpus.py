"""What the project's own rows look like: their words, standing phrases, and what chance shares."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np

from tunewell.checks.broken import Habits, habits_of
from tunewell.metrics.support import check_support
from tunewell.types import Example

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d[\d.,]*\d|\d")
_SHORTEST: Final = 4
"""Letters: shorter words are in every vocabulary."""

STANDING: Final = 3
"""A phrase in the answers of so many rows is the project's own and needs no support."""

_SMALLEST_SHARE: Final = 0.15
"""So many new words are not too many, however uniform the project's own rows are."""

NO_VOCABULARY: Final = 0.4
"""Where the project's own rows have so many words to themselves, new words tell nothing."""

_PAIRS: Final = 400
_CHANCE: Final = 0.9
"""Quantile of what two rows share by chance, from which a child is taken to be of its parent."""

_MOST_ELSEWHERE: Final = 0.3
_SUPPORT_ROWS: Final = 1_000


def words_of(text: str) -> list[str]:
    """The words and numbers of a text, in small letters.

    Example:
        >>> words_of("Pay 84.20 EUR, Mr Okafor!")
        ['pay', '84.20', 'eur', 'mr', 'okafor']
    """
    return _WORD.findall(text.casefold())


def text_of(example: Example) -> str:
    """What of a row is compared: input and target, a line each."""
    return f"{example.input}\n{example.target}"


def _stem(word: str) -> str:
    """A word without what inflection adds."""
    return word[: max(_SHORTEST, len(word) - 3)]


@dataclass(frozen=True)
class OwnRows:
    """The rows that synthetic ones are to be like.

    Attributes:
        rows: Training rows.
        language: ISO 639-1.
        seed: Of the pairs of rows that tell what chance shares.
    """

    rows: Sequence[Example]
    language: str = "en"
    seed: int = 0

    @cached_property
    def bags(self) -> list[Counter[str]]:
        """The words of every row."""
        return [Counter(words_of(text_of(row))) for row in self.rows]

    @cached_property
    def in_rows(self) -> Counter[str]:
        """In how many rows each word stands."""
        found: Counter[str] = Counter()
        for bag in self.bags:
            found.update(bag.keys())
        return found

    @cached_property
    def _stems_in_rows(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for bag in self.bags:
            found.update({_stem(word) for word in bag})
        return found

    @cached_property
    def habits(self) -> Habits:
        """How the answers look."""
        return habits_of(row.target for row in self.rows)

    # --- words ------------------------------------------------------------------------------------

    def unknown(
        self,
        child: Example,
        parent: Example,
    ) -> list[str]:
        """Words of a row that neither the project nor its parent uses; names do not count."""
        text = text_of(child)
        stems = {_stem(word) for word in words_of(text_of(parent))}
        names = _capitalised(text)
        return [
            word
            for word in dict.fromkeys(words_of(text))
            if _counts(word)
            and _stem(word) not in stems
            and _stem(word) not in self._stems_in_rows
            and word not in names
        ]

    def share_unknown(
        self,
        child: Example,
        unknown: Sequence[str],
    ) -> float:
        """Of the distinct words that count, those that are unknown."""
        counted = {word for word in words_of(text_of(child)) if _counts(word)}
        return len(unknown) / len(counted) if counted else 0.0

    @cached_property
    def most_unknown(self) -> float:
        """Share of words that one in a hundred of the project's own rows has to itself."""
        shares = []
        for row, bag in zip(self.rows, self.bags, strict=True):
            names = _capitalised(text_of(row))
            counted = [word for word in bag if _counts(word) and word not in names]
            own = [word for word in counted if self._stems_in_rows[_stem(word)] == 1]
            if counted:
                shares.append(len(own) / len(counted))
        if not shares:
            return 1.0
        return max(float(np.quantile(shares, 0.99)), _SMALLEST_SHARE)

    # --- what two rows share ----------------------------------------------------------------------

    def weight(self, word: str) -> float:
        """How telling a word is: the logarithm of how few rows have it."""
        return math.log((len(self.rows) + 2) / (self.in_rows[word] + 1))

    def shared(
        self,
        one: Iterable[str],
        other: Iterable[str],
    ) -> float:
        """How far two sets of words agree, weighted by how telling they are, in [0, 1].

        Dice's coefficient.
        """
        left, right = set(one), set(other)
        total = sum(map(self.weight, left)) + sum(map(self.weight, right))
        if total <= 0:
            return 1.0
        return 2 * sum(map(self.weight, left & right)) / total

    @cached_property
    def by_chance(self) -> float:
        """What nine in ten pairs of rows share no more than."""
        if len(self.rows) < 2:
            return 0.0
        luck = random.Random(self.seed)
        places = range(len(self.rows))
        found = []
        for _ in range(_PAIRS):
            i, j = luck.sample(places, 2)
            found.append(self.shared(self.bags[i], self.bags[j]))
        return min(float(np.quantile(found, _CHANCE)), _MOST_ELSEWHERE)

    # --- standing phrases -------------------------------------------------------------------------

    @cached_property
    def standing(self) -> frozenset[str]:
        """What answers state without support in several rows: the project's own phrases."""
        times: Counter[str] = Counter()
        step = max(1, len(self.rows) // _SUPPORT_ROWS)
        for row in self.rows[::step]:
            times.update(unsupported(row.target, row.asked, self.language).keys())
        return frozenset(text for text, count in times.items() if count >= STANDING)


@lru_cache(maxsize=8192)
def unsupported(
    target: str,
    asked: str,
    language: str,
) -> Mapping[str, str]:
    """What of an answer its input does not bear out: in small letters, as written."""
    items = check_support(target, asked, language=language)
    return {item.text.casefold(): item.text for item in items if not item.supported}


def _counts(word: str) -> bool:
    return len(word) >= _SHORTEST and not word[0].isdigit()


_INSIDE = re.compile(r"(?<![.!?:\n\"“])\s([A-Z][^\W\d_]+)")


def _capitalised(text: str) -> set[str]:
    """Words with a capital inside a sentence, in small letters: names, mostly."""
    return {word.casefold() for word in _INSIDE.findall(text)}
