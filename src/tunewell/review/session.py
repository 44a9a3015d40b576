"""Open a review: outputs of an evaluation laid before people, blind to the arm, source beside output."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from tunewell.errors import UserError
from tunewell.people import WorkStore, new_id, shown
from tunewell.people.guide import conversation, read_guideline
from tunewell.people.sample import SampleCandidate, draw
from tunewell.people.work import Batch, Item
from tunewell.review.marks import marker
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import Evaluation, Example, Prediction, Score, Unscored

DOUBTFUL = 0.4
"""A judge's score at least this far (of 1) from both ends of its scale is a doubtful one."""


class CalibrationRow(Example):
    """A row with an answer whose right verdict is known, mixed in to see whether raters read.

    Attributes:
        output: What is shown as the answer.
        gold: The right value by criterion.
    """

    output: str
    gold: Mapping[str, float]


def open_review(
    store: Store,
    file: TaskFile,
    evaluation: Evaluation,
    examples: Sequence[Example],
    *,
    author: str,
    arms: Sequence[str],
    rows: int,
    raters: int | None = None,
    title: str = "",
    part: Literal["test", "review"] = "test",
    seed: int = 0,
    calibration: Sequence[CalibrationRow] = (),
) -> Batch:
    """Draw rows, pair their outputs, hide the arms and write the batch.

    People are given seats by `WorkStore.share`.

    Args:
        store: Of the project.
        file: The definition: rubric, guideline, error tags, raters.
        evaluation: Whose outputs are judged.
        examples: The rows of the evaluation.
        author: Who opens it.
        arms: Whose outputs are shown; equal outputs of a row are read once and count for each arm.
        rows: How many rows to draw, with equal probability, mirroring the slices.
        raters: People per output; those of the definition if None.
        title: What people see.
        part: Where the rows belong: corrections of the review pool become rows of the next version,
            those of the test set change its gold only.
        seed: Of draw, order and assignment.
        calibration: Rows with known answers to mix in.

    Raises:
        UserError: No rubric, unknown arms, or no outputs.
    """
    rubric = file.spec.people.rubric
    if not rubric:
        raise UserError(
            "tunewell.yaml names no rubric, so there is nothing to ask people",
            hint="people: {rubric: [{name: right, question: 'Is the answer right?', scale: yes/no}]}",
        )
    unknown = [a for a in arms if a not in evaluation.arms]
    if unknown or not arms:
        raise UserError(
            f"no outputs of {', '.join(unknown) or 'any arm'}",
            hint=f"one of {', '.join(evaluation.arms)}",
        )
    outputs: dict[str, dict[str, str]] = defaultdict(dict)
    for p in store.get_value(evaluation.predictions, list[Prediction]):
        if p.arm in arms and p.finish != "error":
            outputs[p.example][p.arm] = p.text
    batch = Batch(
        id=new_id(),
        kind="review",
        title=title or f"Review of {file.spec.task.name}",
        created=dt.datetime.now(dt.UTC),
        author=author,
        raters=raters or file.spec.people.raters,
        minutes=file.spec.people.minutes_per_verdict,
        about=f"What goes in: {file.spec.task.input} What should come out: {file.spec.task.output}",
        guideline=read_guideline(file),
        rubric=rubric,
        error_tags=file.spec.people.error_tags,
        evaluation=evaluation.predictions,
        seed=seed,
    )
    chosen = _drawn(
        evaluation, examples, outputs, rows, file, seed, unsure=_unsure(store, evaluation, file)
    )
    probability = len(chosen) / max(1, sum(e.id in outputs for e in examples))
    families = dict(zip(evaluation.rows, evaluation.clusters, strict=False))
    mark = marker(file)
    items = [
        i.model_copy(update={"marks": mark(i.output, e), "part": part})
        for e in chosen
        for i in _items(batch, e, outputs[e.id], families.get(e.id, e.id), file, probability)
    ]
    items += [_known(batch, c) for c in calibration]
    random.Random(f"items {seed}").shuffle(items)
    WorkStore(store).open_batch(
        batch, [i.model_copy(update={"number": n}) for n, i in enumerate(items)]
    )
    return batch


def _drawn(
    evaluation: Evaluation,
    examples: Sequence[Example],
    outputs: Mapping[str, Mapping[str, str]],
    rows: int,
    file: TaskFile,
    seed: int,
    *,
    unsure: Mapping[str, str],
) -> list[Example]:
    families = dict(zip(evaluation.rows, evaluation.clusters, strict=False))
    fields = [s.field for s in file.spec.slices]
    there = {e.id: e for e in examples if e.id in outputs}
    if not there:
        raise UserError(
            "none of the evaluated rows has an output to judge", hint="tunewell evaluate"
        )
    candidates = [
        SampleCandidate(
            id=e.id,
            strata=(*(e.field(f) for f in fields), unsure.get(e.id, "")),
            family=families.get(e.id, ""),
        )
        for e in there.values()
    ]
    return [there[i] for i in draw(candidates, rows, seed=seed)]


def _unsure(store: Store, evaluation: Evaluation, file: TaskFile) -> dict[str, str]:
    """Rows of which a model judge is sure or not, where one has scored them: each kind gets its share of the sample.

    Every row keeps the same probability, so that a plain mean of people's verdicts stays honest; it
    only varies less.
    """
    judges = {m.name for m in file.spec.metrics if str(m.options.get("metric", m.name)) == "judge"}
    if not judges:
        return {}
    spans = {m.name: (m.low, m.high) for m in evaluation.metrics if m.name in judges}
    doubts: dict[str, float] = {}
    for score in store.get_value(evaluation.scores, list[Score]):
        low, high = spans.get(score.metric, (None, None))
        if low is None or high is None or high <= low or isinstance(score.value, Unscored):
            continue
        sure = abs(
            2 * (float(score.value) - low) / (high - low) - 1
        )  # 1 at either end of the scale, 0 in the middle
        doubts[score.example] = max(doubts.get(score.example, 0.0), 1 - sure)
    return {name: "unsure" if doubt > DOUBTFUL else "sure" for name, doubt in doubts.items()}


def _items(
    batch: Batch,
    example: Example,
    outputs: Mapping[str, str],
    family: str,
    file: TaskFile,
    probability: float,
) -> list[Item]:
    """One item per different output of a row."""
    by_text: dict[str, list[str]] = defaultdict(list)
    for arm, text in outputs.items():
        by_text[text].append(arm)
    return [
        Item(
            id=new_id(),
            batch=batch.id,
            number=0,
            example=example.id,
            arms=tuple(sorted(arms)),
            source=shown(conversation(example)),
            output=shown(text),
            family=family,
            slices={s.field: example.field(s.field) for s in file.spec.slices},
            groups={f: example.field(f) for f in ("source", "kind") if example.field(f)},
            probability=probability,
        )
        for text, arms in by_text.items()
    ]


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
