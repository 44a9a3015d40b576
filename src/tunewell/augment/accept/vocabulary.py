"""The project's own vocabulary: which words of a row are new to it, and when they are too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from tunewell.augment.accept.words import capitalised, stem, text_of, words_of
from tunewell.types import Example

SHORTEST: Final = 4
"""Letters: shorter words are in every vocabulary."""

NO_VOCABULARY: Final = 0.4
"""Where the project's own rows have so many words to themselves, new words tell nothing."""

FEWEST_KNOWN: Final = 300
"""Words of which a project must know so many before a new one says anything."""

SMALLEST_SHARE: Final = 0.15
"""So many new words are not too many, however uniform the project's own rows are."""

FEWEST: Final = 3
"""New words from which a row has too many: of a short question's five words, two are soon new."""

_QUANTILE: Final = 0.99


@dataclass(frozen=True)
class Vocabulary:
    """The words of a project's rows. Names do not count.

    Attributes:
        rows: Training rows.
    """

    rows: Sequence[Example]

    @cached_property
    def _known(self) -> Counter[str]:
        """In how many rows each stem stands."""
        found: Counter[str] = Counter()
        for row in self.rows:
            found.update({stem(word) for word in words_of(text_of(row))})
        return found

    @cached_property
    def most_new(self) -> float:
        """Share of words that one in a hundred own rows has to itself."""
        shares = []
        for row in self.rows:
            counted = _counted(text_of(row))
            alone = sum(self._known[stem(word)] == 1 for word in counted)
            if counted:
                shares.append(alone / len(counted))
        if not shares:
            return 1.0
        return max(float(np.quantile(shares, _QUANTILE)), SMALLEST_SHARE)

    @property
    def size(self) -> int:
        """How many words it holds, without what inflection adds."""
        return len(self._known)

    @property
    def says_something(self) -> bool:
        """Whether new words can be told from those that every row brings."""
        return self.size >= FEWEST_KNOWN and self.most_new <= NO_VOCABULARY

    def too_many_new(
        self,
        child: Example,
        parent: Example,
    ) -> tuple[float, list[str]] | None:
        """The share of a row's words that are new, and which, where they are too many."""
        if not self.says_something:
            return None
        text = text_of(child)
        counted = _counted(text)
        of_parent = {stem(word) for word in words_of(text_of(parent))}
        new = []
        for word in counted:
            root = stem(word)
            if root not in self._known and root not in of_parent:
                new.append(word)
        share = len(new) / len(counted) if counted else 0.0
        return (share, new) if share > self.most_new and len(new) >= FEWEST else None


def _counted(text: str) -> list[str]:
    """Distinct words that count, in order."""
    names = capitalised(text)
    found = []
    for word in dict.fromkeys(words_of(text)):
        if len(word) >= SHORTEST and not word[0].isdigit() and word not in names:
            found.append(word)
    return found
