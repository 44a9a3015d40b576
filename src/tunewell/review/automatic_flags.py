"""What in an output a reader should look up: items its source does not support, outdated values.

The first are pitfall E07, the second E08.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tunewell.metrics.base import input_text
from tunewell.metrics.checkable_items import tame
from tunewell.metrics.currency import CurrencyOptions, question_day
from tunewell.metrics.fact_check import Statement, statements
from tunewell.metrics.facts import Facts, read_facts
from tunewell.metrics.support import check_support
from tunewell.people.work import Mark
from tunewell.task import MetricSpec, TaskFile
from tunewell.types import Example

MOST_LOOKED_AT = 8_000
"""Characters of an output that are looked at; its reader sees where the marks end."""

MOST_GIVEN = 200_000
"""Characters of the source that are looked at."""

NO_FACTS = Facts()

FLAGGED_STANDINGS = ("outdated", "early", "wrong")

Marker = Callable[[str, Example], tuple[Mark, ...]]

Place = tuple[int, int]
"""Where a character begins and ends."""


@dataclass(frozen=True)
class KnownFacts:
    """What the project knows to hold when.

    Attributes:
        facts: Values with their dates.
        date: Field of the row with the question's date; the row's own date if empty.
    """

    facts: Facts
    date: str = ""


def marker(file: TaskFile) -> Marker:
    """A function that marks outputs by the project's language and, where it has them, its facts.

    The facts are those of the metric ``currency``.
    """
    known = _known_facts(file)
    language = file.spec.task.language

    def mark(output: str, example: Example) -> tuple[Mark, ...]:
        return marks(
            output,
            example,
            language=language,
            facts=known.facts,
            date=known.date,
        )

    return mark


def _known_facts(file: TaskFile) -> KnownFacts:
    for metric in file.spec.metrics:
        if metric.options.get("metric", metric.name) == "currency":
            options = _currency_options(metric)
            return KnownFacts(read_facts(file.root / options.facts), options.date)
    return KnownFacts(NO_FACTS)


def _currency_options(metric: MetricSpec) -> CurrencyOptions:
    given = dict(metric.options)
    given.pop("metric", None)
    return CurrencyOptions.model_validate(given)


def marks(
    output: str,
    example: Example,
    *,
    language: str = "en",
    facts: Facts = NO_FACTS,
    date: str = "",
) -> tuple[Mark, ...]:
    """Marks of an output in characters of the output itself, in order.

    Args:
        output: What the model said.
        example: What it answers.
        language: ISO 639-1.
        facts: The project's, if it has any.
        date: Field of the row with the question's date; the row's own date if empty.

    Example:
        >>> from tunewell.types import Message
        >>> asked = Message(role="user", content="My bill says 84.20 EUR.")
        >>> row = Example(id="1", messages=(asked,))
        >>> [(m.start, m.end, m.kind) for m in marks("You pay 48.20 EUR.", row)]
        [(8, 13, 'unsupported')]
    """
    output = tame(output[:MOST_LOOKED_AT])
    places = _places(output)
    if places is None:
        return ()

    found = list(_unsupported(output, example, language))
    if facts.facts:
        found += _not_current(output, example, language, KnownFacts(facts, date))
    in_output = [_moved(mark, places) for mark in found]
    return tuple(sorted(in_output, key=lambda m: (m.start, m.end)))


def _unsupported(
    output: str,
    example: Example,
    language: str,
) -> Iterator[Mark]:
    """What the source does not support, in characters of the output's NFC form."""
    given = tame(input_text(example)[:MOST_GIVEN])
    for item in check_support(output, given, language=language):
        if not item.supported:
            yield Mark(
                start=item.start,
                end=item.end,
                kind="unsupported",
                why=f"this {item.kind} is not in the input",
            )


def _not_current(
    output: str,
    example: Example,
    language: str,
    known: KnownFacts,
) -> Iterator[Mark]:
    """What does not hold at the question's date, in characters of the output's NFC form."""
    day = question_day(example, known.date)
    if day is None:
        return
    normal = unicodedata.normalize("NFC", output)
    for statement in statements(
        normal,
        known.facts,
        day=day,
        question=example.input,
        language=language,
    ):
        if statement.standing not in FLAGGED_STANDINGS:
            continue
        valid = statement.expected or "nothing"
        yield Mark(
            start=_first_letter(normal, statement),
            end=statement.end,
            kind=statement.standing,
            why=f"{statement.entity}, {statement.attribute}: {statement.said} is "
            f"{statement.standing}; {valid} is valid on {day}",
        )


def _first_letter(text: str, statement: Statement) -> int:
    sentence = text[statement.start : statement.end]
    return statement.start + len(sentence) - len(sentence.lstrip())


def _moved(mark: Mark, places: list[Place]) -> Mark:
    """The mark in characters of the text whose NFC form it was found in."""
    begin, _ = places[mark.start]
    _, end = places[mark.end - 1]
    return mark.model_copy(update={"start": begin, "end": end})


def _places(text: str) -> list[Place] | None:
    """Where in ``text`` each character of its NFC form begins and ends.

    None where it cannot be followed.
    """
    normal = unicodedata.normalize("NFC", text)
    if normal == text:
        return [(at, at + 1) for at in range(len(text))]

    places: list[Place] = []
    pieces: list[str] = []
    start = 0
    for end in range(1, len(text) + 1):
        goes_on = end < len(text) and unicodedata.combining(text[end]) != 0
        if goes_on:
            continue
        piece = unicodedata.normalize("NFC", text[start:end])
        places += [(start, end)] * len(piece)
        pieces.append(piece)
        start = end
    return places if "".join(pieces) == normal else None
