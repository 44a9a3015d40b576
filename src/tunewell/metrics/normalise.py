"""One writing for what people write in many ways: numbers, amounts, dates, case, white space."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from tunewell.metrics.number_words import with_digits
from tunewell.metrics.numbers import DECIMAL_COMMA, NUMBER, canonical_number
from tunewell.metrics.written_dates import dates_in

_CURRENCY = {"€": "eur", "£": "gbp", "$": "usd", "¥": "jpy"}
_CURRENCY_WORDS = re.compile(r"\b(euros?|pounds? sterling|us dollars?|dollars?|usd|eur|gbp)\b")
_CODES = {"e": "eur", "p": "gbp", "g": "gbp", "u": "usd", "d": "usd"}
"""By the first letter of the word."""
_CODE_FIRST = re.compile(r"\b(eur|gbp|usd|jpy)\s*(\d+(?:\.\d+)?)")
_PER_CENT = re.compile(r"\bper\s?cent\b|\bprozent\b")
_BEFORE_PER_CENT = re.compile(r"(?<=\d)\s+%")
_PUNCTUATION = re.compile(r"(?<!\d)(?!(?<!\S)-\d)[^\w\s%]|[^\w\s%](?!\d)|_")
"""Marks between digits (2026-03-03, 7:30, 1.5) and the per cent sign carry meaning; no others."""


@lru_cache(maxsize=4096)
def normalise(text: str, language: str = "en") -> str:
    """Text for comparison: case, space, punctuation, numbers, amounts and dates in one writing.

    Args:
        text: Any text.
        language: ISO 639-1; decides what a lone comma in a number means, and whether number words
            become digits.

    Example:
        >>> normalise("You pay  €1,250.00 by March 3rd, 2026!")
        'you pay 1250 eur by 2026-03-03'
        >>> normalise("Within TWO weeks: 5 per cent") == normalise("within 2 weeks 5%")
        True
    """
    text = unicodedata.normalize("NFKC", text).casefold()
    text = _plain_numbers_and_dates(text, comma=language in DECIMAL_COMMA)
    text = _plain_amounts(text)
    if language == "en":
        text = with_digits(text)
    return " ".join(_PUNCTUATION.sub(" ", text).split())


def _plain_numbers_and_dates(text: str, *, comma: bool) -> str:
    def plain(match: re.Match[str]) -> str:
        return canonical_number(match.group(), comma=comma)

    pieces: list[str] = []
    end = 0
    for start, stop, iso in sorted(dates_in(text)):
        # Of two dates that overlap, the first one counts.
        if start < end:
            continue
        pieces += [NUMBER.sub(plain, text[end:start]), iso]
        end = stop
    pieces.append(NUMBER.sub(plain, text[end:]))
    return "".join(pieces)


def _plain_amounts(text: str) -> str:
    """Per cent as a sign, currencies as codes behind the number."""
    text = _PER_CENT.sub("%", text)
    text = _BEFORE_PER_CENT.sub("%", text)
    for symbol, code in _CURRENCY.items():
        text = text.replace(symbol, f" {code} ")
    text = _CURRENCY_WORDS.sub(lambda match: _CODES[match[0][0]], text)
    return _CODE_FIRST.sub(r"\2 \1", text)


def tokens(text: str) -> list[str]:
    """Lower-case words and numbers, punctuation left out.

    For ASCII text those of ROUGE's reference code.

    Example:
        >>> tokens("Don't pay €5.")
        ['don', 't', 'pay', '5']
    """
    return re.findall(r"[^\W_]+", text.lower())
