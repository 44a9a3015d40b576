"""Rows that state what the facts file says no longer holds (D06).

A row is stale when a value in its answer was right before and no longer is (see
`tunewell.metrics.fact_check`).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import (
    Iterable,
    Iterator,
    Sequence,
)
from dataclasses import dataclass
from itertools import chain, islice

from tunewell.curate.rows import InputRow
from tunewell.metrics.fact_check import statements
from tunewell.metrics.facts import Fact, Facts
from tunewell.similar.sentences import sentences, speaks_of_the_past

_LETTERS_AND_DIGITS = re.compile(r"(?=\S*\d)(?=\S*[^\W\d_])[\w./-]{2,}")


@dataclass(frozen=True, slots=True)
class Superseded:
    """Why a row is stale.

    Attributes:
        row: The row.
        said: What it states.
        now: What holds now.
        about: The fact, or the sentence with ``#`` for its values.
        newer: The newest row that states what holds now; empty where the facts file does.
    """

    row: InputRow
    said: str
    now: str
    about: str
    newer: str = ""


def against_facts(
    rows: Sequence[InputRow],
    facts: Facts,
    *,
    today: dt.date,
    language: str = "en",
) -> Iterator[Superseded]:
    """Rows whose answer states a value that was right before ``today`` and is not today.

    Args:
        rows: Those to look at.
        facts: What holds, and from when until when.
        today: The day that counts.
        language: Of the rows.
    """
    check = _FactCheck(facts, today, language)
    for row in rows:
        if not speaks_of_the_past(row.input):
            yield from check.first_fault(row)


class _FactCheck:
    """The facts on one day.

    Args:
        facts: What holds, and from when until when.
        today: The day that counts.
        language: Of the rows.
    """

    def __init__(
        self,
        facts: Facts,
        today: dt.date,
        language: str,
    ) -> None:
        self._facts = facts
        self._today = today
        self._language = language
        self._names: set[str] = set()
        self._ended_codes: list[Fact] = []
        for fact in facts.facts:
            self._names.update(_names_of(fact))
            if self._has_ended(fact) and _is_code(fact.value):
                self._ended_codes.append(fact)

    def _has_ended(self, fact: Fact) -> bool:
        return fact.end is not None and fact.end < self._today

    def first_fault(self, row: InputRow) -> Iterator[Superseded]:
        """What the row states that no longer holds, if anything: a code, else a value."""
        whole = row.whole.casefold()
        if not _mentions(whole, self._names):
            return
        faults = chain(self._old_codes(row, whole), self._old_values(row))
        yield from islice(faults, 1)

    def _old_values(self, row: InputRow) -> Iterator[Superseded]:
        """Values that sentences of the answer state and that are outdated."""
        stated = statements(
            row.target,
            self._facts,
            day=self._today,
            question=row.input,
            language=self._language,
        )
        for said in stated:
            sentence = row.target[said.start : said.end]
            if said.standing == "outdated" and not speaks_of_the_past(sentence):
                about = f"{said.entity}, {said.attribute}"
                yield Superseded(row, said.said, said.expected, about)

    def _old_codes(self, row: InputRow, whole: str) -> Iterator[Superseded]:
        """Codes (``K-17``) and names that no longer stand for something, in a row about it."""
        for fact in self._ended_codes:
            now = self._values_now(fact)
            if fact.value in now or not _states(row.target, fact.value):
                continue
            if _mentions(whole, _names_of(fact)):
                about = f"{fact.entity}, {fact.attribute}"
                yield Superseded(row, fact.value, " / ".join(now), about)

    def _values_now(self, fact: Fact) -> list[str]:
        """What holds instead of a fact that has ended."""
        same_topic = self._facts.topics[fact.entity, fact.attribute]
        return [other.value for other in same_topic if other.holds(self._today)]


def _names_of(fact: Fact) -> list[str]:
    return list(map(str.casefold, (fact.entity, *fact.also)))


def _mentions(text: str, names: Iterable[str]) -> bool:
    return any(name in text for name in names)


def _states(text: str, code: str) -> bool:
    """Whether a sentence has the code as a word, and does not speak of the past."""
    if code not in text:
        return False
    stating = re.compile(rf"(?<![\w-]){re.escape(code)}(?![\w-])")
    said = filter(stating.search, sentences(text))
    return not all(map(speaks_of_the_past, said))


def _is_code(value: str) -> bool:
    """Letters and digits in one word, or several words.

    No value with a unit, nothing that any sentence may hold.
    """
    if len(value.split()) > 1:
        return not any(map(str.isdigit, value))
    return _LETTERS_AND_DIGITS.fullmatch(value) is not None and not value[0].isdigit()
