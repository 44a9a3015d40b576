"""From tokens that a model has labelled to names and postal addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunewell.checks.personal.spans import PersonalSpan, first_of_overlapping

_NAME = frozenset({"GIVEN_NAME", "SURNAME"})
_STREET = frozenset({"BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS"})
_PLACE = frozenset({"CITY", "STATE", "ZIP_CODE"})
_BETWEEN_LINES = re.compile(r"[\s,;.>|?-]{0,12}(?:[A-ZÀ-Þ][^\W\d_]+\s){0,3}?")
"""What may stand between parts of one address.

Line breaks with quote marks, a town or country that has no label.
"""
_BETWEEN_NAMES = re.compile(r"[ -]?(?:[^\W\d_]\.? )?")
"""What may stand between the names of one person: an initial."""
_FAMILY = re.compile(r"(?: [^\W\d_]\.?)? [A-ZÀ-Þ][^\W\d_]+(?:-[A-ZÀ-Þ][^\W\d_]+)?\b")
_BEFORE_CODE = frozenset("@_#$")
_AFTER_CODE = frozenset("(_=[")
"""Signs beside a decorator, a class or a variable, not beside a person."""
_LETTER = re.compile(r"[^\W\d_]")
_INITIAL = re.compile(r" [A-ZÀ-Þ]\.? ")


@dataclass(frozen=True)
class LabelledToken:
    """A token, its place in the text and the model's label for it."""

    start: int
    end: int
    label: str


Run = Sequence[LabelledToken]


def spans_of_tokens(text: str, tokens: Sequence[LabelledToken]) -> list[PersonalSpan]:
    """Tokens to whole words, neighbours to one name or one address.

    Args:
        text: What was labelled.
        tokens: In any order; those of overlapping windows may be given twice.
    """
    tokens = sorted(tokens, key=lambda token: (token.start, token.end))
    return first_of_overlapping([*_addresses(text, tokens), *_names(text, tokens)])


def _addresses(text: str, tokens: Run) -> Iterator[PersonalSpan]:
    for run in _joined(text, tokens, _STREET | _PLACE, _BETWEEN_LINES):
        if _has_street(run):
            yield PersonalSpan(*_whole_words(text, run), "address")


def _names(text: str, tokens: Run) -> Iterator[PersonalSpan]:
    for run in _joined(text, tokens, _NAME, _BETWEEN_NAMES):
        start, end = _person(text, *_whole_words(text, run))
        is_code = text[start - 1 : start] in _BEFORE_CODE or text[end : end + 1] in _AFTER_CODE
        if start < end and not (start and is_code):
            yield PersonalSpan(start, end, "name")


def _has_street(run: Run) -> bool:
    """Whether more than a town or a number was found: those alone are no address."""
    labels = {token.label for token in run}
    return bool(labels & _STREET - {"BUILDING_NUMBER"})


def _joined(
    text: str, tokens: Run, labels: frozenset[str], between: re.Pattern[str]
) -> list[list[LabelledToken]]:
    """Tokens with one of the labels and nothing but ``between`` between them, together."""
    runs: list[list[LabelledToken]] = []
    for token in tokens:
        if token.label not in labels:
            continue
        if runs and _follows(text, runs[-1][-1], token, between):
            runs[-1].append(token)
        else:
            runs.append([token])
    return runs


def _follows(
    text: str, before: LabelledToken, token: LabelledToken, between: re.Pattern[str]
) -> bool:
    if token.start <= before.end:
        return True
    return between.fullmatch(text, before.end, token.start) is not None


def _whole_words(text: str, run: Run) -> tuple[int, int]:
    start = run[0].start
    end = max(token.end for token in run)
    while start > 0 and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    return start, end


def _person(text: str, start: int, end: int) -> tuple[int, int]:
    """Where a name really begins and ends; nothing if it has no letters.

    The family name behind an initial belongs to it, the small words that follow a name written
    large do not.
    """
    family = _FAMILY.match(text, end)
    if family and _INITIAL.match(text, end):
        end = family.end()

    words = text[start:end].split(" ")
    if words[0][:1].isupper():
        while words[-1].islower():
            words.pop()
    name = " ".join(words)
    length = len(name) if _LETTER.search(name) else 0
    return start, start + length
