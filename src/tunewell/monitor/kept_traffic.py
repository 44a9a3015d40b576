"""A project's traffic as a look needs it, from what the last looks kept and what came since.

Old streams only (24 weeks or more, watched by the day): the reference of a younger one still grows
with every day, so it is read anew.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from tunewell.monitor.block_terms import (
    ReferenceTerms,
    block_days,
)
from tunewell.monitor.channel import DAY_S
from tunewell.monitor.feedback_table import FeedbackTable, feedback_numbers
from tunewell.monitor.held_against import (
    LinkedRun,
    NamedBlock,
    held_against,
    hold_run,
    kept_reference,
    links_of,
    runs_of,
)
from tunewell.monitor.interactions import (
    NUMBERS,
    column_topics,
)
from tunewell.monitor.kept_blocks import KeptBlocks
from tunewell.monitor.moved import first_reference
from tunewell.monitor.periods import Grid, grid_of
from tunewell.monitor.records import Categories, DatedRecords
from tunewell.monitor.stored_texts import KeptIds, StoredTexts
from tunewell.monitor.stream_terms import StreamTerms, fewest_of, middle_of
from tunewell.monitor.term_days import TermDays, with_field
from tunewell.monitor.topics_of_texts import FEWEST_TEXTS, clustered
from tunewell.monitor.traffic_block import (
    VALUES,
    WORDS,
    Block,
    block_of,
    feedback_block,
    fields_of,
    joined_field,
    merged,
)
from tunewell.monitor.traffic_days import TrafficPart, day_counts, parts_of
from tunewell.store import Store
from tunewell.store.kept_traffic import Fields, read_feedback, read_fields
from tunewell.store.traffic_tables import feedback, interactions

JUDGES: Final = "judge_version"

Checked = Callable[[Sequence[Fields]], Mapping[str, Mapping[str, str]]]


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
    parts = list(parts_of(files, counts, "block"))
    told = list(parts_of(files, day_counts(store, feedback), "feedback"))
    if elsewhere is not None:
        elsewhere.make([part for part in (*parts, *told) if not files.holds(part.name)])
    raw = [
        NamedBlock(part.name, part.stretch, part_block(store, files, part, checked))
        for part in parts
    ]
    grid = _grid_of(store, raw)
    first = first_reference(grid, reference)
    known = kept_reference(files, raw, counts, grid, first)
    links = links_of(files, known[0], raw)
    if elsewhere is not None:
        elsewhere.make(runs_of(files, links, known, elsewhere.workers))
    blocks = [found for found in held_against(files, links, known[1]) if found["seconds"].size]
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


def _grid_of(
    store: Store,
    raw: Sequence[NamedBlock],
) -> Grid:
    first = min(int(each.block["seconds"][0]) for each in raw if each.block["seconds"].size)
    last = store.value(sa.select(sa.func.max(interactions.c.at)))
    return grid_of(first, int(dt.datetime.fromisoformat(last).timestamp()) + 1)


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
    return files.read_or_make(part.name, lambda: _made(store, files, part, checked))


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

    def made() -> Block:
        """As people gave it."""
        since, until = part.span
        return feedback_block(list(read_feedback(store, since=since, until=until)))

    return files.read_or_make(part.name, made)


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
    ids = KeptIds(_joined(blocks, "ids"))
    numbers = {name: _joined(blocks, f"number {name}") for name in NUMBERS}
    told, judges = feedback_numbers(said, seconds.size)
    numbers |= told
    categories = {name: _sorted(joined_field(blocks, name)) for name in sorted(fields_of(blocks))}
    categories[JUDGES] = judges
    last = store.value(sa.select(sa.func.max(interactions.c.at)))
    texts = {which: StoredTexts(store, (ids, seconds), which) for which in ("asked", "answer")}
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
