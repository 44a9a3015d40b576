"""Served answers as work for people: one batch a period, opened once however often it is asked for.

A batch's id follows from what it is for, so that two processes that open the same one at once open
one, and a killed one is finished by the next.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tunewell.errors import UserError
from tunewell.monitor.served import ServedAnswer
from tunewell.people import (
    Batch,
    Item,
    Mark,
    WorkStore,
    new_id,
    shown,
)
from tunewell.people.guide import conversation, read_guideline
from tunewell.project import Project
from tunewell.store import Store
from tunewell.types import digest

OPENED: Final = "watch-batch"
"""Kind of the events that say which batches watching opened."""


@dataclass(frozen=True)
class ReadingPlan:
    """What a batch is for.

    Attributes:
        purpose: ``review`` (the standing review) or ``queue`` (suspicious answers).
        period: Of the answers: ``2026-W48``.
        title: What people see.
        author: Who opens it.
        panel: Ids of the accounts that read.
        raters: How many people read each answer; never more than there are.
        record: Further facts that are kept with it.
        marks: What in an answer should be looked up, by its id.
        groups: What is known of an answer that readers are not shown, by its id.
    """

    purpose: str
    period: str
    title: str
    author: str
    panel: tuple[str, ...] = ()
    raters: int = 1
    record: Mapping[str, object] = field(default_factory=dict)
    marks: Mapping[str, tuple[Mark, ...]] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def batch_id(self) -> str:
        """Of the batch: the same for the same purpose and period of a project."""
        return digest(["watch", self.purpose, self.period])[:32]


@dataclass(frozen=True)
class OpenedReading:
    """A batch that is there now.

    Attributes:
        batch: The batch.
        is_new: Whether it was opened just now.
        seats: How many seats were given just now.
    """

    batch: Batch
    is_new: bool
    seats: int


def open_reading(
    project: Project,
    plan: ReadingPlan,
    drawn: Sequence[tuple[ServedAnswer, float]],
) -> OpenedReading:
    """Open a batch of served answers, unless it is there, and give its seats to the panel.

    Args:
        project: The project.
        plan: What it is for.
        drawn: The answers in the order in which they are read, each with the probability with which
            it was drawn.

    Raises:
        UserError: The definition has no rubric, so there is nothing to ask.
    """
    work = WorkStore(project.store)
    known = work.batch(plan.batch_id)
    if known is None:
        batch = _batch(project, plan)
        work.open_batch(batch, [_item(plan, batch, n, *row) for n, row in enumerate(drawn)])
    else:
        batch = known
    if not already_said(project.store, batch.id):
        record = {**plan.record, "purpose": plan.purpose, "period": plan.period}
        project.store.say(OPENED, batch.id, author=plan.author, record=dict(record))
    seats = work.share(batch, plan.panel) if plan.panel and batch.status == "open" else 0
    return OpenedReading(
        batch,
        is_new=known is None,
        seats=seats,
    )


def already_said(store: Store, batch: str) -> bool:
    """Whether the event of a batch is there."""
    return bool(store.said(OPENED, subject=batch))


def reading_batches(store: Store, purpose: str) -> list[Batch]:
    """The batches that watching opened for a purpose, oldest first."""
    work = WorkStore(store)
    found = []
    for event in store.said(OPENED):
        if event.record.get("purpose") == purpose:
            batch = work.batch(event.subject)
            if batch is not None:
                found.append(batch)
    return found


def _batch(project: Project, plan: ReadingPlan) -> Batch:
    task, people = project.spec.task, project.spec.people
    if not people.rubric:
        raise UserError(
            "tunewell.yaml has no rubric, so there is nothing to ask people",
            hint="people: {rubric: [{name: right, question: 'Is the answer right?'}]}",
        )
    return Batch(
        id=plan.batch_id,
        kind="review",
        title=plan.title,
        created=dt.datetime.now(dt.UTC),
        author=plan.author,
        raters=max(min(plan.raters, len(plan.panel) or plan.raters), 1),
        minutes=people.minutes_per_verdict,
        about=f"What goes in: {task.input} What should come out: {task.output}",
        guideline=read_guideline(project.file),
        rubric=people.rubric,
        error_tags=people.error_tags,
        seed=int(plan.batch_id[:8], 16),
    )


def _item(
    plan: ReadingPlan,
    batch: Batch,
    number: int,
    answer: ServedAnswer,
    probability: float,
) -> Item:
    return Item(
        id=new_id(),
        batch=batch.id,
        number=number,
        example=answer.id,
        arms=(answer.arm,) if answer.arm else (),
        part="own",
        source=shown(conversation(answer.example)),
        output=shown(answer.output),
        family=answer.conversation or answer.id,
        slices=answer.slices,
        groups=plan.groups.get(answer.id, {}),
        marks=plan.marks.get(answer.id, ()),
        probability=probability,
    )
