"""What came of the answers: votes, escalations, corrections, the judge's and reviewers' words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewell.testing.service.answers import SimulatedAnswers, Strengths
from tunewell.testing.service.settings import ServiceSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CORRECTED: Final = 0.06
"""Chance that somebody writes the right answer under a wrong one."""


@dataclass(frozen=True)
class Outcomes:
    """What came of each answer, shape (n,) each; NaN or False where nothing did.

    Attributes:
        stars: A user's rating, 1 to 5 (0 or 1 once the widget is another).
        rated_after_s: Seconds from the answer to the rating.
        escalated: Whether somebody had to take over.
        corrected: Whether somebody wrote the right answer.
        judge: The judge's score, 0 or 1.
        judge_version: 0, or 1 once a new judge was announced.
        review: A reviewer's verdict, 0 or 1.
        reviewer: Who reviewed, -1 where nobody did.
    """

    stars: Floats
    rated_after_s: Floats
    escalated: Bools
    corrected: Bools
    judge: Floats
    judge_version: Ints
    review: Floats
    reviewer: Ints


def draw_outcomes(
    settings: ServiceSettings,
    strengths: Strengths,
    answers: SimulatedAnswers,
    rng: np.random.Generator,
) -> Outcomes:
    """What came of every answer."""
    n = len(answers.right)
    answered = ~answers.failed
    wrong = ~answers.right
    rate = np.where(
        wrong,
        settings.rated * settings.angry,
        settings.rated,
    )
    another = strengths.of("widget") > 0
    # A thumb is easier to give than stars.
    rate = np.clip(np.where(another, rate * 1.6, rate), 0, 0.9)
    rated = (rng.random(n) < rate) & answered
    escalation = np.where(
        wrong,
        settings.escalated,
        settings.escalated / 10,
    )
    reviewer = _reviewers(
        settings,
        strengths,
        rng,
    )
    return Outcomes(
        stars=np.where(rated, _stars(wrong, another, rng), np.nan),
        rated_after_s=rng.exponential(1_800, n),
        escalated=(rng.random(n) < escalation) & answered,
        corrected=(rng.random(n) < CORRECTED) & wrong & answered,
        judge=_judged(settings, strengths, answers, rng),
        judge_version=strengths.announced("judge"),
        review=_reviewed(settings, answers, reviewer, rng),
        reviewer=np.where(answered, reviewer, -1),
    )


def _stars(
    wrong: Bools,
    another: Bools,
    rng: np.random.Generator,
) -> Floats:
    n = len(wrong)
    stars = np.where(wrong, rng.integers(1, 4, n), rng.integers(3, 6, n)).astype(np.float64)
    thumbs = (rng.random(n) < np.where(wrong, 0.2, 0.9)).astype(np.float64)
    return np.where(
        another,
        thumbs,
        stars,
    )


def _judged(
    settings: ServiceSettings,
    strengths: Strengths,
    answers: SimulatedAnswers,
    rng: np.random.Generator,
) -> Floats:
    """The judge knows nothing of facts that changed: it passes what was right before."""
    n = len(answers.right)
    outdated = strengths.of("fact") > 0
    passes_wrong = np.where(
        outdated,
        settings.judge_sees * 0.9,
        settings.judge_errs,
    )
    chance = np.where(
        answers.right,
        settings.judge_sees,
        passes_wrong,
    )
    chance = np.clip(chance - strengths.of("judge"), 0.01, 0.99)
    verdict = (rng.random(n) < chance).astype(np.float64)
    seen = (rng.random(n) < settings.judged) & ~answers.failed
    return np.where(
        seen,
        verdict,
        np.nan,
    )


def _reviewers(
    settings: ServiceSettings,
    strengths: Strengths,
    rng: np.random.Generator,
) -> Ints:
    """Who reviews which answer: a random sample of every week."""
    day = strengths.requests.day
    reviewer = np.full(len(day), -1, np.int64)
    if not settings.reviewed:
        return reviewer
    for week in range(int(day.max(initial=0)) // 7 + 1):
        (rows,) = np.nonzero(day // 7 == week)
        drawn = rng.permutation(rows)[: settings.reviewed]
        reviewer[drawn] = rng.integers(settings.reviewers, size=len(drawn))
    return reviewer


def _reviewed(
    settings: ServiceSettings,
    answers: SimulatedAnswers,
    reviewer: Ints,
    rng: np.random.Generator,
) -> Floats:
    bias = rng.normal(
        0,
        settings.bias,
        settings.reviewers,
    )
    odds = np.where(answers.right, 2.6, -2.2) + bias[reviewer]
    passed = (rng.random(len(reviewer)) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    return np.where((reviewer >= 0) & ~answers.failed, passed, np.nan)
