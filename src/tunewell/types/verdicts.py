"""Whether a model may be released, and what to do with it next."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from tunewell.types.figures import Estimate
from tunewell.types.findings import Finding, Threshold
from tunewell.types.values import Value

Outcome = Literal["GO", "NO-GO", "INCONCLUSIVE"]


class Criterion(Value):
    """One gate, decided.

    Attributes:
        name: The gate in words, such as ``key_points tuned - prompted >= 0.02``.
        outcome: Its own GO, NO-GO or INCONCLUSIVE.
        estimate: What was measured.
        threshold: What it was held against.
        why: One sentence.
        needs: What would settle it, if anything (``about 140 more test rows``); empty when decided.
        slice: The slice it speaks of, if not all.
    """

    name: str
    outcome: Outcome
    estimate: Estimate | None = None
    threshold: Threshold | None = None
    why: str
    needs: str = ""
    slice: str = ""


class Verdict(Value):
    """GO, NO-GO or INCONCLUSIVE, with what made it and what would change it."""

    outcome: Outcome
    why: str
    criteria: tuple[Criterion, ...]
    findings: tuple[Finding, ...] = ()
    would_change: tuple[str, ...] = ()


NextStep = Literal["promote", "hold", "collect", "retrain", "roll back"]


class Cadence(Value):
    """What retraining at a fixed rhythm would cost.

    Attributes:
        name: ``monthly``, ``quarterly``, ``yearly``, ``never``, or ``every 45 days``.
        every_days: Days from one retraining to the next; 0 = never.
        cost: Of retraining and of the errors that it would have prevented, over the horizon.
        wasted: Of that, what is spent on retraining beyond the best rhythm; 0 if nothing is.
        lost: Of that, what errors cost beyond the best rhythm; 0 if nothing is.
    """

    name: str
    every_days: float = Field(ge=0)
    cost: Estimate
    wasted: Estimate
    lost: Estimate


class RetrainingSchedule(Value):
    """When to train again, from the decay that was measured.

    Attributes:
        at: When it was computed, UTC.
        version: That serves.
        decay: How much the share of wrong answers grows in thirty days because the model is old.
        excess: The share of wrong answers that a model trained today would not give.
        by: The best day for the next retraining; None = within the horizon it never pays.
        earliest: First day of its interval.
        latest: Last day of its interval; None = it may never pay.
        level: Probability that the interval covers the best day.
        pays: Probability that retraining today costs less than never.
        cadences: What fixed rhythms would cost.
        bound: Whether the project's own cadence decided the day.
        readings: How many measurements of quality it rests on.
        left_out: How many were left out, because what measured them had changed.
        unchecked: What could not be weighed, and why; empty if everything was.
    """

    at: dt.datetime
    version: str = ""
    decay: Estimate | None = None
    excess: Estimate | None = None
    by: dt.date | None = None
    earliest: dt.date | None = None
    latest: dt.date | None = None
    level: float = 0.95
    pays: float = Field(default=0.0, ge=0, le=1)
    cadences: tuple[Cadence, ...] = ()
    bound: bool = False
    readings: int = 0
    left_out: int = 0
    unchecked: str = ""


class Decision(Value):
    """What to do next with a model version.

    Attributes:
        action: What to do.
        why: One sentence or two.
        evidence: What it rests on: ``verdict:…``, ``alarm:…``, ``comparison:…``, a sentence each.
        gain: Share of answers that the action is expected to put right.
        cost: Of the action, in the project's currency.
        risk: Probability that the action costs more than it brings; None where nothing tells.
        would_change: What would lead to another decision.
        unchecked: What was not weighed, and why.
        schedule: When to train again.
        place: Where the version serves.
        version: That serves there.
        author: Who decided: ``tunewell`` until a person has signed.
    """

    action: NextStep
    why: str
    evidence: tuple[str, ...] = ()
    gain: Estimate | None = None
    cost: Estimate | None = None
    risk: float | None = Field(default=None, ge=0, le=1)
    would_change: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    schedule: RetrainingSchedule | None = None
    place: str = ""
    version: str = ""
    author: str = ""
