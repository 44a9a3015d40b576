"""One writing for what people write in many ways: numbers, amounts, dates, case, white space."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from tunewell.checks.segments import words_of
from tunewell.metrics.number_words import with_digits

DECIMAL_COMMA = frozenset(
    {"cs", "da", "de", "es", "fi", "fr", "it", "nb", "nl", "no", "pl", "pt", "ru", "sv", "tr"}
)
"""Languages (ISO 639-1) that write 12,50 for twelve and a half."""

NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,'’\u00a0\u202f]\d+)*(?!\d)")

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar janvier enero gennaio",
            "february feb februar février fevrier febrero febbraio",
            "march mar märz mars marzo",
            "april apr avril abril aprile",
            "may mai mayo maggio",
            "june jun juni juin junio giugno",
            "july jul juli juillet julio luglio",
            "august aug août aout agosto",
            "september sep sept septembre septiembre settembre",
            "october oct oktober okt octobre octubre ottobre",
            "november nov novembre noviembre",
            "december dec dezember dez décembre decembre diciembre dicembre",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(map(re.escape, _MONTHS), key=len, reverse=True))
_DAY_FIRST = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+|de\s+)?({_MONTH})\.?,?\s+(?:de\s+)?(\d{{4}})\b"
)
_MONTH_FIRST = re.compile(rf"\b({_MONTH})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})\b")
_DOTTED = re.compile(r"(?<!\d)(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})(?!\d)")
_CURRENCY = {"€": "eur", "£": "gbp", "$": "usd", "¥": "jpy"}
_CURRENCY_WORDS = re.compile(r"\b(euros?|pounds? sterling|us dollars?|dollars?|usd|eur|gbp)\b")
_CODE_FIRST = re.compile(r"\b(eur|gbp|usd|jpy)\s*(\d+(?:\.\d+)?)")


def canonical_number(text: str, *, comma: bool = False) -> str:
    """A number in plain writing; what is no single number (a version, a dotted date) as it is.

    Args:
        text: Digits with separators between them.
        comma: Whether a lone comma before three digits is a decimal comma.

    Example:
        >>> [canonical_number(t) for t in ("1,234.50", "1.234,50", "12.00", "1,5", "2.1.3", "1,234")]
        ['1234.5', '1234.5', '12', '1.5', '2.1.3', '1234']
        >>> canonical_number("1,234", comma=True)
        '1.234'
    """
    text = re.sub(r"(?<=\d)['’\u00a0\u202f](?=\d)", "", text)
    kinds = {c for c in text if c in ".,"}
    if not kinds:
        return text.lstrip("0") or "0" if len(text) <= 3 else text
    if len(kinds) == 2:
        decimal = "." if text.rfind(".") > text.rfind(",") else ","
        whole, _, rest = text.rpartition(decimal)
        return _plain(re.sub(r"[.,]", "", whole), rest) if not re.search(r"[.,]", rest) else text
    mark = kinds.pop()
    groups = text.split(mark)
    grouped = all(len(g) == 3 for g in groups[1:]) and 1 <= len(groups[0]) <= 3 and groups[0] != "0"
    if len(groups) > 2:
        return _plain("".join(groups), "") if grouped else text
    if grouped and mark == ("." if comma else ","):
        return _plain("".join(groups), "")
    return _plain(groups[0], groups[1])


def _plain(whole: str, rest: str) -> str:
    rest = rest.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{rest}" if rest else "")


def dates_in(text: str) -> Iterator[tuple[int, int, str]]:
    """Dates written out or with dots, as (start, end, ISO date), not in order.

    Example:
        >>> list(dates_in("due on 3 March 2026 or 04.05.2026"))
        [(7, 19, '2026-03-03'), (23, 33, '2026-05-04')]
    """
    lower = text.lower()
    if len(lower) != len(text):  # a few letters change length; then keep positions
        lower = text
    for m in _DAY_FIRST.finditer(lower):
        yield m.start(), m.end(), _iso(m[3], _MONTHS[m[2]], m[1])
    for m in _MONTH_FIRST.finditer(lower):
        yield m.start(), m.end(), _iso(m[3], _MONTHS[m[1]], m[2])
    for m in _DOTTED.finditer(lower):
        if int(m[2]) <= 12:
            yield m.start(), m.end(), _iso(m[3], int(m[2]), m[1])
    for m in re.finditer(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)", lower):
        yield m.start(), m.end(), m.group()


def _iso(year: str, month: int, day: str) -> str:
    return f"{year}-{month:02d}-{int(day):02d}"


@lru_cache(maxsize=4096)
def normalise(text: str, language: str = "en") -> str:
    """Text for comparison: case, white space, punctuation, numbers, amounts and dates in one writing.

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
    comma = language in DECIMAL_COMMA
    pieces, end = [], 0
    for start, stop, iso in [*sorted(dates_in(text)), (len(text), len(text), "")]:
        if start >= end:
            pieces += [
                NUMBER.sub(lambda m: canonical_number(m.group(), comma=comma), text[end:start]),
                iso,
            ]
            end = stop
    text = "".join(pieces)
    text = re.sub(r"\bper\s?cent\b|\bprozent\b", "%", text)
    text = re.sub(r"(?<=\d)\s+%", "%", text)
    for symbol, code in _CURRENCY.items():
        text = text.replace(symbol, f" {code} ")
    text = _CURRENCY_WORDS.sub(lambda m: _code(m.group()), text)
    text = _CODE_FIRST.sub(r"\2 \1", text)
    if language == "en":
        text = with_digits(text)
    # Marks between digits (2026-03-03, 7:30, 1.5) and the per cent sign carry meaning; all others
    # are white space.
    text = re.sub(r"(?<!\d)(?!(?<!\S)-\d)[^\w\s%]|[^\w\s%](?!\d)|_", " ", text)
    return " ".join(text.split())


def _code(word: str) -> str:
    if word.startswith("eur"):
        return "eur"
    return "gbp" if word.startswith(("pound", "gbp")) else "usd"


def tokens(text: str) -> list[str]:
    """Lower-case words and numbers, punctuation left out (for ASCII text those of ROUGE's reference code).

    In scripts without spaces between words a token is a segment (see `tunewell.checks.segments`).

    Example:
        >>> tokens("Don't pay €5."), tokens("払う。")
        (['don', 't', 'pay', '5'], ['払', 'う'])
    """
    return words_of(text.lower())
