"""What an identifier is: where one may stand in a text, and what proves that it does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from tunewell.checks.personal.spans import PersonalSpan

Place = tuple[int, int]
Proof = Callable[[re.Match[str]], Place | None]

DIGIT = re.compile(r"\d")
ANYTHING = re.compile("")


class Searching(Protocol):
    """A pattern, or something faster that tells as much."""

    def search(self, text: str, /) -> object:
        """Something true if it is in the text."""


class Mentions:
    """Some of these parts, which is found faster than by a pattern.

    Example:
        >>> bool(Mentions("pass", "key").search("API_KEY")), bool(Mentions("pass").search("no"))
        (True, False)
    """

    def __init__(self, *parts: str) -> None:
        self._parts = tuple(part.lower() for part in parts)

    def search(self, text: str, /) -> bool:
        """Whether the text has one of them, in any case."""
        small = text.lower()
        return any(part in small for part in self._parts)


def whole(match: re.Match[str]) -> Place:
    """A proof that asks for nothing more than the pattern: its first group, or the whole match."""
    return match.span(match.lastindex or 0)


@dataclass(frozen=True)
class Identifier:
    """One form of personal data.

    Attributes:
        type: ``email``, ``card`` …
        pattern: Where it may stand.
        proof: From a match to its place in the text; None if it is something else.
        needs: A text without this has none; looking for it first is faster.
    """

    type: str
    pattern: re.Pattern[str]
    proof: Proof = whole
    needs: Searching = ANYTHING

    def find(self, text: str) -> Iterator[PersonalSpan]:
        """Every one in a text, in order."""
        if not self.needs.search(text):
            return
        for match in self.pattern.finditer(text):
            place = self.proof(match)
            if place is not None:
                yield PersonalSpan(*place, self.type)


def before(match: re.Match[str], characters: int) -> str:
    """The text before what was matched, at most so many characters."""
    start = match.start(match.lastindex or 0)
    return match.string[max(0, start - characters) : start]


def every(identifiers: Iterable[Identifier], text: str) -> Iterator[PersonalSpan]:
    """What any of the identifiers finds, in their order."""
    for identifier in identifiers:
        yield from identifier.find(text)
