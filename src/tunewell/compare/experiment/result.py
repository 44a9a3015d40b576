"""What a test on traffic says at a moment."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from tunewell.experiment_design import GuardRail
from tunewell.experiments import ExperimentStatus
from tunewell.types import Estimate, Finding, Outcome, Value

CheckStatus = Literal["found", "clear", "unchecked"]


class ArmOfTraffic(Value):
    """One arm, as assigned.

    Attributes:
        name: Of the arm.
        units: That were drawn to it.
        requests: Of them.
        with_outcome: Units of which something is known of the outcome.
        elsewhere: Requests that another arm served.
        mean: Of the outcome over units, at this moment alone; None with fewer than two.
        versions: Of the models that it served.
    """

    name: str
    units: int
    requests: int
    with_outcome: int
    elsewhere: int
    mean: Estimate | None
    versions: tuple[str, ...] = ()


class GuardReading(Value):
    """What a guard rail says.

    Attributes:
        guard: The rail.
        effect: Candidate to control: a ratio, or a difference of shares; None before there is any.
        broken: Whether the candidate is clearly worse than is tolerated.
        holds: Whether it is clearly not; neither while the interval spans the limit.
        why: One sentence.
    """

    guard: GuardRail
    effect: Estimate | None
    broken: bool
    holds: bool = False
    why: str


class ValidityCheck(Value):
    """One of the ways in which a test on traffic goes wrong.

    Attributes:
        name: Of the check.
        status: ``found``, ``clear`` or ``unchecked``.
        why: One sentence with the figures.
        remedy: How to repair it.
        fatal: Whether no verdict can be taken while it stands.
        estimate: The figure, where there is one.
    """

    name: str
    status: CheckStatus
    why: str
    remedy: str = ""
    fatal: bool = False
    estimate: Estimate | None = None


class ExperimentResult(Value):
    """A test on traffic at a moment.

    Attributes:
        name: Of the test.
        version: Of its design.
        status: Of the test.
        at: The moment.
        step: Of the ramp; 0 before the start.
        share: Of all units that are in the test.
        arms: The candidate, then the control.
        effect: Candidate minus control in the outcome, over units, at any time; None before there
            are units in both arms.
        judged: The same by the judge, corrected by people.
        worst: The same if every missing outcome spoke against the candidate, and
        best: for it; both equal ``effect`` in range where nothing is missing.
        early: Among the first hours of each unit, and
        late: afterwards.
        guards: The rails.
        checks: Of validity.
        slices: The effect in each slice, at a level for all slices together.
        outcome: GO, NO-GO or INCONCLUSIVE.
        why: One sentence.
        harm: Why it has to be stopped; empty if it has not.
        more: Units that would settle it, about; None where that cannot be told.
        findings: L02, and E06 of slices that are clearly worse.
    """

    name: str
    version: str
    status: ExperimentStatus
    at: dt.datetime
    step: int
    share: float
    arms: tuple[ArmOfTraffic, ArmOfTraffic]
    effect: Estimate | None = None
    judged: Estimate | None = None
    worst: Estimate | None = None
    best: Estimate | None = None
    early: Estimate | None = None
    late: Estimate | None = None
    guards: tuple[GuardReading, ...] = ()
    checks: tuple[ValidityCheck, ...] = ()
    slices: dict[str, Estimate] = Field(default_factory=dict)
    outcome: Outcome
    why: str
    harm: str = ""
    more: int | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def units(self) -> int:
        """Units of both arms."""
        return self.arms[0].units + self.arms[1].units
