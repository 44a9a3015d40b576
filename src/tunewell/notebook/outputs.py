"""``tw.evaluate``: outputs of any models against gold answers, without a project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from tunewell.errors import DataError, UserError
from tunewell.evaluate.comparisons import comparisons, levels
from tunewell.evaluate.scored_arms import ScoredArms, score_all
from tunewell.metrics import Metric, build_metrics
from tunewell.notebook import html
from tunewell.plurals import per_cent, plural
from tunewell.task import DataSource, EvaluateSection, MetricSpec, TaskFile, TaskSection, TaskSpec
from tunewell.types import (
    Comparison,
    Estimate,
    Example,
    Level,
    Message,
    MetricInfo,
    Prediction,
    Score,
    Unscored,
    Value,
    references_tag,
)

Outputs = Sequence[Any]
"""One output per row: text, or None where there is none."""
GoldAnswers = Sequence[Any]
"""One gold answer per row: text, or a list of texts of which any is right."""
PlainMetric = Callable[[str, str], float]
"""Takes an output and the gold answer."""
MetricChoice = str | Mapping[str, Any] | Metric | PlainMetric

LEFT_OUT: Final = "put None where a model gave no answer; do not leave rows out"
ONE_MODEL: Final = "outputs"
"""What the only model is called."""


class ScoredOutputs(Value):
    """Outputs, scored: the mean of every metric, and differences between models on the same rows.

    Attributes:
        arms: The models, in order.
        rows: How many rows every figure rests on.
        metrics: What was measured.
        levels: Means by model and metric.
        comparisons: Paired differences by metric, later model minus earlier one.
        scores: Of every output; what cannot be scored says why.
    """

    arms: tuple[str, ...]
    rows: int
    metrics: tuple[MetricInfo, ...]
    levels: tuple[Level, ...]
    comparisons: tuple[Comparison, ...]
    scores: tuple[Score, ...]

    def level(self, metric: str, arm: str = "") -> Estimate:
        """The mean of a metric for a model; for the first one if not named.

        Raises:
            KeyError: There is no such metric or model.
        """
        wanted = arm or self.arms[0]
        for found in self.levels:
            if (found.arm, found.metric) == (wanted, metric):
                return found.estimate
        raise KeyError(f"{metric!r} of {wanted!r}")

    def difference(self, metric: str, arm: str, against: str) -> Estimate:
        """The paired difference of a metric, ``arm`` minus ``against``.

        Raises:
            KeyError: There is no such metric or pair.
        """
        for found in self.comparisons:
            if (found.metric, found.arm, found.against) == (metric, arm, against):
                return found.estimate
        raise KeyError(f"{metric!r} of {arm!r} minus {against!r}; arms: {', '.join(self.arms)}")

    @property
    def unscored(self) -> tuple[Score, ...]:
        """Scores without a value, with their reasons: they widen the intervals."""
        return tuple(score for score in self.scores if isinstance(score.value, Unscored))

    def __str__(self) -> str:
        lines = [self._headline()]
        for level in self.levels:
            missing = f", {level.missing} unscored{self._why(level)}" if level.missing else ""
            lines.append(f"  {level.arm:12} {level.metric:14} {level.estimate}{missing}")
        for found in self.comparisons:
            lines.append(f"  {found.arm} - {found.against:12} {found.metric:14} {found.estimate}")
        return "\n".join(lines)

    def _why(self, level: Level) -> str:
        """The commonest reason why outputs have no score, in brackets."""
        reasons = Counter(
            score.value.reason
            for score in self.scores
            if isinstance(score.value, Unscored)
            and (score.arm, score.metric) == (level.arm, level.metric)
        )
        return "".join(f" ({reason})" for reason, _ in reasons.most_common(1))

    def _repr_html_(self) -> str:
        return str(html.several(self._parts()))

    def _parts(self) -> Iterator[Markup]:
        yield html.heading(self._headline())
        columns = ["model", "metric", "mean", "interval", "n", "unscored", "why"]
        yield html.table(columns, self._means())
        if self.comparisons:
            yield html.table(["difference", "metric", "mean", "interval", "n"], self._differences())

    def _headline(self) -> str:
        return f"{plural(self.rows, 'row')}, {plural(len(self.arms), 'model')}"

    def _means(self) -> Iterator[list[object]]:
        for level in self.levels:
            figures = _figures(level.estimate)
            why = self._why(level).strip(" ()") if level.missing else ""
            yield [level.arm, level.metric, *figures, level.missing, why]

    def _differences(self) -> Iterator[list[object]]:
        for found in self.comparisons:
            named = f"{found.arm} − {found.against}"
            yield [named, found.metric, *_figures(found.estimate)]


def _figures(estimate: Estimate) -> list[object]:
    interval = f"{estimate.low:.3g} to {estimate.high:.3g} ({per_cent(estimate.level)})"
    return [f"{estimate.value:.3g}", interval, estimate.n]


def evaluate(
    outputs: Outputs | Mapping[str, Outputs],
    targets: GoldAnswers,
    *,
    metrics: Sequence[MetricChoice] = ("exact", "token_f1"),
    inputs: Sequence[str] = (),
    groups: Sequence[object] = (),
    level: float = 0.95,
    language: str = "en",
) -> ScoredOutputs:
    """Score outputs against gold answers, without a project.

    Args:
        outputs: One output per row, or such a sequence for each of several models. None counts as
            an answer that is missing: it is unscored and widens the interval.
        targets: One gold answer per row; a list where several answers are right.
        metrics: Names of built-in metrics, ``{"name": …, "options": {…}}`` for one with options, a
            metric made with `tunewell.metric`, or any function of (output, gold answer).
        inputs: What was asked, for metrics that read it (``support``).
        groups: Document, conversation or patient of each row: rows of one group are not
            independent, and the intervals say so.
        level: Confidence of every interval.
        language: Of the answers.

    Raises:
        DataError: The sequences differ in length, or there are no rows.
        UserError: There is no such metric, or its options are wrong.

    Example:
        >>> result = evaluate(["paris", "Rome", None], ["Paris", "Rome", "Oslo"],
        ...                   metrics=["normalised"])
        >>> str(result.level("normalised")), len(result.unscored)
        ('1 [0.0943, 1]', 1)
    """
    arms = _arms_of(outputs)
    rows = _rows_of(list(targets), list(inputs))
    for name, said in arms.items():
        what = f"outputs of {name!r}" if len(arms) > 1 else "outputs"
        _require_length(what, said, rows, hint=LEFT_OUT)
        _require_texts(what, said)
    if isinstance(metrics, str):
        raise UserError(
            f"metrics must be a list. Got {metrics!r} instead.", hint=f"metrics=[{metrics!r}]"
        )
    if len(groups):
        _require_length("groups", groups, rows)

    built_in = [choice for choice in metrics if isinstance(choice, str | Mapping)]
    file = _definition(built_in, level=level, language=language)
    chosen = _in_order(metrics, build_metrics(file))
    predictions = [
        _prediction(arm, row, text)
        for arm, said in arms.items()
        for row, text in zip(rows, said, strict=True)
    ]
    measured = ScoredArms(
        file=file,
        metrics=chosen,
        infos=tuple(metric.info for metric in chosen),
        rows=rows,
        families=[str(group) for group in groups],
        predictions=predictions,
        scores=score_all(predictions, rows, chosen, file),
        made_elsewhere=True,
    )
    pairs = [(later, earlier) for earlier, later in combinations(arms, 2)]
    return ScoredOutputs(
        arms=tuple(arms),
        rows=len(rows),
        metrics=measured.infos,
        levels=tuple(levels(measured.table, level=level)),
        comparisons=tuple(comparisons(measured.table, level=level, pairs=pairs)),
        scores=tuple(measured.scores),
    )


def _arms_of(outputs: Outputs | Mapping[str, Outputs]) -> dict[str, list[Any]]:
    if isinstance(outputs, str):
        raise DataError("outputs must be one text per row. Got a single text instead.")
    if isinstance(outputs, Mapping):
        return {str(name): list(said) for name, said in outputs.items()}
    return {ONE_MODEL: list(outputs)}


def _require_texts(what: str, said: Sequence[object]) -> None:
    """Numbers are no texts: whether 1 and 1.0 are the same answer is not for us to say."""
    given = [value for value in said if not _is_missing(value)]
    if given and not any(isinstance(value, str) for value in given):
        raise DataError(
            f"{what} must be texts. Got {given[0]!r:.60} instead.",
            hint="[str(value) for value in outputs]",
        )


def _require_length(
    what: str,
    values: Sequence[object],
    rows: Sequence[Example],
    *,
    hint: str = "",
) -> None:
    if len(values) != len(rows):
        raise DataError(
            f"{what} must be one per target: {len(rows)}. Got {len(values)} instead.",
            hint=hint,
        )


def _rows_of(targets: list[Any], inputs: list[str]) -> list[Example]:
    if not targets:
        raise DataError("there are no targets")
    if inputs and len(inputs) != len(targets):
        raise DataError(
            f"inputs must be one per target: {len(targets)}. Got {len(inputs)} instead."
        )
    asked = inputs or [""] * len(targets)
    return [_row(n, *pair) for n, pair in enumerate(zip(asked, targets, strict=True))]


def _row(number: int, asked: str, target: Any) -> Example:
    answers = [target] if isinstance(target, str) else target
    if not _are_texts(answers):
        raise DataError(
            f"target {number} must be text or a list of texts. Got {target!r:.60} instead.",
            hint="[str(value) for value in targets]" if not isinstance(target, list) else "",
        )
    turns = (
        Message(role="user", content=str(asked)),
        Message(role="assistant", content=answers[0]),
    )
    return Example(id=f"{number:09}", messages=turns, tags=references_tag(answers))


def _are_texts(values: Any) -> bool:
    """Whether a value is a list of at least one text."""
    is_list = isinstance(values, list | tuple) and len(values) > 0
    return is_list and all(isinstance(value, str) for value in values)


def _prediction(arm: str, row: Example, text: Any) -> Prediction:
    if isinstance(text, str):
        return Prediction(example=row.id, arm=arm, text=text)
    why = (
        "there is no output"
        if _is_missing(text)
        else f"the output is no text but {type(text).__name__}"
    )
    return Prediction(example=row.id, arm=arm, text="", finish="error", reason=why)


def _is_missing(value: object) -> bool:
    """Frames write what is missing as NaN, which is not itself, or as an NA that never says."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:
        return True
    except ValueError:  # an array
        return False


def _definition(
    metrics: Sequence[str | Mapping[str, Any]], *, level: float, language: str
) -> TaskFile:
    section = TaskSection(
        name="outputs",
        about="outputs that are scored without a project",
        input="any",
        output="any",
        language=language,
    )
    named = [{"name": choice} if isinstance(choice, str) else choice for choice in metrics]
    spec = TaskSpec(
        task=section,
        data=(DataSource(path="rows"),),
        metrics=tuple(map(MetricSpec.model_validate, named)),
        evaluate=EvaluateSection(level=level),
    )
    return TaskFile(spec=spec, path=Path("metrics"))


def _in_order(choices: Sequence[MetricChoice], built: Sequence[Metric]) -> list[Metric]:
    """The metrics in the order in which they were asked for.

    Raises:
        UserError: Something is no metric, or two have one name.
    """
    waiting = iter(built)
    found: list[Metric] = []
    for choice in choices:
        if isinstance(choice, str | Mapping):
            found.append(next(waiting))
        else:
            found.append(choice if isinstance(choice, Metric) else _of_function(choice))
    names = [metric.name for metric in found]
    if len(set(names)) < len(names) or not names:
        raise UserError(
            f"every metric needs a name of its own. Got {', '.join(names) or 'none'} instead.",
            hint="{'name': 'short', 'options': {'metric': 'conciseness', 'words': 40}}",
        )
    return found


def _of_function(function: PlainMetric) -> Metric:
    """A metric of any function of two texts: the best of the right answers counts."""
    if not callable(function):
        raise UserError(f"a metric is a name, a mapping or a function. Got {function!r:.60}.")
    name = getattr(function, "__name__", "metric")

    def best(output: str, example: Example, *, task: TaskSpec) -> float:
        return max(float(function(output, target)) for target in example.references)

    info = MetricInfo(
        name="function" if name == "<lambda>" else name,
        title=name,
        unit="",
        low=float("-inf"),
        high=float("inf"),
        own=True,
    )
    return Metric(info=info, function=best, version="own")
