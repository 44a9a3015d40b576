"""Masks of personal data: one value or person, one placeholder, in every row and every run.

Names of one person agree over the turns of a row and, for full names, over all rows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from itertools import product
from types import MappingProxyType

from tunewell.checks.personal.spans import PersonalSpan

NameWords = tuple[str, ...]

_TITLE = re.compile(
    r"(?i)^(?:(?:mrs?|ms|miss|mx|dr|prof|professor|sir|madam|herrn?|frau|mme|monsieur|madame|"
    r"señora?)\b\.?\s*)+"
)
_NUMBERS = frozenset({"phone", "card", "iban", "ssn", "national_id"})
_SEPARATORS = re.compile(r"[^\w@.]|_")
_SEPARATORS_OF_NUMBERS = re.compile(r"[\W_]")
_POSSESSIVE = re.compile(r"['’]s$")
ITSELF: Mapping[str, str] = MappingProxyType({})
"""Every value stands for itself."""


def placeholder(text: str, kind: str) -> str:
    """What stands in place of a value: equal values have equal placeholders, in every run.

    Example:
        >>> placeholder("Jo@Example.org", "email") == placeholder("jo@example.org", "email")
        True
    """
    separators = _SEPARATORS_OF_NUMBERS if kind in _NUMBERS else _SEPARATORS
    plain = separators.sub("", text.lower())
    mark = hashlib.sha256(f"tunewell {kind} {plain}".encode("utf-8", "replace")).hexdigest()[:5]
    return f"[{kind.upper()}_{mark}]"


def mask(text: str, spans: Sequence[PersonalSpan], same: Mapping[str, str] = ITSELF) -> str:
    """The text with every span replaced by its `placeholder`.

    Args:
        text: The text.
        spans: In order, without overlaps.
        same: What a value stands for (see `canonical`); itself if it is not in there.
    """
    parts: list[str] = []
    at = 0
    for span in spans:
        value = span.of(text)
        parts.append(text[at : span.start])
        parts.append(placeholder(same.get(value, value), span.type))
        at = span.end
    return "".join(parts) + text[at:]


def mask_row(texts: Sequence[str], spans: Sequence[Sequence[PersonalSpan]]) -> list[str]:
    """The texts of a row with their spans replaced by placeholders, one for each person.

    Example:
        >>> full, family = PersonalSpan(5, 16, "name"), PersonalSpan(9, 14, "name")
        >>> a, b = mask_row(["I am Jonas Okoro", "Hello Mr Okoro"], [[full], [family]])
        >>> a.removeprefix("I am ") == b.removeprefix("Hello Mr ")
        True
    """
    names: dict[str, None] = {}
    for text, each in zip(texts, spans, strict=True):
        for span in each:
            if span.type == "name":
                names[span.of(text)] = None

    same = canonical(list(names))
    return [mask(text, each, same) for text, each in zip(texts, spans, strict=True)]


def plain_name(name: str) -> NameWords:
    """The words of a name without titles, case and possessive.

    Example:
        >>> plain_name("Dr. Jonas Okoro's")
        ('jonas', 'okoro')
    """
    bare = _POSSESSIVE.sub("", _TITLE.sub("", name.strip()))
    words = [word.strip(".,").casefold() for word in bare.split()]
    return tuple(filter(None, words))


def canonical(names: Sequence[str]) -> Mapping[str, str]:
    """Each name of a row to the name that stands for the person.

    That is the fullest one that it is a part of: "Okoro" and "J. Okoro" stand for "Jonas Okoro"
    where that is the only Okoro of the row; where two would fit, a short name stands for itself.

    Example:
        >>> canonical(["Jonas Okoro", "Mr Okoro", "J. Okoro", "Jun"])["Mr Okoro"]
        'jonas okoro'
        >>> canonical(["Jonas Okoro", "Ada Okoro", "Okoro"])["Okoro"]
        'okoro'
    """
    words = {name: plain_name(name) for name in names}
    every = set(words.values())
    return {name: " ".join(_fullest(own, every)) for name, own in words.items()}


def _fullest(name: NameWords, every: set[NameWords]) -> NameWords:
    """The one name that this is a part of and that is part of no other; itself if there is none."""
    fuller = {other for other in every if _is_part(name, other)}
    between = {part for part, whole in product(fuller, fuller) if _is_part(part, whole)}
    fullest = fuller - between
    return fullest.pop() if len(fullest) == 1 else name


def _is_part(short: NameWords, full: NameWords) -> bool:
    """Whether the words of a name stand in another one in their order, initials for words."""
    if not short or short == full:
        return False
    # One iterator over the words of the full name: each is used once, so the order is kept.
    rest = iter(full)
    return all(any(_stands_for(word, other) for other in rest) for word in short)


def _stands_for(word: str, other: str) -> bool:
    is_initial = len(word) == 1
    return other.startswith(word) if is_initial else other == word
