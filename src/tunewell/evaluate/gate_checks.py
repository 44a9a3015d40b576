"""Whether the gates hold together, asked before the expensive work begins.

And which of them guard a release.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from tunewell.errors import TaskError
from tunewell.evaluate.lookup import by_name
from tunewell.evaluate.people_scores import criterion_info
from tunewell.model.speech.weights import is_speech_model
from tunewell.people import Approvals, approvals
from tunewell.people.approvals import in_words
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import Gate, TaskFile
from tunewell.types import Finding, MetricInfo

HINT = (
    "bigger is better: at_least; smaller is better (nats): at_most. "
    "`no_worse` takes a margin instead"
)
SIDES = {
    True: ("bigger", "at_least", "at_most"),
    False: ("smaller", "at_most", "at_least"),
}
"""Whether bigger is better to (what is better, the key for it, the key for the other side)."""


def check_gates(file: TaskFile, metrics: Sequence[MetricInfo]) -> None:
    """Refuse gates that no model could be held to.

    Raises:
        TaskError: A threshold on the wrong side, one outside the metric's range, or a comparison
            with an arm that there is not; all together.
    """
    known = by_name(metrics)
    faults: list[tuple[str, str]] = []
    hears = is_speech_model(file.spec.train.model)
    for i, gate in enumerate(file.spec.gates):
        if gate.metric in known:
            place = file.where(f"gates.{i}")
            found = [*_threshold_faults(gate, known[gate.metric])]
            if hears and gate.kind != "level" and gate.against == "prompted":
                found.append("a model that hears takes no prompt: set against: base.")
            faults += [(place, f"gates[{i}]: {fault}") for fault in found]
    if faults:
        raise TaskError(faults, hint=HINT)


def _threshold_faults(gate: Gate, info: MetricInfo) -> Iterator[str]:
    if gate.kind == "no_worse":
        return
    better, right, wrong = SIDES[info.bigger_is_better]
    if getattr(gate, wrong) is not None:
        yield f"{gate.metric} is better when {better}: use {right}, not {wrong}."

    limit = threshold_of(gate)
    if gate.kind == "level" and not info.low <= limit <= info.high:
        yield f"{gate.metric} lies between {info.low:g} and {info.high:g}. Got {limit:g}."


def threshold_of(gate: Gate) -> float:
    """The number of a gate: its threshold, or minus the margin of a ``no_worse``."""
    if gate.at_least is not None:
        return gate.at_least
    if gate.at_most is not None:
        return gate.at_most
    return -gate.margin


def limit_of(gate: Gate, info: MetricInfo) -> float:
    """What a gate's figure is held against; of a margin, on the side that the metric asks for."""
    if gate.kind != "no_worse":
        return threshold_of(gate)
    return -gate.margin if info.bigger_is_better else gate.margin


def guards(gate: Gate, metrics: Mapping[str, MetricInfo]) -> bool:
    """Whether a gate can open a release: its metric is the task's own and validated.

    People's own verdict always is (see `tunewell.evaluate.people_scores.criterion_info`).
    """
    if gate.compare or gate.experiment:
        return True
    info = metrics.get(gate.metric)
    return info is not None and info.own and info.validated


def guarding_gates(file: TaskFile, metrics: Sequence[MetricInfo]) -> list[Gate]:
    """The gates that can open a release.

    Args:
        file: The definition.
        metrics: What was measured, people's criteria apart.
    """
    people = map(criterion_info, file.spec.people.rubric)
    known = by_name([*metrics, *people])
    return [gate for gate in file.spec.gates if guards(gate, known)]


def definition_finding(
    file: TaskFile,
    metrics: Sequence[MetricInfo],
    store: Store,
) -> Finding:
    """E01: whether the task's own metrics guard the release, and the definition is approved.

    Everybody named under ``people.approve`` has to approve it.
    """
    guarding = guarding_gates(file, metrics)
    if not guarding:
        return _unguarded(file)

    found = approvals(Project(file, store))
    if found.missing:
        return _unapproved(file, found)

    names = in_words(found.done) or "nobody needed"
    why = f"Guarded by {_metrics_of(guarding)}; definition approved ({names})."
    return Finding(
        code="E01",
        status="clear",
        stage="evaluate",
        why=why,
    )


def _metrics_of(gates: Sequence[Gate]) -> str:
    named = map(_subject, gates)
    return ", ".join(dict.fromkeys(named)) or "none"


def _subject(gate: Gate) -> str:
    if gate.experiment:
        return f"experiment {gate.experiment}"
    return gate.metric or f"comparison {gate.compare}"


def _unguarded(file: TaskFile) -> Finding:
    named = _metrics_of(file.spec.gates)
    place = file.where("gates")
    return Finding(
        code="E01",
        status="found",
        stage="evaluate",
        why=f"No gate rests on a validated metric of the task's own (gates: {named}).",
        remedy=f"add a gate on a metric of the task's own under {place}, then: tunewell approve",
        blocking=True,
    )


def _unapproved(file: TaskFile, found: Approvals) -> Finding:
    short = file.definition[:12]
    why = f"The definition ({short}) has not been approved by {', '.join(found.missing)}."
    remedy = f"tunewell approve --as {shlex.quote(found.missing[0])}"
    if found.claims:
        why += f" It was only {in_words(found.claims)}, and there are accounts that can sign."
        remedy = "tunewell serve; whoever approves signs in and signs on the page Definition"
    return Finding(
        code="E01",
        status="found",
        stage="evaluate",
        why=why,
        remedy=remedy,
        blocking=True,
    )
