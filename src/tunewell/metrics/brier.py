"""Whether a model knows when it is right: the Brier score of its confidence in its answers.

The confidence is read from the model's log-probabilities of its own answer, the end of the turn
included: ``per: answer`` takes the probability of the whole answer (right for labels and other
short answers), ``per: token`` the geometric mean of its tokens (for longer ones, where the whole is
improbable however sure the model is).
"""

from __future__ import annotations

import math
from typing import Literal

from tunewell.metrics.base import Marked, Metric
from tunewell.metrics.registry import MetricSetting, built_in_with
from tunewell.task import TaskSpec
from tunewell.types import Example, MetricInfo, Prediction, Unscored, Value

ConfidencePer = Literal["answer", "token"]


class BrierOptions(Value):
    """Options of ``brier``.

    Attributes:
        of: Name of the metric of this task that says how right an answer is (``label``, ``exact``
            …), from 0 to 1.
        per: ``answer``: the probability of the whole answer. ``token``: the geometric mean of its
            tokens.
    """

    of: str = "label"
    per: ConfidencePer = "answer"


def confidence_of(prediction: Prediction, per: ConfidencePer) -> float | Unscored:
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
    parts = prediction.nats_tokens if per == "token" else 1
    return math.exp(-prediction.nats / parts)


@built_in_with(
    MetricInfo(
        name="brier",
        title="knows when it is right",
        bigger_is_better=False,
        own=True,
        validated=True,
    ),
    BrierOptions,
)
def brier(options: BrierOptions, setting: MetricSetting) -> Metric:
    """Squared distance between the model's own confidence in its answer and how right it is.

    0 is best, 0.25 is what a coin would get. With it come the calibration error, its curve and the
    over-confidence of every arm.

    Source:
        Brier 1950, Monthly Weather Review 78.
    """
    rightness = setting.sibling(options.of)

    def rate(prediction: Prediction, example: Example, *, task: TaskSpec) -> Marked | Unscored:
        sure = confidence_of(prediction, options.per)
        if isinstance(sure, Unscored):
            return sure
        right = rightness(prediction.text, example, task=task)
        if isinstance(right, Unscored):
            return right
        return Marked(
            value=(sure - right.value) ** 2,
            reason=f"confidence {sure:.2f}, {rightness.name} {right.value:g}",
        )

    return Metric(info=setting.info, function=_of_text_alone, rate=rate)


def _of_text_alone(output: str, example: Example, *, task: TaskSpec) -> Unscored:
    return Unscored(
        reason="the model's own confidence is known only where the model itself was asked"
    )
