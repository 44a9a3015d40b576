"""Whether the gates hold together, asked before the expensive work begins.

And which of them guard a release.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from tunewell.errors import TaskError
from tunewell.store import Store
from tunewell.task import Gate, TaskFile
from tunewell.types import Finding, MetricInfo

HINT = "bigger is better: at_least; smaller is better (nats): at_most. `no_worse` takes a margin instead"


def check_gates(file: TaskFile, metrics: Sequence[MetricInfo]) -> None:
    """Refuse gates that no model could be held to.

    Raises:
        TaskError: A threshold on the wrong side, one outside the metric's range, an unknown slice;
            all together.
    """
    known = {m.name: m for m in metrics}
    fields = {s.field for s in file.spec.slices}
    faults: list[tuple[str, str]] = []
    for i, gate in enumerate(file.spec.gates):
        place = file.where(f"gates.{i}")
        info = known.get(gate.metric)
        if info is not None and gate.kind != "no_worse":
            wrong = "at_most" if info.bigger_is_better else "at_least"
            right = "at_least" if info.bigger_is_better else "at_most"
            if getattr(gate, wrong) is not None:
                better = "bigger" if info.bigger_is_better else "smaller"
                faults.append(
                    (
                        place,
                        f"gates[{i}]: {gate.metric} is better when {better}: use {right}, not {wrong}.",
                    )
                )
        limit = threshold_of(gate)
        if info is not None and gate.kind == "level" and not info.low <= limit <= info.high:
            faults.append(
                (
                    place,
                    f"gates[{i}]: {gate.metric} lies between {info.low:g} and {info.high:g}. Got {limit:g}.",
                )
            )
        if gate.slices and gate.slices not in fields:
            faults.append(
                (
                    place,
                    f"gates[{i}]: {gate.slices!r} is not among the slices ({', '.join(fields) or 'none'}).",
                )
            )
    if faults:
        raise TaskError(faults, hint=HINT)


def threshold_of(gate: Gate) -> float:
    """The number of a gate: its threshold, or its margin with the sign that the metric's direction asks for."""
    if gate.at_least is not None:
        return gate.at_least
    return gate.at_most if gate.at_most is not None else -gate.margin


def guards(gate: Gate, metrics: Mapping[str, MetricInfo], criteria: Sequence[str]) -> bool:
    """Whether a gate can open a release: people's own verdict, or a metric of the task's own that is validated."""
    if gate.metric in criteria:
        return True
    info = metrics.get(gate.metric)
    return info is not None and info.own and info.validated


def definition_finding(file: TaskFile, metrics: Sequence[MetricInfo], store: Store) -> Finding:
    """E01: whether the task's own metrics guard the release, and everybody who has to has approved the definition."""
    known = {m.name: m for m in metrics}
    criteria = [c.name for c in file.spec.people.rubric]
    guarding = [g.metric for g in file.spec.gates if guards(g, known, criteria)]
    said = {e.author for e in store.said("approval", subject=file.definition)}
    missing = [name for name in file.spec.people.approve if name not in said]
    if not guarding:
        named = ", ".join(dict.fromkeys(g.metric for g in file.spec.gates)) or "none"
        return Finding(
            code="E01",
            status="found",
            stage="evaluate",
            why=f"No gate stands on a validated metric of the task's own (gates: {named}).",
            remedy=f"add a gate on a metric of the task's own under {file.where('gates')}, then: tunewell approve",
            blocking=True,
        )
    if missing:
        return Finding(
            code="E01",
            status="found",
            stage="evaluate",
            why=f"The definition ({file.definition[:12]}) has not been approved by {', '.join(missing)}.",
            remedy=f"tunewell approve --as {shlex.quote(missing[0])}",
            blocking=True,
        )
    names = ", ".join(file.spec.people.approve) or "nobody needed"
    why = f"Guarded by {', '.join(dict.fromkeys(guarding))}; definition approved ({names})."
    return Finding(code="E01", status="clear", stage="evaluate", why=why)
