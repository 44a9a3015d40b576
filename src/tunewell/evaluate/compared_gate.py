"""A gate on a blind comparison: what people preferred, as it was recorded when it was closed."""

from __future__ import annotations

from tunewell.people.compared import ComparisonOutcome
from tunewell.task import Gate
from tunewell.types import Criterion, Estimate, Finding, Outcome, Threshold


def compared_name(gate: Gate) -> str:
    """The gate in words.

    Example:
        >>> compared_name(Gate(compare="spring", at_least=0.5, people="required"))
        'comparison spring: preference >= 0.5'
    """
    return f"comparison {gate.compare}: {gate.criterion} >= {gate.at_least:g}"


def compared_criterion(
    gate: Gate,
    place: str,
    found: ComparisonOutcome | None,
    candidate: str,
) -> Criterion:
    """The gate, decided.

    Args:
        gate: It names a comparison.
        place: Where it stands in the definition.
        found: The comparison, if it was closed.
        candidate: Version of the model that is to be released; empty where it is not known.
    """
    outcome, why, needs = _decided(gate, found, candidate)
    limit = gate.at_least
    assert limit is not None
    return Criterion(
        name=compared_name(gate),
        outcome=outcome,
        estimate=found.preference if found else None,
        threshold=Threshold(value=limit, origin=place),
        why=why,
        needs=needs,
    )


def _decided(
    gate: Gate,
    found: ComparisonOutcome | None,
    candidate: str,
) -> tuple[Outcome, str, str]:
    """Outcome, why, and what would settle it."""
    name = gate.compare
    if found is None:
        why = f"The comparison {name} has not been closed."
        return "INCONCLUSIVE", why, f"people who compare: tunewell compare show {name}"
    if found.aa:
        why = f"{name} compares a model with itself: it says nothing of a release."
        return "INCONCLUSIVE", why, "a comparison with what the model would replace"
    if candidate and found.candidate and found.candidate != candidate:
        why = f"{name} compared {found.candidate[:12]}, not this model ({candidate[:12]})."
        return "INCONCLUSIVE", why, "a new comparison with this model"
    if found.preference is None:
        why = f"{name} was closed after {found.verdicts} of {found.planned} verdicts."
        return "INCONCLUSIVE", why, "a new comparison, rated to its end"
    if found.outcome == "INCONCLUSIVE" and found.favours:
        # Something took the verdict back: raters could tell the arms, or careless ones decided it.
        return "INCONCLUSIVE", f"{name}: {found.why}", "a new comparison without this fault"
    return _side(gate, found, found.preference)


def _side(
    gate: Gate,
    found: ComparisonOutcome,
    preference: Estimate,
) -> tuple[Outcome, str, str]:
    limit = gate.at_least
    assert limit is not None
    figure = f"{found.arms[0]} is preferred to {found.arms[1]} by {preference}"
    figure += f" ({found.verdicts} verdicts of {found.raters} raters)"
    if preference.low >= limit:
        return "GO", f"{figure}: meets the threshold of {limit:g}.", ""
    if preference.high < limit:
        return "NO-GO", f"{figure}: misses the threshold of {limit:g}.", ""
    why = f"{figure}: spans the threshold of {limit:g}."
    return "INCONCLUSIVE", why, "a new comparison with more raters (tunewell compare plan)"


def comparison_findings(
    comparisons: dict[str, ComparisonOutcome],
    candidate: str,
) -> list[Finding]:
    """L01 and L02 of comparisons of this model.

    Args:
        comparisons: Those that were closed, by name.
        candidate: Version of the model; empty where it is not known.
    """
    found: list[Finding] = []
    for outcome in comparisons.values():
        is_ours = not candidate or outcome.candidate in ("", candidate)
        if is_ours:
            found += outcome.findings
    return found
