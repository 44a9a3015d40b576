"""Phone numbers in a text, by their grouping and by the words beside them."""

from __future__ import annotations

import re
from functools import partial

from tunewell.checks.personal.identifier import DIGIT, Identifier, Place, before, whole
from tunewell.checks.personal.number_context import follows_version_word, named_otherwise

_CALLED = (
    r"(?i:\b(?:phone|tel|telephone|contact|call(?: me| us)?|calling|mobile|cell|fax|desk|whatsapp|"
    r"telefon|handy|mobil|rückruf|dial|answering|messages?|sms|my registered)\b)"
    r"[^\w\n]{0,4}\n?[ \t]{0,4}"
    r"(?:(?i:number|no|nr|is|at|on|to|me|us|back|unter|my)\b[^\w\n]{0,3}){0,4}"
)
_EXTENSION = r"(?:\s?(?:x|ext\.?)\s?\d{1,6})?"
_ANY = rf"\(?\d{{2,5}}\)?(?:[ .-]?\(?\d{{2,5}}\)?){{1,5}}{_EXTENSION}"
_INTERNATIONAL = re.compile(
    r"(?<![\w+])(?:\(?\+|(?<!\d )00(?=[1-9]))\d{1,3}\)?(?:[ ./-]{0,2}\(?\d{1,5}\)?){2,6}"
    rf"{_EXTENSION}(?![\w-])"
)
"""With a country code: +49 170 1234567, 0049 …, (+44) 20 7946 0958."""
_NORTH_AMERICAN = re.compile(
    r"(?<![\w.+-])(?<!\d )(?:1[ .-])?(?:\([2-9]\d{2}\)[ .-]?|[2-9]\d{2}[ .-])\d{3}[ .-]\d{4}"
    rf"{_EXTENSION}(?![\w-])(?!\.\d)"
)
"""(212) 555-0123, 212-555-0123, 1-212-555-0123, 212.555.0123 x12."""
_NATIONAL = re.compile(
    r"(?<![\w.,+:/-])(?<!\d )\(?0[1-9]\d{1,4}\)?[ /-]\d{2,4}(?:[ -]?\d{2,4}){1,3}"
    r"(?![\w-])(?![.,:]\d)"
)
"""With a trunk zero: 030 1234567, 0170/1234567, 020 7946 0958."""
_IN_PAIRS = re.compile(r"(?<![\w.,+:/-])0\d(?:[ .-]\d\d){4}(?![\w-])")
"""01 23 45 67 89, as in France."""
_AFTER_WORD = re.compile(rf"{_CALLED}({_ANY})(?![\w-])(?!\.\d)")
"""Any grouping of digits, but only after a word that says what they are."""
_BEFORE_WORD = re.compile(
    rf"(?<![\w.,+:/-])({_ANY})[ -](?i:office|fax|mobile|cell|home|work|phone)\b"
)
_LEAST_DIGITS = {
    _INTERNATIONAL: 8,
    _NORTH_AMERICAN: 10,
    _NATIONAL: 9,
    _IN_PAIRS: 10,
    _AFTER_WORD: 7,
    _BEFORE_WORD: 7,
}
_MOST_DIGITS = 20


def _proof(least_digits: int, match: re.Match[str]) -> Place | None:
    digits = len(DIGIT.findall(match[match.lastindex or 0]))
    if not least_digits <= digits <= _MOST_DIGITS:
        return None
    said = before(match, 40)
    if named_otherwise(said) or follows_version_word(said):
        return None
    return whole(match)


PHONES = tuple(
    Identifier("phone", pattern, proof=partial(_proof, least_digits), needs=DIGIT)
    for pattern, least_digits in _LEAST_DIGITS.items()
)
"""One for each way in which phone numbers are written."""
