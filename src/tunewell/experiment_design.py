"""What a test on traffic is: its arms, steps, outcome and guards, fixed before it starts.

A unit has one place in [0, 1) by a salted hash, a step of the ramp opens everything below its
share, and a unit keeps its arm for as long as the test lasts: gateways draw by the design alone,
without a database.
"""

from __future__ import annotations

import bisect
import re
from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from tunewell.task import ArmSpec, GatewaySection
from tunewell.types import Value, digest

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")

OutcomeKind = Literal["thumb", "rating", "event"]
GuardMetric = Literal["latency", "first token", "errors", "refusals", "length", "cost", "event"]

RATIOS: Final = frozenset({"latency", "first token", "length", "cost"})
"""Guards whose limit is a ratio of the candidate to the control; the others' is a difference."""

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


def arms_digest(settings: GatewaySection, design: TrafficExperiment) -> str:
    """Digest of what the two arms of a test ask: server, model, place, parameters."""
    return digest([asked_of(settings, settings.arm(n)) for n in (design.candidate, design.control)])


def asked_of(settings: GatewaySection, arm: ArmSpec) -> dict[str, Any]:
    """What an arm asks of which server."""
    server = settings.server(arm.server)
    return {"name": arm.name, "url": server.url, "model": arm.model, "place": arm.place}
