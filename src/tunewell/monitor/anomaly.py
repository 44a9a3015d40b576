"""Answers to read (L09): the most suspicious ones, and a random audit that bounds the rest."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from pydantic import Field

from tunewell.errors import UserError
from tunewell.monitor.suspicion import Signals, suspicions
from tunewell.plurals import per_cent, plural
from tunewell.stats import proportion
from tunewell.stats.missed import most_missed
from tunewell.types import (
    Estimate,
    Finding,
    Threshold,
    Value,
)

CODE: Final = "L09"

AUDIT: Final = 0.1
"""Share of the budget that is drawn at random from what nobody suspects."""


class QueuedAnswer(Value):
    """One answer that people should read.

    Attributes:
        interaction: Its id.
        suspicion: How suspicious it is, beside the others.
        audit: Whether it was drawn at random from those that are not suspicious.
        probability: With which it was drawn: 1 for the suspicious.
        reasons: What speaks against it, in words.
    """

    interaction: str
    suspicion: float
    audit: bool = False
    probability: float = Field(default=1.0, gt=0, le=1)
    reasons: tuple[str, ...] = ()


class AnswerQueue(Value):
    """What people should read of some answers.

    Attributes:
        answers: In an order drawn by seed, so that nobody knows which are the audit.
        pool: How many answers there were.
        queued: How many were queued as suspicious.
        audited: How many were drawn at random from the rest.
    """

    answers: tuple[QueuedAnswer, ...]
    pool: int
    queued: int
    audited: int


def queue_answers(
    signals: Sequence[Signals],
    *,
    budget: int,
    audit: float = AUDIT,
    said: Mapping[str, bool] | None = None,
    probabilities: Mapping[str, float] | None = None,
    seed: int = 0,
) -> AnswerQueue:
    """Choose the answers that people read: the most suspicious, and a few at random.

    Args:
        signals: Of all answers of the time; those that people have read already teach the weights
            and are not chosen again.
        budget: How many people can read.
        audit: Share of the budget for the random audit, in (0, 1).
        said: Whether people found an answer bad, by its id.
        probabilities: With which those were drawn.
        seed: Of every draw.

    Raises:
        UserError: The budget is too small for an audit, or the share is no share.

    Example:
        >>> pool = [Signals(interaction=str(i), complaint=i < 5) for i in range(100)]
        >>> queue = queue_answers(pool, budget=10, audit=0.5)
        >>> sorted(a.interaction for a in queue.answers if not a.audit)
        ['0', '1', '2', '3', '4']
        >>> queue.audited, round(next(a.probability for a in queue.answers if a.audit), 3)
        (5, 0.053)
    """
    if not 0 < audit < 1 or budget < 2:
        raise UserError(
            f"a queue needs a budget of 2 or more and an audit between 0 and 1; got {budget} and "
            f"{audit:g}",
            hint="tunewell watch queue --budget 100",
        )
    scores = suspicions(
        signals,
        said=said,
        probabilities=probabilities,
    )
    known = said or {}
    open_rows = [i for i, each in enumerate(signals) if each.interaction not in known]
    budget = min(budget, len(open_rows))
    random_rows = min(max(1, round(audit * budget)), budget) if open_rows else 0

    luck = random.Random(f"queue {seed}")
    ties = {i: luck.random() for i in open_rows}
    ranked = sorted(open_rows, key=lambda i: (-scores[i], ties[i]))
    suspicious = ranked[: budget - random_rows]
    rest = sorted(ranked[budget - random_rows :])
    drawn = luck.sample(rest, random_rows)

    chosen = [_queued(signals[i], scores[i]) for i in suspicious]
    for i in drawn:
        answer = _queued(signals[i], scores[i])
        chosen.append(
            answer.model_copy(update={"audit": True, "probability": random_rows / len(rest)})
        )
    luck.shuffle(chosen)
    return AnswerQueue(
        answers=tuple(chosen),
        pool=len(open_rows),
        queued=len(suspicious),
        audited=len(drawn),
    )


def _queued(signals: Signals, score: np.float64) -> QueuedAnswer:
    return QueuedAnswer(
        interaction=signals.interaction,
        suspicion=round(float(score), 4),
        reasons=signals.reasons,
    )


class QueueResult(Value):
    """What reading a queue showed.

    Attributes:
        read: Answers that were read, of those that were queued or drawn.
        expected: How many were queued or drawn.
        bad: Share of bad ones among the suspicious that were read; None if none was.
        audit: Share of bad ones among the random ones that were read; None if none was.
        missed: How many bad answers nobody has read, with an upper limit that holds with 95 %;
            None as long as no random one was read.
        caught: Share of all bad answers that were read.
    """

    read: int
    expected: int
    bad: Estimate | None
    audit: Estimate | None
    missed: Estimate | None
    caught: Estimate | None


def queue_result(
    queue: AnswerQueue,
    said: Mapping[str, bool],
) -> QueueResult:
    """What reading a queue showed so far; what was not read counts against it.

    Args:
        queue: The queue.
        said: Whether people found an answer bad, by its id.
    """
    suspicious = [said.get(each.interaction) for each in queue.answers if not each.audit]
    audit = [said.get(each.interaction) for each in queue.answers if each.audit]
    read = [bad for bad in suspicious if bad is not None]
    drawn = [bad for bad in audit if bad is not None]
    missed = _missed(queue, audit)
    found = sum(read) + sum(drawn)
    return QueueResult(
        read=len(read) + len(drawn),
        expected=len(queue.answers),
        bad=_share(read, missing=len(suspicious) - len(read)),
        audit=_share(drawn, missing=len(audit) - len(drawn)),
        missed=missed,
        caught=_caught(found, missed),
    )


def _share(
    read: Sequence[bool],
    *,
    missing: int,
) -> Estimate | None:
    return proportion(sum(read), len(read), missing=missing) if read else None


def _missed(queue: AnswerQueue, audit: Sequence[bool | None]) -> Estimate | None:
    """Bad answers among those that nobody read."""
    drawn = [bad for bad in audit if bad is not None]
    if not drawn:
        return None
    bad = sum(drawn)
    rest = queue.pool - queue.queued
    most = most_missed(bad, len(drawn), rest, unread=len(audit) - len(drawn))
    # Those that were read are no longer missed.
    value = bad / len(drawn) * (rest - len(drawn))
    return Estimate(
        value=value,
        low=0.0,
        high=max(float(most - bad), value),
        level=0.95,
        n=len(drawn),
        method="random audit, one-sided hypergeometric limit",
        unit="answers",
    )


def _caught(found: int, missed: Estimate | None) -> Estimate | None:
    """Share of all bad answers that were read."""
    if missed is None or found + missed.high <= 0:
        return None
    total = found + missed.value
    return Estimate(
        value=found / total if total else 1.0,
        low=found / (found + missed.high),
        high=1.0,
        level=missed.level,
        n=missed.n,
        method="random audit, one-sided hypergeometric limit",
        unit="share",
    )


def queue_finding(result: QueueResult) -> Finding:
    """L09 of a queue: what was found, or what still has to be read."""
    if result.read < result.expected:
        left = plural(result.expected - result.read, "answer")
        why = f"{left} of the queue not read yet"
        return Finding(
            code=CODE, status="unchecked", stage="watch", why=why, remedy="tunewell serve"
        )
    assert result.missed is not None
    why = sentence(result)
    bad = result.bad is not None and result.bad.value > 0
    return Finding(
        code=CODE,
        status="found" if bad else "clear",
        stage="watch",
        why=why,
        estimate=result.missed,
        threshold=Threshold(value=0.0, origin="built-in"),
        remedy="correct them under My work: corrections become rows of the next version",
    )


def sentence(result: QueueResult) -> str:
    """What reading a queue showed, in one sentence."""
    if result.missed is None:
        return (
            f"{result.read} of {result.expected} answers read; how many bad ones are missed is not "
            "known before some of the random audit are read"
        )
    bad = (
        f"{per_cent(result.bad.value)} of the suspicious are bad" if result.bad else "none was read"
    )
    return (
        f"{result.read} of {result.expected} answers read; {bad}; about {result.missed.value:.0f} "
        f"bad answers are missed, at most {result.missed.high:.0f} (95 %, by "
        f"{plural(result.missed.n, 'random answer')})"
    )
