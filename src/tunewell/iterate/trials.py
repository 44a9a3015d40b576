"""Comparisons and tests on traffic of a version: what they say, and closing those that are over.

A design is signed by people, once and for good. What it says when everybody has been asked, or when
its interval settles it, needs nobody any more: the loop writes it down, and gates read it.
"""

from __future__ import annotations

from typing import Final

from tunewell import releases
from tunewell.compare import ComparisonBook, close_and_record
from tunewell.compare.design import BlindComparison
from tunewell.compare.experiment import close_and_settle, read_experiment
from tunewell.decide import TrialState
from tunewell.experiments import SHORTEST_VERSION, ExperimentRecord, experiments
from tunewell.iterate.steps import IterationStep
from tunewell.people.compared import compared
from tunewell.project import Project
from tunewell.types import Estimate

TO_RATE: Final = ("waiting", "ready")
"""States of pairs that somebody has still to answer or to rate."""


# --- what tests on traffic say of a version -------------------------------------------------------


def trials_of(project: Project, version: str) -> tuple[TrialState, ...]:
    """Every signed test on traffic whose candidate is this version, but for A/A tests.

    Args:
        project: The project.
        version: Digest of its adapter.
    """
    found = []
    for record in experiments(project.store):
        if record.status == "draft" or record.design.aa:
            continue
        if _tries(project, record, version):
            found.append(_state(record))
    return tuple(found)


def _tries(project: Project, record: ExperimentRecord, version: str) -> bool:
    """Whether a version is a test's candidate: as it served, else as the arm says."""
    if record.closed is not None and record.closed.candidate:
        return record.closed.is_of(version)
    named = _version_of_arm(project, record.design.candidate)
    return len(named) >= SHORTEST_VERSION and version.startswith(named)


def _version_of_arm(project: Project, name: str) -> str:
    """What an arm of the gateway serves now; empty where there is no such arm."""
    settings = project.spec.gateway
    for arm in settings.arms if settings else ():
        if arm.name == name:
            now = releases.serving(project.store, arm.place) if arm.place else None
            return now.version if now else arm.model
    return ""


def _state(record: ExperimentRecord) -> TrialState:
    closed = record.closed
    return TrialState.model_validate(
        {
            "name": record.design.name,
            "state": record.status,
            "outcome": closed.outcome if closed else None,
            "why": closed.why if closed else record.stopped_why,
            "gain": _gain(record),
            "ended": record.ended,
        }
    )


def _gain(record: ExperimentRecord) -> Estimate | None:
    """Candidate less control as a share, above 0 where the candidate is better."""
    outcome = record.design.outcome
    found = record.closed.effect if record.closed else None
    if found is None or (outcome.low, outcome.high) != (0.0, 1.0):
        return None
    if outcome.bigger_is_better:
        return found
    turned = {"value": -found.value, "low": -found.high, "high": -found.low}
    return found.model_copy(update=turned)


# --- what gates ask for ---------------------------------------------------------------------------


def settle_trials(project: Project, version: str, *, author: str) -> tuple[IterationStep, ...]:
    """Close what gates ask for and what is over; of the rest, say what it waits for.

    Args:
        project: The project.
        version: Digest of the adapter that is to be released.
        author: Who closes them.
    """
    steps = []
    for gate in project.spec.gates:
        if gate.experiment:
            steps.append(_settle_experiment(project, gate.experiment, version, author))
        elif gate.compare:
            steps.append(_settle_comparison(project, gate.compare, version, author))
    return tuple(steps)


def _settle_experiment(project: Project, name: str, version: str, author: str) -> IterationStep:
    store = project.store
    step = f"experiment {name}"
    known = {record.design.name: record for record in experiments(store)}
    record = known.get(name)
    if record is None:
        return _waits(step, "not drafted yet: tunewell experiment draft --help")
    if not _tries(project, record, version):
        return _waits(step, f"it tries another version, not {version[:12]}")
    if record.closed is not None:
        return _over(step, record.closed.outcome, record.closed.why)
    if record.status == "draft":
        return _waits(step, f"not signed yet: tunewell experiment sign {name}")
    if record.status == "signed":
        return _waits(step, f"not started yet: tunewell experiment step {name}")

    settings = project.spec.gateway
    now = read_experiment(store, record, settings=settings)
    if record.status == "running" and now.outcome == "INCONCLUSIVE":
        return _waits(step, now.why)
    closed = close_and_settle(store, name, settings=settings, author=author)
    return IterationStep(
        name=step,
        state="done",
        why=f"closed with {closed.outcome}: {closed.why}",
    )


def _settle_comparison(project: Project, name: str, version: str, author: str) -> IterationStep:
    step = f"comparison {name}"
    book = ComparisonBook(project.store)
    known = {each.design.name: each for each in book.comparisons()}
    comparison = known.get(name)
    if comparison is None:
        return _waits(step, "not drafted yet: tunewell compare open --help")
    tried = comparison.design.arms[0].version
    if tried and not version.startswith(tried):
        return _waits(step, f"it shows the answers of {tried[:12]}, not of {version[:12]}")
    if comparison.status == "draft":
        return _waits(step, f"not signed yet: tunewell compare sign {name}")
    if comparison.status == "closed":
        outcome = compared(project.store)[name]
        return _over(step, outcome.outcome, outcome.why)
    left = _left_to_rate(book, comparison)
    if left:
        return _waits(step, f"{left} of its pairs are still to be rated")
    result = close_and_record(book, comparison, author=author)
    return IterationStep(
        name=step,
        state="done",
        why=f"closed with {result.outcome}: {result.why}",
    )


def _left_to_rate(book: ComparisonBook, comparison: BlindComparison) -> int:
    of_raters = book.progress(comparison).values()
    return sum(states.get(state, 0) for states in of_raters for state in TO_RATE)


def _waits(step: str, why: str) -> IterationStep:
    return IterationStep(name=step, state="waiting", why=why)


def _over(step: str, outcome: str, why: str) -> IterationStep:
    return IterationStep(name=step, state="reused", why=f"{outcome}: {why}")
