"""A gate on a test on traffic: what came of it, as it was recorded when it was closed."""

from __future__ import annotations

from collections.abc import Mapping

from tunewell.experiments import ExperimentOutcome
from tunewell.task import Gate
from tunewell.types import Criterion, Finding, Outcome, Threshold


def experiment_gate_name(gate: Gate) -> str:
    """The gate in words.

    Example:
        >>> experiment_gate_name(Gate(experiment="spring"))
        'experiment spring: GO'
    """
    return f"experiment {gate.experiment}: GO"


def experiment_criterion(
    gate: Gate,
    place: str,
    found: ExperimentOutcome | None,
    candidate: str,
) -> Criterion:
    """The gate, decided.

    Args:
        gate: It names a test on traffic.
        place: Where it stands in the definition.
        found: The test, if it was closed.
        candidate: Version of the model that is to be released; empty where it is not known.
    """
    outcome, why, needs = _decided(gate.experiment, found, candidate)
    limit = Threshold(value=found.threshold, origin=f"experiment {found.name}") if found else None
    return Criterion(
        name=experiment_gate_name(gate),
        outcome=outcome,
        estimate=found.effect if found else None,
        threshold=limit or Threshold(value=0.0, origin=place),
        why=why,
        needs=needs,
    )


def _decided(
    name: str,
    found: ExperimentOutcome | None,
    candidate: str,
) -> tuple[Outcome, str, str]:
    """Outcome, why, and what would settle it."""
    if found is None:
        why = f"The experiment {name} has not been closed."
        return "INCONCLUSIVE", why, f"traffic: tunewell experiment show {name}"
    if found.aa:
        why = f"{name} compares a model with itself: it says nothing of a release."
        return "INCONCLUSIVE", why, "an experiment with what the model would replace"
    if candidate and not found.is_of(candidate):
        served = found.candidate[:12] or "several versions"
        why = f"{name} tried {served}, not this model ({candidate[:12]})."
        return "INCONCLUSIVE", why, "a new experiment with this model"
    needs = "a new experiment that runs longer" if found.outcome == "INCONCLUSIVE" else ""
    return found.outcome, found.why, needs


def experiment_findings(
    experiments: Mapping[str, ExperimentOutcome], candidate: str
) -> list[Finding]:
    """L02 and E06 of tests on traffic of this model.

    Args:
        experiments: Those that were closed, by name.
        candidate: Version of the model; empty where it is not known.
    """
    found: list[Finding] = []
    for outcome in experiments.values():
        if not outcome.aa and outcome.is_of(candidate):
            found += outcome.findings
    return found
