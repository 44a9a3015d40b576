"""Leaks (D11): training rows that are, or are close to, a row of the test set.

How many edited leaks go unseen is in `tunewell.similar.missed_leaks`.
"""

from __future__ import annotations

from collections.abc import (
    Collection,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from tunewell.similar.arrays import Shares
from tunewell.similar.conversations import (
    ComparedRow,
    questions_of,
    targets_of,
    whole_texts,
)
from tunewell.similar.edited_copies import (
    alike,
    copies,
    only_numbers_differ,
    telling,
)
from tunewell.similar.exact_keys import exact_key, key
from tunewell.similar.near_duplicates import (
    THRESHOLD,
    Pairs,
    near_pairs,
)
from tunewell.similar.word_table import WordTable, split_words

FEW = 3
"""An input of fewer words ("hello there") says too little to be a leak by itself.

Then the answer must be equal too.
"""

_LOOSE = 0.4
"""Similarity of the word sequences from which two texts may be paraphrases …"""

_LOOSE_SHORT = 0.5
"""… below `_SHORT` words …"""

_SAID = 0.5
"""… if their telling words agree so far, and further than those of neighbours do …"""

_SAID_SHORT = 0.6
"""… below `_SHORT` words."""

_SHORT = 20
_FEWEST = 12
"""Shorter texts are not taken for paraphrases."""

_ALIKE = 0.6
"""Where different rows agree further than this, words cannot tell a paraphrase from a neighbour."""

_NEIGHBOURS = 2_000
"""Rows that are held against each other to learn how alike neighbours are."""

RowT = TypeVar("RowT", bound=ComparedRow)


@dataclass(frozen=True, slots=True)
class Leak(Generic[RowT]):
    """A training row and the test row that it gives away.

    Attributes:
        train: The training row.
        test: The test row.
        kind: ``exact``, ``normalised``, ``edited``, ``paraphrased``, ``child`` (made from the test
            row) or ``sibling`` (of the same document).
        similarity: Of their words, in [0, 1]; 0 where it was not looked at.
    """

    train: RowT
    test: RowT
    kind: str
    similarity: float = 1.0

    @property
    def edited(self) -> bool:
        """Whether it says the same in other words."""
        return self.kind in ("edited", "paraphrased")


def find_leaks(
    rows: Sequence[RowT],
    tests: Sequence[RowT],
    *,
    children: bool = True,
) -> list[Leak[RowT]]:
    """Every training row that leaks, with the nearest test row.

    Args:
        rows: Training rows.
        tests: Test rows.
        children: Whether a row that was made from a test row is a leak whatever it says.

    Example:
        >>> from tunewell.similar.conversations import Conversation
        >>> def row(name, text):
        ...     return Conversation(name, (("user", text), ("assistant", "On the bill.")))
        >>> found = find_leaks([row("a", "Where is my number?")], [row("t", "where is my number")])
        >>> [(leak.train.id, leak.test.id, leak.kind) for leak in found]
        [('a', 't', 'normalised')]
    """
    if not tests:
        return []
    known = _KnownTests.of(tests, children=children)
    found: dict[int, Leak[RowT]] = {}
    for i, row in enumerate(rows):
        leak = known.leak(row)
        if leak is not None:
            found[i] = leak
    found |= _edited(rows, tests, found)
    found |= _paraphrased(rows, tests, found)
    return [found[i] for i in sorted(found)]


@dataclass(frozen=True)
class _KnownTests(Generic[RowT]):
    """Test rows by what a leak may have in common with them; of several, the first."""

    exact: Mapping[bytes, RowT]
    normalised: Mapping[bytes, RowT]
    parents: Mapping[str, RowT]
    groups: Mapping[str, RowT]

    @classmethod
    def of(cls, tests: Sequence[RowT], *, children: bool) -> _KnownTests[RowT]:
        """Look-up tables of the test rows."""
        first_wins = tests[::-1]
        groups = {test.group: test for test in first_wins}
        groups.pop("", None)
        parents = {test.id: test for test in first_wins}
        return cls(
            exact={exact_key(*_compared(test)): test for test in first_wins},
            normalised={key(*_compared(test)): test for test in first_wins},
            parents=parents if children else {},
            groups=groups,
        )

    def leak(self, row: RowT) -> Leak[RowT] | None:
        """What a row gives away that is equal to a test row, or belongs to one."""
        parts = _compared(row)
        if test := self.exact.get(exact_key(*parts)):
            return Leak(row, test, "exact")
        if test := self.normalised.get(key(*parts)):
            return Leak(row, test, "normalised")
        if test := self.parents.get(row.parent):
            return Leak(row, test, "child", 0.0)
        if test := self.groups.get(row.group):
            return Leak(row, test, "sibling", 0.0)
        return None


def _compared(row: ComparedRow) -> tuple[str, ...]:
    text = row.input
    if len(text.split()) >= FEW:
        return (text,)
    return (text, row.target)


def _edited(
    rows: Sequence[RowT],
    tests: Sequence[RowT],
    known: Collection[int],
) -> dict[int, Leak[RowT]]:
    """Rows that are edited copies of a test row, as a whole or in their inputs."""
    both = [*tests, *rows]
    asked = split_words(questions_of(both))
    answers = split_words(targets_of(both))
    whole = split_words(whole_texts(both))

    by_input = near_pairs(asked, across=len(tests))
    said_alike = alike(asked, by_input.left, by_input.right, least=THRESHOLD)
    by_row = near_pairs(whole, across=len(tests))
    edited = copies(asked, answers, whole, by_row)

    pairs = by_input.where(said_alike).followed_by(by_row.where(edited))
    crossing = _Crossing(pairs, asked, len(tests))
    best = crossing.nearest(pairs.similarity, known)
    return _as_leaks("edited", rows, tests, pairs, best)


def _paraphrased(
    rows: Sequence[RowT],
    tests: Sequence[RowT],
    known: Collection[int],
) -> dict[int, Leak[RowT]]:
    """Rows whose input says what the input of a test row says, in partly other words.

    How alike two different texts of a project are depends on the project: rows of a service desk
    share most of their words. So the training rows, held against each other, set the bar: 99 % of
    them stay below it. Where it is too high, words cannot tell a paraphrase from a neighbour, and
    nothing is reported.
    """
    questions = questions_of(rows)
    bar = max(_SAID, _likeness_of_neighbours(questions))
    if bar > _ALIKE:
        return {}
    asked = split_words([*questions_of(tests), *questions])
    pairs = near_pairs(asked, across=len(tests), threshold=_LOOSE)
    words = asked.shorter(pairs.left, pairs.right)
    least = np.where(words < _SHORT, _LOOSE_SHORT, _LOOSE)
    pairs = pairs.where((words >= _FEWEST) & (pairs.similarity >= least))

    said = telling(asked, pairs.left, pairs.right)
    words = asked.shorter(pairs.left, pairs.right)
    agree = said >= np.where(words < _SHORT, max(bar, _SAID_SHORT), bar)
    pairs, said = pairs.where(agree), said[agree]

    best = _Crossing(pairs, asked, len(tests)).nearest(said, known)
    return _as_leaks("paraphrased", rows, tests, pairs, best)


def _as_leaks(
    kind: str,
    rows: Sequence[RowT],
    tests: Sequence[RowT],
    pairs: Pairs,
    best: Mapping[int, int],
) -> dict[int, Leak[RowT]]:
    """The best pair of each training row as a leak."""
    found: dict[int, Leak[RowT]] = {}
    for row, k in best.items():
        test = tests[int(pairs.left[k])]
        similarity = float(pairs.similarity[k])
        found[row] = Leak(rows[row], test, kind, similarity)
    return found


@dataclass(frozen=True)
class _Crossing:
    """Pairs of a test row and, behind all test rows, a training row.

    Attributes:
        pairs: Those that are leaks.
        asked: Words of the inputs of all rows.
        tests: How many test rows there are.
    """

    pairs: Pairs
    asked: WordTable
    tests: int

    def nearest(self, score: Shares, known: Collection[int]) -> dict[int, int]:
        """The best pair of each training row, by the row's position.

        Args:
            score: What makes a pair better, shape (pairs,).
            known: Training rows that leak anyway.
        """
        best: dict[int, int] = {}
        for k, (test, at) in enumerate(self.pairs.positions()):
            row = at - self.tests
            if row in known or only_numbers_differ(self.asked, test, at):
                continue
            if row not in best or score[k] > score[best[row]]:
                best[row] = k
        return best


def _likeness_of_neighbours(texts: Sequence[str]) -> float:
    """How far telling words agree with those of the nearest different row, the 99th percentile."""
    step = max(1, len(texts) // _NEIGHBOURS)
    own = split_words(texts[::step])
    if len(own) < _SHORT:
        return 1.0
    pairs = near_pairs(own, threshold=0.3)
    different = pairs.where(pairs.similarity < THRESHOLD)  # what is more alike are copies

    said = telling(own, different.left, different.right)
    nearest = np.zeros(len(own), dtype=np.float32)
    np.maximum.at(nearest, different.left, said)
    np.maximum.at(nearest, different.right, said)
    return float(np.quantile(nearest, 0.99))
