"""A project's traffic as a look needs it, from what the last looks kept and what came since.

Old streams only (24 weeks or more, watched by the day): the reference of a younger one still grows
with every day, so it is read anew.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from tunewell.monitor.topics_of_texts import (
    CLUSTER,
    FEWEST_TEXTS,
    OUT,
    OUTSIDE,
    TextClusters,
)
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
from tunewell.store.kept_traffic import read_feedback, read_interactions
from tunewell.store.traffic_tables import feedback, interactions
from tunewell.types import Feedback, Interaction

STRETCH_DAYS: Final = 32
"""Days whose blocks become one block once they are over; more than the memory of fresh terms."""

JUDGES: Final = "judge_version"

Checked = Callable[[Sequence[Interaction]], Mapping[str, Mapping[str, str]]]

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
    day = sa.func.substr(table.c.at, 1, 10)
    rows = store.rows(sa.select(day.label("day"), sa.func.count().label("rows")).group_by(day))
    open_rows: dict[str, int] = {}
    if "state" in table.c:
        unsure = sa.select(day.label("day"), sa.func.count().label("rows")).group_by(day)
        found = store.rows(unsure.where(table.c.state == "unconfirmed"))
        open_rows = {row.day: int(row.rows) for row in found}
    return {_number(row.day): (int(row.rows), open_rows.get(row.day, 0)) for row in rows}


def _number(day: str) -> int:
    return (dt.date.fromisoformat(day) - EPOCH.date()).days


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
            row.id: row.response if self.which == "answer" else last_question(row.request)
            for row in read_interactions(self.store, since=since, until=until)
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
) -> KeptTraffic:
    """The traffic of a project, from what is kept and what is new; both are kept for the next look.

    Args:
        store: Of the project; its traffic is old enough (`is_old`).
        files: What is kept.
        checked: The checks of some answers, by interaction.
        reference: Of the first reference; the first sixteen weeks if None.
    """
    counts = day_counts(store, interactions)
    raw = list(_blocks(store, files, counts, checked))
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


def _blocks(
    store: Store,
    files: KeptBlocks,
    counts: Counts,
    checked: Checked,
) -> Iterator[_Named]:
    """Blocks without a reference: a stretch that is over is one, of the last each day is one."""
    stretches: dict[int, list[int]] = defaultdict(list)
    for day in sorted(counts):
        stretches[day // STRETCH_DAYS].append(day)
    last = max(stretches)
    for stretch, days in sorted(stretches.items()):
        parts = [days] if stretch < last else [[day] for day in days]
        for part in parts:
            name = files.name("block", [[day, *counts[day]] for day in part])
            block = files.read(name)
            if block is None:
                block = _made(store, files, counts, part, checked)
                files.write(name, block)
            yield _Named(name, stretch, block)


def _made(
    store: Store,
    files: KeptBlocks,
    counts: Counts,
    days: Sequence[int],
    checked: Checked,
) -> Block:
    """The block of some days: from the blocks of its days where they are kept, else read."""
    if len(days) > 1:
        names = [files.name("block", [[day, *counts[day]]]) for day in days]
        parts = [files.read(name) for name in names]
        whole = [part for part in parts if part is not None and part["seconds"].size]
        if whole and all(part is not None for part in parts):
            return merged(whole)
    since = EPOCH + dt.timedelta(days=days[0])
    until = EPOCH + dt.timedelta(days=days[-1] + 1)
    rows = list(read_interactions(store, since=since, until=until))
    return block_of(rows, checked(rows))


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
            before = merged(near) if near else None
            added = against_reference(block, before, reference)
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
    counts = day_counts(store, feedback)
    stretches: dict[int, list[int]] = defaultdict(list)
    for day in sorted(counts):
        stretches[day // STRETCH_DAYS].append(day)
    parts = []
    for _, days in sorted(stretches.items()):
        name = files.name("feedback", [[day, *counts[day]] for day in days])
        part = files.read(name)
        if part is None:
            since = EPOCH + dt.timedelta(days=days[0])
            until = EPOCH + dt.timedelta(days=days[-1] + 1)
            said: list[Feedback] = list(read_feedback(store, since=since, until=until))
            part = feedback_block(said)
            files.write(name, part)
        parts.append(part)
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
    period = grid.of(records.seconds)
    fitted, before = np.searchsorted(period, [middle_of(first), first[1]]).tolist()
    if reference.clusters is None or before - fitted < FEWEST_TEXTS:
        return None
    best = _joined(blocks, "likeness")
    scope = (best < np.quantile(best[fitted:before], OUTSIDE)).astype(np.int64)
    fields = {
        CLUSTER: Categories(reference.clusters.names, _joined(blocks, "cluster")),
        OUT: Categories(("no", "yes"), scope),
    }
    return replace(records, categories={**records.categories, **fields})
