"""A project's traffic as watching sees it: read anew, or from what earlier looks kept of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import sqlalchemy as sa

from tunewell.engine import in_processes
from tunewell.errors import DataError
from tunewell.monitor.feedback_table import FeedbackTable
from tunewell.monitor.interactions import interaction_records
from tunewell.monitor.kept_blocks import KeptBlocks
from tunewell.monitor.kept_traffic import Elsewhere, FileTask, kept_traffic, make_file
from tunewell.monitor.periods import Grid, grid_of
from tunewell.monitor.records import DatedRecords
from tunewell.monitor.served import ServedAnswer, served_answers
from tunewell.monitor.stream_terms import StreamTerms
from tunewell.monitor.traffic_days import is_old
from tunewell.platforms import processors
from tunewell.project import Project
from tunewell.store import Store
from tunewell.store.kept_traffic import read_feedback, read_interactions
from tunewell.store.traffic_tables import feedback, interactions
from tunewell.task import TaskFile
from tunewell.types import Feedback, Interaction, digest
from tunewell.watching_checks import AnswerChecks, answer_checks, checked_answers

MANY_ROWS: Final = 60_000
"""Rows that are read by several processes: starting them costs some seconds."""


@dataclass(frozen=True)
class SeenTraffic:
    """The traffic as one look needs it.

    Attributes:
        records: In columns.
        said: What came of them.
        grid: The periods.
        terms: What texts and fields say, where that is kept; None where a look has to read them.
        files: Where it is kept.
    """

    records: DatedRecords
    said: FeedbackTable
    grid: Grid
    terms: StreamTerms | None = None
    files: KeptBlocks | None = None


@dataclass(frozen=True)
class Traffic:
    """What was asked and answered up to a moment, and what came of it.

    Attributes:
        store: Where it is.
        until: It is complete up to here, UTC.
        is_cut: Whether there is more after that, which is left out.
        checks: What is checked of answers.
        slices: Fields that the project's slices go by.
        settings: What anything that is kept depends on.
        file: The project's definition.
    """

    store: Store
    until: dt.datetime
    is_cut: bool
    checks: AnswerChecks
    slices: tuple[str, ...] = ()
    settings: str = ""
    file: TaskFile | None = None

    @cached_property
    def interactions(self) -> tuple[Interaction, ...]:
        """All of them, in the order of their time."""
        stop = self.until if self.is_cut else None
        return tuple(read_interactions(self.store, until=stop))

    @cached_property
    def feedback(self) -> tuple[Feedback, ...]:
        """All of it, in the order of its time."""
        said = read_feedback(self.store)
        return tuple(each for each in said if not self.is_cut or each.received < self.until)

    @cached_property
    def answers(self) -> dict[str, ServedAnswer]:
        """The answers that people can read, by interaction."""
        return {answer.id: answer for answer in served_answers(self.interactions, self.slices)}

    def answered(
        self,
        start: dt.datetime,
        end: dt.datetime,
    ) -> list[ServedAnswer]:
        """The answers of a stretch of time that people can read."""
        stop = min(end, self.until) if self.is_cut else end
        rows = list(read_interactions(self.store, since=start, until=stop))
        return list(served_answers(rows, self.slices))

    def times(
        self,
        ids: Sequence[str],
    ) -> dict[str, dt.datetime]:
        """When some interactions were."""
        found = {}
        for place in range(0, len(ids), 500):
            some = list(ids[place : place + 500])
            query = sa.select(interactions.c.id, interactions.c.at)
            for row in self.store.rows(query.where(interactions.c.id.in_(some))):
                found[row.id] = dt.datetime.fromisoformat(row.at)
        return found

    @cached_property
    def counted(self) -> tuple[int, int, dt.datetime]:
        """Interactions, feedback records, and the time of the first interaction."""
        if self.is_cut:
            return len(self.interactions), len(self.feedback), self.interactions[0].at
        size = self.store.value(sa.select(sa.func.count()).select_from(interactions))
        said = self.store.value(sa.select(sa.func.count()).select_from(feedback))
        first = self.store.value(sa.select(sa.func.min(interactions.c.at)))
        return int(size), int(said), dt.datetime.fromisoformat(first)

    @cached_property
    def anew(self) -> SeenTraffic:
        """The traffic as it is read from the store alone."""
        records = interaction_records(
            self.interactions,
            self.feedback,
            as_of=self.until,
            checked=checked_answers(self.checks, map(vars, self.interactions)),
        )
        grid = grid_of(int(records.seconds[0]), int(self.until.timestamp()) + 1)
        return SeenTraffic(records, FeedbackTable.of(self.feedback, records.ids), grid)

    @cached_property
    def seen(self) -> SeenTraffic:
        """The traffic with what earlier looks kept of it; anew where it is young, or cut."""
        if self.is_cut or not is_old(self.store):
            return self.anew
        files = KeptBlocks(self.store, self.settings)
        kept = kept_traffic(
            self.store,
            files,
            lambda rows: checked_answers(self.checks, rows),
            elsewhere=Elsewhere(self._in_processes, processors()),
        )
        return SeenTraffic(kept.records, kept.said, kept.grid, kept.terms, files)

    def _in_processes(
        self,
        tasks: Sequence[FileTask],
    ) -> None:
        """Make the files of many rows in several processes; of few they are made later."""
        workers = min(processors(), len(tasks))
        if self.file is None or workers < 2 or sum(task.rows for task in tasks) < MANY_ROWS:
            return
        make = _FileMaker(self.file, self.store.url, self.settings)
        in_processes(tasks, make, workers)

    @property
    def records(self) -> DatedRecords:
        """The interactions in columns."""
        return self.seen.records


@dataclass(frozen=True)
class _FileMaker:
    """Makes files of what is kept in another process.

    Attributes:
        file: The project's definition.
        url: Of its database.
        settings: What anything that is kept depends on.
    """

    file: TaskFile
    url: str
    settings: str

    def __call__(
        self,
        task: FileTask,
    ) -> None:
        """Make them, with a connection of its own."""
        with Project(self.file, Store(self.file.root, url=self.url)) as project:
            checks = answer_checks(project)
            files = KeptBlocks(project.store, self.settings)
            make_file(project.store, files, task, lambda rows: checked_answers(checks, rows))


def traffic_of(
    project: Project,
    *,
    until: dt.datetime | None = None,
) -> Traffic:
    """What the project recorded or imported.

    Args:
        project: The project.
        until: Only what was before this moment.

    Raises:
        DataError: There is no traffic.
    """
    query = sa.select(sa.func.max(interactions.c.at))
    if until is not None:
        query = query.where(interactions.c.at < until.astimezone(dt.UTC).isoformat())
    last = project.store.value(query)
    if last is None:
        raise DataError(
            "no traffic yet", hint="tunewell traffic import FILE, or tunewell watch FILE"
        )
    return Traffic(
        store=project.store,
        until=until or dt.datetime.fromisoformat(last),
        is_cut=until is not None,
        checks=answer_checks(project),
        slices=tuple(each.field for each in project.spec.slices),
        settings=_settings(project),
        file=project.file,
    )


def _settings(project: Project) -> str:
    """A digest of what the checks of answers depend on: the metrics, their files, the language."""
    spec = project.spec
    files = [metric.options.get("facts", "facts.yaml") for metric in spec.metrics]
    texts = []
    for name in files:
        path = project.root / str(name)
        texts.append(path.read_text(encoding="utf-8") if path.is_file() else "")
    metrics = [metric.model_dump(mode="json") for metric in spec.metrics]
    return digest([metrics, texts, spec.task.language])
