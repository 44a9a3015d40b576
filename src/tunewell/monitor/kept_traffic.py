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
from typing import Any, Final, Literal

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from tunewell.monitor.block_terms import (
    NumberedBlock,
    ReferenceTerms,
    TermNumbers,
    against_reference,
    block_days,
    fresh_by_first_group,
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

PartKind = Literal["block", "feedback"]
"""Interactions and feedback."""

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
    elsewhere: Elsewhere | None = None,
) -> KeptTraffic:
    """The traffic of a project, from what is kept and what is new; both are kept for the next look.

    Args:
        store: Of the project; its traffic is old enough (`is_old`).
        files: What is kept.
        checked: The checks of some answers, by interaction.
        reference: Of the first reference; the first sixteen weeks if None.
        elsewhere: Other processes that may make files beforehand.
    """
    counts = day_counts(store, interactions)
    parts = list(_parts(files, counts, "block"))
    told = list(_parts(files, day_counts(store, feedback), "feedback"))
    if elsewhere is not None:
        elsewhere.make([part for part in (*parts, *told) if not files.holds(part.name)])
    raw = [
        _Named(part.name, part.stretch, part_block(store, files, part, checked)) for part in parts
    ]
    grid = _grid_of(store, raw)
    first = first_reference(grid, reference)
    known = _reference(files, raw, counts, grid, first)
    links = _links(files, known[0], raw)
    if elsewhere is not None:
        elsewhere.make(_runs(files, links, known, elsewhere.workers))
    blocks = [found for found in _held_against(files, links, known[1]) if found["seconds"].size]
    said = _feedback(store, files, blocks, told)
    records = _records(store, blocks, said, grid)
    return KeptTraffic(records, _terms(records, blocks, known, grid, first), said, grid)


@dataclass(frozen=True)
class Elsewhere:
    """Other processes that make files of what is kept.

    Attributes:
        make: Makes the files of some tasks, or leaves them to be made here.
        workers: How many there are.
    """

    make: Callable[[Sequence[FileTask]], None]
    workers: int


def make_file(
    store: Store,
    files: KeptBlocks,
    task: FileTask,
    checked: Checked,
) -> None:
    """Make the files of a task.

    Args:
        store: Of the project.
        files: What is kept.
        task: What to make.
        checked: The checks of some answers, by interaction.
    """
    if isinstance(task, LinkedRun):
        hold_run(files, task)
    elif task.kind == "feedback":
        _said_block(store, files, task)
    else:
        part_block(store, files, task, checked)


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
        kind: Interactions or feedback.
        name: Under which it is kept.
        stretch: The stretch of days that it is in.
        days: Each since 1970, with its rows and those that may still be replaced.
    """

    kind: PartKind
    name: str
    stretch: int
    days: tuple[tuple[int, int, int], ...]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(rows for _, rows, _ in self.days)

    @property
    def span(self) -> tuple[dt.datetime, dt.datetime]:
        """Its first moment and the first after it."""
        first, last = self.days[0][0], self.days[-1][0] + 1
        return EPOCH + dt.timedelta(days=first), EPOCH + dt.timedelta(days=last)


def _parts(
    files: KeptBlocks,
    counts: Counts,
    kind: PartKind,
) -> Iterator[TrafficPart]:
    """Blocks without a reference: a stretch that is over is one, of the last each day is one."""
    stretches: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for day in sorted(counts):
        stretches[day // STRETCH_DAYS].append((day, *counts[day]))
    last = max(stretches, default=0)
    for stretch, days in sorted(stretches.items()):
        if stretch < last:
            yield TrafficPart(kind, files.name(kind, days), stretch, tuple(days))
            continue
        for each in days:
            yield TrafficPart(kind, files.name(kind, [each]), stretch, (each,))


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
        block = _made(store, files, part, checked)
        files.write(part.name, block)
    return block


def _made(
    store: Store,
    files: KeptBlocks,
    part: TrafficPart,
    checked: Checked,
) -> Block:
    """The block of some days: from the blocks of its days where they are kept, else read."""
    if len(part.days) > 1:
        days = [files.read(files.name("block", [day])) for day in part.days]
        whole = [day for day in days if day is not None and day["seconds"].size]
        if whole and all(day is not None for day in days):
            return merged(whole)
    since, until = part.span
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


@dataclass(frozen=True)
class _Link:
    """One block in the chain of those that are held against a reference.

    Attributes:
        block: Name of the block.
        stretch: The stretch of days that it is in.
        name: Of what the reference adds to it: it holds the names of all blocks before.
    """

    block: str
    stretch: int
    name: str


@dataclass(frozen=True)
class LinkedRun:
    """Some neighbouring blocks that are held against a reference.

    Attributes:
        reference: Name of the reference.
        until_s: Its end, seconds since 1970.
        before: The blocks of two stretches before them.
        links: The blocks.
        rows: Records in them.
    """

    reference: str
    until_s: int
    before: tuple[_Link, ...]
    links: tuple[_Link, ...]
    rows: int


def _links(
    files: KeptBlocks,
    reference: str,
    raw: Sequence[_Named],
) -> list[tuple[_Link, Block]]:
    found = []
    name = reference
    for each in raw:
        name = files.name("against", name, each.name)
        found.append((_Link(each.name, each.stretch, name), each.block))
    return found


def _runs(
    files: KeptBlocks,
    links: Sequence[tuple[_Link, Block]],
    known: tuple[str, ReferenceTerms],
    workers: int,
) -> list[LinkedRun]:
    """What is not made yet, in about equal parts: one for each process."""
    sizes = [0 if files.holds(link.name) else int(block["seconds"].size) for link, block in links]
    after = np.cumsum(sizes)
    # The part in which the middle of each block lies.
    shares = (after - np.array(sizes) / 2) / max(int(after[-1]), 1)
    parts = np.minimum((shares * workers).astype(np.int64), workers - 1)
    runs = []
    for part in range(workers):
        mine = [i for i, size in enumerate(sizes) if size and parts[i] == part]
        if not mine:
            continue
        begin, end = mine[0], mine[-1] + 1
        since = links[begin][0].stretch - 2
        before = tuple(link for link, _ in links[:begin] if link.stretch >= since)
        run = tuple(link for link, _ in links[begin:end])
        rows = sum(sizes[begin:end])
        runs.append(LinkedRun(known[0], known[1].until_s, before, run, rows))
    return runs


class _Chain:
    """Blocks one after the other, each with the weeks before it in mind.

    Args:
        reference: What they are held against.
    """

    def __init__(
        self,
        reference: ReferenceTerms,
    ) -> None:
        self.reference = reference
        self.terms = TermNumbers()
        self._memory: list[tuple[int, NumberedBlock]] = []

    def before(
        self,
        link: _Link,
    ) -> list[NumberedBlock]:
        """The blocks of the weeks before one."""
        return [one for stretch, one in self._memory if stretch >= link.stretch - 1]

    def numbered(
        self,
        block: Block,
    ) -> NumberedBlock:
        """A block with numbers for its terms."""
        return NumberedBlock(block, self.terms)

    def remember(
        self,
        link: _Link,
        block: Block,
    ) -> None:
        """Keep a block in mind for the later ones."""
        if not block["seconds"].size:
            return
        self._memory = [(s, one) for s, one in self._memory if s >= link.stretch - 1]
        self._memory.append((link.stretch, self.numbered(block)))


def hold_run(
    files: KeptBlocks,
    run: LinkedRun,
) -> None:
    """Hold some blocks against a reference that is kept, and keep what it adds.

    Args:
        files: What is kept, the reference and the blocks among it.
        run: The blocks.
    """
    kept = files.read(run.reference)
    if kept is None:
        return
    chain = _Chain(_reference_of(kept, run.until_s))
    for link in run.before:
        block = files.read(link.block)
        if block is None:
            return
        before = chain.before(link)
        added = fresh_by_first_group(chain.numbered(block), before, chain.reference)
        chain.remember(link, _Both(block, added))
    for link in run.links:
        block = files.read(link.block)
        if block is None:
            return
        chain.remember(link, _with_reference(files, chain, link, block))


def _with_reference(
    files: KeptBlocks,
    chain: _Chain,
    link: _Link,
    block: Block,
) -> Block:
    """A block with what the reference adds to it; made and kept where it is not there."""
    added = files.read(link.name)
    if added is None:
        before = chain.before(link)
        added = against_reference(chain.numbered(block), before, chain.reference)
        files.write(link.name, added)
    return _Both(block, added)


def _held_against(
    files: KeptBlocks,
    links: Sequence[tuple[_Link, Block]],
    reference: ReferenceTerms,
) -> Iterator[Block]:
    """Every block with what a reference adds to it."""
    chain = _Chain(reference)
    for link, block in links:
        both = _with_reference(files, chain, link, block)
        chain.remember(link, both)
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


FileTask = TrafficPart | LinkedRun
"""What another process can make files of."""


# --- all of it ------------------------------------------------------------------------------------


def _feedback(
    store: Store,
    files: KeptBlocks,
    blocks: Sequence[Block],
    told: Sequence[TrafficPart],
) -> FeedbackTable:
    parts = [_said_block(store, files, part) for part in told]
    marks = np.concatenate([block["mark"] for block in blocks])
    return FeedbackTable.of_blocks(parts, marks)


def _said_block(
    store: Store,
    files: KeptBlocks,
    part: TrafficPart,
) -> Block:
    """The feedback of some days; made and kept where it is not there."""
    found = files.read(part.name)
    if found is None:
        since, until = part.span
        said: list[Feedback] = list(read_feedback(store, since=since, until=until))
        found = feedback_block(said)
        files.write(part.name, found)
    return found


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
