"""E06: slices on which the tuned model is worse."""

from __future__ import annotations

from collections.abc import Sequence

from tunewell.evaluate.findings.common import (
    STAGE,
    ZERO,
    clear,
    deciding_metrics,
    no_candidate,
    signed,
    unchecked,
)
from tunewell.evaluate.scored_arms import ScoredArms
from tunewell.evaluate.table import Table
from tunewell.task import Gate
from tunewell.types import Comparison, Evaluation, Finding

CODE = "E06"


def worse_slices(evaluation: Evaluation, measured: ScoredArms) -> list[Finding]:
    """E06: corrected for the number of slices and of deciding metrics.

    A loss is none where a gate of that slice allows it and all of its interval is within the
    margin: otherwise a margin would mean nothing once there are rows enough to see any loss.
    """
    table = measured.table
    if not table.slices:
        return [unchecked(CODE, "tunewell.yaml names no slices.")]
    if "tuned" not in evaluation.arms:
        return [unchecked(CODE, no_candidate(measured))]

    names = deciding_metrics(measured)
    compared = _compared(evaluation, names)
    if not compared:
        return [unchecked(CODE, "Every slice has too few held-out rows.")]

    alpha = (1 - measured.level) / max(1, len(names))
    shown = [each for each in compared if _shown_worse(each, table, alpha)]
    gates = measured.file.spec.gates
    worse = [_finding(each, table) for each in shown if not _is_allowed(each, table, gates)]
    if worse:
        return worse
    count = len({c.slice for c in compared})
    allowed = f" (by more than its gate allows: {len(shown)} by less)" if shown else ""
    return [clear(CODE, f"No slice of {count} is shown to be worse{allowed}.")]


def _compared(evaluation: Evaluation, metrics: Sequence[str]) -> list[Comparison]:
    """The tuned model's comparisons by slice on these metrics."""
    found = []
    for comparison in evaluation.comparisons:
        deciding = comparison.arm == "tuned" and comparison.metric in metrics
        if comparison.slice and deciding:
            found.append(comparison)
    return found


def _shown_worse(compared: Comparison, table: Table, alpha: float) -> bool:
    if compared.adjusted is None or compared.adjusted > alpha:
        return False
    is_lower = compared.estimate.value < 0
    return is_lower == table.metrics[compared.metric].bigger_is_better


def _is_allowed(compared: Comparison, table: Table, gates: Sequence[Gate]) -> bool:
    """Whether the definition gives this slice a margin that holds all of the loss."""
    found = compared.estimate
    bigger = table.metrics[compared.metric].bigger_is_better
    loss = -found.low if bigger else found.high
    field = compared.slice.partition("=")[0]
    for gate in gates:
        is_its = gate.metric == compared.metric and gate.slices == field
        if is_its and gate.kind == "no_worse" and gate.against == compared.against:
            return loss <= gate.margin
    return False


def _finding(compared: Comparison, table: Table) -> Finding:
    figure = f"{compared.metric} {signed(compared.estimate)}"
    return Finding(
        code=CODE,
        status="found",
        stage=STAGE,
        why=f"On {compared.slice} the tuned model is worse than the {compared.against} one: "
        f"{figure}, p = {compared.adjusted:.2g} after correction.",
        estimate=compared.estimate,
        threshold=ZERO,
        slice=compared.slice,
        rows=table.rows_of(compared.slice),
        remedy=f"add rows of {compared.slice}, or: tunewell accept E06 --reason … --until DATE",
        blocking=True,
    )
