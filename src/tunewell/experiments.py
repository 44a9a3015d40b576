"""Tests on traffic, as events: what was signed before the start, and what has happened since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import ValidationError

from tunewell.errors import UserError
from tunewell.experiment_design import (
    RunningExperiment,
    TrafficExperiment,
    arms_digest,
    asked_of,
)
from tunewell.store import Store
from tunewell.task import GatewaySection
from tunewell.types import Estimate, Finding, Outcome, Value

DRAFTED: Final = "experiment-drafted"
SIGNED: Final = "experiment-signed"
STEPPED: Final = "experiment-step"
STOPPED: Final = "experiment-stopped"
CLOSED: Final = "experiment-closed"

ExperimentStatus = Literal["draft", "signed", "running", "stopped", "closed"]

SHORTEST_VERSION: Final = 8
"""Characters of a version's digest that name it."""


class ExperimentOutcome(Value):
    """What a test came to, as gates and reports read it.

    Attributes:
        name: Of the test.
        version: Of its design.
        candidate: Version of the model that the candidate's arm served.
        outcome: GO, NO-GO or INCONCLUSIVE.
        why: One sentence.
        effect: Candidate minus control.
        threshold: What the effect had to be above, or below where less is better.
        units: How many units it rests on.
        aa: Whether both arms were the same.
        findings: L02, and E06 of slices that are clearly worse.
    """

    name: str
    version: str
    candidate: str = ""
    outcome: Outcome
    why: str
    effect: Estimate | None = None
    threshold: float = 0.0
    units: int = 0
    aa: bool = False
    findings: tuple[Finding, ...] = ()

    def is_of(self, version: str) -> bool:
        """Whether it tried this version: servers may know it by the beginning of its digest."""
        named = len(self.candidate) >= SHORTEST_VERSION
        return named and version.startswith(self.candidate)


class ExperimentRecord(Value):
    """A test as the store has it.

    Attributes:
        design: What is fixed.
        status: ``draft``, ``signed``, ``running``, ``stopped`` or ``closed``.
        author: Who drafted it.
        signed_by: Who signed it.
        step: The last step that was opened; 0 before the start.
        opened: When each step was opened, UTC, and by whom.
        ended: When it was stopped or closed, UTC.
        stopped_why: Why it was stopped.
        stopped_by: Who stopped it; ``tunewell`` where a guard did.
        closed: What it came to, once it is closed.
    """

    design: TrafficExperiment
    status: ExperimentStatus = "draft"
    author: str = ""
    signed_by: str = ""
    step: int = 0
    opened: tuple[tuple[dt.datetime, str], ...] = ()
    ended: dt.datetime | None = None
    stopped_why: str = ""
    stopped_by: str = ""
    closed: ExperimentOutcome | None = None


def draft_experiment(
    store: Store, settings: GatewaySection, given: Mapping[str, Any], *, author: str
) -> TrafficExperiment:
    """Write a draft; a draft of the same name is replaced.

    Args:
        store: Of the project.
        settings: Of its gateway.
        given: The fields of the design.
        author: Who drafts it.

    Raises:
        UserError: It is no possible design, an arm is not the gateway's, or a test of that name was
            signed.
    """
    try:
        design = TrafficExperiment.model_validate({"unit": settings.unit, **given})
    except ValidationError as error:
        faults = "; ".join(_fault(fault["loc"], fault["msg"]) for fault in error.errors())
        raise UserError(faults, hint="tunewell experiment draft --help") from error
    known = {arm.name: arm for arm in settings.arms}
    for name in (design.candidate, design.control):
        if name not in known or name == settings.shadow:
            raise UserError(
                f"{name!r} is not an arm that can be drawn",
                hint=f"gateway.arms has {', '.join(n for n in known if n != settings.shadow)}",
            )
    _check_sameness(design, settings)
    if any(record.status != "draft" for record in _named(store, design.name)):
        raise UserError(f"{design.name} was signed before", hint="choose another name")
    design = design.model_copy(update={"arms": arms_digest(settings, design)})
    record = design.model_dump(mode="json")
    store.say(DRAFTED, design.name, author=author, record=record)
    return design


def _fault(place: tuple[int | str, ...], message: str) -> str:
    named = ".".join(str(part) for part in place)
    said = message.removeprefix("Value error, ")
    return f"{named}: {said}" if named else said


def _check_sameness(design: TrafficExperiment, settings: GatewaySection) -> None:
    first, second = (
        {**asked_of(settings, settings.arm(name)), "name": ""}
        for name in (design.candidate, design.control)
    )
    if first == second and not design.aa:
        raise UserError("both arms ask the same model", hint="--aa for an A/A test")
    if design.aa and first != second:
        raise UserError("an A/A test has two arms that ask the same model of the same server")


def experiments(store: Store) -> list[ExperimentRecord]:
    """Every test, in the order in which they were drafted."""
    found: dict[str, ExperimentRecord] = {}
    for event in store.said(DRAFTED):
        design = TrafficExperiment.model_validate(event.record)
        found[event.subject] = ExperimentRecord(design=design, author=event.author)
    for event in store.said(SIGNED):
        design = TrafficExperiment.model_validate(event.record["design"])
        found[event.subject] = ExperimentRecord(
            design=design,
            status="signed",
            author=found[event.subject].author,
            signed_by=event.author,
        )
    _add_steps(store, found)
    _add_ends(store, found)
    return list(found.values())


def _add_steps(store: Store, found: dict[str, ExperimentRecord]) -> None:
    for event in store.said(STEPPED):
        record = found[event.subject]
        change = {
            "status": "running",
            "step": event.record["step"],
            "opened": (*record.opened, (event.at, event.author)),
        }
        found[event.subject] = record.model_copy(update=change)


def _add_ends(store: Store, found: dict[str, ExperimentRecord]) -> None:
    for event in store.said(STOPPED):
        change = {
            "status": "stopped",
            "ended": event.at,
            "stopped_why": event.record["reason"],
            "stopped_by": event.author,
        }
        found[event.subject] = found[event.subject].model_copy(update=change)
    for event in store.said(CLOSED):
        record = found[event.subject]
        outcome = ExperimentOutcome.model_validate(event.record)
        change = {"status": "closed", "ended": record.ended or event.at, "closed": outcome}
        found[event.subject] = record.model_copy(update=change)


def _named(store: Store, name: str) -> list[ExperimentRecord]:
    return [record for record in experiments(store) if record.design.name == name]


def experiment_named(store: Store, name: str) -> ExperimentRecord:
    """A test by its name.

    Raises:
        UserError: There is none.
    """
    found = _named(store, name)
    if not found:
        names = ", ".join(record.design.name for record in experiments(store))
        hint = f"experiments: {names}" if names else "tunewell experiment draft --help"
        raise UserError(f"there is no experiment {name!r}", hint=hint)
    return found[0]


def current_experiment(store: Store) -> RunningExperiment | None:
    """The test that gateways draw by: the last one that was started; None before the first."""
    started = store.said(STEPPED)
    if not started:
        return None
    record = experiment_named(store, started[-1].subject)
    return RunningExperiment(
        design=record.design, step=record.step, stopped=record.status != "running"
    )


def sign_experiment(store: Store, name: str, *, author: str) -> ExperimentRecord:
    """Fix a design for ever: the event holds what was signed.

    Raises:
        UserError: It was signed before, or the A/A test that has to come first is not closed, or
            found a difference.
    """
    record = experiment_named(store, name)
    design = record.design
    if record.status != "draft":
        raise UserError(f"{name} is {record.status}: it was signed before")
    if design.after:
        _check_aa(experiment_named(store, design.after))
    said = {"version": design.version, "design": design.model_dump(mode="json")}
    store.say(SIGNED, name, author=author, record=said)
    return experiment_named(store, name)


def _check_aa(first: ExperimentRecord) -> None:
    name = first.design.name
    if not first.design.aa:
        raise UserError(f"{name} is no A/A test")
    if first.closed is None:
        raise UserError(
            f"the A/A test {name} has to be closed first", hint=f"tunewell experiment close {name}"
        )
    if first.closed.outcome == "NO-GO":
        raise UserError(
            f"the A/A test {name} found a difference between equal arms: the procedure is broken",
            hint=f"tunewell experiment show {name}",
        )


def open_step(store: Store, name: str, *, author: str) -> ExperimentRecord:
    """Open the next step of the ramp; the first one starts the test.

    Raises:
        UserError: It is not signed, has ended, has no further step, or another test is running.
    """
    record = experiment_named(store, name)
    if record.status == "draft":
        raise UserError(f"{name} is not signed yet", hint=f"tunewell experiment sign {name}")
    if record.status in ("stopped", "closed"):
        raise UserError(f"{name} is {record.status}", hint="draft a new experiment")
    if record.step == len(record.design.steps):
        raise UserError(f"{name} is at its last step", hint=f"tunewell experiment show {name}")
    others = [each.design.name for each in experiments(store) if each.status == "running"]
    if record.status == "signed" and others:
        raise UserError(
            f"the experiment {others[0]} is running, and a gateway draws by one at a time",
            hint=f"tunewell experiment close {others[0]}",
        )
    step = {"step": record.step + 1, "version": record.design.version}
    store.say(STEPPED, name, author=author, record=step)
    return experiment_named(store, name)


def stop_experiment(store: Store, name: str, *, reason: str, author: str) -> ExperimentRecord:
    """Serve everybody by the control from now on.

    Raises:
        UserError: It is not running, or there is no reason.
    """
    if not reason.strip():
        raise UserError("a stop needs a reason", hint="--reason 'complaints about wrong amounts'")
    record = experiment_named(store, name)
    if record.status != "running":
        raise UserError(f"{name} is {record.status}, not running")
    store.say(STOPPED, name, author=author, record={"reason": reason, "step": record.step})
    return experiment_named(store, name)


def close_experiment(store: Store, outcome: ExperimentOutcome, *, author: str) -> None:
    """Record what a test came to; gates read it from now on.

    Raises:
        UserError: It was never started, or is closed.
    """
    record = experiment_named(store, outcome.name)
    if record.status not in ("running", "stopped"):
        raise UserError(f"{outcome.name} is {record.status}, not running")
    store.say(CLOSED, outcome.name, author=author, record=outcome.model_dump(mode="json"))


def closed_experiments(store: Store) -> dict[str, ExperimentOutcome]:
    """What every closed test came to, by name."""
    found = {}
    for event in store.said(CLOSED):
        found[event.subject] = ExperimentOutcome.model_validate(event.record)
    return found
