"""Support (E07): numbers, amounts, dates, times, names and references of an output that the input does not bear out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Literal

from tunewell.metrics.base import Marked
from tunewell.metrics.number_words import spoken_numbers
from tunewell.metrics.normalise import DECIMAL_COMMA, NUMBER, canonical_number, dates_in
from tunewell.task import TaskSpec
from tunewell.types import Example, Value

ItemKind = Literal["number", "date", "time", "name", "address", "reference"]
Finder = Callable[[str], Iterator[tuple[int, int]]]
KINDS: tuple[ItemKind, ...] = ("number", "date", "time", "name", "address", "reference")

_TIME = re.compile(r"(?<!\d)([01]?\d|2[0-3])[:.h]([0-5]\d)(?!\d)\s?([ap]\.?m\.?)?", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s<>\"')\]]+|[\w.+-]+@[\w-]+\.[\w.-]*\w")
_REFERENCE = re.compile(
    r"(?:§+\s?|\b(?:article|section|clause|paragraph|art|sec|no|nr)\.?\s)\d+(?:[\w.()]*[\w)])?",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"\b[^\W\d_a-z][\w'’-]*\w(?:\s+(?:of\s+|the\s+|de\s+|van\s+|von\s+)?[^\W\d_a-z][\w'’-]*\w)*"
)
_LIST_MARK = re.compile(r"(?:^|(?<=\s))(\d{1,2})[.)]\s", re.MULTILINE)
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n\"“‘(\[)\]]|[-*•])\s*$")
_BEFORE = 200
"""Characters before a name in which the end of a sentence is looked for."""
_ENDLESS = re.compile(r"\S{120,}")
_NEVER_NAMES = frozenset(
    "i i'm i've i'll i'd monday tuesday wednesday thursday friday saturday sunday mr mrs ms miss dr dear sir "
    "madam ok january february march april may june july august september october november december pm am please "
    "thank thanks hello hi kind best regards sincerely yes no note eur euro euros usd gbp chf kwh kw mg ml the a "
    "an this that these those you your we our us it its he she they his her their my me if when then so but and "
    "or as at in on for to of by with from not is are was were be will can may must all any after before during "
    "however".split()
)
_SMALL_WORDS = frozenset("of the and de van von for in on at to".split())


class SupportItem(Value):
    """Something in an output that a reader could look up in the input.

    Attributes:
        start: First character.
        end: One past the last.
        kind: What it is.
        text: As written.
        supported: Whether the input bears it out.
    """

    start: int
    end: int
    kind: ItemKind
    text: str
    supported: bool


def check_support(
    output: str, given: str, *, language: str = "en", kinds: tuple[ItemKind, ...] = KINDS
) -> list[SupportItem]:
    """Every checkable item of an output, in order, with whether the input bears it out.

    A number is borne out by the same value in any writing (``1,200.00``, ``1200``, ``twelve``); a
    date by the same day; a name if each of its words stands in the input. Names are not looked for
    in German, where every noun has a capital.

    Args:
        output: What the model said.
        given: What it was given.
        language: ISO 639-1.
        kinds: Which items to look for.

    Example:
        >>> items = check_support("Mr Okafor pays 84.20 EUR by 5 May 2026.", "okafor, bill 84,20 €, due 2026-05-06")
        >>> [(i.text, i.kind, i.supported) for i in items]
        [('Mr Okafor', 'name', True), ('84.20', 'number', True), ('5 May 2026', 'date', False)]
    """
    output, given = unicodedata.normalize("NFC", output), unicodedata.normalize("NFC", given)
    output, given = tame(output), tame(given)
    source = _Source(given, language)
    taken = bytearray(len(output))
    found: list[SupportItem] = []
    for kind, finder in _FINDERS:
        if kind == "name" and language == "de":
            continue
        for start, end in finder(output):
            if any(taken[start:end]):
                continue
            taken[start:end] = b"\x01" * (end - start)
            if kind in kinds:
                text = output[start:end]
                found.append(
                    SupportItem(
                        start=start,
                        end=end,
                        kind=kind,
                        text=text,
                        supported=source.bears(kind, text),
                    )
                )
    return sorted(found, key=lambda item: item.start)


def tame(text: str) -> str:
    """The same characters in the same places, without words of 120 characters and more: patterns take for ever on them.

    Example:
        >>> tame("pay " + "9" * 120) == "pay " + " " * 120
        True
    """
    return _ENDLESS.sub(lambda m: " " * len(m.group()), text)


class _Source:
    """What the input says, in forms that can be looked up."""

    def __init__(self, text: str, language: str) -> None:
        self._comma = language in DECIMAL_COMMA
        self._text = text.casefold()
        self._squeezed = "".join(self._text.split())
        self._words = set(re.findall(r"[^\W_]+", self._text))
        # what a transcript spells out: "A B C", "P.T."
        self._words |= {
            re.sub(r"[\W_]+", "", m)
            for m in re.findall(r"\b(?:[a-z][\s.]+){1,4}[a-z]\b", self._text)
        }
        self._dates = {iso for *_, iso in dates_in(text)}
        self._times = {_minutes(m) for m in _TIME.finditer(text)}
        numbers = {canonical_number(m.group(), comma=self._comma) for m in NUMBER.finditer(text)}
        # 3rd, 12kg, A5, 20/3 and the parts of dates and phone numbers: any run of digits
        self._numbers = numbers | {d.lstrip("0") or "0" for d in re.findall(r"\d+", text)}
        if language == "en":
            self._numbers |= set(spoken_numbers(self._text))

    def bears(self, kind: ItemKind, text: str) -> bool:
        if kind == "number":
            return (
                canonical_number(text, comma=self._comma) in self._numbers
                or text.casefold() in self._words
            )
        if kind == "date":
            iso = next((i for *_, i in dates_in(text)), "")
            return iso in self._dates or self._slashed(iso)
        if kind == "time":
            match = _TIME.search(text)
            return match is not None and bool(
                _minutes(match) & set().union(*self._times or [frozenset()])
            )
        if kind == "name":
            words = [
                w
                for w in re.findall(r"[^\W_]+", text.casefold())
                if w not in _SMALL_WORDS | _NEVER_NAMES
            ]
            return all(self._knows(w) for w in words)
        return "".join(text.casefold().split()).rstrip(".") in self._squeezed

    def _knows(self, word: str) -> bool:
        return (
            word in self._words
            or word.removesuffix("s") in self._words
            or f"{word}s" in self._words
        )

    def _slashed(self, iso: str) -> bool:
        """03/05/2026 may be the third of May or the fifth of March: either bears the date out."""
        if not iso:
            return False
        year, month, day = (int(p) for p in iso.split("-"))
        return any(
            {int(a), int(b)} == {day, month} and int(y) in {year, year % 100}
            for a, b, y in re.findall(r"(?<!\d)(\d{1,2})/(\d{1,2})/(\d{2,4})(?!\d)", self._text)
        )


def _minutes(match: re.Match[str]) -> frozenset[int]:
    """Minutes after midnight that a written time may mean (12-hour clock: both, unless am or pm is said)."""
    hour, minute, half = int(match[1]), int(match[2]), (match[3] or "").lower()[:1]
    if half:
        return frozenset({(hour % 12 + (12 if half == "p" else 0)) * 60 + minute})
    return frozenset(
        {hour * 60 + minute} | ({(hour + 12) % 24 * 60 + minute} if 1 <= hour <= 12 else set())
    )


def _dates(text: str) -> Iterator[tuple[int, int]]:
    for start, end, _ in dates_in(text):
        yield start, end


def _names(text: str) -> Iterator[tuple[int, int]]:
    for match in _NAME.finditer(text):
        start, end = match.span()
        if "\n" in match.group():
            end = start + match.group().index("\n")
        words = text[start:end].split()
        if words and _SENTENCE_START.search(text[max(0, start - _BEFORE) : start]):
            # The capital of a sentence's first word says nothing: judge what follows it.
            if len(words) == 1:
                continue
            if words[0].casefold() not in _NEVER_NAMES and text[start:end].count(" ") >= 1:
                start += len(words[0])
                start += len(text[start:end]) - len(text[start:end].lstrip())
                words = words[1:]
        if all(w.casefold().strip("'’") in _NEVER_NAMES for w in words):
            continue
        yield start, end


def _numbers(text: str) -> Iterator[tuple[int, int]]:
    """Numbers, without those that only count the items of a list (``1. … 2. …``)."""
    marks: set[int] = set()
    last = 0
    for mark in _LIST_MARK.finditer(text):
        number = int(mark[1])
        if number == last + 1:
            marks.add(mark.start(1))
            last = number
    for match in NUMBER.finditer(text):
        if match.start() not in marks:
            yield match.span()


def _spans(pattern: re.Pattern[str]) -> Finder:
    return lambda text: (m.span() for m in pattern.finditer(text))


_FINDERS: tuple[tuple[ItemKind, Finder], ...] = (
    ("address", _spans(_ADDRESS)),
    ("date", _dates),
    ("reference", _spans(_REFERENCE)),
    ("time", _spans(_TIME)),
    ("number", _numbers),
    ("name", _names),
)


def support(output: str, example: Example, *, task: TaskSpec) -> Marked:
    """The share of checkable items that the row's turns before the answer bear out.

    1 if there are none.
    """
    given = "\n".join(m.content for m in example.prompt)
    items = check_support(output, given, language=task.task.language)
    loose = [i for i in items if not i.supported]
    spans = tuple({"start": i.start, "end": i.end, "type": i.kind, "text": i.text} for i in loose)
    if not items:
        return Marked(value=1.0, reason="nothing to look up")
    reason = f"not in the input: {', '.join(i.text for i in loose)}" if loose else ""
    return Marked(value=1 - len(loose) / len(items), reason=reason, spans=spans)
