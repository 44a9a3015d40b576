"""A model judge as a metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import Field

from tunewell.metrics.base import Marked, Metric
from tunewell.metrics.judge.judge import MAX_NEW_TOKENS, VERSION, Judge, JudgeVerdict
from tunewell.metrics.judge.lazy_model import LazyModel
from tunewell.metrics.reasoning import answer_of
from tunewell.metrics.registry import MetricSetting, built_in_with
from tunewell.model.base import Model
from tunewell.task import RubricCriterion, TaskFile, TaskSpec
from tunewell.types import Example, MetricInfo, Unscored, Value, digest

QUESTIONS: Final[dict[str, str]] = {
    "factual accuracy": "Is every statement of the answer true, judged by the input?",
    "completeness": "Does the answer contain everything that the task asks for?",
    "clarity": "Would the reader that the task names understand the answer at first reading?",
    "coherence": "Does the answer hang together, without contradicting itself?",
    "relevance": "Does the answer address the input, and nothing else?",
    "tone": "Is the tone right for the reader that the task names?",
    "adherence": "Does the answer keep to every rule of the task (form, length, must, must not)?",
}
"""Usual criteria; a project writes its own under ``people.rubric``."""


class JudgeOptions(Value):
    """Options of ``judge``.

    A criterion of that name under ``people.rubric`` gives question and scale.

    Attributes:
        model: The judge: name of weights, or of a model behind ``url``.
        url: OpenAI-compatible server, such as ``http://localhost:8000/v1``; empty = on this
            machine.
        question: What is asked, if no rubric criterion has the metric's name.
        scale: ``yes/no`` or ``1-5``.
        repeats: How often each output is judged; the middle value counts.
        max_new_tokens: Longest reply of the judge; one that reasons needs a few thousand.
    """

    model: str = Field(min_length=1)
    url: str = ""
    question: str = ""
    scale: Literal["yes/no", "1-5"] = "yes/no"
    repeats: int = Field(default=1, ge=1)
    max_new_tokens: int = Field(default=MAX_NEW_TOKENS, ge=1)


@built_in_with(
    MetricInfo(
        name="judge",
        title="a model's verdict on a criterion",
        own=True,
    ),
    JudgeOptions,
)
def judge(options: JudgeOptions, setting: MetricSetting) -> Metric:
    """A model answers the criterion's question with a reason; 0 or 1, or 1 to 5.

    It opens no gate until it has been held against people (E02), and then its figures are corrected
    by their verdicts.
    """
    return judge_metric(setting.file, setting.info.name, options)


def judge_metric(
    file: TaskFile,
    name: str,
    options: JudgeOptions,
    *,
    model: Model | None = None,
    remember: bool = True,
) -> Metric:
    """A model judge, never validated by itself: it opens no gate until held against people (E02).

    Args:
        file: The definition; its rubric gives question and scale where a criterion has the metric's
            name.
        name: Of the metric.
        options: Which model judges, and how.
        model: Judges instead of the model that the options name (tests).
        remember: Whether replies are kept and read again; a judge that is watched for a change must
            be asked anew.
    """
    criterion = _criterion(file, name, options)
    judge = Judge(
        model=model or LazyModel(options.model, options.url),
        cache=file.root / ".tunewell" / "judge" if remember else None,
        repeats=options.repeats,
        max_new_tokens=options.max_new_tokens,
    )
    asked = _Asked(judge, criterion)
    version = digest([VERSION, options.model_dump(mode="json"), criterion])
    return Metric(
        info=_info(name, criterion),
        function=asked.value,
        version=version[:12],
        prepare=asked.prepare,
        applies=asked.applies,
    )


def _criterion(file: TaskFile, name: str, options: JudgeOptions) -> RubricCriterion:
    for criterion in file.spec.people.rubric:
        if criterion.name == name:
            return criterion
    question = options.question or QUESTIONS.get(name, "")
    if not question:
        raise ValueError(
            f"{name}: a judge needs a question, or a criterion of this name under people.rubric"
        )
    return RubricCriterion(name=name, question=question, scale=options.scale)


def _info(name: str, criterion: RubricCriterion) -> MetricInfo:
    title = f"{criterion.question} (model judge)"
    if criterion.scale == "yes/no":
        return MetricInfo(name=name, title=title, own=True)
    return MetricInfo(
        name=name,
        title=title,
        unit="points",
        low=1.0,
        high=5.0,
        own=True,
    )


class _Asked:
    """A judge's verdicts on one criterion, each output of a row judged once."""

    def __init__(self, judge: Judge, criterion: RubricCriterion) -> None:
        self._judge = judge
        self._criterion = criterion
        self._verdicts: dict[tuple[str, str], JudgeVerdict] = {}

    def applies(self, row: Example) -> str:
        """Why a row is not asked about; empty if it is."""
        field = self._criterion.per_row
        if not field or row.field(field):
            return ""
        return f"it asks nothing of its own ({field})"

    def prepare(self, pairs: Sequence[tuple[str, Example]], task: TaskSpec) -> None:
        """Ask for many outputs at once."""
        todo: dict[tuple[str, str], tuple[str, Example]] = {}
        for output, row in pairs:
            answer = answer_of(output)
            if answer.strip() or not output.strip():
                todo[answer, row.id] = (answer, row)
        for known in self._verdicts.keys() & todo.keys():
            del todo[known]
        pairs = list(todo.values())
        verdicts = self._judge.judge(self._criterion, pairs, task=task)
        self._verdicts |= dict(zip(todo, verdicts, strict=True))

    def value(self, output: str, example: Example, *, task: TaskSpec) -> Marked | Unscored:
        """The metric function."""
        self.prepare([(output, example)], task)
        verdict = self._verdicts[output, example.id]
        if isinstance(verdict.value, Unscored):
            return verdict.value
        return Marked(value=verdict.value, reason=verdict.reason)
