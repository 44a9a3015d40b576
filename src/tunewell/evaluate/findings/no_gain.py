"""T05: no gain over the same base model with a prompt."""

from __future__ import annotations

from collections.abc import Sequence

from tunewell.evaluate.findings.common import (
    STAGE,
    ZERO,
    deciding_metrics,
    is_better,
    is_worse,
    no_candidate,
    signed,
    unchecked,
)
from tunewell.evaluate.scored_arms import ScoredArms
from tunewell.stats import bonferroni_level
from tunewell.types import Estimate, Finding

CODE = "T05"
Named = tuple[str, Estimate]
"""A metric and its difference, tuned minus another arm."""


def no_gain(measured: ScoredArms) -> list[Finding]:
    """T05: the tuned model against the base model with its best prompt, on the deciding metrics.

    A model in production that it is worse than is a finding of its own, whatever the base does. The
    confidence is shared among the metrics (Bonferroni): one lucky metric of many is no gain.
    """
    behind = _behind_production(measured)
    found = _against_prompted(measured)
    if behind is None:
        return [found]
    return [behind] if found.status == "unchecked" else [found, behind]


def _behind_production(measured: ScoredArms) -> Finding | None:
    table = measured.table
    names = [m for m in deciding_metrics(measured) if table.have("tuned", "production", m)]
    for metric, estimate in _differences(measured, names, against="production"):
        if is_worse(estimate, table.metrics[metric]):
            return Finding(
                code=CODE,
                status="found",
                stage=STAGE,
                why="The candidate is worse than the model in production: "
                f"{metric} {signed(estimate)}.",
                estimate=estimate,
                threshold=ZERO,
                remedy="do not ship; keep the model in production",
                blocking=True,
            )
    return None


def _against_prompted(measured: ScoredArms) -> Finding:
    table = measured.table
    names = [m for m in deciding_metrics(measured) if table.have("tuned", "prompted", m)]
    if not names:
        return unchecked(CODE, _why_not_compared(measured))

    differences = _differences(measured, names, against="prompted")
    if not differences:
        return unchecked(CODE, "Too few held-out families to compare.")

    gains = [(m, e) for m, e in differences if is_better(e, table.metrics[m])]
    losses = [(m, e) for m, e in differences if is_worse(e, table.metrics[m])]
    if gains:
        return _gain(*gains[0])
    if losses:
        return _loss(*losses[0])
    return _not_shown(*differences[0])


def _why_not_compared(measured: ScoredArms) -> str:
    arms = measured.table.arms
    if "tuned" in arms and "prompted" not in arms:
        return (
            "No outputs of the base model with a prompt were given (prompted=FILE): whether a "
            "prompt would do as well is not known."
        )
    return no_candidate(measured)


def _differences(measured: ScoredArms, names: Sequence[str], *, against: str) -> list[Named]:
    level = bonferroni_level(measured.level, max(1, len(names)))
    found: list[Named] = []
    for metric in names:
        estimate = measured.table.compare("tuned", against, metric, level=level)
        if estimate is not None:
            found.append((metric, estimate))
    return found


def _gain(metric: str, estimate: Estimate) -> Finding:
    return Finding(
        code=CODE,
        status="clear",
        stage=STAGE,
        why=f"Against the prompted base model: {metric} {signed(estimate)}.",
        estimate=estimate,
        threshold=ZERO,
    )


def _loss(metric: str, estimate: Estimate) -> Finding:
    compared = f"{metric} {signed(estimate)}"
    return Finding(
        code=CODE,
        status="found",
        stage=STAGE,
        why=f"The tuned model is worse than the same base model with a prompt: {compared}.",
        estimate=estimate,
        threshold=ZERO,
        remedy="do not ship; a prompt may be enough",
        blocking=True,
    )


def _not_shown(metric: str, estimate: Estimate) -> Finding:
    compared = f"{metric} {signed(estimate)}"
    return Finding(
        code=CODE,
        status="found",
        stage=STAGE,
        why="The tuned model is not shown to be better than the same base model with a prompt: "
        f"{compared}.",
        estimate=estimate,
        threshold=ZERO,
        remedy="more held-out rows, or a prompt may be enough",
    )
