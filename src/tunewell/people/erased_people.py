"""Who was erased, as digests: whether a text names one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunewell.checks.personal.identifiers import TYPES, find_personal
from tunewell.checks.personal.masks import placeholder, plain_name
from tunewell.similar import normalise
from tunewell.store import Store
from tunewell.types import digest

ERASURE = "erasure"
"""Kind of the events that say whom to leave out of every dataset to come.

They hold digests, never names.
"""


@dataclass(frozen=True, slots=True)
class ErasedPerson:
    """Somebody who was erased.

    Attributes:
        words: How many words the name has.
        marks: What stands for the person: digests of the name, and placeholders.
    """

    words: int
    marks: frozenset[str]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> ErasedPerson:
        """From the record of an erasure."""
        return cls(int(record["words"]), frozenset(record["marks"]))

    def is_in(self, text: str, words: Sequence[str]) -> bool:
        """Whether a text mentions the person.

        Every run of as many words as the name is held against it.

        Args:
            text: The text.
            words: Its words, normalised.
        """
        if _holds_one_of(text, self.placeholders):
            return True
        last = len(words) - self.words
        runs = {" ".join(words[at : at + self.words]) for at in range(last + 1)}
        return not self.marks.isdisjoint(map(mark_of, runs))

    @property
    def placeholders(self) -> list[str]:
        """The marks that stand in texts."""
        return [mark for mark in self.marks if mark.startswith("[")]


def _holds_one_of(text: str, marks: Iterable[str]) -> bool:
    return any(mark in text for mark in marks)


def marks_of(person: str) -> frozenset[str]:
    """What stands for a person in rows: digests of the name or identifier, and its placeholders.

    Example:
        >>> len(marks_of("jo@okoro.net")) > 1
        True
    """
    marks = {mark_of(person)}
    for span in find_personal(person):
        marks.add(placeholder(person[span.start : span.end], span.type))
    for form in (person, " ".join(plain_name(person))):
        marks.add(placeholder(form, "name"))
    if "@" in person or any(map(str.isdigit, person)):
        marks |= {placeholder(person, kind) for kind in TYPES}
    return frozenset(marks)


def mark_of(person: str) -> str:
    """Digest of a name or identifier, whatever its case and spacing."""
    return digest({"person": normalise(person)})


def mentions(
    texts: Iterable[str],
    person: str,
    marks: frozenset[str],
) -> bool:
    """Whether a text names the person, or holds one of the person's placeholders."""
    wanted = f" {normalise(person)} "
    for text in texts:
        if wanted in f" {normalise(text)} " or _holds_one_of(text, marks):
            return True
    return False


def erased(store: Store) -> list[ErasedPerson]:
    """Everybody who was erased."""
    return [ErasedPerson.of(event.record) for event in store.said(ERASURE)]


def names_erased(texts: Iterable[str], people: Sequence[ErasedPerson]) -> bool:
    """Whether a text mentions somebody who was erased."""
    for text in texts:
        words = normalise(text).split()
        if any(person.is_in(text, words) for person in people):
            return True
    return False
