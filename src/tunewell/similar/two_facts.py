"""Whether what two short rows ask, and what they answer, differ in words that count.

An edit of a copy falls on the question or on the answer. Where another word, or a word more, stands
in both, two facts have one form: "Change it" and "Change the password", each with its translation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from tunewell.similar.function_words import FUNCTION_WORDS
from tunewell.similar.same_wording import LOGOGRAMS, SMALL_TALK

SHORT = 15
"""Words from which another word in the question and in the answer may be two edits."""

ONE_SENTENCE = 40
"""Words below which a text states one fact, as a rule …"""

_PLACES_OF_ONE_WORD = 4
"""… and differs in so many places at most, if one word is new in question and answer alike."""

_SIGNS_A_WORD = 2
"""Logograms that are a word, about."""

_SAYS_NOTHING = FUNCTION_WORDS | SMALL_TALK

Slip = Callable[[str, str], bool]


@dataclass(frozen=True)
class Change:
    """Words that count, of one text in the place of those of another; one side may be empty."""

    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class ChangedText:
    """What turns one text into another, place by place.

    Attributes:
        words: Words of the shorter one.
        changes: The places; slips and words that say nothing are none.
    """

    words: int
    changes: Sequence[Change]

    @classmethod
    def of(
        cls,
        one: Sequence[str],
        other: Sequence[str],
        slip: Slip,
        common: Collection[str] = (),
    ) -> ChangedText:
        """Compare two texts, given as words.

        Args:
            one: A text.
            other: Another.
            common: Words that many texts have: they say nothing, as function words do.
            slip: Whether a word is another one, or that with a slip.
        """
        first, second = list(_signs(one)), list(_signs(other))
        changes = [_telling(*place, slip, common) for place in _places(first, second)]
        counted = [change for change in changes if change.before or change.after]
        return cls(min(_size(first), _size(second)), counted)

    @property
    def is_short(self) -> bool:
        """Whether a word in it is seldom changed by an edit."""
        return self.words < SHORT

    def differs_in_few(self) -> bool:
        """Whether it states one fact, as a rule, and is changed in few places."""
        return self.words < ONE_SENTENCE and 0 < len(self.changes) <= _PLACES_OF_ONE_WORD

    @property
    def gone(self) -> set[str]:
        """The words of the first text alone."""
        return {word for change in self.changes for word in change.before}

    @property
    def new(self) -> set[str]:
        """The words of the second text alone."""
        return {word for change in self.changes for word in change.after}


def are_two_facts(asked: ChangedText, said: ChangedText) -> bool:
    """Whether what two rows ask and what they answer are changed together.

    Example:
        >>> from operator import eq
        >>> def changed(one, other):
        ...     return ChangedText.of(one.split(), other.split(), eq)
        >>> said = changed("Zeit eingeben", "Datum und Zeit eingeben")
        >>> are_two_facts(changed("enter a time", "enter a date and a time"), said)
        True
        >>> are_two_facts(changed("enter a time", "please enter the time"), said)
        False
    """
    if asked.is_short and said.is_short:
        return bool(asked.changes and said.changes)
    if not (asked.gone & said.gone or asked.new & said.new):
        return False
    return all(part.differs_in_few() for part in (asked, said))


def _signs(words: Sequence[str]) -> Iterator[str]:
    """The words, and one by one the signs of a script that has no spaces."""
    for word in words:
        if LOGOGRAMS.search(word):
            yield from word
        else:
            yield word


def _size(words: Sequence[str]) -> int:
    signs = sum(LOGOGRAMS.match(word) is not None for word in words)
    return len(words) - signs + signs // _SIGNS_A_WORD


def _places(one: Sequence[str], other: Sequence[str]) -> Iterator[tuple[list[str], list[str]]]:
    """What differs; between logograms, with one that both texts have as part of it."""
    before: list[str] = []
    after: list[str] = []
    for op in Levenshtein.opcodes(one, other):
        old, new = one[op.src_start : op.src_end], other[op.dest_start : op.dest_end]
        if op.tag == "equal" and (len(old) > 1 or not LOGOGRAMS.match(old[0])):
            yield before, after
            before, after = [], []
        elif op.tag != "equal" or before or after:
            before, after = [*before, *old], [*after, *new]
    yield before, after


def _telling(
    before: Sequence[str],
    after: Sequence[str],
    slip: Slip,
    common: Collection[str],
) -> Change:
    """A change without slips and without words that say nothing."""
    old = [word for word in before if word not in _SAYS_NOTHING and word not in common]
    new = [word for word in after if word not in _SAYS_NOTHING and word not in common]
    return Change(_own(old, after, slip), _own(new, before, slip))


def _own(words: Sequence[str], others: Sequence[str], slip: Slip) -> tuple[str, ...]:
    return tuple(word for word in words if not any(slip(word, other) for other in others))
