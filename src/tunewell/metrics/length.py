"""How long an answer is, for itself and against what it should be."""

from __future__ import annotations

from pydantic import Field

from tunewell.checks.segments import count_words
from tunewell.metrics.base import Marked, Metric
from tunewell.metrics.registry import MetricSetting, built_in, built_in_with
from tunewell.task import TaskSpec
from tunewell.types import Example, MetricInfo, Value


class ConcisenessOptions(Value):
    """Options of ``conciseness``.

    Attributes:
        words: Target length; 0 = as long as the gold answer.
        slack: Share by which the target may be exceeded without loss.
    """

    words: int = Field(default=0, ge=0)
    slack: float = Field(default=0.1, ge=0)


@built_in_with(
    MetricInfo(
        name="conciseness",
        title="length kept",
    ),
    ConcisenessOptions,
)
def conciseness(options: ConcisenessOptions, setting: MetricSetting) -> Metric:
    """1 up to the target length, then target ÷ length; an empty answer is 0."""

    def kept(output: str, example: Example, *, task: TaskSpec) -> Marked:
        length = count_words(output)
        if not length:
            return Marked(value=0.0, reason="the answer is empty")

        words = options.words or count_words(example.target)
        target = words * (1 + options.slack)
        if length <= target:
            return Marked(value=1.0)
        return Marked(value=target / length, reason=f"{length} words, target {target:.0f}")

    return Metric(info=setting.info, function=kept)


@built_in(
    MetricInfo(
        name="words",
        title="words",
        unit="words",
        bigger_is_better=False,
        high=float("inf"),
    )
)
def words(output: str, example: Example, *, task: TaskSpec) -> float:
    """Length of the answer in words."""
    return float(count_words(output))
