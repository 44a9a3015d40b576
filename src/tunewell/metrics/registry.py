"""Metrics by name: the built-in ones with their options, and the project's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field, ValidationError, field_validator

from tunewell.errors import TaskError, UserError
from tunewell.metrics import form, label, overlap, points, support
from tunewell.metrics.base import Metric, MetricFunction
from tunewell.metrics.own import load_own
from tunewell.task import TaskFile, TaskSpec
from tunewell.types import Example, MetricInfo, Value

NATS = MetricInfo(
    name="nats",
    title="loss of the gold answer",
    unit="nats/token",
    bigger_is_better=False,
    low=0.0,
    high=float("inf"),
    validated=True,
)
"""Always measured, through ``Model.score``: how improbable the gold answer is, per token."""


class NoOptions(Value):
    """None."""


class LabelOptions(Value):
    r"""Options of ``label``.

    Attributes:
        pattern: Regular expression whose first group is the label, such as ``^\[(.+?)\]``; empty = the whole answer.
        labels: Labels that exist; empty = any.
    """

    pattern: str = ""
    labels: tuple[str, ...] = ()

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        return _compiles(value)


class PointsOptions(Value):
    """Options of ``key_points``; at least one of them.

    Attributes:
        source: Field of the row that lists its points between bars (``from: tags.points``): ``14 days | 84.20 EUR``.
            Other writings of one point stand between tildes: ``14 days ~ two weeks``.
        points: Points that every answer must contain.
    """

    source: str = Field(default="", alias="from")
    points: tuple[str, ...] = ()


class ConcisenessOptions(Value):
    """Options of ``conciseness``.

    Attributes:
        words: Target length; 0 = as long as the gold answer.
        slack: Share by which the target may be exceeded without loss.
    """

    words: int = Field(default=0, ge=0)
    slack: float = Field(default=0.1, ge=0)


class FormatOptions(Value):
    """Options of ``format``.

    Attributes:
        pattern: Regular expression that the whole answer must match.
    """

    pattern: str = Field(min_length=1)

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        return _compiles(value)


class SchemaOptions(Value):
    """Options of ``schema``.

    Attributes:
        schema_: JSON Schema that the answer must hold to (key ``schema``).
    """

    schema_: Mapping[str, Any] = Field(alias="schema")


class OwnOptions(Value):
    """Options of the project's own metrics.

    Attributes:
        python: File inside the project's folder that defines the function, such as ``metrics.py``.
    """

    python: str = Field(min_length=1)


def _compiles(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a valid regular expression: {error}") from None
    return value


@dataclass(frozen=True)
class Builtin:
    """A metric that comes with Tunewell.

    Attributes:
        info: What it is.
        about: How it is computed, one sentence.
        options: Model of its options.
        make: From its options and the task to its function and, where some rows cannot be measured, the reason why.
    """

    info: MetricInfo
    about: str
    make: Callable[[Any, TaskSpec], tuple[MetricFunction, Callable[[Example], str] | None]]
    options: type[Value] = NoOptions


def _overlap(function: Callable[[str, str], float]) -> Callable[[Any, TaskSpec], tuple[MetricFunction, None]]:
    def make(_: Any, task: TaskSpec) -> tuple[MetricFunction, None]:
        def against_target(output: str, example: Example, *, task: TaskSpec) -> float:
            return function(output, example.target)

        return against_target, None

    return make


def _normalised(_: Any, task: TaskSpec) -> tuple[MetricFunction, None]:
    def against_target(output: str, example: Example, *, task: TaskSpec) -> float:
        return overlap.normalised(output, example.target, language=task.task.language)

    return against_target, None


def _label(options: LabelOptions, task: TaskSpec) -> tuple[MetricFunction, Callable[[Example], str]]:
    pattern = re.compile(options.pattern) if options.pattern else None
    return label.make_label(pattern, options.labels), label.gold_label(pattern)


def _points(options: PointsOptions, task: TaskSpec) -> tuple[MetricFunction, Callable[[Example], str]]:
    if not options.source and not options.points:
        raise ValueError("key_points needs 'from' (such as tags.points) or 'points'")
    made = points.make_key_points(options.source, options.points)
    return made, points.has_points(options.source, options.points)


def _must_not(_: Any, task: TaskSpec) -> tuple[MetricFunction, None]:
    if not task.task.must_not:
        raise ValueError("must_not needs a list under task.must_not")
    return points.must_not, None


def _plain(function: MetricFunction) -> Callable[[Any, TaskSpec], tuple[MetricFunction, None]]:
    return lambda options, task: (function, None)


def _info(name: str, title: str, **changes: Any) -> MetricInfo:
    return MetricInfo(name=name, title=title, **changes)


_OWN_EXACT = {"own": True, "validated": True}

BUILTINS: dict[str, Builtin] = {
    b.info.name: b
    for b in (
        Builtin(
            _info("exact", "exact match", **_OWN_EXACT),
            "1 if the answer is the gold answer, white space at the ends apart.",
            _overlap(overlap.exact),
        ),
        Builtin(
            _info("normalised", "match after normalisation", **_OWN_EXACT),
            "1 if they agree after case, white space, punctuation, number, amount and date formats are made alike.",
            _normalised,
        ),
        Builtin(
            _info("label", "label accuracy", **_OWN_EXACT),
            "1 if the answer names the gold answer's label.",
            _label,
            LabelOptions,
        ),
        Builtin(
            _info("key_points", "required points found", **_OWN_EXACT),
            "Share of the required points that the answer contains, whatever the case and number formats.",
            _points,
            PointsOptions,
        ),
        Builtin(
            _info("must_not", "free of what is forbidden", **_OWN_EXACT),
            "1 if nothing of task.must_not occurs.",
            _must_not,
        ),
        Builtin(
            _info("support", "statements borne out by the input", own=True),
            "Share of the numbers, amounts, dates, times, names, addresses and references in the answer that the input "
            "bears out.",
            _plain(support.support),
        ),
        Builtin(
            _info("format", "format kept", **_OWN_EXACT),
            "1 if the whole answer matches the pattern.",
            lambda options, task: (form.make_format(re.compile(options.pattern)), None),
            FormatOptions,
        ),
        Builtin(
            _info("schema", "schema kept", **_OWN_EXACT),
            "1 if the answer is JSON that holds to the schema.",
            lambda options, task: (form.make_schema(options.schema_), None),
            SchemaOptions,
        ),
        Builtin(
            _info("conciseness", "length kept"),
            "1 up to the target length, then target ÷ length; an empty answer is 0.",
            lambda options, task: (form.make_conciseness(options.words, options.slack), None),
            ConcisenessOptions,
        ),
        Builtin(
            _info("words", "words", unit="words", bigger_is_better=False, high=float("inf")),
            "Length of the answer in words.",
            lambda options, task: (form.make_words(), None),
        ),
        Builtin(
            _info("readability", "reading ease", unit="points", low=-400.0, high=121.22),
            "Flesch reading ease (English): 60 is plain English.",
            _plain(form.readability),
        ),
        Builtin(
            _info("token_f1", "shared words (F1)"),
            "Harmonic mean of the shares of common words, as SQuAD measures answers.",
            _overlap(overlap.token_f1),
        ),
        Builtin(
            _info("rouge_1", "ROUGE-1"),
            "F1 of common words.",
            _overlap(lambda output, target: overlap.rouge_n(output, target, n=1)),
        ),
        Builtin(
            _info("rouge_2", "ROUGE-2"),
            "F1 of common word pairs.",
            _overlap(lambda output, target: overlap.rouge_n(output, target, n=2)),
        ),
        Builtin(
            _info("rouge_l", "ROUGE-L"), "F1 of the longest common subsequence of words.", _overlap(overlap.rouge_l)
        ),
        Builtin(_info("chrf", "chrF"), "F-score of common character n-grams up to six.", _overlap(overlap.chrf)),
    )
}
"""The built-in metrics by name."""


def build_metrics(file: TaskFile) -> tuple[Metric, ...]:
    """The metrics of a project, in the order of tunewell.yaml.

    ``name`` is free where ``options.metric`` names the built-in one, so that one metric may stand twice with different
    options. ``options.python`` names the file of an own metric.

    Raises:
        TaskError: Every unknown name, wrong option and unusable own metric together, with their lines.
    """
    made: list[Metric] = []
    faults: list[tuple[str, str]] = []
    for i, spec in enumerate(file.spec.metrics):
        place = file.where(f"metrics.{i}")
        if spec.name in {m.name for m in made} | {NATS.name}:
            faults.append((place, f"metrics[{i}]: {spec.name!r} stands twice (nats is always measured)."))
            continue
        try:
            made.append(_build(file, spec.name, dict(spec.options), place))
        except ValidationError as error:
            faults += [_fault(file, i, spec.name, e) for e in error.errors()]
        except ValueError as error:
            faults.append((place, f"metrics[{i}]: {error}."))
        except UserError as error:
            faults.append((error.place or place, f"{error.message} ({error.hint})" if error.hint else error.message))
    if faults:
        raise TaskError(faults, hint="docs/reference/metrics.md lists every metric and its options")
    return tuple(made)


def _build(file: TaskFile, name: str, options: dict[str, Any], place: str) -> Metric:
    if "python" in options:
        return load_own(file.root, OwnOptions.model_validate(options).python, name, place=place)
    kind = str(options.pop("metric", name))
    if kind not in BUILTINS:
        known = ", ".join(BUILTINS)
        raise ValueError(f"no metric {kind!r}; known: {known}; an own one needs options: {{python: metrics.py}}")
    builtin = BUILTINS[kind]
    function, applies = builtin.make(builtin.options.model_validate(options), file.spec)
    info = builtin.info.model_copy(update={"name": name})
    return Metric(info=info, function=function, applies=applies) if applies else Metric(info=info, function=function)


def _fault(file: TaskFile, index: int, name: str, error: Any) -> tuple[str, str]:
    key = ".".join(["metrics", str(index), "options", *(str(p) for p in error["loc"])])
    message = str(error["msg"]).removeprefix("Value error, ")
    return file.where(key), f"metrics[{index}] ({name}): {'.'.join(map(str, error['loc']))}: {message}."


def infos(metrics: Sequence[Metric]) -> tuple[MetricInfo, ...]:
    """What was measured: the metrics' own descriptions and, always, `NATS`."""
    return (*(m.info for m in metrics), NATS)
