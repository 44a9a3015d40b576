"""Rows that state what the facts file says no longer holds (D06).

A row is stale when a value in its answer was right before and no longer is (see
`tunewell.metrics.currency`).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence

from tunewell.curate.rows import InputRow
from tunewell.curate.statements import Superseded, sentences, speaks_of_the_past
from tunewell.metrics.currency import statements
from tunewell.metrics.facts import Fact, Facts

_LETTERS_AND_DIGITS = re.compile(r"(?=\S*\d)(?=\S*[^\W\d_])[\w./-]{2,}")


def against_facts(
    rows: Sequence[InputRow],
    facts: Facts,
    *,
    today: dt.date,
    language: str = "en",
) -> Iterator[Superseded]:
    """Rows whose answer states a value that was right before ``today`` and is not today."""
    names = [name for fact in facts.facts for name in _names_of(fact)]
    ended_codes = [fact for fact in facts.facts if _is_ended_code(fact, today)]
    for row in rows:
        whole = row.whole.casefold()
        if not _mentions(whole, names) or speaks_of_the_past(row.input):
            continue
        found = _old_code(row, whole, ended_codes, facts, today)
        found = found or _old_value(row, facts, today, language)
        if found is not None:
            yield found


def _names_of(fact: Fact) -> list[str]:
    return [name.casefold() for name in (fact.entity, *fact.also)]


def _mentions(text: str, names: Sequence[str]) -> bool:
    return any(name in text for name in names)


def _old_value(
    row: InputRow,
    facts: Facts,
    today: dt.date,
    language: str,
) -> Superseded | None:
    """A value that a sentence of the answer states and that is outdated."""
    stated = statements(row.target, facts, day=today, question=row.input, language=language)
    for said in stated:
        sentence = row.target[said.start : said.end]
        if said.standing == "outdated" and not speaks_of_the_past(sentence):
            about = f"{said.entity}, {said.attribute}"
            return Superseded(row, said.said, said.expected, about)
    return None


def _is_ended_code(fact: Fact, today: dt.date) -> bool:
    return fact.end is not None and fact.end < today and _is_code(fact.value)


def _old_code(
    row: InputRow,
    whole: str,
    ended_codes: Sequence[Fact],
    facts: Facts,
    today: dt.date,
) -> Superseded | None:
    """A code (``K-17``) or a name that no longer stands for something, in a row about it."""
    for fact in ended_codes:
        if fact.value not in row.target or not _mentions(whole, _names_of(fact)):
            continue
        holding = facts.topics[fact.entity, fact.attribute]
        now = [other.value for other in holding if other.holds(today)]
        if fact.value not in now and _states(row.target, fact.value):
            about = f"{fact.entity}, {fact.attribute}"
            return Superseded(row, fact.value, " / ".join(now), about)
    return None


def _states(text: str, code: str) -> bool:
    """Whether a sentence has the code as a word, and does not speak of the past."""
    stating = re.compile(rf"(?<![\w-]){re.escape(code)}(?![\w-])")
    said = [sentence for sentence in sentences(text) if stating.search(sentence)]
    return not all(map(speaks_of_the_past, said))


def _is_code(value: str) -> bool:
    """Letters and digits in one word, or several words.

    No value with a unit, nothing that any sentence may hold.
    """
    has_digit = any(character.isdigit() for character in value)
    if len(value.split()) > 1:
        return not has_digit
    return _LETTERS_AND_DIGITS.fullmatch(value) is not None and not value[0].isdigit()
