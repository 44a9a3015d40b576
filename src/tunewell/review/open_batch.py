"""Open a review: people judge outputs beside their source, blind to which model wrote them."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tunewell.errors import UserError
from tunewell.people import WorkStore, new_id, shown
from tunewell.people.candidates import candidates
from tunewell.people.guide import conversation, read_guideline
from tunewell.people.sample import draw
from tunewell.people.work import Batch, Item
from tunewell.project import Project
from tunewell.review.automatic_flags import marker
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import Evaluation, Example, Prediction, Score, Unscored

DOUBTFUL = 0.4
"""A judge's score at least this far (of 1) from both ends of its scale is a doubtful one."""

GROUPED_BY = ("source", "kind")
"""Fields of a row by which patterns of error are grouped, besides the slices."""


ReviewedPart = Literal["test", "review"]


class CalibrationRow(Example):
    """A row with an answer whose right verdict is known, mixed in to see whether raters read.

    Attributes:
        output: What is shown as the answer.
        gold: The right value by criterion.
    """

    output: str
    gold: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class ReviewPlan:
    """What is judged, on how many rows, by how many people.

    Attributes:
        author: Who opens it.
        arms: Whose outputs are shown; equal outputs of a row are judged once and count for each
            arm.
        rows: How many rows to draw, with equal probability, mirroring the slices.
        raters: People per output; 0 = as in the definition.
        title: What people see; the task's name if empty.
        part: Where the rows belong: corrections of the review pool become rows of the next version,
            those of the test set change its gold only.
        seed: Of draw, order and assignment.
    """

    author: str
    arms: Sequence[str]
    rows: int
    raters: int = 0
    title: str = ""
    part: ReviewedPart = "test"
    seed: int = 0


def open_review(
    project: Project,
    evaluation: Evaluation,
    examples: Sequence[Example],
    plan: ReviewPlan,
    *,
    calibration: Sequence[CalibrationRow] = (),
) -> Batch:
    """Draw rows, pair their outputs, hide the arms and write the batch.

    People are given seats by `WorkStore.share`.

    Args:
        project: The project.
        evaluation: Whose outputs are judged.
        examples: The rows of the evaluation.
        plan: What is judged, on how many rows, by how many people.
        calibration: Rows with known answers to mix in.

    Raises:
        UserError: No rubric, unknown arms, or no outputs.
    """
    file, store = project.file, project.store
    _check(file, evaluation, plan)
    outputs = _outputs(store, evaluation, plan.arms)
    answered = [e for e in examples if e.id in outputs]
    if not answered:
        raise UserError(
            "none of the evaluated rows has an output to judge", hint="tunewell evaluate"
        )

    families = dict(zip(evaluation.rows, evaluation.clusters, strict=False))
    sureness = _sureness(store, evaluation, file)
    slices = [s.field for s in file.spec.slices]
    pool = candidates(answered, slices, families, kinds=sureness)
    names = draw(pool, plan.rows, seed=plan.seed)
    drawn = _Drawn(
        part=plan.part,
        families=families,
        slices=slices,
        probability=len(names) / len(answered),
    )

    batch = _batch(file, evaluation, plan)
    mark = marker(file)
    by_id = {example.id: example for example in answered}
    items: list[Item] = []
    for example in map(by_id.__getitem__, names):
        for text, arms in _distinct(outputs[example.id]):
            item = drawn.item(batch, example, text, arms)
            items.append(item.model_copy(update={"marks": mark(item.output, example)}))
    items += [_known(batch, row) for row in calibration]

    random.Random(f"items {plan.seed}").shuffle(items)
    numbered = [item.model_copy(update={"number": n}) for n, item in enumerate(items)]
    WorkStore(store).open_batch(batch, numbered)
    return batch


@dataclass(frozen=True)
class _Drawn:
    """What the items of all drawn rows share.

    Attributes:
        part: Where the rows belong.
        families: Family by row; a row without one is a family of its own.
        slices: Fields of the slices.
        probability: With which each row was drawn.
    """

    part: ReviewedPart
    families: Mapping[str, str]
    slices: Sequence[str]
    probability: float

    def item(
        self,
        batch: Batch,
        example: Example,
        text: str,
        arms: tuple[str, ...],
    ) -> Item:
        groups = {name: value for name in GROUPED_BY if (value := example.field(name))}
        own = {asked.name: example.field(asked.per_row) for asked in batch.rubric if asked.per_row}
        return Item(
            id=new_id(),
            batch=batch.id,
            number=0,
            example=example.id,
            arms=arms,
            part=self.part,
            source=shown(conversation(example)),
            audio=example.audio,
            output=shown(text),
            per_row={name: shown(asks) for name, asks in own.items() if asks},
            family=self.families.get(example.id, example.id),
            slices={name: example.field(name) for name in self.slices},
            groups=groups,
            probability=self.probability,
        )


def _check(
    file: TaskFile,
    evaluation: Evaluation,
    plan: ReviewPlan,
) -> None:
    if not file.spec.people.rubric:
        raise UserError(
            "tunewell.yaml has no rubric, so there is nothing to ask people",
            hint="people: {rubric: [{name: right, question: 'Is the answer right?'}]}",
        )
    unknown = sorted(set(plan.arms) - set(evaluation.arms))
    if unknown or not plan.arms:
        raise UserError(
            f"no outputs of {', '.join(unknown) or 'any arm'}",
            hint=f"one of {', '.join(evaluation.arms)}",
        )


def _outputs(
    store: Store,
    evaluation: Evaluation,
    arms: Sequence[str],
) -> dict[str, dict[str, str]]:
    """Output by row and arm, failed ones left out."""
    outputs: dict[str, dict[str, str]] = defaultdict(dict)
    for prediction in store.get_value(evaluation.predictions, list[Prediction]):
        if prediction.arm in arms and prediction.finish != "error":
            outputs[prediction.example][prediction.arm] = prediction.text
    return dict(outputs)


def _batch(
    file: TaskFile,
    evaluation: Evaluation,
    plan: ReviewPlan,
) -> Batch:
    task, people = file.spec.task, file.spec.people
    return Batch(
        id=new_id(),
        kind="review",
        title=plan.title or f"Review of {task.name}",
        created=dt.datetime.now(dt.UTC),
        author=plan.author,
        raters=plan.raters or people.raters,
        minutes=people.minutes_per_verdict,
        about=f"What goes in: {task.input} What should come out: {task.output}",
        guideline=read_guideline(file),
        rubric=people.rubric,
        error_tags=people.error_tags,
        evaluation=evaluation.predictions,
        seed=plan.seed,
    )


def _sureness(
    store: Store,
    evaluation: Evaluation,
    file: TaskFile,
) -> dict[str, str]:
    """``sure`` or ``unsure`` for rows that a model judge has scored.

    Every row keeps the same probability, so that a plain mean of people's verdicts stays honest; it
    only varies less.
    """
    scales = _judges_scales(evaluation, file)
    if not scales:
        return {}
    doubts: dict[str, float] = {}
    for score in store.get_value(evaluation.scores, list[Score]):
        if score.metric not in scales or isinstance(score.value, Unscored):
            continue
        low, high = scales[score.metric]
        middle = (low + high) / 2
        # 0 at either end of the scale, 1 in the middle.
        doubt = 1 - abs(float(score.value) - middle) / (high - middle)
        doubts[score.example] = max(doubts.get(score.example, 0.0), doubt)
    return {name: "unsure" if doubt > DOUBTFUL else "sure" for name, doubt in doubts.items()}


def _judges_scales(evaluation: Evaluation, file: TaskFile) -> dict[str, tuple[float, float]]:
    """Lowest and highest score of each model judge."""
    judges = [m.name for m in file.spec.metrics if m.options.get("metric", m.name) == "judge"]
    scales: dict[str, tuple[float, float]] = {}
    for metric in evaluation.metrics:
        if metric.name in judges and metric.high > metric.low:
            scales[metric.name] = (metric.low, metric.high)
    return scales


def _distinct(outputs: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each different output of a row with the arms that gave it."""
    arms: dict[str, list[str]] = defaultdict(list)
    for arm, text in outputs.items():
        arms[text].append(arm)
    for text, same in arms.items():
        yield text, tuple(sorted(same))


def _known(batch: Batch, row: CalibrationRow) -> Item:
    return Item(
        id=new_id(),
        batch=batch.id,
        number=0,
        example=f"calibration:{row.id}",
        source=shown(conversation(row)),
        output=shown(row.output),
        gold=row.gold,
        family=f"calibration:{row.id}",
    )
