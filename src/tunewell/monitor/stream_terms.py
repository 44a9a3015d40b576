"""What the texts and fields of a stream say, term by term, as a look needs it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from tunewell.monitor.channel import Floats
from tunewell.monitor.periods import Grid
from tunewell.monitor.records import DatedRecords, Ints
from tunewell.monitor.term_days import TermDays, term_days
from tunewell.monitor.topics_of_texts import with_clusters
from tunewell.monitor.words import (
    NumberedTerms,
    TermTable,
    fresh_terms,
    numbered_terms,
    term_table,
)

FEWEST_RECORDS = 4
MANY_RECORDS = 50_000
"""A word that fewer than four records hold, or one in fifty thousand, cannot become a burst."""


@dataclass(frozen=True)
class StreamTerms:
    """What the texts and fields of a stream say.

    Attributes:
        words: Terms of its texts by period; None without texts.
        values: Values of its fields by period; None without such fields.
        new: Of each record, the share of its terms that no other record of the reference holds;
            None without texts.
        clustered: The records with the clusters of what they ask as fields; None where there are
            too few texts.
    """

    words: TermDays | None = None
    values: TermDays | None = None
    new: Floats | None = None
    clustered: DatedRecords | None = None


def middle_of(
    first: tuple[int, int],
) -> int:
    """The period until which clusters are made of a reference."""
    return (first[0] + first[1]) // 2


def fewest_of(records: int) -> int:
    """Records that must hold a term."""
    return max(FEWEST_RECORDS, records // MANY_RECORDS)


def stream_terms(
    stream: DatedRecords,
    grid: Grid,
    first: tuple[int, int],
) -> StreamTerms:
    """What the texts and fields of a stream say.

    Args:
        stream: The records.
        grid: Their periods.
        first: First period of the reference, and the first after it.
    """
    period = grid.of(stream.seconds)
    values = value_terms(stream)
    by_value = None if values is None else term_days(_fresh(values, stream), period, grid.periods)
    if not stream.texts:
        return StreamTerms(values=by_value)
    fitted, before = np.searchsorted(period, [middle_of(first), first[1]]).tolist()
    said = _said(stream)
    table = said.kept(fewest_of(len(stream)))
    return StreamTerms(
        words=term_days(_fresh(table, stream), period, grid.periods),
        values=by_value,
        new=said.new_share(before),
        clustered=with_clusters(stream, said, fitted=fitted, reference=before),
    )


def _said(stream: DatedRecords) -> NumberedTerms:
    """The terms of a stream's texts."""
    asked = [name for name in stream.texts if stream.topics.get(name, "input") == "input"]
    others = [name for name in stream.texts if name not in asked]
    return numbered_terms(_together(stream, asked), _together(stream, others))


def _together(
    stream: DatedRecords,
    names: Sequence[str],
) -> Iterable[str]:
    """Some text columns of each record as one text."""
    if not names:
        return repeat("", len(stream))
    columns = [stream.texts[name] for name in names]
    return ("\n".join(parts) for parts in zip(*columns, strict=True))


def _fresh(
    table: TermTable,
    stream: DatedRecords,
) -> TermTable:
    """The table with each term counted once in a while for a thread, and for an author."""
    if not table.terms:
        return table
    for group in groups_of(stream):
        table = fresh_terms(table, numbered(group), stream.seconds)
    return table


def groups_of(stream: DatedRecords) -> list[Sequence[str]]:
    """What binds records together: their author, and the thread that they belong to."""
    candidates = [*stream.links.values(), stream.authors]
    some = [each for each in candidates if len(each)]
    return [each for each in some if binds(len(set(each)), len(each))]


def binds(
    distinct: int,
    records: int,
) -> bool:
    """Whether so many groups of so many records bind any of them together, and not all."""
    return 20 <= distinct < 0.95 * records


def numbered(names: Sequence[str]) -> Ints:
    """A number for each name, 0 for an empty one, shape (names,)."""
    place = {"": 0}
    return np.array([place.setdefault(name, len(place)) for name in names], dtype=np.int64)


def value_terms(stream: DatedRecords) -> TermTable | None:
    """Each record's values of its fields as terms; None where it has no such fields."""
    terms: list[set[str]] = [set() for _ in range(len(stream))]
    some = False
    for name, categories in stream.categories.items():
        if name in stream.totals:
            continue
        some = True
        labels = [f"{name}={value}" for value in categories.values]
        for row, code in enumerate(categories.codes.tolist()):
            if code >= 0:
                terms[row].add(labels[code])
    for name, lists in stream.lists.items():
        some = True
        for row, values in enumerate(lists):
            terms[row].update(f"{name}={value}" for value in values)

    return term_table(terms) if some else None
