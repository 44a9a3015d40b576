"""What a test on traffic comes to: GO, NO-GO or INCONCLUSIVE, and whether it has to be stopped."""

from __future__ import annotations

from dataclasses import dataclass

from tunewell.compare.experiment.result import GuardReading, ValidityCheck
from tunewell.experiment_design import TrafficExperiment
from tunewell.plurals import plural
from tunewell.stats.any_time import information_for
from tunewell.types import Estimate, Outcome


@dataclass(frozen=True)
class TrafficEvidence:
    """What a verdict rests on.

    Attributes:
        design: Of the test.
        candidates: Units of the candidate with an outcome.
        controls: Units of the control with one.
        effect: Candidate minus control, at any time.
        judged: The same by the judge, corrected by people.
        worst: If what is missing spoke against the candidate.
        best: If it spoke for it.
        late: After each unit's first hours.
        guards: The rails.
        checks: Of validity.
        slices: The effect in each slice.
    """

    design: TrafficExperiment
    candidates: int
    controls: int
    effect: Estimate | None
    judged: Estimate | None
    worst: Estimate | None
    best: Estimate | None
    late: Estimate | None
    guards: tuple[GuardReading, ...]
    checks: tuple[ValidityCheck, ...]
    slices: dict[str, Estimate]

    @property
    def deciding(self) -> Estimate | None:
        """The effect that the verdict is taken from: with a judge, the corrected one."""
        return self.judged if self.design.judge else self.effect

    @property
    def enough(self) -> bool:
        """Whether each arm has the units that any verdict needs."""
        return min(self.candidates, self.controls) >= self.design.least

    def turned(self, effect: Estimate) -> Estimate:
        """An effect so that bigger is better."""
        if self.design.outcome.bigger_is_better:
            return effect
        ends = {"value": -effect.value, "low": -effect.high, "high": -effect.low}
        return effect.model_copy(update=ends)

    def failed(self, name: str) -> ValidityCheck | None:
        """A check of this name that failed."""
        return next((c for c in self.checks if c.name == name and c.status == "found"), None)


def harm_of(evidence: TrafficEvidence) -> str:
    """Why a test has to be stopped at once; empty if it has not."""
    broken = [guard.why for guard in evidence.guards if guard.broken]
    if broken:
        return "; ".join(broken)
    effect = evidence.deciding
    if effect is None or not evidence.enough or evidence.design.aa:
        return ""
    tolerated = evidence.design.margin if evidence.design.goal == "no_worse" else 0.0
    if evidence.turned(effect).high < -tolerated:
        return f"{evidence.design.outcome}: the candidate is worse, by {effect}"
    return ""


def decide(evidence: TrafficEvidence, harm: str) -> tuple[Outcome, str]:
    """The outcome and why."""
    if harm:
        return "NO-GO", f"Harm: {harm}."
    fatal = [check for check in evidence.checks if check.fatal and check.status == "found"]
    if fatal:
        why = "; ".join(f"{check.name}: {check.why}" for check in fatal)
        return "INCONCLUSIVE", f"The experiment is not valid: {why}."
    effect = evidence.deciding
    if effect is None or not evidence.enough:
        return "INCONCLUSIVE", _too_few(evidence)
    side = _side(evidence, effect)
    if side is None:
        return "INCONCLUSIVE", f"{_figure(evidence, effect)}: not settled yet."
    outcome, words = side
    doubt = _doubt(evidence, outcome)
    if doubt:
        return "INCONCLUSIVE", f"{_figure(evidence, effect)}: {words}, but {doubt}."
    return outcome, f"{_figure(evidence, effect)}: {words}."


def _too_few(evidence: TrafficEvidence) -> str:
    return (
        f"{plural(evidence.candidates, 'unit')} of the candidate and {evidence.controls:,} of the "
        f"control have an outcome; a verdict needs {evidence.design.least} of each."
    )


def _figure(evidence: TrafficEvidence, effect: Estimate) -> str:
    design = evidence.design
    return (
        f"{design.outcome}, {design.candidate} minus {design.control}: {effect} "
        f"over {plural(effect.n, 'unit')}"
    )


def _side(evidence: TrafficEvidence, effect: Estimate) -> tuple[Outcome, str] | None:
    """What an interval settles; None while it settles nothing."""
    design = evidence.design
    turned = evidence.turned(effect)
    within = -design.margin < turned.low and turned.high < design.margin
    if design.aa:
        return _aa_side(turned, within, design.margin)
    if design.goal == "no_worse":
        return _no_worse_side(turned, design.margin)
    if turned.low > 0:
        return "GO", "better"
    if turned.high < 0:
        return "NO-GO", "worse"
    if within:
        return "NO-GO", f"no difference larger than {design.margin:g}"
    if turned.high < design.margin:
        return "NO-GO", f"not better by {design.margin:g}"
    return None


def _no_worse_side(turned: Estimate, margin: float) -> tuple[Outcome, str] | None:
    if turned.low > -margin:
        return "GO", f"no worse by {margin:g}"
    if turned.high < -margin:
        return "NO-GO", f"worse by more than {margin:g}"
    return None


def _aa_side(
    turned: Estimate,
    within: bool,
    margin: float,
) -> tuple[Outcome, str] | None:
    if turned.low > 0 or turned.high < 0:
        return "NO-GO", "a difference between equal arms: the procedure is broken"
    if within:
        return "GO", f"no difference larger than {margin:g} between equal arms"
    return None


def _doubt(evidence: TrafficEvidence, outcome: Outcome) -> str:
    """What takes a GO back; empty if nothing does."""
    if outcome != "GO" or evidence.design.aa:
        return ""
    worse = [name for name, e in evidence.slices.items() if evidence.turned(e).high < 0]
    if worse:
        return f"worse in {', '.join(worse)}"
    for check, effect in (
        ("missing outcomes", evidence.worst),
        ("novelty", evidence.late),
        ("interference", _without_touched(evidence)),
    ):
        failed = evidence.failed(check)
        if failed is not None and not _holds(evidence, effect):
            return f"{check}: {failed.why}"
    return ""


def _without_touched(evidence: TrafficEvidence) -> Estimate | None:
    failed = evidence.failed("interference")
    return failed.estimate if failed else None


def _holds(evidence: TrafficEvidence, effect: Estimate | None) -> bool:
    """Whether this effect alone reaches the goal."""
    if effect is None:
        return False
    side = _side(evidence, effect)
    return side is not None and side[0] == "GO"


def units_to_settle(evidence: TrafficEvidence) -> int | None:
    """About how many more units make the interval as narrow as the margin; None if unknown."""
    effect = evidence.deciding
    if effect is None or effect.n < 2 * evidence.design.least:
        return None
    wanted = information_for(evidence.design.margin, level=effect.level)
    half = (effect.high - effect.low) / 2
    # The variance shrinks as one over the units; the half-width hardly faster.
    now = information_for(half, level=effect.level)
    return max(0, round(effect.n * (wanted / now - 1)))
