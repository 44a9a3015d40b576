"""Whether the gates hold together, asked before the expensive work begins.

And which of them guard a release.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from tunewell.errors import TaskError
from tunewell.store import Store
from tunewell.task import Gate, TaskFile
from tunewell.types import Finding, MetricInfo

HINT = (
    "bigger is better: at_least; smaller is better (nats): at_most. "
    "`no_worse` takes a margin instead"
)


def check_gates(file: TaskFile, metrics: Sequence[MetricInfo]) -> None:
    """Refuse gates that no model could be held to.

    Raises:
        TaskError: A threshold on the wrong side, or one outside the metric's range; all together.
    """
    known = {m.name: m for m in metrics}
    faults: list[tuple[str, str]] = []
    for i, gate in enumerate(file.spec.gates):
        info = known.get(gate.metric)
        if info is None:
            continue
        place = file.where(f"gates.{i}")
        faults += [(place, f"gates[{i}]: {fault}") for fault in _threshold_faults(gate, info)]
    if faults:
        raise TaskError(faults, hint=HINT)


def _threshold_faults(gate: Gate, info: MetricInfo) -> Iterator[str]:
    if gate.kind == "no_worse":
        return
    if info.bigger_is_better and gate.at_most is not None:
        yield f"{gate.metric} is better when bigger: use at_least, not at_most."
    if not info.bigger_is_better and gate.at_least is not None:
        yield f"{gate.metric} is better when smaller: use at_most, not at_least."

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
    if gate.kind == "no_worse" and not info.bigger_is_better:
        return gate.margin
    if gate.kind == "no_worse":
        return -gate.margin
    return threshold_of(gate)


def guards(gate: Gate, metrics: Mapping[str, MetricInfo], criteria: Sequence[str]) -> bool:
    """Whether a gate can open a release.

    Only people's own verdict can, or a validated metric of the task's own.
    """
    if gate.metric in criteria:
        return True
    info = metrics.get(gate.metric)
    return info is not None and info.own and info.validated


def definition_finding(file: TaskFile, metrics: Sequence[MetricInfo], store: Store) -> Finding:
    """E01: whether the task's own metrics guard the release, and the definition is approved.

    Everybody named under ``people.approve`` has to approve it.
    """
    known = {m.name: m for m in metrics}
    criteria = [c.name for c in file.spec.people.rubric]
    guarding = [g.metric for g in file.spec.gates if guards(g, known, criteria)]
    if not guarding:
        return _unguarded(file)

    approved = {e.author for e in store.said("approval", subject=file.definition)}
    missing = [name for name in file.spec.people.approve if name not in approved]
    if missing:
        return _unapproved(file, missing)

    names = ", ".join(file.spec.people.approve) or "nobody needed"
    why = f"Guarded by {', '.join(dict.fromkeys(guarding))}; definition approved ({names})."
    return Finding(code="E01", status="clear", stage="evaluate", why=why)


def _unguarded(file: TaskFile) -> Finding:
    named = ", ".join(dict.fromkeys(g.metric for g in file.spec.gates)) or "none"
    place = file.where("gates")
    return Finding(
        code="E01",
        status="found",
        stage="evaluate",
        why=f"No gate stands on a validated metric of the task's own (gates: {named}).",
        remedy=f"add a gate on a metric of the task's own under {place}, then: tunewell approve",
        blocking=True,
    )


def _unapproved(file: TaskFile, missing: Sequence[str]) -> Finding:
    short = file.definition[:12]
    return Finding(
        code="E01",
        status="found",
        stage="evaluate",
        why=f"The definition ({short}) has not been approved by {', '.join(missing)}.",
        remedy=f"tunewell approve --as {shlex.quote(missing[0])}",
        blocking=True,
    )
