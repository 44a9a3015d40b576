"""One writing for what people write in many ways: numbers, amounts, dates, case, white space.

What may change the meaning stays apart: signs and operators (``AB+``, ``AB-``), units and
currencies, the zeros of ``4.10``, combining marks, emoji.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from tunewell.checks.segments import words_of
from tunewell.metrics.amounts import plain_amounts, with_units_apart
from tunewell.metrics.characters import visible
from tunewell.metrics.meaning_marks import undecorated, with_one_hyphen, without_punctuation
from tunewell.metrics.number_words import with_digits
from tunewell.metrics.numbers import (
    DECIMAL_COMMA,
    WRITTEN,
    canonical_number,
    without_group_spaces,
    written_number,
)
from tunewell.metrics.written_dates import dates_in

_RAISED: Final = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ"
_LEVEL: Final = str.maketrans(_RAISED, "0123456789+-ni")
_SUPERSCRIPT: Final = re.compile(f"[{_RAISED}]+")
_FRACTION: Final = re.compile("(?<=[0-9])(?=[¼½¾⅐-⅞])")
_SAME: Final = str.maketrans({"٫": ".", "٬": ",", "ـ": "", "\u2007": "\u00a0"})
"""Arabic marks in numbers, the Arabic stretching line, a space as wide as a digit."""
_HARD_SPACES: Final = "\u00a0\u2009\u202f"


@lru_cache(maxsize=4096)
def normalise(text: str, language: str = "en", *, by_value: bool = False) -> str:
    """Text for comparison: case, space, punctuation, numbers, amounts and dates in one writing.

    Args:
        text: Any text.
        language: ISO 639-1; decides what a lone comma in a number means, whether spaces group
            digits, and whether number words become digits.
        by_value: Whether numbers are compared by their value: 4.10 is 4.1, 007 is 7.

    Example:
        >>> normalise("You pay  €1,250.00 by March 3rd, 2026!")
        'you pay 1250 eur by 2026-03-03'
        >>> normalise("Within TWO weeks: 5 per cent") == normalise("within 2 weeks 5%")
        True
        >>> normalise("AB+"), normalise("AB−"), normalise("clause 4.10"), normalise("👍!")
        ('ab+', 'ab-', 'clause 4.10', '👍')
    """
    language = language.split("-")[0].lower()
    text = _plain_characters(text, language)
    text = undecorated(text)
    text = _plain_numbers_and_dates(text, comma=language in DECIMAL_COMMA, by_value=by_value)
    text = plain_amounts(text)
    if language == "en":
        text = with_digits(text)
    return without_punctuation(text)


def _plain_characters(text: str, language: str) -> str:
    """Compatible characters in one form, small letters, ASCII digits and hyphens."""
    text = visible(text).translate(_SAME)
    text = _SUPERSCRIPT.sub(lambda match: f"^{match.group().translate(_LEVEL)}", text)
    text = _FRACTION.sub(" ", text)
    text = with_one_hyphen(text)
    text = without_group_spaces(text, language)
    text = with_units_apart(text)
    if not text.isascii():
        text = "".join(map(_plain_character, text))
        text = unicodedata.normalize("NFC", text).replace("⁄", "/")
    if language == "tr":
        text = text.replace("I", "ı")
    return text.replace("İ", "i").casefold()


@lru_cache(maxsize=4096)
def _plain_character(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    # Spaces between digits still say that they are grouped; free-standing accents are quotes.
    if character in _HARD_SPACES or unicodedata.category(character) == "Sk":
        return character
    return unicodedata.normalize("NFKC", character)


def _plain_numbers_and_dates(text: str, *, comma: bool, by_value: bool) -> str:
    def plain(match: re.Match[str]) -> str:
        written = written_number(match, comma=comma)
        return canonical_number(written) if by_value else written

    pieces: list[str] = []
    end = 0
    for start, stop, iso in sorted(dates_in(text)):
        # Of two dates that overlap, the first one counts.
        if start < end:
            continue
        pieces += [WRITTEN.sub(plain, text[end:start]), iso]
        end = stop
    pieces.append(WRITTEN.sub(plain, text[end:]))
    return "".join(pieces)


def tokens(text: str) -> list[str]:
    """Lower-case words and numbers, punctuation left out.

    For ASCII text those of ROUGE's reference code; in scripts without spaces every character.

    Example:
        >>> tokens("Don't pay €5."), tokens("今日は晴れ")
        (['don', 't', 'pay', '5'], ['今', '日', 'は', '晴', 'れ'])
    """
    return words_of(visible(text).lower())
