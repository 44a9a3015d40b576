"""How large, how busy and how good the made-up service is."""

from __future__ import annotations

import datetime as dt
from typing import Final

import numpy as np
from pydantic import Field

from tunewell.types import Value

START: Final = dt.date(2026, 1, 5)
"""A Monday."""


class ServiceSettings(Value):
    """What decides a made-up service, but for the incidents.

    Attributes:
        start: First day, UTC.
        days: How many days are simulated.
        daily: Requests on an average day.
        users: How many people ask.
        topics: How many topics there are; the first are the most frequent.
        regions: How many regions there are.
        weekend: Requests on a day of the weekend, as a share of a weekday's.
        season: Amplitude of the yearly wave, as a share.
        memory: Of the day's load for that of the day before (AR(1)), in [0, 1).
        spread: Standard deviation of the day's log load.
        release_days: Days between two releases, each with its own version number in the questions
            and a few more questions; 0 for none.
        holidays: Whether the load falls in the last ten days of December.
        right: Share of right answers on an average topic.
        judged: Share of the answers that the judge scores.
        judge_sees: Chance that the judge passes a right answer.
        judge_errs: Chance that it passes a wrong one.
        rated: Share of the answers that users rate when they are right.
        angry: How many times as likely users rate a wrong answer.
        reviewed: SimulatedAnswers a week that people review, drawn at random.
        reviewers: How many people review; each has a bias of their own.
        bias: Standard deviation of a reviewer's bias on the log-odds of passing an answer.
        escalated: Chance that a wrong answer is escalated; a right one is a tenth as likely.
        judge_follows: Whether the judge can be asked again on answers that are kept.
        model_follows: Whether the model can be asked again.
    """

    start: dt.date = START
    days: int = Field(default=196, ge=28)
    daily: float = Field(default=80.0, gt=0)
    users: int = Field(default=600, ge=1)
    topics: int = Field(default=7, ge=2)
    regions: int = Field(default=3, ge=1)
    weekend: float = Field(default=0.6, gt=0)
    season: float = Field(default=0.1, ge=0, lt=1)
    memory: float = Field(default=0.3, ge=0, lt=1)
    spread: float = Field(default=0.08, ge=0)
    release_days: int = Field(default=28, ge=0)
    holidays: bool = True
    right: float = Field(default=0.85, gt=0, lt=1)
    judged: float = Field(default=1.0, ge=0, le=1)
    judge_sees: float = Field(default=0.93, gt=0, lt=1)
    judge_errs: float = Field(default=0.2, gt=0, lt=1)
    rated: float = Field(default=0.1, ge=0, le=1)
    angry: float = Field(default=2.5, gt=0)
    reviewed: int = Field(default=30, ge=0)
    reviewers: int = Field(default=4, ge=1)
    bias: float = Field(default=0.4, ge=0)
    escalated: float = Field(default=0.35, ge=0, le=1)
    judge_follows: bool = True
    model_follows: bool = True

    @property
    def last(self) -> dt.date:
        """The last day."""
        return self.start + dt.timedelta(days=self.days - 1)


def draw_settings(
    seed: int,
    *,
    held_out: bool = False,
) -> ServiceSettings:
    """Settings drawn at random.

    Args:
        seed: Of the draw.
        held_out: From ranges that overlap little with those that rules may be tuned on: other
            sizes, habits, seasons and rates.
    """
    rng = np.random.default_rng([seed, int(held_out)])

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    imported = bool(rng.random() < 0.25)
    follows = {"judge_follows": not imported, "model_follows": not imported}
    if held_out:
        return ServiceSettings(
            **follows,
            daily=between(40, 60) if rng.random() < 0.5 else between(110, 150),
            users=int(between(150, 3_000)),
            topics=int(rng.choice([4, 5, 9, 12])),
            regions=int(rng.choice([2, 5])),
            weekend=between(0.25, 0.5) if rng.random() < 0.5 else between(0.85, 1.1),
            season=between(0.15, 0.25),
            memory=between(0.4, 0.6),
            spread=between(0.1, 0.14),
            release_days=int(rng.choice([14, 35, 42])),
            right=between(0.7, 0.78) if rng.random() < 0.5 else between(0.9, 0.94),
            judge_sees=between(0.8, 0.9),
            judge_errs=between(0.25, 0.4),
            rated=between(0.03, 0.07) if rng.random() < 0.5 else between(0.2, 0.3),
            angry=between(1.0, 4.0),
            reviewed=int(rng.choice([20, 60])),
            reviewers=int(rng.choice([2, 7])),
            bias=between(0.5, 0.8),
            escalated=between(0.2, 0.5),
        )
    return ServiceSettings(
        **follows,
        daily=between(60, 110),
        users=int(between(300, 1_200)),
        topics=int(rng.choice([6, 7, 8])),
        regions=int(rng.choice([3, 4])),
        weekend=between(0.5, 0.85),
        season=between(0.0, 0.15),
        memory=between(0.1, 0.4),
        spread=between(0.04, 0.1),
        release_days=int(rng.choice([21, 28])),
        right=between(0.78, 0.9),
        judge_sees=between(0.9, 0.96),
        judge_errs=between(0.1, 0.25),
        rated=between(0.07, 0.2),
        angry=between(1.5, 3.0),
        reviewed=int(rng.choice([30, 40])),
        reviewers=int(rng.choice([3, 4, 5])),
        bias=between(0.2, 0.5),
        escalated=between(0.25, 0.4),
    )
