"""Numbers that may be personal data and of which nothing proves it: they are named, not masked."""

from __future__ import annotations

import re

from tunewell.checks.language import Shares
from tunewell.checks.personal.identifiers import find_personal

KNOWN_LANGUAGES = frozenset(
    "en de fr es it pt nl af da no sv fi is et lv lt pl cs sk sl hr bs sr mk bg ro hu sq "
    "el tr ru uk be ca gl "
    "he ar fa hi zh yue ja ko th vi id ms".split()
)
"""Languages whose words for phones and for national numbers are known here."""

_LIKELY = 0.4
"""Share of the known languages below which a text is in another."""

_LABELLED = re.compile(
    r"(?i)\b((?:national|identity|personal|citizen|tax|social|insurance|passport|residence|"
    r"resident|voter|"
    r"health|medical record|patient|driv(?:er'?s?|ing))\s?(?:id|identification|identity|"
    r"insurance|security|"
    r"licen[cs]e|permit|card|number)?(?:\s(?:card|number|no|nr|id))?\.?)\s*(?:is|:|#|=)?\s*"
    r"(?-i:(?=[A-Z0-9/.-]{6,20}\b)([A-Z]{0,6}[ -]?\d[\dA-Z]*(?:[ /.-]?[\dA-Z]{2,}){0,5}))"
)
_LONG_NUMBER = re.compile(r"(?<![\w.,/:-])\+?\(?\d[\d ()/-]{5,18}\d(?![\w-])(?![.,:]\d)")
_DATE = re.compile(r"(?:19|20)\d\d[-/ ]\d\d?[-/ ]\d\d?|\d\d?[-/ ]\d\d?[-/ ](?:19|20)\d\d")
_MAY = re.compile(r"\d[\d ()/.-]{4,}\d")


def is_known_language(shares: Shares) -> bool:
    """Whether a text is likely in a language whose words are known here, or too short to tell.

    Example:
        >>> is_known_language([]), is_known_language([("sw", 0.66), ("id", 0.05)])
        (True, False)
    """
    known = sum(share for code, share in shares if code in KNOWN_LANGUAGES)
    return not shares or known >= _LIKELY


def find_unproven(text: str, *, is_known: bool = True) -> str:
    """What may be personal data of an unknown country or in an unknown language; empty if nothing.

    Args:
        text: The text.
        is_known: Whether the words of its language are known (see `is_known_language`).

    Example:
        >>> find_unproven("My passport number: X99887712.")
        'passport number: X99887712'
        >>> find_unproven("Piga simu 712 345 678 leo.", is_known=False)
        'a number in a language that is not known here'
        >>> find_unproven("3 of 12345")
        ''
    """
    if not _MAY.search(text):
        return ""
    labelled = _LABELLED.search(text)
    number = None if is_known else _LONG_NUMBER.search(text)
    if labelled is None and (number is None or _DATE.fullmatch(number[0])):
        return ""

    found = find_personal(text)
    if labelled and not any(s.start < labelled.end() and labelled.start(2) < s.end for s in found):
        return labelled[0].strip()
    if number and not any(s.start < number.end() and number.start() < s.end for s in found):
        return "a number in a language that is not known here"
    return ""
