"""Whether a model knows when it is right: the Brier score of its own confidence in what it answered.

The confidence is read from the model's log-probabilities of its own answer, the end of the turn
included: ``per: answer`` takes the probability of the whole answer (right for labels and other
short answers), ``per: token`` the geometric mean of its tokens (for longer ones, where the whole is
improbable however sure the model is).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from tunewell.metrics.base import Marked, Metric
from tunewell.task import TaskSpec
from tunewell.types import Example, Prediction, Unscored, Value


class BrierOptions(Value):
    """Options of ``brier``.

    Attributes:
        of: Name of the metric of this task that says how right an answer is (``label``, ``exact``
            …), from 0 to 1.
        per: ``answer``: the probability of the whole answer. ``token``: the geometric mean of its
            tokens.
    """

    of: str = "label"
    per: Literal["answer", "token"] = "answer"


def make_brier(of: Metric, per: Literal["answer", "token"]) -> Callable[..., Marked | Unscored]:
    """A function from a prediction to its Brier score: (confidence - how right it is) squared.

    Args:
        of: Says how right an answer is, from 0 to 1.
        per: Of what the confidence is taken.

    Source:
        Brier 1950, Monthly Weather Review 78.
    """

    def brier(prediction: Prediction, example: Example, *, task: TaskSpec) -> Marked | Unscored:
        sure = confidence_of(prediction, per)
        if isinstance(sure, Unscored):
            return sure
        right = of(prediction.text, example, task=task)
        if isinstance(right, Unscored):
            return right
        return Marked(
            value=(sure - right.value) ** 2,
            reason=f"confidence {sure:.2f}, {of.name} {right.value:g}",
        )

    return brier


def confidence_of(prediction: Prediction, per: Literal["answer", "token"]) -> float | Unscored:
    """A model's confidence in its answer, from 0 to 1, or why it is not known.

    Example:
        >>> said = Prediction(example="a", arm="tuned", text="yes", nats=0.2231, nats_tokens=2)
        >>> round(confidence_of(said, "answer"), 5)
        0.80003
        >>> confidence_of(Prediction(example="a", arm="tuned", text="yes"), "answer").reason
        'the answer was not scored under the model'
    """
    if prediction.finish != "stop":
        return Unscored(reason="the answer was cut, so its probability says nothing")
    if prediction.nats is None or not prediction.nats_tokens:
        return Unscored(reason="the answer was not scored under the model")
    return math.exp(-prediction.nats / (prediction.nats_tokens if per == "token" else 1))
