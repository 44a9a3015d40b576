"""What an input says, in forms in which an answer's numbers, dates and names can be looked up."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property

from tunewell.metrics.checkable_items import CODE, NEVER_NAMES, TIME, ItemKind
from tunewell.metrics.number_words import spoken_numbers
from tunewell.metrics.numbers import DECIMAL_COMMA, NUMBER, canonical_number
from tunewell.metrics.written_dates import dates_in

_SMALL_WORDS = frozenset("of the and de van von for in on at to".split())
_WORD = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile(r"['’]s(?!\w)")
_CODE_PART = re.compile(r"[^\W\d_]+|\d+")
_SPELLED_OUT = re.compile(r"\b(?:[a-z][\s.]+){1,4}[a-z]\b")
"""What a transcript spells out: "A B C", "P.T."."""
_SLASHED = re.compile(r"(?<!\d)(\d{1,2})/(\d{1,2})/(\d{2,4})(?!\d)")
_HALF_DAY = 12 * 60


class Evidence:
    """An input, made ready for looking things up.

    Args:
        text: What the model was given.
        language: ISO 639-1.
    """

    def __init__(self, text: str, language: str) -> None:
        self._text = text.casefold()
        self._language = language
        self._comma = language in DECIMAL_COMMA
        self._original = text

    def bears_out(self, kind: ItemKind, text: str) -> bool:
        """Whether the input says what an item of an answer says."""
        look_up: dict[ItemKind, Callable[[str], bool]] = {
            "number": self._has_number,
            "date": self._has_date,
            "time": self._has_time,
            "name": self._has_name,
            "address": self._has_literally,
            "reference": self._has_literally,
        }
        return look_up[kind](text)

    def _has_number(self, text: str) -> bool:
        if canonical_number(text, comma=self._comma) in self._numbers:
            return True
        return text.casefold() in self._words

    @cached_property
    def _numbers(self) -> set[str]:
        found = set()
        for match in NUMBER.finditer(self._original):
            found.add(canonical_number(match.group(), comma=self._comma))
        # 3rd, 12kg, A5, 20/3 and the parts of dates and phone numbers: any run of digits.
        for digits in re.findall(r"\d+", self._original):
            found.add(digits.lstrip("0") or "0")
        if self._language == "en":
            found |= set(spoken_numbers(self._text))
        return found

    @cached_property
    def _words(self) -> set[str]:
        spelled_out = _SPELLED_OUT.findall(self._text)
        letters = {re.sub(r"[\W_]+", "", match) for match in spelled_out}
        return letters.union(_WORD.findall(self._text))

    def _has_date(self, text: str) -> bool:
        isos = [iso for *_, iso in dates_in(text)]
        if not isos:
            return False
        return isos[0] in self._dates or self._has_slashed(isos[0])

    @cached_property
    def _dates(self) -> set[str]:
        return {iso for *_, iso in dates_in(self._original)}

    def _has_slashed(self, iso: str) -> bool:
        """03/05/2026 may be the third of May or the fifth of March: either bears the date out."""
        year, month, day = map(int, iso.split("-"))
        for match in _SLASHED.finditer(self._text):
            first, second, of_year = map(int, match.groups())
            same_day = {first, second} == {day, month}
            if same_day and of_year in (year, year % 100):
                return True
        return False

    def _has_time(self, text: str) -> bool:
        match = TIME.search(text)
        return match is not None and not self._times.isdisjoint(_minutes(match))

    @cached_property
    def _times(self) -> set[int]:
        times: set[int] = set()
        for match in TIME.finditer(self._original):
            times |= _minutes(match)
        return times

    def _has_name(self, text: str) -> bool:
        if CODE.fullmatch(text):
            return self._has_code(text)
        words = set(_WORD.findall(_POSSESSIVE.sub("", text.casefold())))
        return all(map(self._has_word, words - _SMALL_WORDS - NEVER_NAMES))

    def _has_code(self, text: str) -> bool:
        """B-12 is borne out by B-12, B12 and B 12, and by no other 12."""
        parts = _CODE_PART.findall(text.casefold())
        pattern = r"[\W_]{0,2}".join(map(re.escape, parts))
        return re.search(rf"(?<![^\W_]){pattern}(?![^\W_])", self._text) is not None

    def _has_word(self, word: str) -> bool:
        numbers = (word, word.removesuffix("s"), f"{word}s")
        return not self._words.isdisjoint(numbers)

    def _has_literally(self, text: str) -> bool:
        squeezed = "".join(text.casefold().split())
        return squeezed.rstrip(".") in self._without_spaces

    @cached_property
    def _without_spaces(self) -> str:
        return "".join(self._text.split())


def _minutes(match: re.Match[str]) -> set[int]:
    """Minutes after midnight that a written time may mean.

    On the 12-hour clock both, unless am or pm is said.
    """
    hour, minute = int(match[1]), int(match[2])
    half = (match[3] or "").lower()[:1]
    if half:
        afternoon = _HALF_DAY if half == "p" else 0
        return {hour % 12 * 60 + afternoon + minute}

    said = hour * 60 + minute
    other_half = (said + _HALF_DAY) % (2 * _HALF_DAY)
    return {said, other_half} if 1 <= hour <= 12 else {said}
