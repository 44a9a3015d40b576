"""E03: a test set too small for the differences that the gates speak of."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tunewell.evaluate.findings.common import STAGE, clear, unchecked
from tunewell.evaluate.gate_checks import limit_of, threshold_of
from tunewell.evaluate.lookup import present
from tunewell.evaluate.scored_arms import ScoredArms
from tunewell.evaluate.table import Table
from tunewell.stats import detectable_by, rows_to_show
from tunewell.task import Gate
from tunewell.types import Estimate, Finding, Threshold

CODE = "E03"


def small_sample(measured: ScoredArms) -> list[Finding]:
    """E03: for each gate, the difference that the sample can show against the one it turns on."""
    file, table = measured.file, measured.table
    gates = enumerate(file.spec.gates)
    level = measured.level
    claims = present(
        _claim(table, gate, place=file.where(f"gates.{i}"), level=level) for i, gate in gates
    )
    if not claims:
        return [unchecked(CODE, "No gate could be measured.")]

    too_small = [claim.finding for claim in claims if not claim.settled]
    if too_small:
        return too_small
    return [clear(CODE, "The sample can show the differences that the gates ask for.")]


@dataclass(frozen=True)
class _Claim:
    """The difference that one gate turns on.

    Attributes:
        metric: Of the gate.
        estimate: Its figure so far.
        limit: What the figure is held against.
        difference: What the sample has to show, 0 or above.
        place: Where the gate stands.
    """

    metric: str
    estimate: Estimate
    limit: float
    difference: float
    place: str

    @property
    def settled(self) -> bool:
        """Whether the sample has decided the gate, or is large enough to."""
        if not self.estimate.low <= self.limit <= self.estimate.high:
            return True
        smallest = detectable_by(self.estimate)
        return smallest <= self.difference or not math.isfinite(smallest)

    @property
    def finding(self) -> Finding:
        """What the sample can show, and how many rows are missing."""
        rows, smallest = self.estimate.n, detectable_by(self.estimate)
        return Finding(
            code=CODE,
            status="found",
            stage=STAGE,
            why=f"{rows} independent rows show a difference of {smallest:.3g} in {self.metric}; "
            f"{self.difference:.3g} is what the gate turns on.",
            estimate=self.estimate,
            threshold=Threshold(value=self.difference, origin=self.place),
            remedy=self._remedy,
        )

    @property
    def _remedy(self) -> str:
        rows = self.estimate.n
        needed = rows_to_show(self.difference, self.estimate, rows=rows)
        if not math.isfinite(needed):
            return "more held-out rows"
        missing = math.ceil(needed) - rows
        return f"about {missing:,} more held-out rows"


def _claim(table: Table, gate: Gate, *, place: str, level: float) -> _Claim | None:
    """What a gate claims; None where it cannot be measured."""
    estimate = _estimate(table, gate, level)
    if estimate is None:
        return None
    return _Claim(
        metric=gate.metric,
        estimate=estimate,
        limit=limit_of(gate, table.metrics[gate.metric]),
        difference=_difference(gate, estimate),
        place=place,
    )


def _estimate(table: Table, gate: Gate, level: float) -> Estimate | None:
    if not table.has("tuned", gate.metric):
        return None
    if gate.kind == "level":
        return table.level("tuned", gate.metric, level=level)
    if not table.has(gate.against, gate.metric):
        return None
    return table.compare("tuned", gate.against, gate.metric, level=level)


def _difference(gate: Gate, estimate: Estimate) -> float:
    """Of a level the distance to its threshold, else the threshold or margin; never below 0."""
    if gate.kind == "level":
        return abs(estimate.value - threshold_of(gate))
    asked = gate.margin if gate.kind == "no_worse" else abs(threshold_of(gate))
    return asked or abs(estimate.value)
