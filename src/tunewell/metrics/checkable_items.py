"""What a reader could look up in an answer: numbers, dates, times, names, addresses, references."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal

from tunewell.metrics.numbers import NUMBER
from tunewell.metrics.written_dates import dates_in

ItemKind = Literal["number", "date", "time", "name", "address", "reference"]
Place = tuple[int, int]
Finder = Callable[[str], Iterator[Place]]

TIME = re.compile(r"(?<!\d)([01]?\d|2[0-3])[:.h]([0-5]\d)(?!\d)\s?([ap]\.?m\.?)?", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s<>\"')\]]+|[\w.+-]+@[\w-]+\.[\w.-]*\w")
_REFERENCE = re.compile(
    r"(?:§+\s?|\b(?:article|section|clause|paragraph|art|sec|no|nr)\.?\s)"
    r"\d+(?:[\w.()]*[\w)])?",
    re.IGNORECASE,
)
_BEHIND_ALPHABETS = 0x2C80
_CAPITAL = "".join(filter(str.isupper, map(chr, range(_BEHIND_ALPHABETS))))
"""Capitals of the scripts that have them: a name in another script cannot be told by its look."""

_NAME_WORD = rf"[{_CAPITAL}][\w'’-]*\w"
_NAME = re.compile(rf"\b{_NAME_WORD}(?:\s+(?:of\s+|the\s+|de\s+|van\s+|von\s+)?{_NAME_WORD})*")
CODE = re.compile(rf"(?<![\w-])[{_CAPITAL}]{{1,6}}-\d\w*(?:[-/]\d\w*)*(?!\w)")
"""A name of capitals and digits, such as that of a form, a tariff or an error: B-12, T-1, E-07."""
_LIST_MARK = re.compile(r"(?:^|(?<=\s))(\d{1,2})[.)]\s", re.MULTILINE)
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n\"“‘(\[)\]]|[-*•])\s*$")
_BEFORE = 200
"""Characters before a name in which the end of a sentence is looked for."""
_ENDLESS = re.compile(r"\S{120,}")
NEVER_NAMES = frozenset(
    "i i'm i've i'll i'd monday tuesday wednesday thursday friday saturday sunday mr mrs ms miss "
    "dr dear sir madam ok january february march april may june july august september october "
    "november december pm am please thank thanks hello hi kind best regards sincerely yes no note "
    "eur euro euros usd gbp chf kwh kw mg ml the a an this that these those you your we our us it "
    "its he she they his her their my me if when then so but and or as at in on for to of by with "
    "from not is are was were be will can may must all any after before during however".split()
)
"""Words with a capital that are no names, in small letters."""


def tame(text: str) -> str:
    """The same characters in the same places, without words of 120 characters and more.

    Patterns take for ever on those.

    Example:
        >>> tame("pay " + "9" * 120) == "pay " + " " * 120
        True
    """
    return _ENDLESS.sub(lambda match: " " * len(match.group()), text)


def items_in(text: str, *, language: str) -> Iterator[tuple[ItemKind, int, int]]:
    """Every item as (kind, start, end), without overlaps, one kind after the other.

    Names are not looked for in German, where every noun has a capital, but codes are.
    """
    taken = bytearray(len(text))
    for kind, find in _FINDERS:
        if find is _names and language == "de":
            continue
        for start, end in find(text):
            if not any(taken[start:end]):
                taken[start:end] = b"\x01" * (end - start)
                yield kind, start, end


def _matches(pattern: re.Pattern[str]) -> Finder:
    return lambda text: (match.span() for match in pattern.finditer(text))


def _dates(text: str) -> Iterator[Place]:
    for start, end, _ in dates_in(text):
        yield start, end


def _numbers(text: str) -> Iterator[Place]:
    """Numbers, without those that only count the items of a list (``1. … 2. …``)."""
    marks: set[int] = set()
    last = 0
    for mark in _LIST_MARK.finditer(text):
        if int(mark[1]) == last + 1:
            marks.add(mark.start(1))
            last += 1
    for match in NUMBER.finditer(text):
        if match.start() not in marks:
            yield match.span()


def _names(text: str) -> Iterator[Place]:
    for match in _NAME.finditer(text):
        line = match.group().split("\n")[0]
        start = match.start()
        before = text[max(0, start - _BEFORE) : start]
        name = _without_first_word(line) if _SENTENCE_START.search(before) else line
        words = {word.casefold().strip("'’") for word in name.split()}
        if words - NEVER_NAMES:
            end = start + len(line)
            yield end - len(name), end


def _without_first_word(name: str) -> str:
    """A name at the start of a sentence: the capital of its first word says nothing.

    A title or the like before a name is kept with it.
    """
    words = name.split()
    if len(words) == 1:
        return ""
    if words[0].casefold() in NEVER_NAMES or " " not in name:
        return name
    return name[len(words[0]) :].lstrip()


_FINDERS: tuple[tuple[ItemKind, Finder], ...] = (
    ("address", _matches(_ADDRESS)),
    ("date", _dates),
    ("reference", _matches(_REFERENCE)),
    ("time", _matches(TIME)),
    ("name", _matches(CODE)),
    ("number", _numbers),
    ("name", _names),
)
"""The most certain first: of two items that overlap, the first one counts."""
