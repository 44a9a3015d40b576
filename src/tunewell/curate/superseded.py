"""Rows that state a fact which the facts file or newer rows have superseded (pitfall D06).

Against the facts file a row is stale when a value in its answer was right before and no longer is
(see `tunewell.metrics.fact_check`). Without one, sentences that say the same but for their numbers
and codes are held against
each other over time: where one value follows another without ever standing beside it, and that is
not how chance would order them, the older value is superseded. Values that stand side by side
(amounts, meter readings) are instances, not facts. A sentence that speaks of the past, and says so,
is not stale.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from pathlib import Path

from tunewell.curate.rows import InputRow, Ledger
from tunewell.errors import UserError
from tunewell.metrics.fact_check import statements
from tunewell.metrics.facts import Facts, read_facts
from tunewell.similar import Links
from tunewell.task import TaskFile

CHANCE = 0.005
"""A change of value counts when the order of the rows would fall so by chance at most this often."""

REPORTED = "D06 reported"
"""Under this name the ledger notes the rows that are still in the data."""

_PAST = re.compile(
    r"(?i)\b(?:was|were|had been|used to|until|till|formerly|previously|former|earlier|at (?:that|the) time|"
    r"back then|in (?:19|20)\d\d|war|waren|bis|damals|früher|vorher|im jahr)\b"
)
_VALUE = re.compile(r"\b(?:[A-Z]{1,3}-?\d+[\w-]*|\d[\d.,:/-]*\d|\d)\b")
_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?](?=\S)[^.!?\n]*)*[.!?\n]?")
_WORD = re.compile(r"[^\W\d_]{2,}")
_FEWEST_WORDS = 4
_FEWEST_ROWS = 5
_MOST_VALUES = 12
_ASTRAY = 0.15
"""Share of the rows of a sentence that may be out of order: somebody still says the old value, or the date is wrong."""
_MOST_SENTENCES = 40


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


def facts_of(file: TaskFile) -> Path | None:
    """The project's facts file: ``rules.facts``, else the one of the metric ``currency``.

    Raises:
        UserError: It lies outside the project.
    """
    options = (
        metric.options.get("facts", "") for metric in file.spec.metrics if metric.name == "currency"
    )
    name = str(file.spec.rules.facts or next(options, ""))
    if not name:
        return None
    path = (file.root / name).resolve()
    if not path.is_relative_to(file.root.resolve()):
        raise UserError(
            f"the facts file lies inside the project's folder; got {name!r}",
            place=file.where("rules.facts"),
            hint="rules: {facts: facts.yaml}",
        )
    return path


def superseded(
    rows: Sequence[InputRow], file: TaskFile, ledger: Ledger, *, today: dt.date | None
) -> list[Superseded]:
    """Drop or report rows that state what no longer holds, sparing the exceptions of ``rules.max_age``.

    Args:
        rows: Those to look at.
        file: The project's definition.
        ledger: Receipts.
        today: The day that facts are asked for; without one, and without dated rows, nothing is
            looked at.
    """
    rule = file.spec.rules.superseded
    path = facts_of(file)
    found: dict[str, Superseded] = {}
    if path is not None and today is not None:
        for case in against_facts(
            rows, read_facts(path), today=today, language=file.spec.task.language
        ):
            found.setdefault(case.row.id, case)
    for case in against_newer(rows):
        found.setdefault(case.row.id, case)
    for case in found.values():
        _act(case, rule, path, file, ledger)
    return list(found.values())


def _act(case: Superseded, rule: str, path: Path | None, file: TaskFile, ledger: Ledger) -> None:
    row = case.row
    exceptions = file.spec.rules.max_age.exceptions if file.spec.rules.max_age else ()
    spared = next(
        (e for e in exceptions if row.field(e.field).lower() in {v.lower() for v in e.values}), None
    )
    by = f"row {case.newer}" if case.newer or path is None else path.name
    evidence = f"{case.about}: {case.said}; now {case.now or 'nothing'} ({by})"
    if spared is not None:
        ledger.change(
            row,
            "superseded",
            f"kept by the exception {spared.field} = {row.field(spared.field)}",
            cites=file.where("rules.max_age.except"),
            evidence=evidence,
        )
    elif rule == "drop":
        ledger.drop(
            row,
            "superseded",
            "rows that state a superseded fact are dropped",
            cites=file.where("rules.superseded"),
            code="D06",
            evidence=evidence,
            other=case.newer,
        )
    else:
        ledger.change(
            row,
            "superseded",
            "states a superseded fact: reported",
            cites=file.where("rules.superseded"),
            code="D06",
            evidence=evidence,
            other=case.newer,
        )
        ledger.seen(REPORTED, [row.id])


def against_facts(
    rows: Sequence[InputRow], facts: Facts, *, today: dt.date, language: str = "en"
) -> Iterator[Superseded]:
    """Rows whose answer states a value that was right before ``today`` and is not today."""
    names = [name.casefold() for fact in facts.facts for name in (fact.entity, *fact.also)]
    for row in rows:
        whole = f"{row.input}\n{row.target}".casefold()
        if not any(name in whole for name in names) or _PAST.search(row.input):
            continue
        if code := _old_code(row, facts, today):
            yield code
            continue
        for said in statements(row.target, facts, day=today, question=row.input, language=language):
            sentence = row.target[said.start : said.end]
            if said.standing == "outdated" and not _PAST.search(sentence):
                yield Superseded(row, said.said, said.expected, f"{said.entity}, {said.attribute}")
                break


def _old_code(row: InputRow, facts: Facts, today: dt.date) -> Superseded | None:
    """A code (``K-17``) or a name that stood for something and no longer does, in a sentence about its entity."""
    for fact in facts.facts:
        if (
            fact.end is None
            or fact.end >= today
            or not _is_code(fact.value)
            or fact.value not in row.target
        ):
            continue
        now = [f.value for f in facts.topics[fact.entity, fact.attribute] if f.holds(today)]
        whole = f"{row.input}\n{row.target}".casefold()
        if fact.value in now or not any(
            name.casefold() in whole for name in (fact.entity, *fact.also)
        ):
            continue
        stating = re.compile(rf"(?<![\w-]){re.escape(fact.value)}(?![\w-])")
        sentences = [m[0] for m in _SENTENCE.finditer(row.target) if stating.search(m[0])]
        if any(not _PAST.search(sentence) for sentence in sentences):
            return Superseded(row, fact.value, " / ".join(now), f"{fact.entity}, {fact.attribute}")
    return None


def _is_code(value: str) -> bool:
    """Letters and digits in one word, or several words: no value with a unit, nothing that any sentence may hold."""
    one = (
        bool(re.fullmatch(r"(?=\S*\d)(?=\S*[^\W\d_])[\w./-]{2,}", value)) and not value[0].isdigit()
    )
    return one or (len(value.split()) > 1 and not any(c.isdigit() for c in value))


@dataclass
class _Topic:
    """Everything said in one sentence form: (date, value, row)."""

    form: str
    said: list[tuple[dt.date, str, InputRow]] = field(default_factory=list)


def against_newer(rows: Sequence[InputRow]) -> Iterator[Superseded]:
    """Rows with a value that newer rows, in the same sentence, have replaced throughout.

    Example:
        >>> def row(i, year, price):
        ...     turns = [("user", "?"), ("assistant", f"A kilowatt hour of the green tariff costs {price} cents.")]
        ...     return Row(f"r{i}", f"a:{i}", turns, date=dt.date(year, 1, 1 + i))
        >>> rows = [row(i, 2020, 31) for i in range(6)] + [row(i, 2021, 29) for i in range(6, 12)]
        >>> sorted(case.row.id for case in against_newer(rows))
        ['r0', 'r1', 'r2', 'r3', 'r4', 'r5']
    """
    topics: dict[str, _Topic] = {}
    for row in rows:
        if row.date is not None and not _PAST.search(row.input):
            for form, value in _stated(row.target):
                topics.setdefault(form, _Topic(form)).said.append((row.date, value, row))
    for topic in _pooled(
        [t for t in topics.values() if len({value for _, value, _ in t.said}) > 1]
    ):
        if len(topic.said) >= _FEWEST_ROWS:
            yield from _history(topic)


def _pooled(topics: Sequence[_Topic]) -> list[_Topic]:
    """Sentences that give the same two values speak of the same fact in other words: their rows count together."""
    links = Links(len(topics))
    first: dict[tuple[str, str], int] = {}
    for i, topic in enumerate(topics):
        values = sorted({value for _, value, _ in topic.said})
        for pair in combinations(values[:_MOST_VALUES], 2):
            links.join(first.setdefault((pair[0], pair[1]), i), i)
    groups = [group for group in links.groups() if len(group) > 1]
    together = {i for group in groups for i in group}
    pooled = [topic for i, topic in enumerate(topics) if i not in together]
    for group in groups:
        said = {row.id: (day, value, row) for i in group for day, value, row in topics[i].said}
        pooled.append(_Topic(topics[group[0]].form, list(said.values())))
    return pooled


def _stated(text: str) -> Iterator[tuple[str, str]]:
    """Sentence form (values as ``#``) and values of every sentence that has values and enough words."""
    for count, match in enumerate(_SENTENCE.finditer(text)):
        sentence = match[0].strip()
        if count > _MOST_SENTENCES:
            return
        values = _VALUE.findall(sentence)
        if values and len(values) <= 4 and len(sentence) < 400 and not _PAST.search(sentence):
            form = " ".join(_VALUE.sub("#", sentence).casefold().split()).rstrip(".!?")
            if len(_WORD.findall(form)) >= _FEWEST_WORDS:
                yield form, " · ".join(values)


def _history(topic: _Topic) -> Iterator[Superseded]:
    """Rows with older values, if the values follow each other and chance would not order the rows so."""
    days: dict[str, list[int]] = {}
    for day, value, _ in topic.said:
        days.setdefault(value, []).append(day.toordinal())
    order = sorted(days, key=lambda v: (statistics.median(days[v]), v))
    astray = sum(_misplaced(days[a], days[b]) for a, b in pairwise(order))
    if (
        astray > _ASTRAY * len(topic.said)
        or _by_chance([len(d) for d in days.values()], astray) > CHANCE
    ):
        return
    current = order[-1]
    newest = max((day, row.id) for day, value, row in topic.said if value == current)[1]
    for _, value, row in topic.said:
        if value != current:
            yield Superseded(row, value, current, topic.form, newest)


def _misplaced(old: list[int], new: list[int]) -> int:
    """Fewest rows on the wrong side of any day that parts an older value from a newer one.

    Example:
        >>> _misplaced([1, 2, 3, 9], [5, 6, 7])
        1
    """
    return min(
        sum(d >= cut for d in old) + sum(d < cut for d in new) for cut in {*old, *new, max(new) + 1}
    )


def _by_chance(counts: Sequence[int], astray: int = 0) -> float:
    """A bound on how likely rows in random order would fall into one run a value, but for ``astray`` of them.

    k! over the multinomial coefficient, times the ways to choose those that are astray and where
    they stand instead.

    Example:
        >>> round(_by_chance([5, 5]), 4)
        0.0079
    """
    n, k = sum(counts), len(counts)
    log = math.lgamma(k + 1) - math.lgamma(n + 1) + sum(math.lgamma(c + 1) for c in counts)
    return float(min(1.0, math.exp(log) * math.comb(n, astray) * max(1, k - 1) ** astray))


__all__ = ["CHANCE", "Superseded", "against_facts", "against_newer", "facts_of", "superseded"]
