"""Gates on what a model judges: validated by people first, then corrected by their verdicts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tunewell.evaluate.table import Mask, Table
from tunewell.evaluate.validate import Validation, corrected_gain, corrected_level, validate_judge
from tunewell.task import Gate, TaskFile
from tunewell.types import Estimate, Score, Unscored

CANDIDATE = "tuned"
Floats = NDArray[np.float64]


def judges(file: TaskFile) -> set[str]:
    """Names of the metrics that a model judges."""
    return {m.name for m in file.spec.metrics if str(m.options.get("metric", m.name)) == "judge"}


def commonest_failure(scores: Iterable[Score], metric: str) -> str:
    """Why a judge most often gave no verdict, with how often; empty if it always gave one."""
    reasons = Counter(
        score.value.reason
        for score in scores
        if score.metric == metric and isinstance(score.value, Unscored)
    )
    if not reasons:
        return ""
    ((reason, count),) = reasons.most_common(1)
    return f"{count} of {reasons.total()}: {reason}"


def people_of(metric: str) -> str:
    """Under what name people's verdicts stand beside those of a judge of the same criterion."""
    return f"people: {metric}"


def _people(table: Table, arm: str, metric: str) -> Floats:
    """People's verdicts on an arm, NaN where there are none, shape (rows,)."""
    return table.values.get((arm, people_of(metric)), np.full(len(table.rows), math.nan))


def validation_of(table: Table, metric: str, *, level: float) -> Validation:
    """The judge against people, over the outputs of all arms."""
    arms = [a for a in table.arms if (a, metric) in table.values]
    judge = np.concatenate([table.values[a, metric] for a in arms]) if arms else np.zeros(0)
    human = np.concatenate([_people(table, a, metric) for a in arms]) if arms else np.zeros(0)
    clusters = list(table.clusters or table.rows) * len(arms)
    return validate_judge(
        table.metrics[metric], judge.tolist(), human.tolist(), clusters=clusters, level=level
    )


def corrected(table: Table, gate: Gate, where: Mask | None, level: float) -> Estimate | None:
    """A gate's figure as people would have it, from the judge's verdicts on all rows and theirs on some."""
    mask = np.ones(len(table.rows), dtype=np.bool_) if where is None else where
    groups = [c for c, m in zip(table.clusters or table.rows, mask, strict=True) if m]
    info = table.metrics[gate.metric]
    judge, human = (
        table.values[CANDIDATE, gate.metric][mask],
        _people(table, CANDIDATE, gate.metric)[mask],
    )
    if gate.kind == "level":
        return corrected_level(info, judge, human, clusters=groups, level=level)
    if (gate.against, gate.metric) not in table.values:
        return None
    other = (
        table.values[gate.against, gate.metric][mask],
        _people(table, gate.against, gate.metric)[mask],
    )
    return corrected_gain(info, (judge, other[0]), (human, other[1]), clusters=groups, level=level)
