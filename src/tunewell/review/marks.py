"""What in an output should be looked up: items that its source does not bear out (E07), values out of date (E08)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from tunewell.metrics.checkable_items import tame
from tunewell.metrics.currency import CurrencyOptions, question_day
from tunewell.metrics.fact_check import statements
from tunewell.metrics.facts import Facts, read_facts
from tunewell.metrics.support import check_support
from tunewell.people.work import Mark
from tunewell.task import TaskFile
from tunewell.types import Example

MOST_LOOKED_AT = 8_000
"""Characters of an output that are looked at; its reader sees where the marks end."""
MOST_GIVEN = 200_000

Marker = Callable[[str, Example], tuple[Mark, ...]]


def marker(file: TaskFile) -> Marker:
    """A function that marks outputs by the project's language and, where it measures ``currency``, by its facts."""
    found = next(
        (m for m in file.spec.metrics if str(m.options.get("metric", m.name)) == "currency"), None
    )
    facts, date = Facts(), ""
    if found is not None:
        options = CurrencyOptions.model_validate(
            {k: v for k, v in found.options.items() if k != "metric"}
        )
        facts, date = read_facts(file.root / options.facts), options.date
    language = file.spec.task.language

    def mark(output: str, example: Example) -> tuple[Mark, ...]:
        return marks(output, example, language=language, facts=facts, date=date)

    return mark


def marks(
    output: str,
    example: Example,
    *,
    language: str = "en",
    facts: Facts | None = None,
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
        >>> row = Example(id="1", messages=(Message(role="user", content="My bill says 84.20 EUR."),))
        >>> [(m.start, m.end, m.kind) for m in marks("You pay 48.20 EUR.", row)]
        [(8, 13, 'unsupported')]
    """
    output = tame(output[:MOST_LOOKED_AT])
    places = _places(output)
    if places is None:
        return ()
    given = tame("\n".join(m.content for m in example.prompt)[:MOST_GIVEN])
    out = [
        Mark(
            start=places[i.start][0],
            end=places[i.end - 1][1],
            kind="unsupported",
            why=f"this {i.kind} is not in the input",
        )
        for i in check_support(output, given, language=language)
        if not i.supported
    ]
    day = question_day(example, date)
    if facts is not None and facts.facts and day is not None:
        normal = unicodedata.normalize("NFC", output)
        for s in statements(normal, facts, day=day, question=example.input, language=language):
            if s.standing in ("outdated", "early", "wrong"):
                start = (
                    s.start + len(normal[s.start : s.end]) - len(normal[s.start : s.end].lstrip())
                )
                why = f"{s.entity}, {s.attribute}: {s.said} is {s.standing}, {s.expected or 'nothing'} holds on {day}"
                out.append(
                    Mark(start=places[start][0], end=places[s.end - 1][1], kind=s.standing, why=why)
                )
    return tuple(sorted(out, key=lambda m: (m.start, m.end)))


def _places(text: str) -> list[tuple[int, int]] | None:
    """Where in ``text`` each character of its NFC form begins and ends.

    None where it cannot be followed.
    """
    if unicodedata.is_normalized("NFC", text):
        return [(at, at + 1) for at in range(len(text))]
    places: list[tuple[int, int]] = []
    pieces: list[str] = []
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or unicodedata.combining(text[end]) == 0:
            piece = unicodedata.normalize("NFC", text[start:end])
            places += [(start, end)] * len(piece)
            pieces.append(piece)
            start = end
    whole = "".join(pieces) == unicodedata.normalize("NFC", text)
    return places if whole else None
