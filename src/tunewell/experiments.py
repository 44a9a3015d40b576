"""Tests on traffic: what was fixed and signed before the start, and what has happened since.

A test draws users (or conversations) to a candidate and to what it would replace. Its draw is
known to the gateways without a database: a unit has one place in [0, 1) by a salted hash, a step of
the ramp opens everything below its share, and a unit keeps its arm for as long as the test lasts.
"""

from __future__ import annotations

import bisect
import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from tunewell.errors import UserError
from tunewell.store import Store
from tunewell.task import ArmSpec, GatewaySection
from tunewell.types import Estimate, Finding, Outcome, Value, digest

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")

DRAFTED: Final = "experiment-drafted"
SIGNED: Final = "experiment-signed"
STEPPED: Final = "experiment-step"
STOPPED: Final = "experiment-stopped"
CLOSED: Final = "experiment-closed"

OutcomeKind = Literal["thumb", "rating", "event"]
GuardMetric = Literal["latency", "first token", "errors", "refusals", "length", "cost", "event"]
ExperimentStatus = Literal["draft", "signed", "running", "stopped", "closed"]

RATIOS: Final = frozenset({"latency", "first token", "length", "cost"})
"""Guards whose limit is a ratio of the candidate to the control; the others' is a difference."""

SHORTEST_VERSION: Final = 8
"""Characters of a version's digest that name it."""

GUARD_ALPHA: Final = 0.01
"""Error of all guards together."""


class TrafficOutcome(Value):
    """What decides.

    Attributes:
        kind: ``thumb``, ``rating`` or ``event``, as feedback says it.
        name: Of the rating's scale or of the event.
        low: Least possible value; of a thumb or an event 0.
        high: Greatest possible value; of a thumb or an event 1.
        bigger_is_better: Whether more of it is better: not so for ``escalated``.
        wait_hours: Interactions count once they are this old: events take their time.
    """

    kind: OutcomeKind
    name: str = ""
    low: float = 0.0
    high: float = 1.0
    bigger_is_better: bool = True
    wait_hours: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind == "event" and not self.name:
            raise ValueError("an event needs its name, such as escalated")
        if self.low >= self.high:
            raise ValueError("an outcome needs low below high")
        if self.kind != "rating" and (self.low, self.high) != (0.0, 1.0):
            raise ValueError("thumbs and events are 0 or 1")
        return self

    @property
    def silence_is_zero(self) -> bool:
        """Whether no feedback means that it did not happen."""
        return self.kind == "event"

    def is_named(self, name: str) -> bool:
        """Whether feedback of this name speaks of it; without a name all of its kind does."""
        return self.name in ("", name)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()


class GuardRail(Value):
    """What the candidate may not make worse.

    Attributes:
        metric: ``latency``, ``first token``, ``length`` and ``cost`` as ratios, ``errors``,
            ``refusals`` and ``event`` as shares of requests.
        name: Of the event.
        limit: The largest ratio (1.2) or difference (.02) that is tolerated.
        worse: Whether more of it is worse, or less.
    """

    metric: GuardMetric
    name: str = ""
    limit: float = Field(ge=0)
    worse: Literal["more", "less"] = "more"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.metric == "event") != bool(self.name):
            raise ValueError("a guard on an event, and only that, needs the event's name")
        if self.is_ratio and self.limit < 1:
            raise ValueError(f"the limit of {self.metric} is a ratio, 1 or more; got {self.limit}")
        if not self.is_ratio and self.limit > 1:
            raise ValueError(f"the limit of {self.metric} is a share, 0 to 1; got {self.limit}")
        if self.is_ratio and self.worse == "less":
            raise ValueError(f"more {self.metric} is what a guard is for")
        return self

    @property
    def is_ratio(self) -> bool:
        """Whether the limit is a ratio."""
        return self.metric in RATIOS

    def __str__(self) -> str:
        return self.name or self.metric


class RampStep(Value):
    """One step of the ramp: units from the last step's share up to this one are drawn anew.

    Attributes:
        share: Of all units that are in the test from this step on.
        candidate: Of the units that this step adds, the share that is drawn to the candidate.
    """

    share: float = Field(gt=0, le=1)
    candidate: float = Field(default=0.5, gt=0, lt=1)


DEFAULT_STEPS: Final = (RampStep(share=0.05), RampStep(share=0.25), RampStep(share=1.0))
DEFAULT_GUARDS: Final = (
    GuardRail(metric="latency", limit=1.25),
    GuardRail(metric="errors", limit=0.02),
    GuardRail(metric="refusals", limit=0.02),
    GuardRail(metric="length", limit=1.5),
)


class TrafficExperiment(Value):
    """Everything that is fixed and signed before the first request.

    Attributes:
        name: Lower case, digits and hyphens; gates name it.
        candidate: Arm of ``gateway.arms``.
        control: Arm that it would replace; it serves everybody outside of the test.
        unit: What is drawn: ``user`` or ``conversation``.
        outcome: What decides.
        goal: ``better`` (clearly better) or ``no_worse`` (clearly not worse by ``margin``).
        margin: The smallest difference that matters, in the outcome's unit.
        alpha: Error of the verdict over all looks together.
        units: How many units are planned; 0 = until it is closed.
        least: Units of each arm before any verdict.
        steps: Of the ramp.
        guards: What stops it.
        slices: Keys of a request's ``metadata``, or ``key``, ``endpoint``, ``prompt_version``.
        judge: Name of a rating that a judge gives every answer; people's outcomes correct it.
        novelty_hours: What counts as a unit's first time.
        aa: Whether both arms are the same: a check of the procedure itself.
        after: Name of an A/A test that has to be closed without a difference first.
        arms: Digest of both arms' settings when it was drafted.
        seed: Of the draw.
    """

    name: str
    candidate: str
    control: str
    unit: Literal["user", "conversation"] = "user"
    outcome: TrafficOutcome
    goal: Literal["better", "no_worse"] = "better"
    margin: float = Field(gt=0)
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    units: int = Field(default=0, ge=0)
    least: int = Field(default=100, ge=20)
    steps: tuple[RampStep, ...] = Field(default=DEFAULT_STEPS, min_length=1, max_length=20)
    guards: tuple[GuardRail, ...] = DEFAULT_GUARDS
    slices: tuple[str, ...] = Field(default=(), max_length=20)
    judge: str = ""
    novelty_hours: float = Field(default=72.0, gt=0)
    aa: bool = False
    after: str = ""
    arms: str = ""
    seed: int = 0

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not NAME.fullmatch(self.name):
            raise ValueError(
                f"the name {self.name[:80]!r} must be lower-case letters, digits and hyphens"
            )
        if self.candidate == self.control:
            raise ValueError("the candidate and the control are one arm; name two")
        shares = [step.share for step in self.steps]
        if shares != sorted(set(shares)):
            raise ValueError("the shares of the steps must grow")
        if self.margin >= self.outcome.high - self.outcome.low:
            raise ValueError("the margin is as wide as the outcome's whole range")
        return self

    @property
    def version(self) -> str:
        """Short digest of everything in it: what is signed."""
        return digest(self)[:12]

    def step_of(self, place: float) -> int:
        """Number of the step that first opens a place in [0, 1), from 1; 0 if none does."""
        shares = [step.share for step in self.steps]
        number = bisect.bisect_right(shares, place) + 1
        return number if number <= len(shares) else 0


class RunningExperiment(Value):
    """A test as the gateways know it.

    Attributes:
        design: As it was signed.
        step: The last step that was opened.
        stopped: Whether everybody gets the control.
    """

    design: TrafficExperiment
    step: int
    stopped: bool = False

    def applies_to(self, settings: GatewaySection) -> bool:
        """Whether a gateway with these settings can and should draw by it.

        A test that has ended holds everybody at the control until the arms are changed.
        """
        names = {arm.name for arm in settings.arms}
        if not {self.design.candidate, self.design.control} <= names:
            return False
        return not self.stopped or arms_digest(settings, self.design) == self.design.arms


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


def arms_digest(settings: GatewaySection, design: TrafficExperiment) -> str:
    """Digest of what the two arms of a test ask: server, model, place, parameters."""
    return digest([_asked(settings, settings.arm(n)) for n in (design.candidate, design.control)])


def _asked(settings: GatewaySection, arm: ArmSpec) -> dict[str, Any]:
    server = settings.server(arm.server)
    return {"name": arm.name, "url": server.url, "model": arm.model, "place": arm.place}


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
        {**_asked(settings, settings.arm(name)), "name": ""}
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
        names = ", ".join(record.design.name for record in experiments(store)) or "none yet"
        raise UserError(f"there is no experiment {name!r}", hint=f"experiments: {names}")
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
