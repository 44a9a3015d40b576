"""The decision on a project as it stands: made from the evidence, kept with its Run and L07."""

from __future__ import annotations

import datetime as dt
from itertools import takewhile

from tunewell.decide import DecisionEvidence, decide_next, decisions, overdue, record_decision
from tunewell.decide.record import RecordedDecision
from tunewell.iterate.gather import gather_evidence
from tunewell.lineage import StageKey
from tunewell.project import Project
from tunewell.store import Store
from tunewell.types import Decision, Finding, RetrainingSchedule

STAGE = "decide"


def decide_now(project: Project, *, now: dt.datetime | None = None) -> RecordedDecision:
    """Decide what to do next with what serves, and record it.

    The same evidence gives the same decision: it is then found again, not written again. The caller
    holds the store's lock.

    Args:
        project: The project.
        now: UTC; the present moment if None.
    """
    store = project.store
    evidence = gather_evidence(project, now=now)
    inputs = {"evidence": store.put_value(evidence)}
    key = StageKey(STAGE, inputs, {"section": project.spec.decide.model_dump(mode="json")})
    with key.record(store) as run:
        decision = decide_next(evidence)
        recorded = record_decision(store, decision)
        run.outputs["decision"] = store.put_value(recorded.decision)
        run.findings.append(overdue_of(store, evidence, decision))
        run.counts |= {"readings": len(evidence.readings), "alarms": len(evidence.alarms)}
    return recorded


def overdue_of(store: Store, evidence: DecisionEvidence, decision: Decision) -> Finding:
    """L07, from the day on which retraining was first due without a break."""
    schedule = decision.schedule
    if schedule is None:
        nothing = "no version of this project serves yet"
        return Finding(
            code="L07",
            status="unchecked",
            stage=STAGE,
            why=nothing,
        )
    past = [each.decision.schedule for each in decisions(store, place=decision.place)]
    of_version = [each for each in past if each and each.version == schedule.version]
    due = [*takewhile(_is_due, reversed(of_version))]
    first = due[-1].by if due else schedule.by
    origin = "decide.cadence_days" if schedule.bound else "measured decay"
    return overdue(
        schedule,
        due=first,
        today=evidence.now.date(),
        origin=origin,
    )


def _is_due(schedule: RetrainingSchedule) -> bool:
    return schedule.by is not None and schedule.by <= schedule.at.date()


def newest_decision(store: Store, place: str) -> RecordedDecision | None:
    """The last decision on a place; None if none was made."""
    found = decisions(store, place=place)
    return found[-1] if found else None
