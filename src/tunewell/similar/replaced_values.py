"""Values in texts that newer texts have replaced (D06).

Sentences that say the same but for their numbers and codes are held against each other over time:
where one value follows another without ever standing beside it, and that is not how chance would
order them, the older value is superseded. Values that stand side by side (amounts, meter readings)
are instances, not facts.
"""

from __future__ import annotations

import datetime as dt
import re
import statistics
from collections.abc import (
    Iterable,
    Iterator,
    Sequence,
)
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from tunewell.similar.sentences import sentences, speaks_of_the_past
from tunewell.similar.union_find import families_of
from tunewell.stats.order import chance_of_order

CHANCE = 0.005
"""A change of value counts when the rows would fall so by chance at most this often."""

_VALUE = re.compile(r"\b(?:[A-Z]{1,3}-?\d+[\w-]*|\d[\d.,:/-]*\d|\d)\b")
_WORD = re.compile(r"[^\W\d_]{2,}")
_FEWEST_WORDS = 4
_FEWEST_ROWS = 5
_MOST_VALUES = 12
_MOST_IN_SENTENCE = 4
_LONGEST_SENTENCE = 400
_MOST_SENTENCES = 40

_ASTRAY = 0.15
"""Share of the rows of a sentence that may be out of order.

Somebody still says the old value, or the date is wrong.
"""


@dataclass(frozen=True, slots=True)
class DatedText:
    """A text that says how something is on a day.

    Attributes:
        id: Of its row.
        date: The day.
        text: What it says.
    """

    id: str
    date: dt.date
    text: str


@dataclass(frozen=True, slots=True)
class ReplacedValue:
    """A value that newer texts no longer give.

    Attributes:
        row: Id of the row that gives it.
        said: The value.
        now: The value that newer texts give.
        about: The sentence with ``#`` for its values.
        newer: Id of the newest row that gives the value of now.
    """

    row: str
    said: str
    now: str
    about: str
    newer: str


Said = tuple[dt.date, str, str]
"""Date, value and id of the row."""


@dataclass
class _Topic:
    """Everything said in one sentence form."""

    form: str
    said: list[Said] = field(default_factory=list)

    @property
    def days(self) -> dict[str, list[int]]:
        """The days of each value, by their ordinal numbers."""
        days: dict[str, list[int]] = {}
        for day, value, _ in self.said:
            days.setdefault(value, []).append(day.toordinal())
        return days

    @property
    def values(self) -> list[str]:
        """The values said, each once, sorted."""
        return sorted({value for _, value, _ in self.said})


def replaced_values(texts: Iterable[DatedText]) -> Iterator[ReplacedValue]:
    """Values that newer texts, in the same sentence, have replaced throughout.

    Example:
        >>> def text(i, year, price):
        ...     said = f"A kilowatt hour of the green tariff costs {price} cents."
        ...     return DatedText(f"r{i}", dt.date(year, 1, 1 + i), said)
        >>> texts = [text(i, 2020, 31) for i in range(6)]
        >>> texts += [text(i, 2021, 29) for i in range(6, 12)]
        >>> sorted(found.row for found in replaced_values(texts))
        ['r0', 'r1', 'r2', 'r3', 'r4', 'r5']
    """
    topics: dict[str, _Topic] = {}
    for text in texts:
        for form, value in _stated(text.text):
            topic = topics.setdefault(form, _Topic(form))
            topic.said.append((text.date, value, text.id))

    changing = [topic for topic in topics.values() if len(topic.values) > 1]
    for topic in _pooled(changing):
        if len(topic.said) >= _FEWEST_ROWS:
            yield from _history(topic)


def _pooled(topics: Sequence[_Topic]) -> list[_Topic]:
    """Topics that give the same two values count together: the same fact in other words."""
    first: dict[tuple[str, str], int] = {}
    links = []
    for i, topic in enumerate(topics):
        for one, other in combinations(topic.values[:_MOST_VALUES], 2):
            links.append((first.setdefault((one, other), i), i))
    groups = families_of(links, len(topics))

    together = {i for group in groups for i in group}
    pooled = [topic for i, topic in enumerate(topics) if i not in together]
    for group in groups:
        said: dict[str, Said] = {}
        for i in group:
            said.update((row, (day, value, row)) for day, value, row in topics[i].said)
        pooled.append(_Topic(topics[group[0]].form, list(said.values())))
    return pooled


def _stated(text: str) -> Iterator[tuple[str, str]]:
    """Form (values as ``#``) and values of every sentence that has values and enough words."""
    for count, untrimmed in enumerate(sentences(text)):
        if count > _MOST_SENTENCES:
            return
        sentence = untrimmed.strip()
        values = _VALUE.findall(sentence)
        if not 1 <= len(values) <= _MOST_IN_SENTENCE or len(sentence) >= _LONGEST_SENTENCE:
            continue
        if speaks_of_the_past(sentence):
            continue
        form = " ".join(_VALUE.sub("#", sentence).casefold().split()).rstrip(".!?")
        if len(_WORD.findall(form)) >= _FEWEST_WORDS:
            yield form, " · ".join(values)


def _history(topic: _Topic) -> Iterator[ReplacedValue]:
    """Older values, if the values follow each other and chance would not order the rows so."""
    days = topic.days
    order = sorted(days, key=lambda value: (statistics.median(days[value]), value))
    astray = sum(_misplaced(days[old], days[new]) for old, new in pairwise(order))
    if astray > _ASTRAY * len(topic.said):
        return
    if chance_of_order(list(map(len, days.values())), astray) > CHANCE:
        return

    current = order[-1]
    _, newest = max((day, row) for day, value, row in topic.said if value == current)
    for _, value, row in topic.said:
        if value != current:
            yield ReplacedValue(
                row=row,
                said=value,
                now=current,
                about=topic.form,
                newer=newest,
            )


def _misplaced(old: list[int], new: list[int]) -> int:
    """Fewest rows on the wrong side of any day that parts an older value from a newer one.

    Example:
        >>> _misplaced([1, 2, 3, 9], [5, 6, 7])
        1
    """
    cuts = {*old, *new, max(new) + 1}
    wrong = []
    for cut in cuts:
        too_late = sum(day >= cut for day in old)
        too_early = sum(day < cut for day in new)
        wrong.append(too_late + too_early)
    return min(wrong)
