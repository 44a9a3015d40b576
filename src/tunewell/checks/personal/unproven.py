"""Numbers that may be personal data and of which nothing proves it: they are named, not masked."""

from __future__ import annotations

import re
from collections.abc import Collection

from tunewell.checks.personal.identifiers import find_personal

KNOWN_LANGUAGES = frozenset(
    "en de fr es it pt nl af da no sv fi is et lv lt pl cs sk sl hr bs sr mk bg ro hu sq "
    "el tr ru uk be ca gl "
    "he ar fa hi zh yue ja ko th vi id ms".split()
)
"""Languages whose words for phones and for national numbers are known here."""

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


def find_unproven(text: str, languages: Collection[str]) -> str:
    """What may be personal data of a country or in a language that is not known here; empty if nothing.

    Args:
        text: The text.
        languages: The languages that it is certainly in.

    Example:
        >>> find_unproven("My passport number: X99887712.", ["en"])
        'passport number: X99887712'
        >>> find_unproven("Piga simu 712 345 678 leo.", ["sw"]), find_unproven("3 of 12345", ["en"])
        ('a number in a text in sw', '')
    """
    if not _MAY.search(text):
        return ""
    unknown = [code for code in languages if code not in KNOWN_LANGUAGES]
    labelled = _LABELLED.search(text)
    number = _LONG_NUMBER.search(text) if unknown else None
    if labelled is None and (number is None or _DATE.fullmatch(number[0])):
        return ""

    found = find_personal(text)
    if labelled and not any(s.start < labelled.end() and labelled.start(2) < s.end for s in found):
        return labelled[0].strip()
    if number and not any(s.start < number.end() and number.start() < s.end for s in found):
        return f"a number in a text in {', '.join(unknown)}"
    return ""
