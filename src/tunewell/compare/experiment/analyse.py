"""A test on traffic from its requests to its verdict, at any moment."""

from __future__ import annotations

import datetime as dt

from tunewell.compare.experiment.checks import finding_of, validity
from tunewell.compare.experiment.effects import Effects
from tunewell.compare.experiment.exposures import Exposures, Floats, exposures_of
from tunewell.compare.experiment.result import ArmOfTraffic, ExperimentResult, ValidityCheck
from tunewell.compare.experiment.verdict import TrafficEvidence, decide, harm_of, units_to_settle
from tunewell.experiment_design import TrafficExperiment
from tunewell.experiments import ExperimentRecord, closed_experiments
from tunewell.stats import mean
from tunewell.store import Store
from tunewell.store.kept_traffic import read_feedback, read_interactions
from tunewell.task import GatewaySection
from tunewell.types import Estimate, Finding


def read_experiment(
    store: Store,
    record: ExperimentRecord,
    *,
    settings: GatewaySection | None,
    at: dt.datetime | None = None,
) -> ExperimentResult:
    """What a test says now, or said at a moment.

    Args:
        store: Of the project.
        record: The test.
        settings: Of the gateway now.
        at: The moment: answers and feedback that came later are left aside; now if None.
    """
    moment = at or dt.datetime.now(dt.UTC)
    effects = Effects(record.design, _exposures(store, record, moment))
    first = closed_experiments(store).get(record.design.after)
    harmless = first is not None and first.outcome != "NO-GO"
    checks = validity(effects, settings=settings, harmless=harmless)
    return result_of(effects, checks, record=record, at=moment)


def _exposures(
    store: Store,
    record: ExperimentRecord,
    moment: dt.datetime,
) -> Exposures:
    if not record.opened:
        return exposures_of(record.design, [], [], now=moment)
    since = record.opened[0][0]
    # Its last requests may be in work when a test ends; what came later is not its own.
    rows = read_interactions(store, since=since)
    return exposures_of(record.design, rows, read_feedback(store), now=moment)


def result_of(
    effects: Effects,
    checks: tuple[ValidityCheck, ...],
    *,
    record: ExperimentRecord,
    at: dt.datetime,
) -> ExperimentResult:
    """The result of a test from its effects and checks."""
    design = record.design
    evidence = gather(effects, checks)
    harm = harm_of(evidence)
    outcome, why = decide(evidence, harm)
    return ExperimentResult(
        name=design.name,
        version=design.version,
        status=record.status,
        at=at,
        step=record.step,
        share=design.steps[record.step - 1].share if record.step else 0.0,
        arms=(_arm(effects, candidate=True), _arm(effects, candidate=False)),
        effect=evidence.effect,
        judged=evidence.judged,
        worst=evidence.worst,
        best=evidence.best,
        early=effects.at_age(early=True),
        late=evidence.late,
        guards=evidence.guards,
        checks=checks,
        slices=evidence.slices,
        outcome=outcome,
        why=why,
        harm=harm,
        more=units_to_settle(evidence),
        findings=(finding_of(checks), *_worse_slices(evidence)),
    )


def gather(effects: Effects, checks: tuple[ValidityCheck, ...]) -> TrafficEvidence:
    """Everything that a verdict rests on."""
    outcome = effects.design.outcome
    good, bad = outcome.high, outcome.low
    if not outcome.bigger_is_better:
        good, bad = bad, good
    return TrafficEvidence(
        design=effects.design,
        candidates=effects.known(candidate=True),
        controls=effects.known(candidate=False),
        effect=effects.effect(),
        judged=effects.judged(),
        worst=effects.with_missing(candidate_at=bad, control_at=good),
        best=effects.with_missing(candidate_at=good, control_at=bad),
        late=effects.at_age(early=False),
        guards=effects.guards(),
        checks=checks,
        slices=effects.by_slice(),
    )


def _arm(effects: Effects, *, candidate: bool) -> ArmOfTraffic:
    design, exposures, units = effects.design, effects.exposures, effects.units
    rows = exposures.candidate == candidate
    values: Floats = effects.outcomes[units.candidate == candidate]
    known = values[values == values]
    ours, theirs = exposures.versions
    return ArmOfTraffic(
        name=design.candidate if candidate else design.control,
        units=units.of_arm(candidate=candidate),
        requests=int(rows.sum()),
        with_outcome=int(known.size),
        elsewhere=int(exposures.elsewhere[rows].sum()),
        mean=_mean(known, design),
        versions=ours if candidate else theirs,
    )


def _mean(known: Floats, design: TrafficExperiment) -> Estimate | None:
    if known.size < 2:
        return None
    return mean(known, low=design.outcome.low, high=design.outcome.high)


def _worse_slices(evidence: TrafficEvidence) -> tuple[Finding, ...]:
    """E06 of each slice in which the candidate is clearly worse."""
    found = []
    for name, effect in evidence.slices.items():
        if evidence.turned(effect).high < 0:
            found.append(
                Finding(
                    code="E06",
                    status="found",
                    stage="compare",
                    why=f"In {name} the candidate is worse by {effect}, "
                    f"corrected for {len(evidence.slices)} slices.",
                    estimate=effect,
                    slice=name,
                    remedy="serve these by the control, or collect rows of them and train again",
                    blocking=True,
                )
            )
    return tuple(found)
