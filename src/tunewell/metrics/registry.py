"""Metrics by name: the built-in ones with their options, and the project's own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from tunewell.errors import InternalError, TaskError, UserError
from tunewell.metrics import coverage, currency, form, label, overlap, key_points, support
from tunewell.metrics.base import Metric, MetricFunction
from tunewell.metrics.brier import BrierOptions, make_brier
from tunewell.metrics.facts import Facts, read_facts
from tunewell.metrics.guideline import GuidelineOptions, has_rules, make_guideline
from tunewell.metrics.judge import QUESTIONS, Judge, LazyModel, judge_function
from tunewell.metrics.options import (
    ConcisenessOptions,
    CurrencyOptions,
    DecisionOptions,
    FormatOptions,
    JudgeOptions,
    LabelOptions,
    NoOptions,
    OwnOptions,
    PointsOptions,
    SchemaOptions,
)
from tunewell.metrics.custom import load_own
from tunewell.model.base import Model
from tunewell.task import RubricCriterion, TaskFile, TaskSpec
from tunewell.types import Example, MetricInfo, Unscored, Value

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


@dataclass(frozen=True)
class Builtin:
    """A metric that comes with Tunewell.

    Attributes:
        info: What it is.
        about: How it is computed, one sentence.
        options: Model of its options.
        make: From its options and the definition to its function and, where some rows cannot be
            measured, the reason.
    """

    info: MetricInfo
    about: str
    make: Callable[[Any, TaskFile], tuple[MetricFunction, Callable[[Example], str] | None]]
    options: type[Value] = NoOptions


def _overlap(
    function: Callable[[str, str], float],
) -> Callable[[Any, TaskFile], tuple[MetricFunction, None]]:
    def make(_: Any, file: TaskFile) -> tuple[MetricFunction, None]:
        def against_target(output: str, example: Example, *, task: TaskSpec) -> float:
            return function(output, example.target)

        return against_target, None

    return make


def _normalised(_: Any, file: TaskFile) -> tuple[MetricFunction, None]:
    def against_target(output: str, example: Example, *, task: TaskSpec) -> float:
        return overlap.normalised(output, example.target, language=task.task.language)

    return against_target, None


def _covered(_: Any, file: TaskFile) -> tuple[MetricFunction, None]:
    def against_target(output: str, example: Example, *, task: TaskSpec) -> float:
        return coverage.covered(output, example.target, language=task.task.language)

    return against_target, None


def _recalled(_: Any, file: TaskFile) -> tuple[MetricFunction, None]:
    def against_target(output: str, example: Example, *, task: TaskSpec) -> float:
        return coverage.recalled(output, example.target, language=task.task.language)

    return against_target, None


def _grounded(_: Any, file: TaskFile) -> tuple[MetricFunction, None]:
    def against_input(output: str, example: Example, *, task: TaskSpec) -> float:
        given = "\n".join(m.content for m in example.prompt)
        return coverage.grounded(output, given, language=task.task.language)

    return against_input, None


def _label(
    options: LabelOptions, file: TaskFile
) -> tuple[MetricFunction, Callable[[Example], str]]:
    pattern = re.compile(options.pattern) if options.pattern else None
    return label.make_label(pattern, options.labels), label.gold_label(pattern)


def _points(
    options: PointsOptions, file: TaskFile
) -> tuple[MetricFunction, Callable[[Example], str]]:
    if not options.source and not options.points:
        raise ValueError("key_points needs 'from' (such as tags.points) or 'points'")
    made = key_points.make_key_points(options.source, options.points)
    return made, key_points.has_points(options.source, options.points)


def _must_not(_: Any, file: TaskFile) -> tuple[MetricFunction, None]:
    if not file.spec.task.must_not:
        raise ValueError("must_not needs a list under task.must_not")
    return key_points.must_not, None


def _facts(file: TaskFile, name: str) -> Facts:
    path = (file.root / name).resolve()
    if not path.is_relative_to(file.root.resolve()):
        raise ValueError(f"the facts file lies inside the project's folder; got {name!r}")
    return read_facts(path)


def _currency(
    options: CurrencyOptions, file: TaskFile
) -> tuple[MetricFunction, Callable[[Example], str]]:
    return currency.make_currency(_facts(file, options.facts), options.date), currency.dated(
        options.date
    )


def _decision(
    options: DecisionOptions, file: TaskFile
) -> tuple[MetricFunction, Callable[[Example], str]]:
    tables = {d.name: d for d in _facts(file, options.facts).decisions}
    if not tables:
        raise ValueError(f"{options.facts} holds no decision tables")
    return currency.make_decision(tables), currency.decided(tables)


def _plain(function: MetricFunction) -> Callable[[Any, TaskFile], tuple[MetricFunction, None]]:
    return lambda options, file: (function, None)


def _by_stage(output: str, example: Example, *, task: TaskSpec) -> Unscored:
    return Unscored(
        reason="the model's own confidence is known only where the model itself was asked"
    )


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
            _info("currency", "facts right at the date", own=True),
            "Of the values in the answer that the facts file knows: the share that is right at the question's date.",
            _currency,
            CurrencyOptions,
        ),
        Builtin(
            _info("decision", "decisions as the table says", **_OWN_EXACT),
            "1 if the answer gives the outcome that the decision table gives for the row's inputs, and no other.",
            _decision,
            DecisionOptions,
        ),
        Builtin(
            _info("judge", "a model's verdict on a criterion", own=True),
            "A model answers the criterion's question with a reason; 0 or 1, or 1 to 5. It opens no gate until it has "
            "been held against people (E02), and then its figures are corrected by their verdicts.",
            lambda options, file: (_unreachable, None),
            JudgeOptions,
        ),
        Builtin(
            _info("format", "format kept", **_OWN_EXACT),
            "1 if the whole answer matches the pattern.",
            lambda options, file: (form.make_format(re.compile(options.pattern)), None),
            FormatOptions,
        ),
        Builtin(
            _info("schema", "schema kept", **_OWN_EXACT),
            "1 if the answer is JSON that holds to the schema.",
            lambda options, file: (form.make_schema(options.schema_), None),
            SchemaOptions,
        ),
        Builtin(
            _info("guideline", "guideline kept", **_OWN_EXACT),
            "Share of the guideline's rules that apply to the row which the answer keeps; the broken ones are named.",
            lambda options, file: (make_guideline(options.rules), has_rules(options.rules)),
            GuidelineOptions,
        ),
        Builtin(
            _info("brier", "knows when it is right", bigger_is_better=False, **_OWN_EXACT),
            "Squared distance between the model's own confidence in its answer and how right it is: 0 is best, 0.25 is "
            "a coin. With it come the calibration error, its curve and the over-confidence of every arm.",
            lambda options, file: (_by_stage, None),
            BrierOptions,
        ),
        Builtin(
            _info("conciseness", "length kept"),
            "1 up to the target length, then target ÷ length; an empty answer is 0.",
            lambda options, file: (form.make_conciseness(options.words, options.slack), None),
            ConcisenessOptions,
        ),
        Builtin(
            _info("words", "words", unit="words", bigger_is_better=False, high=float("inf")),
            "Length of the answer in words.",
            lambda options, file: (form.make_words(), None),
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
            _info("rouge_l", "ROUGE-L"),
            "F1 of the longest common subsequence of words.",
            _overlap(overlap.rouge_l),
        ),
        Builtin(
            _info("coverage", "gold answer's words covered"),
            "Share of the gold answer's content words (stems, numbers in one writing) that the answer holds.",
            _covered,
        ),
        Builtin(
            _info("grounded", "words found in the input"),
            "Share of the answer's content words that the input holds: low where an answer brings in what nobody said.",
            _grounded,
        ),
        Builtin(
            _info("recalled", "gold answer recalled"),
            "Share of the gold answer's character n-grams that the answer holds, whatever else it says: what was left "
            "out. Of all metrics here the one that goes best with people's counts of omissions.",
            _recalled,
        ),
        Builtin(
            _info(
                "novel",
                "words nobody said",
                unit="words",
                bigger_is_better=False,
                high=float("inf"),
            ),
            "How many different content words of the answer the input does not hold. Of all metrics here the one that "
            "goes best with people's counts of hallucinations.",
            lambda options, file: (coverage.novel, None),
        ),
        Builtin(
            _info("chrf", "chrF"),
            "F-score of common character n-grams up to six.",
            _overlap(overlap.chrf),
        ),
    )
}
"""The built-in metrics by name."""


def build_metrics(file: TaskFile) -> tuple[Metric, ...]:
    """The metrics of a project, in the order of tunewell.yaml.

    ``name`` is free where ``options.metric`` names the built-in one, so that one metric may stand
    twice with different options. ``options.python`` names the file of an own metric.

    Raises:
        TaskError: Every unknown name, wrong option and unusable own metric together, with their
            lines.
    """
    made: list[Metric] = []
    faults: list[tuple[str, str]] = []
    for i, spec in enumerate(file.spec.metrics):
        place = file.where(f"metrics.{i}")
        if spec.name in {m.name for m in made} | {NATS.name}:
            faults.append(
                (place, f"metrics[{i}]: {spec.name!r} stands twice (nats is always measured).")
            )
            continue
        try:
            made.append(_build(file, spec.name, dict(spec.options), place))
        except ValidationError as error:
            faults += [_fault(file, i, spec.name, e) for e in error.errors()]
        except ValueError as error:
            faults.append((place, f"metrics[{i}]: {error}."))
        except UserError as error:
            faults.append(
                (
                    error.place or place,
                    f"{error.message} ({error.hint})" if error.hint else error.message,
                )
            )
    if faults:
        raise TaskError(faults, hint="docs/reference/metrics.md lists every metric and its options")
    return tuple(made)


def _build(file: TaskFile, name: str, options: dict[str, Any], place: str) -> Metric:
    if options.get("metric", name) == "judge":
        return judge_metric(
            file,
            name,
            JudgeOptions.model_validate({k: v for k, v in options.items() if k != "metric"}),
        )
    if "python" in options:
        return load_own(file.root, OwnOptions.model_validate(options).python, name, place=place)
    kind = str(options.pop("metric", name))
    if kind not in BUILTINS:
        known = ", ".join(BUILTINS)
        raise ValueError(
            f"no metric {kind!r}; known: {known}; an own one needs options: {{python: metrics.py}}"
        )
    builtin = BUILTINS[kind]
    chosen = builtin.options.model_validate(options)
    function, applies = builtin.make(chosen, file)
    made = Metric(info=builtin.info.model_copy(update={"name": name}), function=function)
    if isinstance(chosen, BrierOptions):
        made = replace(made, rate=make_brier(_sibling(file, chosen.of), chosen.per))
    if isinstance(
        chosen, CurrencyOptions | DecisionOptions
    ):  # what the file says decides the scores
        digest = hashlib.sha256((file.root / chosen.facts).read_bytes()).hexdigest()
        made = replace(made, version=f"{made.version}+{digest[:12]}")
    return replace(made, applies=applies) if applies else made


def _sibling(file: TaskFile, name: str) -> Metric:
    """Another metric of the same definition, from 0 to 1."""
    for i, spec in enumerate(file.spec.metrics):
        kind = str(spec.options.get("metric", spec.name))
        if spec.name == name and kind not in {"judge", "brier"}:
            found = _build(file, name, dict(spec.options), file.where(f"metrics.{i}"))
            if (found.info.low, found.info.high) == (0.0, 1.0):
                return found
            raise ValueError(
                f"brier needs a metric from 0 to 1 to be held against; {name!r} has another range"
            )
    raise ValueError(
        f"brier is held against another metric of this task; there is no {name!r} (option 'of')"
    )


def judge_metric(
    file: TaskFile, name: str, options: JudgeOptions, *, model: Model | None = None
) -> Metric:
    """A model judge as a metric: never validated by itself, so it opens no gate until held against people (E02).

    Args:
        file: The definition; its rubric gives question and scale where a criterion has the metric's
            name.
        name: Of the metric.
        options: Which model judges, and how.
        model: Judges instead of the model that the options name (tests).
    """
    known = {c.name: c for c in file.spec.people.rubric}
    question = options.question or QUESTIONS.get(name, "")
    if name not in known and not question:
        raise ValueError(
            f"{name}: a judge needs a question, or a criterion of this name under people.rubric"
        )
    criterion = known.get(name) or RubricCriterion(
        name=name, question=question, scale=options.scale
    )
    function, prepare = judge_function(
        Judge(
            model=model or LazyModel(options.model, options.url),
            cache=file.root / ".tunewell" / "judge",
            repeats=options.repeats,
        ),
        criterion,
    )
    low, high = (0.0, 1.0) if criterion.scale == "yes/no" else (1.0, 5.0)
    unit = "share" if criterion.scale == "yes/no" else "points"
    info = MetricInfo(
        name=name,
        title=f"{criterion.question} (model judge)",
        unit=unit,
        low=low,
        high=high,
        own=True,
    )
    version = hashlib.sha256(
        f"{options.model} {options.url} {criterion.question}".encode()
    ).hexdigest()[:12]
    return Metric(info=info, function=function, version=version, prepare=prepare)


def _unreachable(output: str, example: Example, *, task: TaskSpec) -> float:
    raise InternalError("judges are built by judge_metric")


def _fault(file: TaskFile, index: int, name: str, error: Any) -> tuple[str, str]:
    key = ".".join(["metrics", str(index), "options", *(str(p) for p in error["loc"])])
    message = str(error["msg"]).removeprefix("Value error, ")
    return file.where(
        key
    ), f"metrics[{index}] ({name}): {'.'.join(map(str, error['loc']))}: {message}."


def infos(metrics: Sequence[Metric]) -> tuple[MetricInfo, ...]:
    """What was measured: the metrics' own descriptions and, always, `NATS`."""
    return (*(m.info for m in metrics), NATS)
