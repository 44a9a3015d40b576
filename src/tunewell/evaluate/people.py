"""What people have said of the outputs, as scores beside the metrics' own."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from pydantic import ValidationError

from tunewell import people
from tunewell.evaluate.table import Mask, Table
from tunewell.store import Store
from tunewell.task import Gate, RubricCriterion, TaskFile, TaskSpec
from tunewell.types import Estimate, Judgement, MetricInfo, Score

EVENT = "judgement"


def criterion_info(criterion: RubricCriterion) -> MetricInfo:
    """A rubric criterion as a metric: a person's verdict is validated by nature."""
    low, high = (0.0, 1.0) if criterion.scale == "yes/no" else (1.0, 5.0)
    unit = "share" if criterion.scale == "yes/no" else "points"
    return MetricInfo(
        name=criterion.name,
        title=criterion.question,
        unit=unit,
        low=low,
        high=high,
        own=True,
        validated=True,
    )


def judgements(store: Store, rows: Sequence[str], *, predictions: str = "") -> list[Judgement]:
    """People's verdicts on these rows, oldest first.

    Of a person's two on one output, the last counts.

    Args:
        store: Of the project.
        rows: Ids of the rows.
        predictions: Artifact digest of the outputs; verdicts of the room for people count only for
            these very outputs.
    """
    wanted = set(rows)
    last: dict[tuple[str, str, str, str], Judgement] = {}
    for event in store.said(EVENT):
        try:
            j = Judgement.model_validate(event.record)
        except ValidationError:
            continue
        if j.example in wanted:
            last[j.example, j.arm, j.criterion, j.author] = j
    for j in people.judgements(store, wanted, evaluation=predictions):
        last[j.example, j.arm, j.criterion, j.author] = j
    return list(last.values())


def at_any_look(
    table: Table,
    file: TaskFile,
    gate: Gate,
    said: Sequence[Judgement],
    where: Mask | None,
    level: float,
) -> Estimate | None:
    """A gate's figure from people's verdicts, valid at every look.

    A judge of the same criterion narrows it.
    """
    criterion = next(c for c in file.spec.people.rubric if c.name == gate.metric)
    rows = [r for n, r in enumerate(table.rows) if where is None or where[n]]
    wanted = set(rows)
    arms = ("tuned",) if gate.kind == "level" else ("tuned", gate.against)
    judge = None
    if (
        all((a, gate.metric) in table.values for a in arms)
        and people_name(gate.metric) in table.metrics
    ):
        judge = {
            (r, a): float(table.values[a, gate.metric][n])
            for a in arms
            for n, r in enumerate(table.rows)
            if r in wanted and not math.isnan(table.values[a, gate.metric][n])
        }
    return people.panel_estimate(
        [j for j in said if j.example in wanted],
        criterion,
        against="" if gate.kind == "level" else gate.against,
        raters=file.spec.people.raters,
        clusters=dict(zip(table.rows, table.clusters or table.rows, strict=True)),
        judge=judge,
        level=level,
    )


def people_name(metric: str) -> str:
    """Under what name people's verdicts stand beside those of a judge of the same criterion."""
    return f"people: {metric}"


def people_scores(said: Sequence[Judgement], task: TaskSpec) -> list[Score]:
    """Mean verdict of the raters by row, arm and criterion, on the rows that were judged for every arm judged at all.

    Rows that nobody has read yet are no missing values: which rows people read does not depend on
    the outputs.
    """
    out: list[Score] = []
    for criterion in task.people.rubric:
        by_row: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        info = criterion_info(criterion)
        for j in said:
            if j.criterion == criterion.name and info.low <= j.value <= info.high:
                by_row[j.example][j.arm].append(j.value)
        arms = {arm for verdicts in by_row.values() for arm in verdicts}
        for example, verdicts in by_row.items():
            if set(verdicts) == arms:
                out += [
                    Score(
                        example=example,
                        arm=arm,
                        metric=criterion.name,
                        value=sum(values) / len(values),
                        reason=f"{len(values)} people",
                        scorer="people",
                    )
                    for arm, values in verdicts.items()
                ]
    return out
