"""Where personal data stands in a text, and which of several overlapping finds counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PersonalSpan:
    """Personal data in a text: ``text[start:end]`` is of this type."""

    start: int
    end: int
    type: str

    def of(self, text: str) -> str:
        """The personal data itself."""
        return text[self.start : self.end]

    def overlaps(self, other: PersonalSpan) -> bool:
        """Whether the two share a character."""
        return self.start < other.end and other.start < self.end


def first_of_overlapping(spans: Iterable[PersonalSpan]) -> list[PersonalSpan]:
    """The spans in order of the text; of those that overlap, the one that was given first.

    Example:
        >>> card, phone = PersonalSpan(4, 20, "card"), PersonalSpan(9, 20, "phone")
        >>> first_of_overlapping([card, phone, PersonalSpan(0, 3, "name")])
        [PersonalSpan(start=0, end=3, type='name'), PersonalSpan(start=4, end=20, type='card')]
    """
    kept: list[PersonalSpan] = []
    for span in spans:
        if not any(map(span.overlaps, kept)):
            kept.append(span)
    return sorted(kept, key=lambda span: span.start)
