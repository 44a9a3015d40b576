"""How likely an answer in use is a bad one, by what can be seen without a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from pydantic import Field

from tunewell.monitor.channel import Floats
from tunewell.stats.rank_correlation import mean_ranks
from tunewell.stats.special import ndtri
from tunewell.types import Value

SIGNALS: Final = ("doubt", "novelty", "unsupported", "outdated", "complaint")

TOP: Final = 1.645
"""Of novelty only the twentieth that is most unlike anything counts: most new things are fine."""

STARTING_WEIGHTS: Final = np.array([1.0, 0.8, 0.6, 1.2, 1.5])
"""Of the signals before people have read enough answers to learn better ones."""

FEWEST_READ: Final = 80
FEWEST_OF_EACH: Final = 12
"""Answers that people have read, and bad and good ones among them, before weights are learned."""

RIDGE: Final = 4.0
"""How firmly learned weights are held to those at the beginning, in answers read."""


class Signals(Value):
    """What can be seen of one answer.

    Attributes:
        interaction: Its id.
        doubt: How little the judge, a metric or the model itself trusts it, in [0, 1]; None where
            none of them has scored it.
        novelty: How unlike anything reviewed its question is, in [0, 1]; None if not measured.
        unsupported: Its statements that the question does not bear out.
        outdated: Its statements that contradict the project's facts.
        complaint: Whether the user complained, corrected it or went to a person.
    """

    interaction: str
    doubt: float | None = Field(default=None, ge=0, le=1)
    novelty: float | None = Field(default=None, ge=0, le=1)
    unsupported: int = Field(default=0, ge=0)
    outdated: int = Field(default=0, ge=0)
    complaint: bool = False

    @property
    def reasons(self) -> tuple[str, ...]:
        """What speaks against the answer, in words."""
        found = []
        if self.complaint:
            found.append("the user complained")
        if self.outdated:
            found.append("contradicts the project's facts")
        if self.unsupported:
            found.append("says what the question does not bear out")
        if self.doubt is not None and self.doubt >= 0.5:
            found.append("the judge doubts it")
        if self.novelty is not None and self.novelty >= 0.5:
            found.append("unlike anything reviewed")
        return tuple(found)


def suspicions(
    signals: Sequence[Signals],
    *,
    said: Mapping[str, bool] | None = None,
    probabilities: Mapping[str, float] | None = None,
) -> Floats:
    """How suspicious each answer is, shape (n,); greater is worse.

    Args:
        signals: Of the answers.
        said: Whether people found an answer bad, by its id: weights are learned from them once they
            are enough.
        probabilities: Probability with which each of these was drawn for people; 1 where not given.
    """
    features = _features(signals)
    weights = STARTING_WEIGHTS
    if said:
        learned = _learned(signals, features, said, probabilities or {})
        weights = weights if learned is None else learned
    found: Floats = features @ weights
    return found


def _features(signals: Sequence[Signals]) -> Floats:
    """One row an answer, one column a signal; 0 is an ordinary answer."""
    doubt = _normal_scores([each.doubt for each in signals])
    novelty = _normal_scores([each.novelty for each in signals])
    columns = [
        doubt,
        np.maximum(novelty - TOP, 0.0),
        np.log1p([float(each.unsupported) for each in signals]),
        np.log1p([float(each.outdated) for each in signals]),
        np.array([float(each.complaint) for each in signals]),
    ]
    return np.stack(columns, axis=1)


def _normal_scores(values: Sequence[float | None]) -> Floats:
    """Values by their rank as those of a normal distribution; 0 where there is none."""
    known = np.array([np.nan if value is None else value for value in values], np.float64)
    scores = np.zeros(len(known))
    seen = ~np.isnan(known)
    count = int(seen.sum())
    if count:
        ranks = mean_ranks(known[seen])
        scores[seen] = ndtri((ranks - 0.375) / (count + 0.25))
    return scores


def _learned(
    signals: Sequence[Signals],
    features: Floats,
    said: Mapping[str, bool],
    probabilities: Mapping[str, float],
) -> Floats | None:
    """Weights by a logistic regression on what people said; None with too little of it."""
    rows = [i for i, each in enumerate(signals) if each.interaction in said]
    bad = np.array([said[signals[i].interaction] for i in rows], np.float64)
    enough = len(rows) >= FEWEST_READ and min(bad.sum(), (1 - bad).sum()) >= FEWEST_OF_EACH
    if not enough:
        return None
    drawn = np.array([probabilities.get(signals[i].interaction, 1.0) for i in rows])
    # What was drawn rarely stands for many, but no single answer may decide.
    importance = np.minimum(1 / drawn, 20.0)
    importance *= len(rows) / importance.sum()
    return _logistic(features[rows], bad, importance)


def _logistic(
    x: Floats,
    bad: Floats,
    importance: Floats,
) -> Floats:
    """Newton's method; the weights are held to `STARTING_WEIGHTS`, the intercept is free."""
    design = np.concatenate([np.ones((len(x), 1)), x], axis=1)
    start = np.concatenate([[0.0], STARTING_WEIGHTS])
    ridge = np.diag([1e-6, *([RIDGE] * x.shape[1])])
    beta = start.copy()
    for _ in range(30):
        p = 1 / (1 + np.exp(-(design @ beta)))
        slope = design.T @ (importance * (bad - p)) - ridge @ (beta - start)
        curve = (design.T * (importance * p * (1 - p))) @ design + ridge
        step = np.linalg.solve(curve, slope)
        beta = beta + step
        if float(np.abs(step).max()) < 1e-8:
            break
    weights: Floats = np.maximum(beta[1:], 0.0)
    return weights
