"""Open an annotation: several people work on the same texts independently, by one guideline."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from tunewell.annotate.sample_coverage import coverage
from tunewell.errors import UserError
from tunewell.people import WorkStore, new_id, shown
from tunewell.people.candidates import NO_FAMILIES, candidates
from tunewell.people.guide import conversation, read_guideline
from tunewell.people.sample import SampleCandidate, draw, draw_unequal
from tunewell.people.work import Batch, Coverage, Item, WorkPart
from tunewell.project import Project
from tunewell.task import TaskFile
from tunewell.types import Example

NO_DOUBTS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class AnnotationPlan:
    """What is asked, about how many rows, of how many people.

    Attributes:
        author: Who opens it.
        rows: How many rows to draw, mirroring the slices: with equal probability, unless
            ``uncertain``.
        part: Where the rows belong; annotations of ``test`` rows make its gold and are never
            trained on.
        raters: People per row; 0 = as in the definition.
        title: What people see; the task's name if empty.
        adjudicators: Ids of the accounts that decide disagreements.
        answers: Whether people write or correct the answer.
        suggest: Whether they see the row's current answer.
        blind: Share of the rows without the suggestion, drawn at random, which tell how far it
            sways people.
        first: Rows that come first, the rest being drawn; everybody then keeps to this order.
        uncertain: Share of what is drawn that goes in proportion to the doubts, in [0, 1); the rest
            is drawn evenly.
        seed: Of draw, order and assignment.
    """

    author: str
    rows: int
    part: WorkPart
    raters: int = 0
    title: str = ""
    adjudicators: Sequence[str] = ()
    answers: bool = True
    suggest: bool = True
    blind: float = 0.2
    first: Sequence[str] = ()
    uncertain: float = 0.0
    seed: int = 0

    @property
    def suggests_answers(self) -> bool:
        """Whether people correct the current answer rather than write into an empty field."""
        return self.answers and self.suggest

    def suggestion(self, example: Example) -> str:
        """The current answer, where people correct it; else empty."""
        return shown(example.target) if self.suggests_answers else ""


def open_annotation(
    project: Project,
    examples: Sequence[Example],
    plan: AnnotationPlan,
    *,
    families: Mapping[str, str] = NO_FAMILIES,
    doubts: Mapping[str, float] = NO_DOUBTS,
) -> Batch:
    """Draw rows and write the batch; people are given seats by `WorkStore.share`.

    Args:
        project: The project.
        examples: Rows to draw from, all of one part.
        plan: What is asked, about how many rows, of how many people.
        families: Family by row; a row without one is a family of its own.
        doubts: How unsure the model or a judge is of a row, 0 to 1 (`row_doubts`).

    Raises:
        UserError: There is nothing to ask, or no rows.
    """
    file, store = project.file, project.store
    _check_there_is_something_to_ask(file, plan)
    if not examples:
        raise UserError("there are no rows to annotate", hint="tunewell curate")

    slices = [s.field for s in file.spec.slices]
    pool = candidates(examples, slices, families)
    chances = _draw(pool, plan, doubts)
    stands_for = coverage(
        pool,
        list(chances),
        probabilities=chances,
        seed=plan.seed,
    )

    batch = _batch(file, plan, chances, stands_for)
    by_id = {example.id: example for example in examples}
    drawn = [(by_id[name], chance) for name, chance in chances.items()]
    WorkStore(store).open_batch(batch, _items(batch, plan, drawn, slices, families))
    return batch


def queue_rows(
    project: Project,
    examples: Sequence[Example],
    names: Sequence[str],
    *,
    author: str,
    families: Mapping[str, str] = NO_FAMILIES,
    title: str = "",
) -> Batch | None:
    """Open an annotation of exactly these training rows, in this order.

    Rows that are in an open annotation already are left out.

    Args:
        project: The project.
        examples: The training rows.
        names: Ids of the rows, the most telling first.
        author: Who asks.
        families: Family by row.
        title: What people see.

    Returns:
        The batch; None if no row is new.
    """
    store = project.store
    new = {example.id for example in examples} - _rows_in_open_annotations(WorkStore(store))
    rows = [name for name in names if name in new]
    if not rows:
        return None
    plan = AnnotationPlan(
        author=author,
        rows=len(rows),
        part="train",
        first=rows,
        title=title or "Training rows similar to low-rated ones",
    )
    return open_annotation(
        project,
        examples,
        plan,
        families=families,
    )


def _rows_in_open_annotations(book: WorkStore) -> set[str]:
    rows: set[str] = set()
    for batch in book.batches(kind="annotate", status="open"):
        rows.update(item.example for item in book.items(batch.id))
    return rows


def _check_there_is_something_to_ask(file: TaskFile, plan: AnnotationPlan) -> None:
    people = file.spec.people
    asked = [plan.answers, *people.span_labels, *people.row_labels]
    if not any(asked):
        raise UserError(
            "there is nothing to ask: answers are not asked for, and tunewell.yaml has neither "
            "span_labels nor row_labels",
            hint="people: {span_labels: [amount, deadline]}",
        )


def _draw(
    pool: Sequence[SampleCandidate],
    plan: AnnotationPlan,
    doubts: Mapping[str, float],
) -> dict[str, float]:
    """The chosen rows in order, and the probability with which each was drawn."""
    by_id = {candidate.id: candidate for candidate in pool}
    ahead = [name for name in dict.fromkeys(plan.first) if name in by_id]
    chances = dict.fromkeys(ahead[: plan.rows], 1.0)

    rest = [by_id[name] for name in by_id if name not in chances]
    count = min(plan.rows - len(chances), len(rest))
    if count == 0:
        return chances
    if plan.uncertain > 0:
        return chances | draw_unequal(
            rest,
            count,
            sizes=doubts,
            share=plan.uncertain,
            seed=plan.seed,
        )
    names = draw(rest, count, seed=plan.seed)
    return chances | dict.fromkeys(names, count / len(rest))


def _batch(
    file: TaskFile,
    plan: AnnotationPlan,
    chances: Mapping[str, float],
    stands_for: Coverage | None,
) -> Batch:
    task, people = file.spec.task, file.spec.people
    return Batch(
        id=new_id(),
        kind="annotate",
        title=plan.title or f"Annotation of {task.name}",
        created=dt.datetime.now(dt.UTC),
        author=plan.author,
        raters=plan.raters or people.raters,
        minutes=people.minutes_per_verdict,
        about=f"What goes in: {task.input} What should come out: {task.output}",
        guideline=read_guideline(file),
        span_labels=people.span_labels,
        row_labels=people.row_labels,
        gold=plan.answers,
        adjudicators=tuple(plan.adjudicators),
        ordered=not chances.keys().isdisjoint(plan.first),
        seed=plan.seed,
        coverage=stands_for,
    )


def _positions_without_suggestion(count: int, plan: AnnotationPlan) -> set[int]:
    """One of each block of 1 / blind rows, so that even a short batch has some."""
    if not plan.suggests_answers or plan.blind <= 0:
        return set()
    block = round(1 / plan.blind)
    luck = random.Random(f"blind {plan.seed}")
    return {start + luck.randrange(block) for start in range(0, count, block)}


def _items(
    batch: Batch,
    plan: AnnotationPlan,
    drawn: Sequence[tuple[Example, float]],
    slices: Sequence[str],
    families: Mapping[str, str],
) -> list[Item]:
    """One item for each row, given with the probability with which it was drawn."""
    hidden = _positions_without_suggestion(len(drawn), plan)
    items: list[Item] = []
    for number, (example, probability) in enumerate(drawn):
        suggestion = plan.suggestion(example)
        item = Item(
            id=new_id(),
            batch=batch.id,
            number=number,
            example=example.id,
            part=plan.part,
            source=shown(conversation(example)),
            audio=example.audio,
            output="" if number in hidden else suggestion,
            suggestion=suggestion,
            family=families.get(example.id, example.id),
            slices={name: example.field(name) for name in slices},
            probability=probability,
        )
        items.append(item)
    return items
