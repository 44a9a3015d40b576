"""An evaluation and a verdict computed from invented answers.

Used by `tunewell.testing.factories`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewell.store import Store
from tunewell.task import Gate, TaskFile
from tunewell.testing.desk_rows import DeskRow, desk_answer
from tunewell.types import (
    Comparison,
    Criterion,
    Estimate,
    Evaluation,
    Finding,
    Level,
    MetricInfo,
    Outcome,
    Prediction,
    Score,
    Threshold,
    Unscored,
    Verdict,
)

METRICS: Final = (
    MetricInfo(name="key_points", title="Key points named", own=True, validated=True),
    MetricInfo(name="must_not", title="No forbidden text", own=True, validated=True),
    MetricInfo(name="rouge_l", title="Longest common wording (ROUGE-L)"),
    MetricInfo(
        name="nats",
        title="Loss of the desk's own answer",
        unit="nats/token",
        bigger_is_better=False,
        high=math.inf,
        validated=True,
    ),
)
Table = dict[tuple[str, str], NDArray[np.float64]]
"""Values by (arm, metric), shape (rows,)."""


@dataclass(frozen=True)
class SampleEvaluation:
    """An evaluation with what came of it."""

    evaluation: Evaluation
    findings: tuple[Finding, ...]


def mean_of(
    values: NDArray[np.float64],
    *,
    unit: str = "share",
    low: float = -math.inf,
    high: float = math.inf,
) -> Estimate:
    """Mean with a normal interval (95 %), cut at the metric's own range."""
    n = len(values)
    mean = float(values.mean()) if n else 0.0
    half = 1.96 * float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else math.inf
    return Estimate(
        value=mean,
        low=max(mean - half, low),
        high=min(mean + half, high),
        n=n,
        method="normal",
        unit=unit,
    )


def sample_evaluation(
    rows: Sequence[DeskRow],
    *,
    skills: Mapping[str, float],
    store: Store,
    seed: int = 0,
    hostile: Sequence[str] = (),
) -> SampleEvaluation:
    """Answers of every arm, their scores, means and paired differences, overall and by slice.

    Args:
        rows: The held-out rows.
        skills: Chance that an arm names a key point, by arm.
        store: Where predictions and scores go.
        seed: Of the draws.
        hostile: Texts to answer with now and then.
    """
    predictions: list[Prediction] = []
    scores: list[Score] = []
    table: Table = {(arm, m.name): np.zeros(len(rows)) for arm in skills for m in METRICS}
    for arm, skill in skills.items():
        for i, row in enumerate(rows):
            text, named = desk_answer(row, skill=skill, seed=seed)
            if hostile and i % 3 == 0:
                text = hostile[i % len(hostile)]
            predictions.append(
                Prediction(
                    example=row.id, arm=arm, text=text, prompt_tokens=40, tokens=len(text) // 4
                )
            )
            for metric, value, reason in _measure(
                row, text, named, skill, random.Random(f"{row.id}-{arm}-{seed}")
            ):
                table[arm, metric][i] = value
                scores.append(
                    Score(example=row.id, arm=arm, metric=metric, value=value, reason=reason)
                )
    scores[0] = scores[0].model_copy(update={"value": Unscored(reason="the answer was cut")})
    levels, comparisons = _compare(rows, table, tuple(skills))
    evaluation = Evaluation(
        arms=tuple(skills),
        rows=tuple(row.id for row in rows),
        metrics=METRICS,
        predictions=store.put_value(predictions),
        scores=store.put_value(scores),
        levels=levels,
        comparisons=comparisons,
        prompts={
            "prompted": "You answer for the service desk. Be brief and name dates and prices."
            "\n\n(3 solved examples)"
        },
        looks=2,
    )
    return SampleEvaluation(evaluation, _findings(evaluation))


def _measure(
    row: DeskRow, text: str, named: Sequence[str], skill: float, draw: random.Random
) -> list[tuple[str, float, str]]:
    missing = [p for p in row.points if p not in named]
    reason = f"missing: {'; '.join(missing)}" if missing else ""
    common = len(set(text.split()) & set(row.answer.split())) / max(len(set(row.answer.split())), 1)
    return [
        ("key_points", len(named) / len(row.points), reason),
        ("must_not", float(draw.random() > 0.06 * (1 - skill)), ""),
        ("rouge_l", common, ""),
        ("nats", max(3.1 - 1.5 * skill + draw.gauss(0, 0.2), 0.1), ""),
    ]


def _compare(
    rows: Sequence[DeskRow], table: Table, arms: Sequence[str]
) -> tuple[tuple[Level, ...], tuple[Comparison, ...]]:
    levels: list[Level] = []
    comparisons: list[Comparison] = []
    for slice_, mask in _slices(rows).items():
        for metric in METRICS:
            for arm in arms:
                estimate = mean_of(
                    table[arm, metric.name][mask],
                    unit=metric.unit,
                    low=metric.low,
                    high=metric.high,
                )
                missing = int(arm == arms[0] and metric.name == "key_points" and not slice_)
                levels.append(
                    Level(
                        arm=arm,
                        metric=metric.name,
                        estimate=estimate,
                        slice=slice_,
                        missing=missing,
                    )
                )
            for arm, against in (("tuned", "prompted"), ("tuned", "base"), ("prompted", "base")):
                apart = table[arm, metric.name][mask] - table[against, metric.name][mask]
                estimate = mean_of(apart, unit=metric.unit).model_copy(
                    update={"method": "paired, normal"}
                )
                p = _p_value(estimate)
                adjusted = min(p * 9, 1.0) if slice_ else None
                comparisons.append(
                    Comparison(
                        arm=arm,
                        against=against,
                        metric=metric.name,
                        estimate=estimate,
                        slice=slice_,
                        p_value=p,
                        adjusted=adjusted,
                    )
                )
    return tuple(levels), tuple(comparisons)


def _slices(rows: Sequence[DeskRow]) -> dict[str, NDArray[np.bool_]]:
    masks = {"": np.ones(len(rows), dtype=np.bool_)}
    for field in ("region", "kind"):
        values = np.array([getattr(row, field) for row in rows])
        for value in sorted(set(values.tolist())):
            masks[f"{field}={value}"] = values == value
    return masks


def _p_value(estimate: Estimate) -> float:
    half = (estimate.high - estimate.low) / 2
    if not math.isfinite(half) or half == 0:
        return 1.0
    return math.erfc(abs(estimate.value) / (half / 1.96) / math.sqrt(2))


def _findings(evaluation: Evaluation) -> tuple[Finding, ...]:
    found: list[Finding] = []
    gain = next(
        c
        for c in evaluation.comparisons
        if (c.arm, c.against, c.metric, c.slice) == ("tuned", "prompted", "key_points", "")
    )
    status = "clear" if gain.estimate.low > 0 else "found"
    found.append(
        Finding(
            code="T05",
            status=status,
            stage="evaluate",
            estimate=gain.estimate,
            threshold=Threshold(value=0.0, origin="built-in"),
            blocking=status == "found",
            why="The tuned model names more key points than the base model with its best prompt."
            if status == "clear"
            else "A prompt does as well as the tuned model.",
        )
    )
    worst = min(
        (
            c
            for c in evaluation.comparisons
            if c.slice and c.arm == "tuned" and c.metric == "key_points" and c.against == "prompted"
        ),
        key=lambda c: c.estimate.low,
    )
    found.append(
        Finding(
            code="E06",
            status="found" if worst.estimate.high < 0 else "clear",
            stage="evaluate",
            slice=worst.slice,
            estimate=worst.estimate,
            threshold=Threshold(value=0.0, origin="built-in"),
            why=f"The weakest slice is {worst.slice}.",
        )
    )
    found.append(
        Finding(
            code="E03",
            status="found",
            stage="evaluate",
            remedy="raise split.test to 0.3, then: tunewell run",
            why=f"{len(evaluation.rows)} test rows tell apart 0.08, but not 0.05.",
        )
    )
    found.append(
        Finding(
            code="L01",
            status="unchecked",
            stage="evaluate",
            why="No blind comparison by people has been made.",
        )
    )
    return tuple(found)


# --- the verdict ----------------------------------------------------------------------------------


_WHY: Final[Mapping[Outcome, str]] = {
    "GO": "The tuned model is better than the prompt alone on every condition that you set, "
    "and people agree.",
    "NO-GO": "The tuned model misses a condition that you set: a good prompt does as well, "
    "so do not ship it.",
    "INCONCLUSIVE": "What was measured speaks for the tuned model, but people have not yet said "
    "whether its answers are good enough.",
}


def sample_verdict(
    made: SampleEvaluation,
    file: TaskFile,
    *,
    findings: Sequence[Finding] = (),
    spoken: bool = False,
) -> Verdict:
    """The verdict that follows from the gates of a definition.

    Args:
        made: What was measured.
        file: Whose gates.
        findings: Of all stages.
        spoken: Whether people have judged (and approved the definition).
    """
    criteria = []
    for i, gate in enumerate(file.spec.gates):
        origin = file.where(f"gates.{i}")
        if gate.metric == "helpful":
            criteria.append(_criterion_of_people(gate, origin, spoken=spoken))
        else:
            criteria.append(_criterion(made.evaluation, gate, origin))
    settled = tuple(_approved(f) if spoken and f.code == "E01" else f for f in findings)
    outcome = _worst(criteria)
    return Verdict(
        outcome=outcome,
        why=_WHY[outcome],
        criteria=tuple(criteria),
        findings=settled,
        would_change=(*_needs(criteria), *_remedies(settled)),
    )


def _worst(criteria: Sequence[Criterion]) -> Outcome:
    outcomes = {c.outcome for c in criteria}
    worst_first: tuple[Outcome, ...] = ("NO-GO", "INCONCLUSIVE")
    for outcome in worst_first:
        if outcome in outcomes:
            return outcome
    return "GO"


def _approved(finding: Finding) -> Finding:
    approved = {"status": "clear", "blocking": False, "why": "The definition is approved."}
    return finding.model_copy(update=approved)


def _needs(criteria: Sequence[Criterion]) -> list[str]:
    return [f"{c.name}: {c.needs}" for c in criteria if c.needs]


def _remedies(findings: Sequence[Finding]) -> list[str]:
    return [f"{f.code}: {f.remedy}" for f in findings if f.blocking and f.status == "found"]


def _criterion_of_people(gate: Gate, origin: str, *, spoken: bool) -> Criterion:
    bound = _bound(gate)
    name = f"helpful: tuned >= {bound:g}"
    threshold = Threshold(value=bound, origin=origin)
    if not spoken:
        return Criterion(
            name=name,
            outcome="INCONCLUSIVE",
            threshold=threshold,
            why="Nobody has judged an answer yet.",
            needs="about 80 verdicts, of 2 people each: tunewell review",
        )
    return Criterion(
        name=name,
        outcome="GO",
        estimate=Estimate(value=0.925, low=0.846, high=0.965, n=80, method="Wilson", unit="share"),
        threshold=threshold,
        why="74 of 80 answers could be sent as they are.",
    )


def _bound(gate: Gate) -> float:
    for bound in (gate.at_least, gate.at_most):
        if bound is not None:
            return bound
    return gate.margin


def _criterion(evaluation: Evaluation, gate: Gate, origin: str) -> Criterion:
    estimate = _estimate(evaluation, gate)
    info = next(m for m in evaluation.metrics if m.name == gate.metric)
    no_worse = gate.kind == "no_worse"
    above = gate.at_least is not None or (no_worse and info.bigger_is_better)
    limit = -_bound(gate) if no_worse and above else _bound(gate)
    outcome = _outcome(estimate, limit, above=above)
    return Criterion(
        name=_name(gate, limit, above=above),
        outcome=outcome,
        estimate=estimate,
        threshold=Threshold(value=limit, origin=origin),
        why=_SIDES[outcome],
        needs="about 140 more test rows" if outcome == "INCONCLUSIVE" else "",
    )


_SIDES: Final[Mapping[Outcome, str]] = {
    "GO": "The whole interval is on the right side of the threshold.",
    "NO-GO": "The whole interval is on the wrong side of the threshold.",
    "INCONCLUSIVE": "The interval spans the threshold.",
}


def _estimate(evaluation: Evaluation, gate: Gate) -> Estimate:
    if gate.kind == "level":
        for level in evaluation.levels:
            if (level.arm, level.metric, level.slice) == ("tuned", gate.metric, ""):
                return level.estimate
    wanted = ("tuned", gate.against, gate.metric, "")
    for c in evaluation.comparisons:
        if (c.arm, c.against, c.metric, c.slice) == wanted:
            return c.estimate
    raise ValueError(f"{gate.metric} was not measured")


def _outcome(estimate: Estimate, limit: float, *, above: bool) -> Outcome:
    low, high = estimate.low - limit, estimate.high - limit
    if not above:
        low, high = -high, -low
    if low >= 0:
        return "GO"
    return "NO-GO" if high < 0 else "INCONCLUSIVE"


def _name(gate: Gate, limit: float, *, above: bool) -> str:
    if gate.kind == "no_worse":
        return f"{gate.metric}: tuned no worse than {gate.against} by {_bound(gate):g}"
    compared = "tuned" if gate.kind == "level" else f"tuned - {gate.against}"
    return f"{gate.metric}: {compared} {'>=' if above else '<='} {limit:g}"
