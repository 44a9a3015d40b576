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

from tunewell.similar.arrays import Bools, Shares
from tunewell.similar.compared_texts import ComparedTexts
from tunewell.similar.conversations import ComparedRow, asked_of
from tunewell.similar.edited_copies import (
    alike,
    copies,
    telling,
)
from tunewell.similar.exact_keys import exact_key, key
from tunewell.similar.near_duplicates import (
    THRESHOLD,
    Pairs,
    near_pairs,
    no_pairs,
)
from tunewell.similar.same_meaning import likely_copies, not_searched
from tunewell.similar.word_table import WordTable

FEW = 3
"""An input of fewer words ("hello there") says too little to be a leak by itself.

Then the answer must be equal too.
"""

_BEGINNING = 8
"""Fewer words at the beginning of a conversation ("Hello, I need help") give nothing away."""

_MANY_ANSWERS = 3
"""Nor does a whole input of fewer words that has so many different answers."""

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
            row), ``prefix`` (one conversation begins with the other), ``sibling`` (of the same
            document) or ``likely`` (see `likely_leaks`).
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
    known = _KnownTests.of(tests, rows, children=children)
    found: dict[int, Leak[RowT]] = {}
    for i, row in enumerate(rows):
        leak = known.leak(row)
        if leak is not None:
            found[i] = leak
    texts = ComparedTexts.of([*tests, *rows])
    found |= _edited(rows, tests, texts, found)
    found |= _paraphrased(rows, tests, texts, found)
    return [found[i] for i in sorted(found)]


def likely_leaks(
    rows: Sequence[RowT],
    tests: Sequence[RowT],
    known: Sequence[Leak[RowT]] = (),
) -> list[Leak[RowT]]:
    """Training rows that may say the same as a test row in other words: for people to look at.

    Args:
        rows: Training rows.
        tests: Test rows.
        known: Leaks that are found already.
    """
    if not tests or not_searched(len(tests) + len(rows)):
        return []
    texts = ComparedTexts.of([*tests, *rows])
    pairs = likely_copies(texts, no_pairs(), across=len(tests))
    leaking = {leak.train.id for leak in known}
    taken = [i for i, row in enumerate(rows) if row.id in leaking]
    best = _Crossing(pairs, len(tests)).nearest(pairs.similarity, taken)
    found = _as_leaks("likely", rows, tests, pairs, best)
    return [found[i] for i in sorted(found)]


@dataclass(frozen=True)
class _KnownTests(Generic[RowT]):
    """Test rows by what a leak may have in common with them; of several, the first."""

    exact: Mapping[bytes, RowT]
    normalised: Mapping[bytes, RowT]
    parents: Mapping[str, RowT]
    groups: Mapping[str, RowT]
    beginnings: Mapping[bytes, RowT]
    open: Collection[bytes]

    @classmethod
    def of(
        cls,
        tests: Sequence[RowT],
        rows: Sequence[RowT],
        *,
        children: bool,
    ) -> _KnownTests[RowT]:
        """Look-up tables of the test rows, with what they and the training rows ask openly."""
        first_wins = tests[::-1]
        groups = {test.group: test for test in first_wins}
        groups.pop("", None)
        parents = {test.id: test for test in first_wins}
        return cls(
            exact={exact_key(*_compared(test)): test for test in first_wins},
            normalised={key(*_compared(test)): test for test in first_wins},
            parents=parents if children else {},
            groups=groups,
            beginnings={begun: test for test in first_wins for begun in _beginnings(test)},
            open=_open_inputs([*tests, *rows]),
        )

    def leak(self, row: RowT) -> Leak[RowT] | None:
        """What a row gives away that is equal to a test row, or belongs to one."""
        parts = _compared(row)
        test = self.exact.get(exact_key(*parts))
        if test and not self._says_little(row, test):
            return Leak(row, test, "exact")
        test = self.normalised.get(key(*parts))
        if test and not self._says_little(row, test):
            return Leak(row, test, "normalised")
        if test := self._with_one_beginning(row, parts):
            return Leak(row, test, "prefix", 0.0)
        if test := self.parents.get(row.parent):
            return Leak(row, test, "child", 0.0)
        if test := self.groups.get(row.group):
            return Leak(row, test, "sibling", 0.0)
        return None

    def _says_little(self, row: RowT, test: RowT) -> bool:
        """Whether two rows ask one thing that says little, and answer it differently."""
        return key(asked_of(row)) in self.open and key(row.target) != key(test.target)

    def _with_one_beginning(self, row: RowT, parts: tuple[str, ...]) -> RowT | None:
        """A test whose conversation begins with this row, or that begins this row."""
        if test := self.beginnings.get(key(*parts)):
            return test
        for begun in _beginnings(row):
            if test := self.normalised.get(begun):
                return test
        return None


def _open_inputs(rows: Sequence[ComparedRow]) -> set[bytes]:
    """Keys of the short inputs ("thank you very much") that many different answers follow."""
    answers: dict[bytes, set[bytes]] = {}
    for row in rows:
        asked = asked_of(row)
        if len(asked.split()) < _BEGINNING:
            answers.setdefault(key(asked), set()).add(key(row.target))
    return {asked for asked, said in answers.items() if len(said) >= _MANY_ANSWERS}


def _compared(row: ComparedRow) -> tuple[str, ...]:
    text = asked_of(row)
    if len(text.split()) >= FEW:
        return (text,)
    return (text, row.target)


def _beginnings(row: ComparedRow) -> list[bytes]:
    """What the row asks at each answer before its last, where that is more than a greeting."""
    turns = list(row.turns)
    found = []
    for place, (role, _) in enumerate(turns[:-1]):
        if role != "assistant" or not place:
            continue
        asked = "\n\n".join(text for _, text in turns[:place])
        if len(asked.split()) >= _BEGINNING:
            found.append(key(asked))
    return found


def _edited(
    rows: Sequence[RowT],
    tests: Sequence[RowT],
    texts: ComparedTexts,
    known: Collection[int],
) -> dict[int, Leak[RowT]]:
    """Rows that are edited copies of a test row, as a whole or in what they ask."""
    asked = texts.gists
    by_input = near_pairs(asked, across=len(tests))
    said_alike = alike(asked, by_input.left, by_input.right, least=THRESHOLD)
    by_input = by_input.where(said_alike & (asked.shorter(by_input.left, by_input.right) >= FEW))
    by_row = near_pairs(texts.whole, across=len(tests))
    by_row = by_row.where(copies(asked, texts.answers, texts.whole, by_row))
    by_row = by_row.where(texts.may_answer_alike(by_row))
    respelt = texts.same_wording(across=len(tests))

    pairs = by_input.followed_by(by_row).followed_by(respelt)
    pairs = pairs.where(_ask_one_thing(texts, pairs))
    crossing = _Crossing(pairs, len(tests))
    best = crossing.nearest(pairs.similarity, known)
    return _as_leaks("edited", rows, tests, pairs, best)


def _ask_one_thing(texts: ComparedTexts, pairs: Pairs) -> Bools:
    """Which pairs ask one thing, shape (pairs,).

    Not those that set other tasks ("summarise", "translate") for one text: their frames differ,
    and their answers.
    """
    keep = np.ones(len(pairs), dtype=np.bool_)
    agree = texts.answers_agree(pairs, edited=True)
    said_alike = agree | texts.answers_resemble(pairs)
    says_little = texts.asked_words.shorter(pairs.left, pairs.right) < FEW
    code_agrees = texts.may_answer_alike(pairs)
    for k, (i, j) in enumerate(pairs.positions()):
        if (says_little[k] and not agree[k]) or not _code_allows(texts, i, j, code_agrees[k]):
            keep[k] = False
            continue
        says_nothing = texts.recurring[i] or not agree[k]
        other_task = texts.frames[i] != texts.frames[j] and not agree[k]
        other_task = other_task or (says_nothing and texts.of_two_frames(i, j))
        # Who answers a text alike, at length, was asked alike: only the values can differ.
        is_copy = said_alike[k] and not texts.recurring[i]
        if is_copy:
            differ = _asks_another(texts, i, j)
        else:
            differ = texts.asks_differ(i, j) or texts.another_word(i, j)
        are_two = texts.are_two_tasks(i, j) or texts.tells_apart(i, j)
        keep[k] = not (other_task or differ or are_two)
    return keep


def _asks_another(texts: ComparedTexts, i: int, j: int) -> bool:
    """Whether two rows that are answered alike ask for different things all the same."""
    if texts.values_differ(i, j, answered_alike=True) or texts.asks_opposite(i, j):
        return True
    return texts.puts_another_question(i, j)


def _code_allows(texts: ComparedTexts, i: int, j: int, agrees: bool) -> bool:
    """Whether two rows may ask one thing as far as code in their answers tells.

    Where the code differs, "Write a search" and "Write a search test" are two tasks; one question
    with a slip is one.
    """
    if texts.answers_tell_nothing(i, j):
        return False
    return bool(agrees) or texts.wordings.same(i, j) or texts.spoken.same(i, j)


def _paraphrased(
    rows: Sequence[RowT],
    tests: Sequence[RowT],
    texts: ComparedTexts,
    known: Collection[int],
) -> dict[int, Leak[RowT]]:
    """Rows whose input says what the input of a test row says, in partly other words.

    How alike two different texts of a project are depends on the project: rows of a service desk
    share most of their words. So the training rows, held against each other, set the bar: 99 % of
    them stay below it. Where it is too high, words cannot tell a paraphrase from a neighbour, and
    nothing is reported.
    """
    asked = texts.gists
    bar = max(_SAID, _likeness_of_neighbours(asked, len(tests)))
    if bar > _ALIKE:
        return {}
    pairs = near_pairs(asked, across=len(tests), threshold=_LOOSE)
    words = asked.shorter(pairs.left, pairs.right)
    least = np.where(words < _SHORT, _LOOSE_SHORT, _LOOSE)
    pairs = pairs.where((words >= _FEWEST) & (pairs.similarity >= least))

    said = telling(asked, pairs.left, pairs.right)
    words = asked.shorter(pairs.left, pairs.right)
    agree = said >= np.where(words < _SHORT, max(bar, _SAID_SHORT), bar)
    agree[agree] = _ask_one_thing(texts, pairs.where(agree))
    pairs, said = pairs.where(agree), said[agree]

    best = _Crossing(pairs, len(tests)).nearest(said, known)
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
        tests: How many test rows there are.
    """

    pairs: Pairs
    tests: int

    def nearest(self, score: Shares, known: Collection[int]) -> dict[int, int]:
        """The best pair of each training row, by the row's position.

        Args:
            score: What makes a pair better, shape (pairs,).
            known: Training rows that leak anyway.
        """
        best: dict[int, int] = {}
        for k, (_, at) in enumerate(self.pairs.positions()):
            row = at - self.tests
            if row in known:
                continue
            if row not in best or score[k] > score[best[row]]:
                best[row] = k
        return best


def _likeness_of_neighbours(words: WordTable, tests: int) -> float:
    """How far telling words agree with those of the nearest different row, the 99th percentile.

    Args:
        words: What the test rows ask, then what the training rows ask.
        tests: How many test rows there are.
    """
    count = len(words) - tests
    step = max(1, count // _NEIGHBOURS)
    chosen = list(range(tests, len(words), step))
    if len(chosen) < _SHORT:
        return 1.0
    own = _taken(words, chosen)
    pairs = near_pairs(own, threshold=0.3)
    different = pairs.where(pairs.similarity < THRESHOLD)  # what is more alike are copies

    said = telling(own, different.left, different.right)
    nearest = np.zeros(len(own), dtype=np.float32)
    np.maximum.at(nearest, different.left, said)
    np.maximum.at(nearest, different.right, said)
    return float(np.quantile(nearest, 0.99))


def _taken(words: WordTable, rows: Sequence[int]) -> WordTable:
    """The words of some of the texts."""
    codes = np.concatenate([words.of(i) for i in rows])
    starts = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(words.lengths[list(rows)], out=starts[1:])
    return WordTable(codes, starts)
