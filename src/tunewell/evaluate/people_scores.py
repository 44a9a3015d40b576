"""What people have said of the outputs, as scores beside the metrics' own."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import ValidationError

from tunewell import people
from tunewell.evaluate.lookup import by_name, picked
from tunewell.evaluate.metric_values import Mask
from tunewell.evaluate.table import Table
from tunewell.store import Store
from tunewell.task import Gate, RubricCriterion, TaskFile, TaskSpec
from tunewell.types import Estimate, Judgement, MetricInfo, Score

EVENT = "judgement"
CANDIDATE = "tuned"


def criterion_info(criterion: RubricCriterion) -> MetricInfo:
    """A rubric criterion as a metric: a person's verdict is validated by nature."""
    low, high, unit = 1.0, 5.0, "points"
    if criterion.scale == "yes/no":
        low, high, unit = 0.0, 1.0, "share"
    return MetricInfo(
        name=criterion.name,
        title=criterion.question,
        unit=unit,
        low=low,
        high=high,
        own=True,
        validated=True,
    )


def judgements(
    store: Store,
    rows: Sequence[str],
    *,
    predictions: str = "",
) -> list[Judgement]:
    """People's verdicts on these rows, oldest first.

    Of a person's two on one output, the last counts.

    Args:
        store: Of the project.
        rows: Ids of the rows.
        predictions: Artifact digest of the outputs; verdicts of the room for people count only for
            these very outputs.
    """
    wanted = set(rows)
    said = [j for j in _recorded(store) if j.example in wanted]
    said += people.judgements(store, wanted, evaluation=predictions)

    last: dict[tuple[str, str, str, str], Judgement] = {}
    for judgement in said:
        output = (judgement.example, judgement.arm, judgement.criterion, judgement.author)
        last[output] = judgement
    return list(last.values())


def _recorded(store: Store) -> Iterator[Judgement]:
    for event in store.said(EVENT):
        try:
            yield Judgement.model_validate(event.record)
        except ValidationError:
            continue


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
    rows = set(picked(table.rows, table.among(where)))
    against = "" if gate.kind == "level" else gate.against
    return people.panel_estimate(
        [j for j in said if j.example in rows],
        by_name(file.spec.people.rubric)[gate.metric],
        against=against,
        raters=file.spec.people.raters,
        clusters=dict(zip(table.rows, table.families, strict=True)),
        judge=_judge_of(table, gate.metric, filter(None, [CANDIDATE, against]), rows),
        level=level,
    )


def _judge_of(
    table: Table,
    metric: str,
    arms: Iterable[str],
    rows: set[str],
) -> Mapping[tuple[str, str], float] | None:
    """(row, arm) to the verdict of a judge of the same criterion; None where there is none."""
    if people_name(metric) not in table.metrics:
        return None
    verdicts: dict[tuple[str, str], float] = {}
    for arm in arms:
        if (arm, metric) not in table.values:
            return None
        for row, value in zip(table.rows, table.values[arm, metric], strict=True):
            if row in rows and not math.isnan(value):
                verdicts[row, arm] = float(value)
    return verdicts


def people_name(metric: str) -> str:
    """Under what name people's verdicts stand beside those of a judge of the same criterion."""
    return f"people: {metric}"


def people_scores(said: Sequence[Judgement], task: TaskSpec) -> list[Score]:
    """Mean verdict of the raters by row, arm and criterion.

    Rows count that were judged for every arm judged at all. Rows that nobody has read yet are no
    missing values: which rows people read does not depend on the outputs.
    """
    scores: list[Score] = []
    for criterion in task.people.rubric:
        verdicts = _by_row(said, criterion)
        arms = set().union(*verdicts.values())
        for row, by_arm in verdicts.items():
            if set(by_arm) == arms:
                scores += [_mean(row, arm, criterion, own) for arm, own in by_arm.items()]
    return scores


def _by_row(
    said: Sequence[Judgement], criterion: RubricCriterion
) -> dict[str, dict[str, list[float]]]:
    """Row to arm to the verdicts on one criterion that are on its scale."""
    info = criterion_info(criterion)
    by_row: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for judgement in said:
        if judgement.criterion == criterion.name and info.low <= judgement.value <= info.high:
            by_row[judgement.example][judgement.arm].append(judgement.value)
    return by_row


def _mean(
    row: str,
    arm: str,
    criterion: RubricCriterion,
    verdicts: Sequence[float],
) -> Score:
    return Score(
        example=row,
        arm=arm,
        metric=criterion.name,
        value=sum(verdicts) / len(verdicts),
        reason=f"{len(verdicts)} people",
        scorer="people",
    )
