"""Numbers in what many rows share: tickets, dates of receipt, references.

A form has them in the same places of every row, and another one in each. They weigh nothing where
the answers do not depend on them.
"""

from __future__ import annotations

import functools
import re
from collections import Counter, defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np

from tunewell.checks.month_names import every_month, is_month
from tunewell.similar.arrays import Bools, Codes
from tunewell.similar.frames import frames
from tunewell.similar.signs import SIGN_WORDS
from tunewell.similar.word_table import NEGATIONS, WordTable, have_digits, split_words

_SLOT = np.uint32(1)
"""The code that stands for every number; no word has it."""

_LEAST_LEFT = 3
"""Words that must be left of a text, or its numbers are what it asks."""

_NAMES = frozenset(
    "ticket case ref reference id incident request claim docket customer client account "
    "vorgang aktenzeichen az fall kunde kundennummer "
    "ticketnummer vorgangsnummer fallnummer referenz referenznummer dossier incident référence "
    "caso expediente solicitud referencia pratica riferimento processo zaak zaaknummer".split()
)
"""What stands in front of a number that merely names a row."""

_OF_DAYS = "date dated datum received created opened fecha data eingegangen reçu recibido".split()

_YEAR = re.compile(r"(?:19|20)\d\d")
_OF_A_DAY = 2
"""Numbers of a day, its month and its year, that stand beside each other."""

_NO_NUMBERS = (*SIGN_WORDS, *NEGATIONS)
"""Values that are no numbers."""

_LONGEST = 4
"""Words between a name and the end of its number: "no 2024 05 02"."""

_RARE_ANSWER = 0.2
"""Two rows have an answer that more rows give by chance."""

_OF_SLIPS = 0.3
"""One question may have two answers by mistake, in a smaller share of those asked again."""

_BETWEEN = frozenset("no nr num number nummer numéro número numero n id code 0minus".split())
"""What may stand between such a name and its number."""


def with_slots(
    words: WordTable,
    *,
    named: bool = False,
) -> WordTable:
    """The words with one code in place of every number and every name of a month.

    Args:
        words: The words.
        named: Only of those numbers in front of which stands what they are ("ticket", "date").

    Example:
        >>> table = with_slots(split_words(["Ticket 4711, 3 May", "Ticket 12, 9 June"]))
        >>> table.text(0) == table.text(1)
        True
    """
    is_slot = have_digits(words.codes) & ~np.isin(words.codes, _codes(_NO_NUMBERS))
    is_slot |= np.isin(words.codes, _codes(tuple(every_month())))
    if named:
        is_slot = _behind_a_name(words.codes, is_slot)
    return WordTable(np.where(is_slot, _SLOT, words.codes), words.starts)


def _behind_a_name(
    codes: Codes,
    is_slot: Bools,
) -> Bools:
    """Which numbers stand behind a name, or behind such a number, shape (words,)."""
    opens = np.isin(codes, _codes((*_NAMES, *_OF_DAYS)))
    goes_on = is_slot | np.isin(codes, _codes(tuple(_BETWEEN)))
    for _ in range(_LONGEST):
        opens[1:] |= opens[:-1] & goes_on[1:]
    return is_slot & opens


@functools.cache
def _codes(
    words: tuple[str, ...],
) -> Codes:
    return split_words(words).codes


def frames_with_slots(
    words: WordTable,
    masked: WordTable,
) -> list[tuple[int, int]]:
    """Words at the beginning and the end of each text that are a frame, whatever its numbers.

    Args:
        words: The words.
        masked: The same by `with_slots`.
    """
    ends = frames([masked.text(i) for i in range(len(masked))])
    lengths = words.lengths.tolist()
    short = []
    for i, (begin, end) in enumerate(ends):
        says_little = not begin + end or lengths[i] - begin - end < _LEAST_LEFT
        if says_little and _SLOT in masked.of(i):
            short.append(i)

    by_name = with_slots(words, named=True) if short else words
    plain = frames([by_name.text(i) for i in short])
    for i, end_of_plain in zip(short, plain, strict=True):
        ends[i] = end_of_plain
    return ends


@dataclass(frozen=True)
class NumbersOfFrames:
    """The numbers in the frames of some rows, and whether answers depend on them.

    Attributes:
        words: Words of all that each row asks.
        gists: Words of that without the frames.
        frames: A digest of each row's frame, whatever its numbers; empty without one.
        ends: Words of each frame at the beginning and at the end.
        answers: A key of each answer.
    """

    words: WordTable
    gists: WordTable
    frames: Sequence[bytes]
    ends: Sequence[tuple[int, int]]
    answers: Sequence[bytes]

    def differ(
        self,
        i: int,
        j: int,
    ) -> bool:
        """Whether two rows share a frame and have other numbers in it."""
        if not self.frames[i] or self.frames[i] != self.frames[j]:
            return False
        return not np.array_equal(self._frame_of(i), self._frame_of(j))

    def _frame_of(
        self,
        i: int,
    ) -> Codes:
        words, (begin, end) = self.words.of(i), self.ends[i]
        return np.concatenate([words[:begin], words[len(words) - end :]])

    def tell(
        self,
        i: int,
    ) -> bool:
        """Whether behind the frame of a row one question has several answers, by its numbers."""
        return self.frames[i] in self._telling

    def is_rare(
        self,
        i: int,
    ) -> bool:
        """Whether two rows hardly have the answer of this one by chance."""
        return self._counts[self.answers[i]] <= _RARE_ANSWER * len(self.answers)

    @functools.cached_property
    def _counts(self) -> Counter[bytes]:
        return Counter(self.answers)

    @functools.cached_property
    def _telling(self) -> Set[bytes]:
        answers: dict[tuple[bytes, str], list[bytes]] = defaultdict(list)
        for i, frame in enumerate(self.frames):
            answers[frame, self.gists.text(i)].append(self.answers[i])

        asked_again: Counter[bytes] = Counter()
        differ: Counter[bytes] = Counter()
        for (frame, _), said in answers.items():
            asked_again[frame] += len(said) > 1
            differ[frame] += len(set(said)) > 1
        return {frame for frame, n in differ.items() if n > _OF_SLIPS * asked_again[frame]}


def only_names_differ(
    one: Sequence[str],
    other: Sequence[str],
    end: tuple[int, int],
    *,
    days: bool = False,
) -> bool:
    """Whether two texts of one form differ, within their frames, only in what names the row.

    Args:
        one: The words of a text.
        other: Those of another one.
        end: Words of the frame at the beginning and at the end.
        days: Whether a day, with its year, is such a name too.

    Example:
        >>> only_names_differ(["ticket", "no", "12", "why"], ["ticket", "no", "9", "why"], (3, 0))
        True
        >>> only_names_differ(["invoice", "12", "why"], ["invoice", "9", "why"], (2, 0))
        False
    """
    begin, behind = end
    places = [*range(begin), *range(len(one) - behind, len(one))]
    apart = len(other) - len(one)
    for place in places:
        beside = place if place < begin else place + apart
        is_name = _is_named(one, place) or (days and _is_of_a_day(one, place))
        if one[place] != other[beside] and not is_name:
            return False
    return True


def _is_named(
    words: Sequence[str],
    place: int,
) -> bool:
    before = place - 1
    while before > 0 and (len(words[before]) == 1 or words[before] in _BETWEEN):
        before -= 1
    return before >= 0 and words[before] in _NAMES


def _is_of_a_day(
    words: Sequence[str],
    place: int,
) -> bool:
    """Whether a year and another number, or a month, stand beside each other here."""
    near = words[max(0, place - 2) : place + 3]
    has_year = any(map(_YEAR.fullmatch, near))
    return has_year and len(near) - len(without_numbers(near)) >= _OF_A_DAY


def without_numbers(words: Sequence[str]) -> list[str]:
    """The words that are no numbers and no names of months.

    Example:
        >>> without_numbers(["ticket", "12", "of", "2", "may"])
        ['ticket', 'of']
    """
    return [word for word in words if not (any(map(str.isdigit, word)) or is_month(word))]
