"""Values in an answer against the project's facts at the question's date."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from tunewell.metrics.facts import Fact, Facts
from tunewell.metrics.normalise import normalise
from tunewell.metrics.numbers import NUMBER, canonical_number
from tunewell.metrics.written_dates import dates_in
from tunewell.types import Value

Standing = Literal["right", "early", "outdated", "wrong", "unlisted"]
_MOST_FAVOURABLE_FIRST: tuple[Standing, ...] = (
    "right",
    "early",
    "outdated",
    "wrong",
    "unlisted",
)
_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?](?=\S)[^.!?\n]*)*[.!?\n]?")
_UNIT = re.compile(r"(?<![\w.])(-?\d+(?:\.\d+)?)(?![\w.]*\d)\s*(%|[^\W\d_]+)?")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_SMALL = frozenset("a an the of per for in on at to and or is are be with by".split())
_UNIT_NAMES = {
    **dict.fromkeys(("ct", "cent", "cents", "c"), "ct"),
    # "2 of": the word behind a number is no unit.
    **dict.fromkeys(_SMALL, ""),
}


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
    answer: str,
    facts: Facts,
    *,
    day: dt.date,
    question: str = "",
    language: str = "en",
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
        >>> price = {"entity": "Green tariff", "attribute": "price per kWh"}
        >>> old = price | {"value": "31.2 ct", "to": "2025-12-31"}
        >>> new = price | {"value": "29.8 ct", "from": "2026-01-01"}
        >>> facts = Facts.model_validate({"facts": [old, new]})
        >>> answer = "The Green tariff costs 31.2 ct per kWh."
        >>> found = statements(answer, facts, day=dt.date(2026, 3, 1), question="price?")
        >>> [(s.said, s.standing, s.expected) for s in found]
        [('31.2 ct', 'outdated', '29.8 ct')]
    """
    reader = _Reader(facts, day, language)
    asked = reader.entities(question)
    entity = asked[0] if len(asked) == 1 else ""
    found: list[Statement] = []
    for match in _SENTENCE.finditer(answer):
        if not match.group().strip():
            continue
        named = reader.entities(match.group())
        if named:
            entity = named[-1]
        elif entity:
            named = [entity]
        for about in named:
            found += reader.read(match, about, question)
    return found


@dataclass(frozen=True)
class _Quantity:
    """A number with its unit, or a date.

    Attributes:
        said: Both, as normalised.
        number: The number alone, or the date.
        unit: ``date``, a word, ``%`` or empty.
    """

    said: str
    number: str
    unit: str


def _quantities(text: str, language: str) -> list[_Quantity]:
    """Dates, then numbers with their units."""
    normal = normalise(text, language, by_value=True)
    found = [_Quantity(iso, iso, "date") for *_, iso in dates_in(normal)]
    for match in _UNIT.finditer(_ISO_DATE.sub(" ", normal)):
        number, word = match.groups(default="")
        unit = _UNIT_NAMES.get(word, _stem(word))
        found.append(_Quantity(f"{number} {word}".rstrip(), number, unit))
    return found


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


@dataclass(frozen=True)
class _Topic:
    """A property of an entity, with what it was, is and will be."""

    attribute: str
    versions: tuple[Fact, ...]

    def names(self) -> set[str]:
        """Every name of the property."""
        also = [name for fact in self.versions for name in fact.called]
        return {self.attribute, *also}


@dataclass(frozen=True)
class _Judged:
    """A value taken for one of an entity's properties."""

    attribute: str
    standing: Standing
    expected: str

    def rank(self) -> int:
        return _MOST_FAVOURABLE_FIRST.index(self.standing)


_UNLISTED = _Judged(attribute="", standing="unlisted", expected="")


class _Reader:
    """Facts prepared for looking things up."""

    def __init__(self, facts: Facts, day: dt.date, language: str) -> None:
        self._facts = facts
        self._day = day
        self._language = language

    @cached_property
    def _names(self) -> dict[str, set[str]]:
        """Entities to all their names, normalised."""
        names: dict[str, set[str]] = {}
        for fact in self._facts.facts:
            of_entity = names.setdefault(fact.entity, set())
            for name in (fact.entity, *fact.also):
                of_entity.add(self._normal(name))
        return names

    def _normal(self, text: str) -> str:
        return normalise(text, self._language, by_value=True)

    @cached_property
    def _telling(self) -> frozenset[str]:
        """A word of every name, one of which is in a text that names an entity.

        Empty where a name has no word that normalising leaves as it is.
        """
        found = set()
        for fact in self._facts.facts:
            for name in (fact.entity, *fact.also):
                kept = set(self._normal(name).split())
                words = [word for word in name.casefold().split() if word in kept]
                words = [word for word in words if word.isascii() and word.isalpha()]
                if not words:
                    return frozenset()
                found.add(max(words, key=len))
        return frozenset(found)

    def _may_name(self, text: str) -> bool:
        """Whether it pays to normalise a text; nothing but plain letters is told by this."""
        if not self._telling or not text.isascii():
            return True
        small = text.lower()
        return any(word in small for word in self._telling)

    def entities(self, text: str) -> list[str]:
        """The entities that a text names, in the order in which they are named last."""
        if not self._may_name(text):
            return []
        normal = f" {self._normal(text)} "
        places = {}
        for entity, names in self._names.items():
            place = max(normal.rfind(f" {name} ") for name in names)
            if place >= 0:
                places[entity] = place
        return sorted(places, key=places.__getitem__)

    def read(self, match: re.Match[str], entity: str, question: str) -> list[Statement]:
        """The values of a sentence that are of this entity."""
        sentence = match.group()
        quantities = _quantities(sentence, self._language)
        if not quantities:
            return []

        topics = self._topics(entity)
        spoken_of = self._spoken_of(sentence, topics) or self._spoken_of(question, topics)
        found = []
        for quantity in quantities:
            fitting = self._of_unit(quantity, spoken_of) or self._of_value(quantity, topics)
            best = self._most_favourable(quantity, fitting)
            found.append(
                Statement(
                    start=match.start(),
                    end=match.end(),
                    entity=entity,
                    attribute=best.attribute,
                    said=quantity.said,
                    standing=best.standing,
                    expected=best.expected,
                )
            )
        return found

    def _topics(self, entity: str) -> list[_Topic]:
        topics = []
        for (of, attribute), versions in self._facts.topics.items():
            if of == entity:
                topics.append(_Topic(attribute, versions))
        return topics

    def _speaks_of(self, text: str, topic: _Topic) -> bool:
        """Whether a text holds half of the words of one of the property's names."""
        said = set(self._stems(text))
        for name in topic.names():
            stems = self._stems(name)
            held = sum(stem in said for stem in stems)
            if held and held * 2 >= len(stems):
                return True
        return False

    def _stems(self, text: str) -> list[str]:
        """The stems of the words that say something."""
        words = self._normal(text).split()
        return [_stem(word) for word in words if word not in _SMALL]

    def _spoken_of(self, text: str, topics: list[_Topic]) -> list[_Topic]:
        return [topic for topic in topics if self._speaks_of(text, topic)]

    def _of_unit(self, quantity: _Quantity, topics: list[_Topic]) -> list[_Topic]:
        return [topic for topic in topics if self._unit(topic) == quantity.unit]

    def _of_value(self, quantity: _Quantity, topics: list[_Topic]) -> list[_Topic]:
        return [topic for topic in topics if self._ever(topic, quantity)]

    def _unit(self, topic: _Topic) -> str:
        listed = _quantities(topic.versions[0].value, self._language)
        return listed[0].unit if listed else ""

    def _ever(self, topic: _Topic, quantity: _Quantity) -> list[Fact]:
        """The facts that have this value, whenever they hold."""
        return [fact for fact in topic.versions if self._same(fact.value, quantity)]

    def _same(self, listed: str, quantity: _Quantity) -> bool:
        quantities = _quantities(listed, self._language)
        if not quantities:
            return self._normal(listed) == quantity.said

        known = quantities[0]
        number = NUMBER.fullmatch(known.number)
        if number is None or known.unit != quantity.unit:
            return known.said == quantity.said
        return canonical_number(number.group()) == quantity.number

    def _most_favourable(self, quantity: _Quantity, topics: list[_Topic]) -> _Judged:
        """The topic that makes the value most right.

        Of several topics that fit, none is known to be the one that was meant, and doubt is no
        evidence of a fault.
        """
        judged = [self._judge(topic, quantity) for topic in topics]
        return min(judged, key=_Judged.rank, default=_UNLISTED)

    def _judge(self, topic: _Topic, quantity: _Quantity) -> _Judged:
        return _Judged(
            attribute=topic.attribute,
            standing=self._standing(topic, quantity),
            expected=self._right(topic),
        )

    def _right(self, topic: _Topic) -> str:
        """What is right at the day; empty if nothing holds then."""
        for fact in topic.versions:
            if fact.holds(self._day):
                return fact.value
        return ""

    def _standing(self, topic: _Topic, quantity: _Quantity) -> Standing:
        same = self._ever(topic, quantity)
        if not same:
            return "wrong"
        if any(fact.holds(self._day) for fact in same):
            return "right"
        if any(fact.last_day < self._day for fact in same):
            return "outdated"
        return "early"
