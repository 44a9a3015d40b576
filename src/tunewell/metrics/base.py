"""What a metric is: a named function from an output and its row to a number, or why not."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import Field

from tunewell.metrics.reasoning import ONLY_REASONING, answer_of, is_only_reasoning
from tunewell.task import TaskSpec
from tunewell.types import Example, MetricInfo, Prediction, Score, Unscored, Value
from tunewell.types.written_calls import compared_output

_LONGEST_REASON = 300

MarkedPlace = Mapping[str, str | int]
"""A place in an output: ``{"start": 3, "end": 9, "type": "number", "text": "12.50"}``."""


class Marked(Value):
    """A value with its evidence.

    Attributes:
        value: The metric's value.
        reason: One sentence: which points were missing, which number has no source.
        spans: Places in the output.
        weight: How much of the whole the row is, such as the words that are said in it.
    """

    value: float
    reason: str = ""
    spans: tuple[MarkedPlace, ...] = Field(default=())
    weight: float = Field(default=1.0, gt=0)


class MetricFunction(Protocol):
    """What a metric computes. ``True`` counts as 1 and ``False`` as 0."""

    def __call__(
        self, output: str, example: Example, *, task: TaskSpec
    ) -> float | Unscored | Marked:
        """The value of one output for one row."""
        ...


Applies = Callable[[Example], str]
"""Gives the reason why a row cannot be measured, whatever the output; empty if it can."""
Prepare = Callable[[Sequence[tuple[str, Example]], TaskSpec], None]
"""Told of all (output, row) beforehand."""
Learned = Callable[[Sequence[Example]], None]
"""Told of the rows that the model was trained on, before anything is measured."""
Rate = Callable[..., Marked | Unscored]
"""Computes a value from the whole prediction instead of its text alone."""


def _always(_: Example) -> str:
    return ""


@dataclass(frozen=True)
class Metric:
    """A metric of the task.

    Attributes:
        info: Its name, unit, direction and range, and whether it may guard a gate.
        function: What it computes.
        version: Changes when its values may: of a built-in ``1``, of the project's own the digest
            of its file.
        applies: Why a row cannot be measured by it (``no points are listed``). Such rows are left
            out for every arm alike.
        prepare: Where many outputs are cheaper at once (judges).
        rate: Where the text alone does not say it (the model's own confidence).
        learned: Where it matters what was trained on.
    """

    info: MetricInfo
    function: MetricFunction
    version: str = "1"
    applies: Applies = _always
    prepare: Prepare | None = None
    rate: Rate | None = None
    learned: Learned | None = None

    @property
    def name(self) -> str:
        """As in tunewell.yaml."""
        return self.info.name

    def __call__(self, output: str, example: Example, *, task: TaskSpec) -> Marked | Unscored:
        """The value of one output.

        A failure of the function is `Unscored` with its reason, never an exception. Reasoning
        (``<think> … </think>``) is no part of the answer; without any answer there is no score.

        Args:
            output: What the model said: hostile text.
            example: The row that it answers.
            task: The definition.
        """
        if is_only_reasoning(output):
            return Unscored(reason=ONLY_REASONING)
        answer = compared_output(example, answer_of(output))
        return self._checked(lambda: self.function(answer, example, task=task))

    def score(self, prediction: Prediction, example: Example, *, task: TaskSpec) -> Score:
        """The `Score` of a prediction; one that ended in an error is unscored."""
        value = self._value(prediction, example, task)
        score = Score(
            example=example.id,
            arm=prediction.arm,
            metric=self.name,
            value=value if isinstance(value, Unscored) else value.value,
            scorer=self.name,
            version=self.version,
        )
        if isinstance(value, Unscored):
            return score
        return score.model_copy(update={"reason": _short(value.reason), "weight": value.weight})

    def _value(self, prediction: Prediction, example: Example, task: TaskSpec) -> Marked | Unscored:
        if prediction.finish == "error":
            why = prediction.reason or "the model failed"
            return Unscored(reason=_short(f"no output: {why}"))
        if self.rate is None:
            return self(prediction.text, example, task=task)
        if is_only_reasoning(prediction.text):
            return Unscored(reason=ONLY_REASONING)
        rate = self.rate
        answer = compared_output(example, answer_of(prediction.text))
        answered = prediction.model_copy(update={"text": answer})
        return self._checked(lambda: rate(answered, example, task=task))

    def _checked(self, compute: Callable[[], float | Unscored | Marked]) -> Marked | Unscored:
        # One bad function must not end an evaluation of hours.
        try:
            found = compute()
        except Exception as error:
            return Unscored(reason=_short(f"{self.name} failed: {type(error).__name__}: {error}"))

        marked = _marked(found)
        if isinstance(marked, Unscored):
            return marked

        low, high = self.info.low, self.info.high
        if math.isnan(marked.value) or not low <= marked.value <= high:
            return Unscored(
                reason=f"{self.name} gave {marked.value}, outside its range {low:g} to {high:g}"
            )
        return marked


def _marked(found: object) -> Marked | Unscored:
    if isinstance(found, Marked | Unscored):
        return found
    try:
        return Marked(value=float(found))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        kind = type(found).__name__
        return Unscored(reason=f"a metric gives a number, Unscored or Marked; got {kind}")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1] + "…"


def input_text(example: Example) -> str:
    """Everything that the model was given before its answer."""
    tools = [example.tools] if example.tools else []
    return "\n".join([*tools, *(message.text for message in example.prompt)])
