"""Gates on what a model judges: validated by people first, then corrected by their verdicts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewell.evaluate.judge_validation import Validation, validate_judge
from tunewell.evaluate.lookup import picked
from tunewell.evaluate.metric_kinds import metrics_of_kind
from tunewell.evaluate.metric_values import Mask
from tunewell.evaluate.people_scores import CANDIDATE, people_name
from tunewell.evaluate.table import Table
from tunewell.stats import JudgedArm, corrected_difference, corrected_mean
from tunewell.task import Gate, TaskFile
from tunewell.types import Estimate, MetricInfo, Score, Unscored

_FEWEST = 2
"""Fewer verdicts of people than this correct nothing."""
Floats = NDArray[np.float64]


def judges(file: TaskFile) -> set[str]:
    """Names of the metrics that a model judges."""
    return {spec.name for spec in metrics_of_kind(file, "judge")}


def commonest_failure(scores: Iterable[Score], metric: str) -> str:
    """Why a judge most often gave no verdict, with how often; empty if it always gave one."""
    reasons: Counter[str] = Counter()
    for score in scores:
        if score.metric == metric and isinstance(score.value, Unscored):
            reasons[score.value.reason] += 1
    if not reasons:
        return ""
    ((reason, count),) = reasons.most_common(1)
    return f"{count} of {reasons.total()}: {reason}"


def validation_of(table: Table, metric: str, *, level: float) -> Validation:
    """The judge against people, over the outputs of all arms."""
    judge: list[float] = []
    human: list[float] = []
    clusters: list[str] = []
    for arm in table.arms:
        if (arm, metric) in table.values:
            verdicts = _Verdicts.of(table, arm, metric)
            judge += verdicts.judge.tolist()
            human += verdicts.human.tolist()
            clusters += table.families
    return validate_judge(
        table.metrics[metric],
        judge,
        human,
        clusters=clusters,
        level=level,
    )


def corrected(
    table: Table,
    gate: Gate,
    where: Mask | None,
    level: float,
) -> Estimate | None:
    """A gate's figure as people would have it: the judge's verdicts on all rows, theirs on some."""
    mask = table.among(where)
    groups = picked(table.families, mask)
    info = table.metrics[gate.metric]
    candidate = _Verdicts.of(table, CANDIDATE, gate.metric).on(mask)
    if gate.kind == "level":
        return _corrected_level(
            info,
            candidate,
            clusters=groups,
            level=level,
        )
    if (gate.against, gate.metric) not in table.values:
        return None
    rival = _Verdicts.of(table, gate.against, gate.metric).on(mask)
    return _corrected_gain(
        info,
        candidate,
        rival,
        clusters=groups,
        level=level,
    )


@dataclass(frozen=True)
class _Verdicts:
    """What the judge and people say of one arm.

    Attributes:
        judge: Shape (rows,), NaN where it gave none.
        human: Shape (rows,), NaN where nobody has spoken.
    """

    judge: Floats
    human: Floats

    @classmethod
    def of(cls, table: Table, arm: str, metric: str) -> _Verdicts:
        """On all rows of a table."""
        nobody = np.full(len(table.rows), math.nan)
        human = table.values.get((arm, people_name(metric)), nobody)
        return cls(table.values[arm, metric], human)

    def on(self, mask: Mask) -> _Verdicts:
        """On some of the rows."""
        return _Verdicts(self.judge[mask], self.human[mask])


def _corrected_level(
    info: MetricInfo,
    verdicts: _Verdicts,
    *,
    clusters: Sequence[str],
    level: float,
) -> Estimate | None:
    """What people would say on average; None with under two verdicts of theirs."""
    if int((~np.isnan(verdicts.human)).sum()) < _FEWEST:
        return None
    made = corrected_mean(
        judge=verdicts.judge,
        human=verdicts.human,
        clusters=clusters,
        level=level,
        low=info.low,
        high=info.high,
    )
    return made.model_copy(update={"unit": info.unit})


def _corrected_gain(
    info: MetricInfo,
    candidate: _Verdicts,
    rival: _Verdicts,
    *,
    clusters: Sequence[str],
    level: float,
) -> Estimate | None:
    """The paired difference that people would find; None with under two pairs judged by people."""
    both = ~np.isnan(candidate.human) & ~np.isnan(rival.human)
    if int(both.sum()) < _FEWEST:
        return None
    made = corrected_difference(
        JudgedArm(candidate.judge, candidate.human),
        JudgedArm(rival.judge, rival.human),
        clusters=clusters,
        level=level,
        low=info.low,
        high=info.high,
    )
    return made.model_copy(update={"unit": info.unit})
