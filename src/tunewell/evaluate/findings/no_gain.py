"""T05: no gain over the same base model with a prompt."""

from __future__ import annotations

from collections.abc import Sequence

from tunewell.evaluate.findings.common import (
    STAGE,
    ZERO,
    deciding_metrics,
    is_better,
    is_worse,
    signed,
    unchecked,
)
from tunewell.evaluate.scored_arms import ScoredArms
from tunewell.stats import bonferroni_level
from tunewell.types import Estimate, Finding

CODE = "T05"
Named = tuple[str, Estimate]
"""A metric and its difference, tuned minus prompted."""


def no_gain(measured: ScoredArms) -> Finding:
    """T05: the tuned model against the base model with its best prompt, on the deciding metrics.

    The confidence is shared among the metrics (Bonferroni): one lucky metric of many is no gain.
    """
    table = measured.table
    names = [m for m in deciding_metrics(measured) if table.have("tuned", "prompted", m)]
    if not names:
        return unchecked(CODE, "There is no tuned model to compare.")

    differences = _differences(measured, names)
    if not differences:
        return unchecked(CODE, "Too few held-out families to compare.")

    gains = [(m, e) for m, e in differences if is_better(e, table.metrics[m])]
    losses = [(m, e) for m, e in differences if is_worse(e, table.metrics[m])]
    if gains:
        return _gain(*gains[0])
    if losses:
        return _loss(*losses[0])
    return _not_shown(*differences[0])


def _differences(measured: ScoredArms, names: Sequence[str]) -> list[Named]:
    level = bonferroni_level(measured.level, len(names))
    found: list[Named] = []
    for metric in names:
        estimate = measured.table.compare("tuned", "prompted", metric, level=level)
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
