"""Words as they are said: what a transcript is compared by, however it is written.

The rules have a version, for a rate of errors means nothing without them. They know units, which
common normalisers lose: ``5 mm`` is no hesitation, ``0.5 mg`` is no 5, ``mcg`` is no ``mg``, and
what stands in brackets was said too.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from tunewell.metrics.number_words import with_digits

VERSION: Final = "1"
"""Changes when the same two texts may be compared otherwise than before."""

_UNITS: Final = {
    "mg": "milligram milligrams milligramme milligrammes",
    "mcg": "microgram micrograms microgramme microgrammes µg μg ug",
    "g": "gram grams gramme grammes",
    "kg": "kilogram kilograms kilo kilos",
    "ml": "milliliter milliliters millilitre millilitres",
    "l": "liter liters litre litres",
    "dl": "deciliter deciliters decilitre decilitres",
    "mm": "millimeter millimeters millimetre millimetres",
    "cm": "centimeter centimeters centimetre centimetres",
    "km": "kilometer kilometers kilometre kilometres",
    "mmol": "millimole millimoles",
    "mmhg": "",
    "bpm": "",
    "hz": "hertz",
    "kcal": "kilocalorie kilocalories",
    "percent": "%",
    "°c": "",
    "°f": "",
}
"""A unit in the one form in which it is compared, and how else it is written."""

_WRITTEN: Final = {other: unit for unit, others in _UNITS.items() for other in others.split()}
_ANY_UNIT: Final = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_GLUED: Final = re.compile(rf"(?<=\d)(?=(?:{_ANY_UNIT}|µg|μg|ug)\b)")
_OPEN_UNITS: Final = re.compile(r"\bper\s+cent\b")
_DEGREES: Final = re.compile(r"\bdegrees?\s+(c|f)(?:elsius|entigrade|ahrenheit)?\b|°\s*(c|f)\b")
_GROUPED: Final = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_POINT: Final = re.compile(r"\b(\d+) point (\d+(?: \d)*)\b")
_QUOTES: Final = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "–": "-", "—": "-", "−": "-"})
_SAID: Final = re.compile(r"°[cf]|%|\d+(?:[.:/]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*\d*")

_SHORT_FORMS: Final = (
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\bcan't\b|\bcannot\b"), "can not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"\bi'm\b"), "i am"),
)
"""Short forms that mean one thing; ``'s`` and ``'d`` mean several and stay."""

_TITLES: Final = {"dr": "doctor", "mr": "mister", "mrs": "missus", "st": "saint", "vs": "versus"}
_HESITATION: Final = frozenset({"uh", "um", "hmm", "mhm", "erm", "uhm"})


def spoken_words(text: str, language: str = "en") -> list[str]:
    """The words of a transcript in the one form in which they are compared.

    Case, punctuation, hesitation, and the writing of numbers, units and short forms do not count.

    Args:
        text: What was said, or heard.
        language: ISO 639-1; numbers in words, short forms and titles are those of English.

    Example:
        >>> spoken_words("Take 5mg (five milligrams) of it, 2.5 ml; don't wait!")
        ['take', '5', 'mg', '5', 'mg', 'of', 'it', '2.5', 'ml', 'do', 'not', 'wait']
        >>> spoken_words("Um, a 5 mm stone") == spoken_words("a five millimetre stone")
        True
        >>> spoken_words("50 mcg") == spoken_words("50 mg")
        False
    """
    text = unicodedata.normalize("NFKC", text.translate(_QUOTES)).casefold()
    text = _GROUPED.sub("", text)
    text = _OPEN_UNITS.sub("percent", text)
    text = _DEGREES.sub(lambda match: f" °{match[1] or match[2]} ", text)
    if language.startswith("en"):
        text = _as_english(text)
    text = _GLUED.sub(" ", text)
    words = (_one_form(word) for word in _SAID.findall(text))
    return [word for word in words if word not in _HESITATION]


def _as_english(text: str) -> str:
    for pattern, whole in _SHORT_FORMS:
        text = pattern.sub(whole, text)
    text = with_digits(text)
    return _POINT.sub(lambda match: f"{match[1]}.{match[2].replace(' ', '')}", text)


def _one_form(word: str) -> str:
    return _WRITTEN.get(word) or _TITLES.get(word, word)
