"""Targets that say nothing: blank, or a placeholder where an answer should be."""

from __future__ import annotations

import re

_CERTAIN = frozenset(
    "n/a n.a. n.a undefined fixme #n/a #ref! #value! #null! <empty> [empty] "
    "(empty) <null> [null] <blank> [blank] (blank) <none> placeholder [placeholder] "
    "<placeholder> xxx xxxx <noinput> <nooutput> <pad> <unk> [missing]".split()
)
_BY_CASE = frozenset("NA null NULL nan NaN NAN TODO TBD TBA tbd tba todo".split())
"""Certain in this case only: `Null` is zero in German, `Todo` all in Spanish."""

_LIKELY = frozenset("none nil missing - -- --- – — . .. ... … ? ?? ??? _ __ / # *".split())
_LOREM = re.compile(r"^lorem ipsum\b", re.IGNORECASE)
_TO_DO = re.compile(
    r"^[\[<({]{1,2}(?:insert|add|your|enter|put|fill in|todo|tbd|answer|response|output)\b"
    r"[^\n\])>}]{0,40}[\])>}]{1,2}$|"
    r"^(?:todo|tbd|fixme)\s*[:-]?\s*(?:$|(?:write|add|fill|answer|insert|complete)\b.{0,60}$)",
    re.IGNORECASE,
)
_INVISIBLE = re.compile(r"[\s\u200b-\u200f\u2060\ufeff\u00ad]+")


def normal(text: str) -> str:
    """The text as it is compared with placeholders and labels."""
    return text.strip().strip("\"'`").casefold()


def is_blank(text: str) -> bool:
    r"""Whether nothing can be seen of a text.

    Example:
        >>> is_blank(" \u200b\n"), is_blank("?")
        (True, False)
    """
    return not _INVISIBLE.sub("", text)


def placeholder(text: str) -> str:
    """The placeholder that a text is as a whole; empty if it is none.

    Example:
        >>> placeholder(" N/A "), placeholder("[Insert answer here]"), placeholder("Null Street 5")
        ('N/A', '[Insert answer here]', '')
    """
    said = text.strip()
    if len(said) > 80 and not _LOREM.match(said):
        return ""
    value = normal(said)
    is_one = (
        said in _BY_CASE
        or value in _CERTAIN
        or value in _LIKELY
        or _LOREM.match(said)
        or _TO_DO.match(said)
    )
    return said[:60] if is_one else ""


def is_surely_placeholder(text: str) -> bool:
    """Whether a placeholder can hardly be an answer: ``N/A`` rather than ``-``."""
    return normal(text) not in _LIKELY
