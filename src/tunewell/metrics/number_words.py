"""English number words as digits: ``twenty six``, ``two thousand and nine``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_ONES: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS: Final = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
    "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
).split()
_ORDINAL_TENS: Final = [f"{word[:-1]}ieth" for word in _TENS]


def _by_tens(words: list[str]) -> dict[str, int]:
    return dict(zip(words, range(20, 100, 10), strict=True))


_VALUES: Final[dict[str, int]] = {
    **{word: value for value, word in enumerate(_ONES)},
    **{word: value for value, word in enumerate(_ORDINALS)},
    **_by_tens(_TENS),
    **_by_tens(_ORDINAL_TENS),
}
_SCALES: Final = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_ENDING: Final = frozenset(_ORDINALS + _ORDINAL_TENS)
"""Ordinals: no other number word follows one."""
_LONGEST_FIRST: Final = sorted([*_VALUES, *_SCALES], key=len, reverse=True)
_WORD: Final = "|".join(_LONGEST_FIRST)
_RUN: Final = re.compile(rf"\b(?:{_WORD})(?:[\s-]+(?:and[\s-]+)?(?:{_WORD}))*\b")


def spoken_numbers(text: str) -> list[str]:
    """Every number said in words, as digits, in order.

    Of two-digit pairs also the year that they may mean.

    Args:
        text: Lower case.

    Example:
        >>> spoken_numbers("twenty six, five hundred and three or two thousand nine")
        ['26', '503', '2009']
        >>> spoken_numbers("in nineteen ninety two, on the twenty first")
        ['19', '92', '1992', '21']
    """
    found: list[str] = []
    for run in _RUN.finditer(text):
        values = _values(run.group())
        for before, value in pairwise([0, *values]):
            found.append(str(value))
            if 13 <= before <= 20 and 10 <= value <= 99:
                found.append(str(100 * before + value))
    return found


def with_digits(text: str) -> str:
    """The text with cardinal number words as digits.

    Args:
        text: Lower case.

    Example:
        >>> with_digits("within twenty-one days, or one hundred and ten of the first")
        'within 21 days, or 110 of the first'
    """

    def digits(run: re.Match[str]) -> str:
        said = run.group()
        if not _ENDING.isdisjoint(_words(said)):
            return said
        return " ".join(map(str, _values(said)))

    return _RUN.sub(digits, text)


@dataclass
class _SpokenNumber:
    """A number as far as it has been said.

    Attributes:
        large: What stood before ``thousand``, ``million``.
        small: What has been said since, below a thousand.
        begun: Whether a word of it has been said.
    """

    large: int = 0
    small: int = 0
    begun: bool = False

    @property
    def value(self) -> int:
        return self.large + self.small

    def goes_on_with(self, value: int) -> bool:
        """Whether a word belongs to this number: ``six`` after ``twenty``, not after ``five``."""
        if not self.begun:
            return True
        if value == 0:
            return False
        tens = self.small % 100
        if tens == 0:
            return self.value > 0
        after_tens = tens in range(20, 100, 10)
        return after_tens and value < 10

    def say(self, word: str) -> None:
        self.begun = True
        if word == "hundred":
            self.small = (self.small or 1) * 100
        elif word in _SCALES:
            self.large += (self.small or 1) * _SCALES[word]
            self.small = 0
        else:
            self.small += _VALUES[word]


def _words(run: str) -> list[str]:
    return re.split(r"[\s-]+", run)


def _values(run: str) -> list[int]:
    """The numbers of one run of number words."""
    numbers = [_SpokenNumber()]
    for word in _words(run):
        if word == "and":
            continue
        if word in _VALUES and not numbers[-1].goes_on_with(_VALUES[word]):
            numbers.append(_SpokenNumber())
        numbers[-1].say(word)
    return [number.value for number in numbers]
