"""One person, one placeholder: masks that agree over the turns of a row and, for full names, over all rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tunewell.checks.personal import PersonalSpan, mask

_TITLE = re.compile(
    r"(?i)^(?:(?:mrs?|ms|miss|mx|dr|prof|professor|sir|madam|herrn?|frau|mme|monsieur|madame|señora?)\b\.?\s*)+"
)
_SAXON = re.compile(r"['’]s$")


def plain_name(name: str) -> tuple[str, ...]:
    """The words of a name without titles, case and possessive.

    Example:
        >>> plain_name("Dr. Jonas Okoro's")
        ('jonas', 'okoro')
    """
    bare = _SAXON.sub("", _TITLE.sub("", name.strip()))
    return tuple(word.strip(".,").casefold() for word in bare.split() if word.strip(".,"))


def canonical(names: Sequence[str]) -> Mapping[str, str]:
    """Each name of a row to the name that stands for the person: the fullest one that it is a part of.

    "Okoro" and "J. Okoro" stand for "Jonas Okoro" where that is the only Okoro of the row; where
    two would fit, a short name stands for itself.

    Example:
        >>> canonical(["Jonas Okoro", "Mr Okoro", "J. Okoro", "Jun"])["Mr Okoro"]
        'jonas okoro'
        >>> canonical(["Jonas Okoro", "Ada Okoro", "Okoro"])["Okoro"]
        'okoro'
    """
    words = {name: plain_name(name) for name in names}
    every = set(words.values())
    result = {}
    for name, own in words.items():
        fuller = [other for other in every if other != own and _part_of(own, other)]
        fullest = [
            f for f in fuller if not any(other != f and _part_of(f, other) for other in fuller)
        ]
        result[name] = " ".join(fullest[0] if len(fullest) == 1 else own)
    return result


def _part_of(short: Sequence[str], full: Sequence[str]) -> bool:
    """Whether the words of one name stand in another in their order, initials for words."""
    rest = iter(full)
    return bool(short) and all(
        any(w == f or (len(w) == 1 and f.startswith(w)) for f in rest) for w in short
    )


def mask_row(texts: Sequence[str], spans: Sequence[Sequence[PersonalSpan]]) -> list[str]:
    """The texts of a row with every span replaced by its placeholder, the same person always by the same one.

    Example:
        >>> a, b = mask_row(["I am Jonas Okoro", "Hello Mr Okoro"], [[Span(5, 16, "name")], [PersonalSpan(9, 14, "name")]])
        >>> a.removeprefix("I am ") == b.removeprefix("Hello Mr ")
        True
    """
    names = [
        text[s.start : s.end]
        for text, each in zip(texts, spans, strict=True)
        for s in each
        if s.type == "name"
    ]
    same = canonical(list(dict.fromkeys(names)))
    return [mask(text, each, same) for text, each in zip(texts, spans, strict=True)]
