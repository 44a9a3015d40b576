"""What a metric is: a named function from an output and its row to a number, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import Field

from tunewell.task import TaskSpec
from tunewell.types import Example, MetricInfo, Prediction, Score, Unscored, Value

_LONGEST_REASON = 300


class Marked(Value):
    """A value with its evidence.

    Attributes:
        value: The metric's value.
        reason: One sentence: which points were missing, which number has no source.
        spans: Places in the output: ``{"start": 3, "end": 9, "type": "number", "text": "12.50"}``.
    """

    value: float
    reason: str = ""
    spans: tuple[Mapping[str, str | int], ...] = Field(default=())


class MetricFunction(Protocol):
    """What a metric computes. ``True`` counts as 1 and ``False`` as 0."""

    def __call__(
        self, output: str, example: Example, *, task: TaskSpec
    ) -> float | Unscored | Marked:
        """The value of one output for one row."""
        ...


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
        applies: Gives the reason why a row cannot be measured by it, whatever the output (``no
            points are listed``); empty if it can. Such rows are left out for every arm alike.
        prepare: Told of all (output, row) beforehand, where many are cheaper at once (judges).
        rate: Computes the value from the whole prediction instead of its text alone (the model's
            own confidence).
    """

    info: MetricInfo
    function: MetricFunction
    version: str = "1"
    applies: Callable[[Example], str] = _always
    prepare: Callable[[Sequence[tuple[str, Example]], TaskSpec], None] | None = None
    rate: Callable[..., Marked | Unscored] | None = None

    @property
    def name(self) -> str:
        """As in tunewell.yaml."""
        return self.info.name

    def __call__(self, output: str, example: Example, *, task: TaskSpec) -> Marked | Unscored:
        """The value of one output.

        A failure of the function is `Unscored` with its reason, never an exception.

        Args:
            output: What the model said: hostile text.
            example: The row that it answers.
            task: The definition.
        """
        return self._checked(lambda: self.function(output, example, task=task))

    def _checked(self, compute: Callable[[], float | Unscored | Marked]) -> Marked | Unscored:
        try:
            found = compute()
        except Exception as error:  # one bad function must not end an evaluation of hours
            return Unscored(reason=_short(f"{self.name} failed: {type(error).__name__}: {error}"))
        if isinstance(found, Unscored):
            return found
        marked = found if isinstance(found, Marked) else _marked(found)
        if isinstance(marked, Unscored):
            return marked
        if math.isnan(marked.value) or not self.info.low <= marked.value <= self.info.high:
            return Unscored(
                reason=f"{self.name} gave {marked.value}, outside its range {self.info.low:g} to {self.info.high:g}"
            )
        return marked

    def score(self, prediction: Prediction, example: Example, *, task: TaskSpec) -> Score:
        """The `Score` of a prediction; one that ended in an error is unscored."""
        if prediction.finish == "error":
            value: Marked | Unscored = Unscored(
                reason=_short(f"no output: {prediction.reason or 'the model failed'}")
            )
        elif self.rate is not None:
            rate = self.rate
            value = self._checked(lambda: rate(prediction, example, task=task))
        else:
            value = self(prediction.text, example, task=task)
        scored = isinstance(value, Marked)
        return Score(
            example=example.id,
            arm=prediction.arm,
            metric=self.name,
            value=value.value if isinstance(value, Marked) else value,
            reason=_short(value.reason) if scored else "",
            scorer=self.name,
            version=self.version,
        )


def _marked(found: object) -> Marked | Unscored:
    if isinstance(found, bool | int | float):
        return Marked(value=float(found))
    try:
        return Marked(value=float(found))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return Unscored(
            reason=f"a metric gives a number, Unscored or Marked; got {type(found).__name__}"
        )


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1] + "…"
