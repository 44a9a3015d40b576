"""Currency (E08): values in an answer against the project's facts at the question's date.

And decisions.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Literal

from tunewell.metrics.base import Marked
from tunewell.metrics.facts import DecisionTable, Fact, Facts
from tunewell.metrics.normalise import NUMBER, canonical_number, dates_in, normalise
from tunewell.task import TaskSpec
from tunewell.types import Example, Unscored, Value

Standing = Literal["right", "outdated", "early", "wrong", "unlisted"]
_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?](?=\S)[^.!?\n]*)*[.!?\n]?")
_UNIT = re.compile(r"(?<![\w.])(-?\d+(?:\.\d+)?)(?![\w.]*\d)\s*(%|[^\W\d_]+)?")
_SMALL = frozenset("a an the of per for in on at to and or is are be with by".split())
_CENTS = frozenset({"ct", "cent", "cents", "c"})


class Statement(Value):
    """A value in an answer, held against the facts.

    Attributes:
        start: First character of the sentence that states it.
        end: One past its last.
        entity: What it is about.
        attribute: Which property.
        said: The value as normalised.
        standing: ``right`` at the date; ``outdated`` = right before it; ``early`` = right after it;
            ``wrong`` = never; ``unlisted`` = the facts know the entity but no such property.
        expected: What is right at the date; empty where unlisted or nothing holds then.
    """

    start: int
    end: int
    entity: str
    attribute: str
    said: str
    standing: Standing
    expected: str = ""


def statements(
    answer: str, facts: Facts, *, day: dt.date, question: str = "", language: str = "en"
) -> list[Statement]:
    """Every value that an answer states of something the facts know.

    A sentence speaks of the entity that it names, else of the one named last before, else of the
    only one that the question names; and of the attribute whose words it (else the question) holds.
    Values of another unit are not its.

    Args:
        answer: What the model said.
        facts: The project's.
        day: The question's date.
        question: What was asked.
        language: ISO 639-1.

    Example:
        >>> rows = [{"entity": "Green tariff", "attribute": "price per kWh", "value": v, "from": f, "to": t}
        ...         for v, f, t in (("31.2 ct", "2025-01-01", "2025-12-31"), ("29.8 ct", "2026-01-01", None))]
        >>> facts = Facts.model_validate({"facts": rows})
        >>> answer = "The Green tariff costs 31.2 ct per kWh."
        >>> found = statements(answer, facts, day=dt.date(2026, 3, 1), question="price?")
        >>> [(s.said, s.standing, s.expected) for s in found]
        [('31.2 ct', 'outdated', '29.8 ct')]
    """
    reader = _Reader(facts, day, language)
    asked = reader.entities(question)
    entity = asked[0] if len(asked) == 1 else ""
    out: list[Statement] = []
    for match in _SENTENCE.finditer(answer):
        if not match.group().strip():
            continue
        named = reader.entities(match.group())
        entity = named[-1] if named else entity
        for about in named or ([entity] if entity else []):
            out += reader.read(match, about, question)
    return out


class _Reader:
    """Facts prepared for looking things up."""

    def __init__(self, facts: Facts, day: dt.date, language: str) -> None:
        self._facts, self._day, self._language = facts, day, language
        self._names: dict[str, list[str]] = {}
        for fact in facts.facts:
            names = self._names.setdefault(fact.entity, [normalise(fact.entity, language)])
            names += [n for n in (normalise(a, language) for a in fact.also) if n not in names]

    def entities(self, text: str) -> list[str]:
        """The entities that a text names, in the order in which they are named last."""
        normal = f" {normalise(text, self._language)} "
        at = {e: max(normal.rfind(f" {n} ") for n in names) for e, names in self._names.items()}
        return [e for e, place in sorted(at.items(), key=lambda x: x[1]) if place >= 0]

    def read(self, match: re.Match[str], entity: str, question: str) -> list[Statement]:
        """The values of a sentence that are of this entity."""
        values = _values(match.group(), self._language)
        if not values:
            return []
        own = [(a, v) for (e, a), v in self._facts.topics.items() if e == entity]
        here = [t for t in own if self._speaks_of(match.group(), t[1])]
        there = [t for t in own if self._speaks_of(question, t[1])]
        out = []
        for value in values:
            topics = [
                t for t in here or there if _unit(t[1][0].value, self._language) == _unit_of(value)
            ]
            topics = topics or [
                t for t in own if any(_same(f.value, value, self._language) for f in t[1])
            ]
            if not topics:
                out.append(self._statement(match, entity, "", value, "unlisted", ""))
                continue
            # Of several that fit, the value is taken for the one that makes it right: doubt is no
            # evidence of a fault.
            judged = [self._judge(match, entity, a, versions, value) for a, versions in topics]
            out.append(
                min(
                    judged,
                    key=lambda s: ("right", "early", "outdated", "wrong", "unlisted").index(
                        s.standing
                    ),
                )
            )
        return out

    def _speaks_of(self, text: str, versions: tuple[Fact, ...]) -> bool:
        words = set(normalise(text, self._language).split())
        stems = {_stem(w) for w in words}
        for name in {versions[0].attribute, *(c for f in versions for c in f.called)}:
            wanted = [w for w in normalise(name, self._language).split() if w not in _SMALL]
            hits = sum(_stem(w) in stems for w in wanted)
            if wanted and hits * 2 >= len(wanted) and hits:
                return True
        return False

    def _judge(
        self,
        match: re.Match[str],
        entity: str,
        attribute: str,
        versions: tuple[Fact, ...],
        value: str,
    ) -> Statement:
        expected = next((f.value for f in versions if f.holds(self._day)), "")
        same = [f for f in versions if _same(f.value, value, self._language)]
        standing: Standing = "wrong"
        if any(f.holds(self._day) for f in same):
            standing = "right"
        elif any(f.end is not None and f.end < self._day for f in same):
            standing = "outdated"
        elif same:
            standing = "early"
        return self._statement(match, entity, attribute, value, standing, expected)

    def _statement(
        self,
        match: re.Match[str],
        entity: str,
        attribute: str,
        said: str,
        standing: Standing,
        expected: str,
    ) -> Statement:
        return Statement(
            start=match.start(),
            end=match.end(),
            entity=entity,
            attribute=attribute,
            said=said,
            standing=standing,
            expected=expected,
        )


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def _values(text: str, language: str) -> list[str]:
    """Numbers with their units and dates of a text, normalised."""
    normal = normalise(text, language)
    days = [iso for *_, iso in dates_in(normal)]
    rest = re.sub(r"\d{4}-\d\d-\d\d", " ", normal)
    return days + [" ".join(filter(None, m.groups())) for m in _UNIT.finditer(rest)]


def _unit_of(value: str) -> str:
    """The unit of a normalised value: ``date``, a word, or empty."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return "date"
    unit = value.split(" ")[1] if " " in value else ("%" if value.endswith("%") else "")
    return "ct" if unit in _CENTS else ("" if unit in _SMALL else _stem(unit))


def _unit(value: str, language: str) -> str:
    found = _values(value, language)
    return _unit_of(found[0]) if found else ""


def _same(listed: str, said: str, language: str) -> bool:
    found = _values(listed, language)
    if not found:
        return normalise(listed, language) == said
    number = said.split(" ")[0].rstrip("%")
    match = NUMBER.fullmatch(found[0].split(" ")[0].rstrip("%"))
    if _unit_of(said) != _unit_of(found[0]) or match is None:
        return found[0] == said
    return canonical_number(match.group()) == number


def question_day(example: Example, field: str) -> dt.date | None:
    """The date of a question: a field of the row, else the row's own date."""
    if field:
        try:
            return dt.date.fromisoformat(example.field(field)[:10])
        except ValueError:
            return None
    return example.date


def make_currency(facts: Facts, field: str) -> Callable[..., Marked | Unscored]:
    """A metric function: the share of the listed values in an answer that are right at the question's date.

    Args:
        facts: The project's.
        field: Field of the row with the question's date; the row's own date if empty.
    """

    def currency(output: str, example: Example, *, task: TaskSpec) -> Marked | Unscored:
        day = question_day(example, field)
        if day is None:
            return Unscored(reason="the question has no date")
        found = statements(
            output, facts, day=day, question=example.input, language=task.task.language
        )
        listed = [s for s in found if s.standing != "unlisted"]
        if not listed:
            return Marked(value=1.0, reason="no listed value is stated")
        bad = [s for s in listed if s.standing != "right"]
        spans: tuple[Mapping[str, str | int], ...] = tuple(
            {"start": s.start, "end": s.end, "type": s.standing, "text": s.said} for s in bad
        )
        said = "; ".join(
            f"{s.entity}, {s.attribute}: {s.said} is {s.standing}, {s.expected or 'nothing'} holds on {day}"
            for s in bad
        )
        return Marked(value=1 - len(bad) / len(listed), reason=said, spans=spans)

    return currency


def dated(field: str) -> Callable[[Example], str]:
    """Why a row cannot be measured: its question has no date."""

    def applies(example: Example) -> str:
        return "" if question_day(example, field) else "the question has no date"

    return applies


def make_decision(tables: Mapping[str, DecisionTable]) -> Callable[..., Marked | Unscored]:
    """A metric function: 1 if the answer gives the outcome that the row's decision table gives, and no other.

    A row names its table in ``tags.decision`` and its inputs in tags of their own names.
    """

    def decision(output: str, example: Example, *, task: TaskSpec) -> Marked | Unscored:
        table = tables.get(example.field("decision"))
        if table is None:
            return Unscored(reason="the row names no decision table")
        wanted = table.decide(example.tags)
        if not wanted:
            return Unscored(reason=f"{table.name}: no rule decides this case")
        normal = f" {normalise(output, task.task.language)} "
        outcomes = {o: normalise(o, task.task.language) for o in table.outcomes}
        # The longest first, each taken out of the text: "not entitled" is no "entitled".
        said = []
        for outcome, words in sorted(outcomes.items(), key=lambda x: -len(x[1])):
            if f" {words} " in normal:
                said.append(outcome)
                normal = normal.replace(f" {words} ", " ¦ ")
        good = said == [wanted]
        shown = " and ".join(said) or "no outcome"
        return Marked(
            value=float(good), reason="" if good else f"{table.name}: {shown} instead of {wanted}"
        )

    return decision


def decided(tables: Mapping[str, DecisionTable]) -> Callable[[Example], str]:
    """Why a row cannot be measured: it names no decision table."""

    def applies(example: Example) -> str:
        return "" if example.field("decision") in tables else "the row names no decision table"

    return applies
