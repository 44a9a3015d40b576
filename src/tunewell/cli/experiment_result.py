"""What an experiment says, as lines."""

from __future__ import annotations

from tunewell.cli.common import emit, show
from tunewell.compare.experiment.result import ArmOfTraffic, ExperimentResult, GuardReading
from tunewell.experiments import ExperimentRecord
from tunewell.plurals import per_cent, plural
from tunewell.types import Estimate


def show_experiment(
    result: ExperimentResult, record: ExperimentRecord, *, json: bool, verb: str = "show"
) -> None:
    """A result as lines, or as the envelope."""
    if json:
        emit(f"experiment {verb}", result, verdict=result.outcome)
        return
    show(f"{result.outcome}: {result.why}")
    steps = len(record.design.steps)
    show(
        f"  {result.status}, step {result.step} of {steps} "
        f"({per_cent(result.share)} of the traffic)"
    )
    if record.stopped_why:
        show(f"  stopped by {record.stopped_by}: {record.stopped_why}")
    elif result.harm:
        show("  the gateway stops it within half a minute")
    if result.more and result.outcome == "INCONCLUSIVE":
        show(f"  about {plural(result.more, 'more unit')} would settle it")
    for arm in result.arms:
        show(f"  {_arm(arm)}")
    _show_figures(result)
    for guard in result.guards:
        show(f"  {_standing(guard):9} {guard.why}")
    for check in result.checks:
        show(f"  {check.status:9} {check.name}: {check.why}")
        if check.status == "found":
            show(f"            {check.remedy}")


def _arm(arm: ArmOfTraffic) -> str:
    missing = arm.units - arm.with_outcome
    return (
        f"{arm.name}: {plural(arm.units, 'unit')}, {plural(arm.requests, 'request')}, "
        f"outcome {arm.mean or 'not known'}, without an outcome {missing:,}"
    )


def _standing(guard: GuardReading) -> str:
    if guard.broken:
        return "BROKEN"
    return "holds" if guard.holds else "open"


def _show_figures(result: ExperimentResult) -> None:
    figures: dict[str, Estimate | None] = {
        "by the judge, corrected": result.judged,
        "if missing spoke against": result.worst,
        "if missing spoke for it": result.best,
        "first hours of each unit": result.early,
        "afterwards": result.late,
        **result.slices,
    }
    for label, estimate in figures.items():
        if estimate is not None:
            show(f"  {label:26} {estimate}")
