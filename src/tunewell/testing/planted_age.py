"""Planted corpora for the age of rows.

Facts with a history, rows that state them, and what only looks stale.

The values of an entity's attribute follow each other in time. Rows are dated by field, by the HTML
page they stand on, by their text, or not at all.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tunewell.testing.planted import text, vocabulary

TODAY = dt.date(2026, 10, 31)
MAX_AGE_DAYS = 1_000

_SAYS: dict[str, tuple[Callable[[random.Random], str], tuple[str, ...]]] = {
    "price": (
        lambda d: f"{d.randint(20, 49)}.{d.randint(1, 9)} ct",
        (
            "The price of {e} is {v} per kWh.",
            "With {e} you pay a price of {v} for each kWh.",
            "Our price for {e} is {v} now.",
        ),
    ),
    "notice": (
        lambda d: f"{d.randint(2, 60)} days",
        (
            "The notice for {e} is {v} before the end.",
            "Please give notice of {v} if you leave {e}.",
            "{e} can be ended with a notice of {v}.",
        ),
    ),
    "form": (
        lambda d: f"{d.choice('BDFKMRT')}-{d.randint(10, 99)}",
        (
            "Please send the form {v} when you ask for {e}.",
            "For {e} the form {v} has to be filled in.",
            "We need the form {v} to change {e} for you.",
        ),
    ),
}
"""Attribute to its values and the sentences that state it."""


@dataclass(frozen=True)
class AgedRow:
    """A made row.

    Attributes:
        id: Of the row.
        asked: Input.
        answer: Target; for a page, its text.
        date: In the field, or empty.
        page: Whether it is an HTML page that states its date.
        kind: What was planted: ``old by field`` … for stale rows, ``current`` … for sound ones.
        stale: Whether it must be found.
        landmark: Whether the project spares it.
    """

    id: str
    asked: str
    answer: str
    date: str
    kind: str
    stale: bool
    page: bool = False
    landmark: bool = False


@dataclass
class Aged:
    """Rows and the facts file that knows what holds when."""

    rows: list[AgedRow] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class _Fact:
    entity: str
    attribute: str
    values: tuple[str, ...]
    since: tuple[dt.date, ...]


def aged(*, seed: int = 0, each: int = 60, topics: int = 24, late: float = 0.05) -> Aged:
    """Rows of every kind, ``each`` of them, over so many topics (an attribute of an entity).

    Args:
        seed: Of everything.
        each: Rows of every stale kind; of the sound kinds there are several times as many.
        topics: Facts with a history of three values.
        late: Share of the superseded rows that are dated after the change: somebody still said the
            old value.

    Example:
        >>> made = aged(each=5, topics=4)
        >>> sorted({row.kind for row in made.rows if row.stale})
        ['old by field', 'old by page', 'old by text', 'superseded', 'superseded, late']
    """
    draw = random.Random(seed)
    facts = [_fact(draw, i) for i in range(topics)]
    made = Aged(facts=[_listed(f, i) for f in facts for i in range(len(f.values))])
    made.rows = [*_stale(draw, facts, each, late), *_sound(draw, facts, each)]
    draw.shuffle(made.rows)
    return made


def _fact(draw: random.Random, i: int) -> _Fact:
    attribute = list(_SAYS)[i % len(_SAYS)]
    first = draw.choice(vocabulary()[3_000:]).capitalize()
    second = draw.choice(vocabulary()[9_000:]).capitalize()
    entity = f"{first} {second}"
    values: list[str] = []
    while len(values) < 3:
        value = _SAYS[attribute][0](draw)
        if value not in values:
            values.append(value)
    changed = _day(
        draw, 300, 500
    )  # within the age that is allowed, so that age alone does not find it
    return _Fact(
        entity, attribute, tuple(values), (dt.date(2015, 1, 1), dt.date(2023, 1, 1), changed)
    )


def _listed(fact: _Fact, i: int) -> dict[str, Any]:
    end = fact.since[i + 1] - dt.timedelta(days=1) if i + 1 < len(fact.since) else None
    return {
        "entity": fact.entity,
        "attribute": fact.attribute,
        "value": fact.values[i],
        "from": str(fact.since[i]),
        **({"to": str(end)} if end else {}),
    }


def _day(draw: random.Random, low: int, high: int) -> dt.date:
    """A day so many days before today."""
    return TODAY - dt.timedelta(days=draw.randint(low, high))


def _ask(draw: random.Random) -> str:
    return f"{text(draw, draw.randint(8, 20))} Can you tell me?"


def _say(draw: random.Random, fact: _Fact, value: str) -> str:
    sentence = draw.choice(_SAYS[fact.attribute][1]).format(e=fact.entity, v=value)
    return f"{text(draw, draw.randint(4, 12))} {sentence} {text(draw, draw.randint(4, 12))}"


def _stale(draw: random.Random, facts: list[_Fact], each: int, late: float) -> Iterator[AgedRow]:
    for i in range(each):
        old = _day(draw, MAX_AGE_DAYS + 2, 3_000)
        filler = text(draw, 40)
        yield AgedRow(f"field{i}", _ask(draw), filler, str(old), "old by field", True)
        yield AgedRow(f"page{i}", "", text(draw, 40), str(old), "old by page", True, page=True)
        ways = (
            f"As of {old:%d %B %Y}: ",
            f"Last updated: {old}. ",
            f"Published on {old:%B} {old.day}, {old.year}. ",
        )
        stated = draw.choice(ways)
        yield AgedRow(f"text{i}", _ask(draw), stated + text(draw, 30), "", "old by text", True)
    for i in range(each * 4):
        fact = facts[i % len(facts)]
        after = draw.random() < late
        ago = (TODAY - fact.since[2]).days
        day = _day(draw, 10, ago - 60) if after else _day(draw, ago + 1, MAX_AGE_DAYS - 5)
        kind = "superseded, late" if after or i == 0 else "superseded"
        yield AgedRow(
            f"superseded{i}", _ask(draw), _say(draw, fact, fact.values[1]), str(day), kind, True
        )


def _sound(draw: random.Random, facts: list[_Fact], each: int) -> Iterator[AgedRow]:
    for i in range(each * 8):
        fact = facts[i % len(facts)]
        day = _day(draw, 0, (TODAY - fact.since[2]).days)
        yield AgedRow(
            f"current{i}",
            _ask(draw),
            _say(draw, fact, fact.values[2]),
            str(day),
            "current fact",
            False,
        )
    for i in range(each * 8):
        yield AgedRow(
            f"filler{i}",
            _ask(draw),
            text(draw, 40),
            str(_day(draw, 0, MAX_AGE_DAYS)),
            "no fact",
            False,
        )
        bill, euros, days = draw.randint(1_000, 9_999), draw.randint(20, 300), draw.randint(3, 30)
        number = f"Your bill {bill} of {euros} euros is due in {days} days."
        yield AgedRow(
            f"bill{i}",
            _ask(draw),
            number,
            str(_day(draw, 0, MAX_AGE_DAYS)),
            "amounts and numbers",
            False,
        )
    for i in range(each * 2):
        fact = draw.choice(facts)
        stated = f"the {fact.attribute} of {fact.entity} was {fact.values[1]}"
        answer = f"Until {fact.since[2].year} {stated}. {text(draw, 8)}"
        yield AgedRow(
            f"past{i}", _ask(draw), answer, str(_day(draw, 0, 200)), "speaks of the past", False
        )
        yield AgedRow(f"undated{i}", _ask(draw), text(draw, 40), "", "undated", False)
        old = str(_day(draw, MAX_AGE_DAYS + 2, 3_000))
        yield AgedRow(
            f"landmark{i}", _ask(draw), text(draw, 40), old, "landmark", False, landmark=True
        )
