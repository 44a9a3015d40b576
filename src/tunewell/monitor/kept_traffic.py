"""A project's traffic as a look needs it, from what the last looks kept and what came since.

Old streams only (24 weeks or more, watched by the day): the reference of a younger one still grows
with every day, so it is read anew.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from tunewell.monitor.block_terms import (
    ReferenceTerms,
    against_reference,
    block_days,
    reference_terms,
)
from tunewell.monitor.channel import DAY_S
from tunewell.monitor.feedback_table import FeedbackTable, feedback_numbers
from tunewell.monitor.interactions import (
    NUMBERS,
    column_topics,
    last_question,
)
from tunewell.monitor.kept_blocks import KeptBlocks
from tunewell.monitor.moved import OLD_WEEKS, first_reference
from tunewell.monitor.periods import EPOCH, Grid, grid_of
from tunewell.monitor.records import Categories, DatedRecords, Ints
from tunewell.monitor.stream_terms import StreamTerms, fewest_of, middle_of
from tunewell.monitor.term_days import TermDays, with_field
from tunewell.monitor.topics_of_texts import FEWEST_TEXTS, TextClusters, clustered
from tunewell.monitor.traffic_block import (
    VALUES,
    WORDS,
    Block,
    block_of,
    feedback_block,
    fields_of,
    joined_field,
    merged,
    strings,
    texts_of,
)
from tunewell.store import Store
from tunewell.store.kept_traffic import Fields, read_feedback, read_fields
from tunewell.store.traffic_tables import feedback, interactions
from tunewell.types import Feedback

STRETCH_DAYS: Final = 32
"""Days whose blocks become one block once they are over; more than the memory of fresh terms."""

AT_ONCE: Final = 1_000
"""Days that one query counts."""

JUDGES: Final = "judge_version"

Checked = Callable[[Sequence[Fields]], Mapping[str, Mapping[str, str]]]

Counts = dict[int, tuple[int, int]]
"""By day since 1970: rows, and rows that may still be replaced."""


def day_counts(
    store: Store,
    table: sa.Table,
) -> Counts:
    """How many rows each day has.

    Args:
        store: Of the project.
        table: Interactions or feedback.
    """
    open_rows: dict[str, int] = {}
    if "state" in table.c:
        day = sa.func.substr(table.c.at, 1, 10)
        unsure = sa.select(day.label("day"), sa.func.count().label("rows")).group_by(day)
        found = store.rows(unsure.where(table.c.state == "unconfirmed"))
        open_rows = {row.day: int(row.rows) for row in found}
    first = store.value(sa.select(sa.func.min(table.c.at)))
    last = store.value(sa.select(sa.func.max(table.c.at)))
    if first is None:
        return {}
    counts = {}
    stop = _number(last[:10]) + 1
    for start in range(_number(first[:10]), stop, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, stop))
        days = [(_day(number), _day(number + 1)) for number in numbers]
        for row in store.rows(_rows_of_days(table, days)):
            if row.rows:
                counts[_number(row.day)] = (int(row.rows), open_rows.get(row.day, 0))
    return dict(sorted(counts.items()))


def _rows_of_days(
    table: sa.Table,
    days: list[tuple[str, str]],
) -> sa.Select[Any]:
    """How many rows some days have, counted on the index: a group over all rows sorts them."""
    columns = (sa.column("day", sa.String), sa.column("next_day", sa.String))
    # As a common table: SQLite names no columns of plain values.
    span = sa.values(*columns, name="some_days").data(days).cte("span")
    inside = (table.c.at >= span.c.day) & (table.c.at < span.c.next_day)
    rows = sa.select(sa.func.count()).select_from(table).where(inside).scalar_subquery()
    return sa.select(span.c.day.label("day"), rows.label("rows"))


def _number(day: str) -> int:
    return (dt.date.fromisoformat(day) - EPOCH.date()).days


def _day(number: int) -> str:
    return (EPOCH.date() + dt.timedelta(days=number)).isoformat()


def is_old(store: Store) -> bool:
    """Whether a project's traffic is old enough for its reference to stand."""
    first = store.value(sa.select(sa.func.min(interactions.c.at)))
    last = store.value(sa.select(sa.func.max(interactions.c.at)))
    if first is None:
        return False
    span = dt.datetime.fromisoformat(last) - dt.datetime.fromisoformat(first)
    return span.days >= 7 * OLD_WEEKS + 1


@dataclass(frozen=True)
class KeptTraffic:
    """The traffic as a look needs it.

    Attributes:
        records: In columns; their texts are read from the store when they are asked for.
        terms: What the texts and fields say.
        said: The feedback.
        grid: The days.
    """

    records: DatedRecords
    terms: StreamTerms
    said: FeedbackTable
    grid: Grid


class _StoredTexts(Sequence[str]):
    """One text of each interaction, read from the store by stretches of them."""

    def __init__(
        self,
        store: Store,
        records: tuple[Sequence[str], Ints],
        which: str,
    ) -> None:
        self.store = store
        self.ids, self.seconds = records
        self.which = which

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(
        self,
        place: Any,
    ) -> Any:
        if isinstance(place, slice):
            first, last, _ = place.indices(len(self))
            return self._read(first, last)
        return self._read(int(place), int(place) + 1)[0]

    def _read(
        self,
        first: int,
        last: int,
    ) -> list[str]:
        if last <= first:
            return []
        since = EPOCH + dt.timedelta(seconds=int(self.seconds[first]))
        until = EPOCH + dt.timedelta(seconds=int(self.seconds[last - 1]) + 1)
        found = {
            row["id"]: row["response"] if self.which == "answer" else last_question(row["request"])
            for row in read_fields(self.store, since=since, until=until)
        }
        return [found.get(id, "") for id in self.ids[first:last]]


class _KeptIds(Sequence[str]):
    """Ids that become texts when they are asked for."""

    def __init__(
        self,
        array: NDArray[Any],
    ) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(
        self,
        place: Any,
    ) -> Any:
        if isinstance(place, slice):
            return texts_of(self.array[place])
        found: bytes = self.array[place]
        return found.decode()


def kept_traffic(
    store: Store,
    files: KeptBlocks,
    checked: Checked,
    reference: tuple[dt.datetime, dt.datetime] | None = None,
    elsewhere: Callable[[Sequence[TrafficPart]], None] | None = None,
) -> KeptTraffic:
    """The traffic of a project, from what is kept and what is new; both are kept for the next look.

    Args:
        store: Of the project; its traffic is old enough (`is_old`).
        files: What is kept.
        checked: The checks of some answers, by interaction.
        reference: Of the first reference; the first sixteen weeks if None.
        elsewhere: Called with the parts that are not kept: it may make their files beforehand.
    """
    counts = day_counts(store, interactions)
    parts = list(_parts(files, counts, "block"))
    if elsewhere is not None:
        elsewhere([part for part in parts if not files.holds(part.name)])
    raw = [
        _Named(part.name, part.stretch, part_block(store, files, part, checked)) for part in parts
    ]
    grid = _grid_of(store, raw)
    first = first_reference(grid, reference)
    known = _reference(files, raw, counts, grid, first)
    blocks = [found for found in _held_against(files, raw, known) if found["seconds"].size]
    said = _feedback(store, files, blocks)
    records = _records(store, blocks, said, grid)
    return KeptTraffic(records, _terms(records, blocks, known, grid, first), said, grid)


@dataclass(frozen=True)
class _Named:
    """A block with its name and the stretch that it is in."""

    name: str
    stretch: int
    block: Block


def _grid_of(
    store: Store,
    raw: Sequence[_Named],
) -> Grid:
    first = min(int(each.block["seconds"][0]) for each in raw if each.block["seconds"].size)
    last = store.value(sa.select(sa.func.max(interactions.c.at)))
    return grid_of(first, int(dt.datetime.fromisoformat(last).timestamp()) + 1)


@dataclass(frozen=True)
class TrafficPart:
    """Days of traffic that are one block.

    Attributes:
        name: Under which it is kept.
        stretch: The stretch of days that it is in.
        days: Each since 1970, with its rows and those that may still be replaced.
    """

    name: str
    stretch: int
    days: tuple[tuple[int, int, int], ...]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(rows for _, rows, _ in self.days)


def _parts(
    files: KeptBlocks,
    counts: Counts,
    kind: str,
) -> Iterator[TrafficPart]:
    """Blocks without a reference: a stretch that is over is one, of the last each day is one."""
    stretches: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for day in sorted(counts):
        stretches[day // STRETCH_DAYS].append((day, *counts[day]))
    last = max(stretches, default=0)
    for stretch, days in sorted(stretches.items()):
        if stretch < last:
            yield TrafficPart(files.name(kind, days), stretch, tuple(days))
            continue
        for each in days:
            yield TrafficPart(files.name(kind, [each]), stretch, (each,))


def part_block(
    store: Store,
    files: KeptBlocks,
    part: TrafficPart,
    checked: Checked,
) -> Block:
    """The block of some days; made and kept where it is not there.

    Args:
        store: Of the project.
        files: What is kept.
        part: The days.
        checked: The checks of some answers, by interaction.
    """
    block = files.read(part.name)
    if block is None:
        block = _made(store, files, part.days, checked)
        files.write(part.name, block)
    return block


def _made(
    store: Store,
    files: KeptBlocks,
    days: Sequence[tuple[int, int, int]],
    checked: Checked,
) -> Block:
    """The block of some days: from the blocks of its days where they are kept, else read."""
    if len(days) > 1:
        parts = [files.read(files.name("block", [day])) for day in days]
        whole = [part for part in parts if part is not None and part["seconds"].size]
        if whole and all(part is not None for part in parts):
            return merged(whole)
    since = EPOCH + dt.timedelta(days=days[0][0])
    until = EPOCH + dt.timedelta(days=days[-1][0] + 1)
    with _uncollected():
        rows = list(read_fields(store, since=since, until=until))
        return block_of(rows, checked(rows))


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without a search for cycles: rows hold none, and it takes twice as long as reading them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


# --- against the reference ------------------------------------------------------------------------


def _reference(
    files: KeptBlocks,
    raw: Sequence[_Named],
    counts: Counts,
    grid: Grid,
    first: tuple[int, int],
) -> tuple[str, ReferenceTerms]:
    until_s = grid.start_s + first[1] * grid.period_s
    middle_s = grid.start_s + middle_of(first) * grid.period_s
    days = [[day, *counts[day]] for day in sorted(counts) if day * DAY_S < until_s]
    name = files.name("reference", first, days)
    kept = files.read(name)
    if kept is not None:
        return name, _reference_of(kept, until_s)
    blocks = [each.block for each in raw if each.block["seconds"].size]
    within = [block for block in blocks if int(block["seconds"][0]) < until_s]
    made = reference_terms(within, middle_s, until_s)
    files.write(name, _arrays_of(made))
    return name, made


def _arrays_of(reference: ReferenceTerms) -> dict[str, NDArray[Any]]:
    made = {
        "names": strings(list(reference.known)),
        "known": np.array(list(reference.known.values()), dtype=np.int64),
        "groups": strings(reference.groups),
    }
    clusters = reference.clusters
    if clusters is None:
        return made
    return made | {
        "weights": clusters.weights,
        "directions": clusters.directions,
        "centres": clusters.centres,
        "clusters": strings(clusters.names),
        "unseen": np.array([clusters.unseen]),
    }


def _reference_of(
    kept: Block,
    until_s: int,
) -> ReferenceTerms:
    names = texts_of(kept["names"])
    clusters = None
    if "weights" in kept:
        clusters = TextClusters(
            weights=kept["weights"],
            directions=kept["directions"],
            centres=kept["centres"],
            names=tuple(texts_of(kept["clusters"])),
            unseen=float(kept["unseen"][0]),
        )
    return ReferenceTerms(
        until_s=until_s,
        known=dict(zip(names, kept["known"].tolist(), strict=True)),
        groups=tuple(texts_of(kept["groups"])),
        clusters=clusters,
        place={name: i for i, name in enumerate(names)},
    )


def _held_against(
    files: KeptBlocks,
    raw: Sequence[_Named],
    known: tuple[str, ReferenceTerms],
) -> Iterator[Block]:
    """Every block with what a reference adds to it; a block's name holds those before it."""
    reference_name, reference = known
    chain = reference_name
    memory: list[tuple[int, Block]] = []
    for each in raw:
        chain = files.name("against", chain, each.name)
        added = files.read(chain)
        block: Block = each.block
        if added is None:
            near = [one for stretch, one in memory if stretch >= each.stretch - 1]
            added = against_reference(block, near, reference)
            files.write(chain, added)
        both = _Both(block, added)
        if block["seconds"].size:
            memory = [(s, one) for s, one in memory if s >= each.stretch - 1]
            memory.append((each.stretch, both))
        yield both


class _Both(Mapping[str, NDArray[Any]]):
    """A block and what its reference adds, as one."""

    def __init__(
        self,
        block: Block,
        added: Block,
    ) -> None:
        self.block = block
        self.added = added

    def __getitem__(
        self,
        name: str,
    ) -> NDArray[Any]:
        return self.added[name] if name in self.added else self.block[name]

    def __iter__(self) -> Iterator[str]:
        yield from self.block
        yield from self.added

    def __len__(self) -> int:
        return len(self.block) + len(self.added)

    def __contains__(
        self,
        name: object,
    ) -> bool:
        return name in self.added or name in self.block


# --- all of it ------------------------------------------------------------------------------------


def _feedback(
    store: Store,
    files: KeptBlocks,
    blocks: Sequence[Block],
) -> FeedbackTable:
    parts = []
    for part in _parts(files, day_counts(store, feedback), "feedback"):
        found = files.read(part.name)
        if found is None:
            since = EPOCH + dt.timedelta(days=part.days[0][0])
            until = EPOCH + dt.timedelta(days=part.days[-1][0] + 1)
            said: list[Feedback] = list(read_feedback(store, since=since, until=until))
            found = feedback_block(said)
            files.write(part.name, found)
        parts.append(found)
    marks = np.concatenate([block["mark"] for block in blocks])
    return FeedbackTable.of_blocks(parts, marks)


def _joined(
    blocks: Sequence[Block],
    name: str,
) -> NDArray[Any]:
    return np.concatenate([block[name] for block in blocks])


def _records(
    store: Store,
    blocks: Sequence[Block],
    said: FeedbackTable,
    grid: Grid,
) -> DatedRecords:
    seconds = _joined(blocks, "seconds").astype(np.int64)
    ids = _KeptIds(_joined(blocks, "ids"))
    numbers = {name: _joined(blocks, f"number {name}") for name in NUMBERS}
    told, judges = feedback_numbers(said, seconds.size)
    numbers |= told
    categories = {name: _sorted(joined_field(blocks, name)) for name in sorted(fields_of(blocks))}
    categories[JUDGES] = judges
    last = store.value(sa.select(sa.func.max(interactions.c.at)))
    texts = {which: _StoredTexts(store, (ids, seconds), which) for which in ("asked", "answer")}
    return DatedRecords(
        name="traffic",
        ids=ids,
        seconds=seconds,
        as_of=dt.datetime.fromisoformat(last),
        texts=texts,
        categories=categories,
        numbers={name: values for name, values in numbers.items() if not np.isnan(values).all()},
        topics=column_topics([*numbers], [*categories]),
        lengths={which: _joined(blocks, f"length of {which}") for which in texts},
        author_marks=_joined(blocks, "user"),
    )


def _sorted(field: Categories) -> Categories:
    """The same field with its values in the order of the alphabet, however they came."""
    order = sorted(range(len(field.values)), key=field.values.__getitem__)
    place = np.full(len(order) + 1, -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    return Categories(tuple(field.values[i] for i in order), place[field.codes])


def _terms(
    records: DatedRecords,
    blocks: Sequence[Block],
    known: tuple[str, ReferenceTerms],
    grid: Grid,
    first: tuple[int, int],
) -> StreamTerms:
    few = fewest_of(len(records))
    first_day = grid.start_s // DAY_S

    def by_day(kind: str) -> TermDays:
        """The terms of a kind by day."""
        return block_days(blocks, kind, first_day=first_day, days=grid.periods, fewest=few)

    period = grid.of(records.seconds)
    judges = records.categories[JUDGES]
    return StreamTerms(
        words=by_day(WORDS),
        values=with_field(by_day(VALUES), JUDGES, judges, period),
        new=_joined(blocks, "new"),
        clustered=_clustered(records, blocks, known[1], grid, first),
    )


def _clustered(
    records: DatedRecords,
    blocks: Sequence[Block],
    reference: ReferenceTerms,
    grid: Grid,
    first: tuple[int, int],
) -> DatedRecords | None:
    if reference.clusters is None:
        return None
    period = grid.of(records.seconds)
    fitted, before = np.searchsorted(period, [middle_of(first), first[1]]).tolist()
    if before - fitted < FEWEST_TEXTS:
        return None
    nearest, best = _joined(blocks, "cluster"), _joined(blocks, "likeness")
    return clustered(records, reference.clusters, nearest, best, (fitted, before))
