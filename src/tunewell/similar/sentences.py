"""The sentences of a text, and whether they speak of the past."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PAST = re.compile(
    r"(?i)\b(?:was|were|had been|used to|until|till|formerly|previously|former|earlier|"
    r"at (?:that|the) time|back then|in (?:19|20)\d\d|"
    r"war|waren|bis|damals|früher|vorher|im jahr)\b"
)
_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?](?=\S)[^.!?\n]*)*[.!?\n]?")


def speaks_of_the_past(text: str) -> bool:
    """Whether a text says that it speaks of what was.

    Example:
        >>> speaks_of_the_past("It was 31 cents."), speaks_of_the_past("It is 31 cents.")
        (True, False)
    """
    return _PAST.search(text) is not None


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text, in order; empty ones too."""
    for match in _SENTENCE.finditer(text):
        yield match[0]
