"""Everything that a decision is made from, gathered beforehand: the policy itself reads nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from tunewell.decide.decay import QualityReading
from tunewell.types import Alarm, Estimate, Outcome, Value


class Prices(Value):
    """What labels, training and errors cost, in ``currency``; 0 = not known.

    Attributes:
        currency: Of all of them.
        wrong_answer: Of one wrong answer in use.
        retraining: Of one retraining: machine, people who sign and review, labels.
        label: Of one row that a person labels.
    """

    currency: str = "EUR"
    wrong_answer: float = Field(default=0.0, ge=0)
    retraining: float = Field(default=0.0, ge=0)
    label: float = Field(default=0.0, ge=0)


class TrialState(Value):
    """What a test on traffic says of its candidate.

    Attributes:
        name: Of the experiment.
        state: ``signed`` and not begun, ``running``, ``stopped`` and not closed, or ``closed``.
        outcome: Once it is closed.
        why: In one sentence; why it was stopped, where it was.
        gain: Candidate less control as a share, above 0 where the candidate is better.
        ended: When it was stopped or closed, UTC.
    """

    name: str
    state: Literal["signed", "running", "stopped", "closed"]
    outcome: Outcome | None = None
    why: str = ""
    gain: Estimate | None = None
    ended: dt.datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has still to say something."""
        return self.state in ("signed", "running")

    @property
    def has_failed(self) -> bool:
        """Whether the candidate did not show what it was to show, or was taken out."""
        return self.outcome == "NO-GO" or self.state == "stopped"

    @property
    def does_harm(self) -> bool:
        """Whether the candidate is clearly worse."""
        return self.outcome == "NO-GO" and self.gain is not None and self.gain.high < 0


class CandidateState(Value):
    """The newest version, where it does not serve yet.

    Attributes:
        version: Digest of its adapter.
        outcome: Of the newest verdict, if that is about it.
        why: The verdict's sentence.
        evidence: Such as ``verdict:…``.
        gain: Difference to the version in production on the same rows, in the deciding metric
            where bigger is better; None where they were not compared.
        waits_for: What the project asks for before it may serve: comparisons, signatures.
        settled_by: What would settle an INCONCLUSIVE verdict.
        trials: Tests on traffic of it.
    """

    version: str
    outcome: Outcome | None = None
    why: str = ""
    evidence: tuple[str, ...] = ()
    gain: Estimate | None = None
    waits_for: tuple[str, ...] = ()
    settled_by: tuple[str, ...] = ()
    trials: tuple[TrialState, ...] = ()


class EarlierVersion(Value):
    """The version that the serving one replaced.

    Attributes:
        version: Digest of its adapter.
        since: When the serving one replaced it, UTC.
        harm: Excess of wrong answers of the serving version over it, by people who read both in
            use; None where nobody did.
        evidence: What says so.
        trial: A test on traffic that found the serving version to do harm; None if none did.
    """

    version: str
    since: dt.datetime
    harm: Estimate | None = None
    evidence: str = ""
    trial: TrialState | None = None


class AlarmInUse(Value):
    """An alarm, and what people have said of it.

    Attributes:
        alarm: As it was raised.
        state: ``open``; ``seen`` by a person; ``over`` where it is settled or was mended.
        over: When it ended, UTC; None if it has not.
    """

    alarm: Alarm
    state: Literal["open", "seen", "over"] = "open"
    over: dt.datetime | None = None


class Waiting(Value):
    """What the next version could learn from and this one has not.

    Attributes:
        corrections: Answers that people have corrected or settled.
        production: Rows from use with a corrected answer.
        source: New rows in the project's files.
        by_slice: Of all these, how many by slice.
        trained_on: Rows that the serving version was trained on.
        curve: What twice the rows would take off the loss, from the learning curve; None where it
            was not measured.
    """

    corrections: int = 0
    production: int = 0
    source: int = 0
    by_slice: Mapping[str, int] = Field(default_factory=dict)
    trained_on: int = 0
    curve: Estimate | None = None

    @property
    def rows(self) -> int:
        """All of them."""
        return self.corrections + self.production + self.source


class DecisionEvidence(Value):
    """All that the next step is decided from.

    Attributes:
        now: The moment of the decision, UTC.
        place: Where the version serves.
        serving: Digest of the version that serves; empty if none does.
        trained: When each version's data ended, UTC.
        candidate: The newest version, where it is another one.
        earlier: What served before.
        alarms: Of the present version's time.
        readings: Of quality, of all versions that served.
        waiting: Rows.
        prices: Of errors, labels and training.
        answers_per_day: Given in use; 0 = not known.
        horizon_days: How far ahead costs are weighed.
        cadence_days: The project's own bound; 0 = none.
        fewest_days: Days that a version serves at the least.
        fewest_rows: New rows without which there is nothing to retrain on.
        most_risk: Probability that is allowed for a retraining not to pay.
        recovers: Share of the decay that a retraining puts right.
        worn: Why the test set has to be renewed; empty if it has not.
    """

    now: dt.datetime
    place: str = "production"
    serving: str = ""
    trained: Mapping[str, dt.datetime] = Field(default_factory=dict)
    candidate: CandidateState | None = None
    earlier: EarlierVersion | None = None
    alarms: tuple[AlarmInUse, ...] = ()
    readings: tuple[QualityReading, ...] = ()
    waiting: Waiting = Waiting()
    prices: Prices = Prices()
    answers_per_day: float = Field(default=0.0, ge=0)
    horizon_days: float = Field(default=365.0, gt=0)
    cadence_days: float = Field(default=0.0, ge=0)
    fewest_days: float = Field(default=0.0, ge=0)
    fewest_rows: int = Field(default=1, ge=0)
    most_risk: float = Field(
        default=0.05,
        gt=0,
        lt=1,
    )
    recovers: float = Field(
        default=1.0,
        gt=0,
        le=1,
    )
    worn: str = ""
