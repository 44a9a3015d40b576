"""What the project's own rows look like: no check refuses a row for what they do themselves."""

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

from tunewell.augment.accept.vocabulary import Vocabulary
from tunewell.augment.accept.words import text_of, unescaped, words_of
from tunewell.checks.broken import Habits, habits_of
from tunewell.checks.broken.placeholders import normal
from tunewell.checks.language import language_shares, other_language
from tunewell.checks.verbatim import is_structured
from tunewell.metrics.support import check_support
from tunewell.types import Example

STANDING: Final = 3
"""A phrase in the answers of so many rows is the project's own and needs no support."""

MOST_LOOSE: Final = 0.25
"""Where more of the own answers state something of a kind without support, the task does not ask
for it (arithmetic, general knowledge, code)."""

CLOSED: Final = 0.95
"""Share of the own answers that recur, from which they are a closed set of labels."""

_PAIRS: Final = 400
_CHANCE: Final = 0.9
"""Quantile of what two rows share by chance, from which a child is taken to be of its parent."""

_MOST_ELSEWHERE: Final = 0.3
_OUTSIDE: Final = 0.05
"""Quantile of what own rows share with the row nearest to each, below which a row is outside."""

_MOST_OUTSIDE: Final = 0.25
"""However much rows of one template share."""

_SAMPLE: Final = 1_000
_FEW: Final = 20
_LEAST_SEEN: Final = 0.01
"""Share of own texts that the detector takes for another language, from which it may err again."""


_LETTERS = re.compile(r"[^\W\d_]+")


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

    @property
    def _sample(self) -> Sequence[Example]:
        """Enough rows to know what is usual."""
        return self.rows[:: max(1, len(self.rows) // _SAMPLE)]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of all rows."""
        return Vocabulary(self.rows)

    @cached_property
    def habits(self) -> Habits:
        """How the answers look."""
        return habits_of(row.target for row in self.rows)

    @cached_property
    def labels(self) -> frozenset[str]:
        """All answers, where they are a closed set; empty where they are not."""
        recurring = self.habits.labels
        targets = [normal(row.target) for row in self.rows]
        inside = sum(target in recurring for target in targets)
        if len(targets) < _FEW or inside < CLOSED * len(targets):
            return frozenset()
        return frozenset(targets)

    @cached_property
    def answers_are_data(self) -> bool:
        """Whether most answers are labels, JSON or code rather than prose.

        Two answers of that kind that differ say different things, however alike they look.
        """
        if self.labels:
            return True
        data = sum(is_structured(row.target) for row in self._sample)
        return len(self.rows) >= _FEW and 2 * data > len(self._sample)

    # --- languages --------------------------------------------------------------------------------

    def mistaken_languages(
        self,
        of_targets: bool,
        wanted: tuple[str, ...],
    ) -> frozenset[str]:
        """Languages that the detector sees in own rows, rightly or not: no reason to refuse one.

        Args:
            of_targets: In the answers; else in what is asked.
            wanted: Codes of the languages of the task.
        """
        known = self._mistaken.get((of_targets, wanted))
        if known is None:
            texts = [row.target if of_targets else row.input for row in self._sample]
            seen = Counter(other_language(language_shares(text), wanted) for text in texts)
            least = max(2.0, _LEAST_SEEN * len(texts))
            known = frozenset(code for code, count in seen.items() if code and count >= least)
            self._mistaken[of_targets, wanted] = known
        return known

    @cached_property
    def _mistaken(self) -> dict[tuple[bool, tuple[str, ...]], frozenset[str]]:
        return {}

    # --- what two rows share ----------------------------------------------------------------------

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

    def shared_with_nearest(
        self,
        words: Iterable[str],
        *,
        but: int = -1,
    ) -> float:
        """The most that a set of words shares with any row.

        Args:
            words: Of a row.
            but: Position of a row that is not looked at; -1 = none.
        """
        mine = set(words)
        places, weights, totals = self._telling
        own = np.zeros(len(weights))
        known = [places[word] for word in mine if word in places]
        own[known] = weights[known]
        rows, words_held = self._holdings
        common = np.bincount(rows, weights=own[words_held], minlength=len(self.bags))
        if but >= 0:
            common[but] = 0.0
        total = totals + sum(map(self.weight, mine))
        shares = np.divide(2 * common, total, out=np.zeros_like(common), where=total > 0)
        return float(shares.max(initial=0.0))

    @cached_property
    def inside(self) -> float:
        """What nineteen in twenty own rows share with the row nearest to each, at least."""
        luck = random.Random(self.seed)
        places = luck.sample(range(len(self.rows)), min(_PAIRS, len(self.rows)))
        found = [self.shared_with_nearest(self.bags[i], but=i) for i in places]
        least = float(np.quantile(found, _OUTSIDE)) if found else 0.0
        return min(least, _MOST_OUTSIDE)

    @cached_property
    def _telling(self) -> tuple[dict[str, int], np.ndarray, np.ndarray]:
        """Place and weight of every word, and the weight of every row."""
        places = {word: place for place, word in enumerate(self.in_rows)}
        weights = np.array([self.weight(word) for word in self.in_rows])
        totals = np.array([sum(map(self.weight, bag)) for bag in self.bags])
        return places, weights, totals

    @cached_property
    def _holdings(self) -> tuple[np.ndarray, np.ndarray]:
        """Which row has which word: a row and a place of a word for each, rows rising."""
        places = self._telling[0]
        words = [places[word] for bag in self.bags for word in bag]
        rows = np.repeat(np.arange(len(self.bags)), [len(bag) for bag in self.bags])
        return rows, np.array(words, dtype=np.int64)

    # --- what answers may state -------------------------------------------------------------------

    @cached_property
    def standing(self) -> frozenset[str]:
        """What answers state without support in several rows: the project's own phrases."""
        times: Counter[str] = Counter()
        for row in self._sample:
            times.update(unsupported(row.target, row.asked, self.language).keys())
        return frozenset(text for text, count in times.items() if count >= STANDING)

    @cached_property
    def _in_small_letters(self) -> frozenset[str]:
        """Words that several rows write small: with a capital they are no names either."""
        times: Counter[str] = Counter()
        for row in self.rows:
            times.update({word for word in _LETTERS.findall(text_of(row)) if word.islower()})
        return frozenset(word for word, count in times.items() if count >= STANDING)

    def is_excused(
        self,
        kind: str,
        text: str,
    ) -> bool:
        """Whether an answer may state something without support.

        Args:
            kind: Of the item.
            text: In small letters.
        """
        if text in self.standing or kind in self.unlooked:
            return True
        words = _LETTERS.findall(text)
        is_plain = not any(map(str.isdigit, text)) and min(map(len, words), default=0) > 2
        return kind == "name" and is_plain and self._in_small_letters.issuperset(words)

    @cached_property
    def loose(self) -> Mapping[str, float]:
        """Kind of item to the share of own answers that state one without support."""
        times: Counter[str] = Counter()
        for row in self._sample:
            found = unsupported(row.target, row.asked, self.language)
            kinds = {kind for key, (kind, _) in found.items() if key not in self.standing}
            times.update(kinds)
        return {kind: count / len(self._sample) for kind, count in times.items()}

    @cached_property
    def unlooked(self) -> frozenset[str]:
        """Kinds of item that answers of this task state of themselves."""
        if len(self.rows) < _FEW:
            return frozenset()
        return frozenset(kind for kind, share in self.loose.items() if share > MOST_LOOSE)


@lru_cache(maxsize=8192)
def unsupported(
    target: str,
    asked: str,
    language: str,
) -> Mapping[str, tuple[str, str]]:
    """What of an answer its input does not bear out: text in small letters to kind and text."""
    items = check_support(unescaped(target), asked, language=language)
    return {item.text.casefold(): (item.kind, item.text) for item in items if not item.supported}
