"""Metrics of transcripts, for tunewell.yaml: errors, listed terms, words where nobody speaks.

Errors and terms are summed over all rows before they are divided: a long recording counts for more
than a short one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from pydantic import Field

from tunewell.metrics.base import Marked, Metric
from tunewell.metrics.registry import MetricSetting, built_in_with
from tunewell.metrics.speech import ErrorCount, character_errors, term_counts, word_errors
from tunewell.metrics.spoken_words import VERSION, spoken_words
from tunewell.task import TaskSpec
from tunewell.types import Example, MetricInfo, Unscored, Value


class TranscriptOptions(Value):
    """None: words are compared by the rules of ``task.language``."""


class ErrorOptions(Value):
    """Which rows count.

    Attributes:
        kinds: Of rows; all if empty. A gain is asked of the task's own rows, and not of general
            speech, which is to stay as it is.
    """

    kinds: tuple[str, ...] = ()


class TermOptions(Value):
    """Which words count.

    Attributes:
        terms: Names of drugs, products, places …, each of one word or more.
        which: ``all`` of them, or only the ``new`` ones, which no row of training holds.
    """

    terms: tuple[str, ...] = Field(min_length=1)
    which: Literal["all", "new"] = "all"


def _errors(
    count: Callable[..., ErrorCount],
    options: ErrorOptions,
    setting: MetricSetting,
) -> Metric:
    language = setting.file.spec.task.language

    def rate(output: str, example: Example, *, task: TaskSpec) -> Marked:
        found = count(example.target, output, language=language)
        reason = f"{found.errors} errors in {found.length}"
        return Marked(value=found.errors / found.length, reason=reason, weight=found.length)

    def applies(example: Example) -> str:
        if options.kinds and example.kind not in options.kinds:
            return "its kind is not measured"
        return "" if spoken_words(example.target, language) else "no words are said"

    return Metric(info=setting.info, function=rate, version=VERSION, applies=applies)


@built_in_with(
    MetricInfo(
        name="word_errors",
        title="errors per word",
        unit="errors/word",
        bigger_is_better=False,
        high=float("inf"),
        own=True,
        validated=True,
    ),
    ErrorOptions,
)
def word_error_metric(options: ErrorOptions, setting: MetricSetting) -> Metric:
    """Fewest words to change, leave out or put in, over all words that are said.

    Case, punctuation, hesitation and the writing of numbers and units do not count. Rows in which
    nothing is said are not measured by it.
    """
    return _errors(word_errors, options, setting)


@built_in_with(
    MetricInfo(
        name="character_errors",
        title="errors per character",
        unit="errors/character",
        bigger_is_better=False,
        high=float("inf"),
        own=True,
        validated=True,
    ),
    ErrorOptions,
)
def character_error_metric(options: ErrorOptions, setting: MetricSetting) -> Metric:
    """Fewest characters to change, leave out or put in, over all that are said.

    Compared as for ``word_errors``.
    """
    return _errors(character_errors, options, setting)


@built_in_with(
    MetricInfo(name="terms", title="listed terms heard", own=True, validated=True), TermOptions
)
def term_metric(options: TermOptions, setting: MetricSetting) -> Metric:
    """Share of the times that a listed term is said in which it is heard.

    With ``which: new`` of terms alone that no row of training holds: whether the model has learned
    to hear, or which words to write.
    """
    language = setting.file.spec.task.language
    listed = {" ".join(spoken_words(term, language)) for term in options.terms} - {""}
    wanted: set[str] = listed if options.which == "all" else set()

    def learned(rows: Sequence[Example]) -> None:
        texts = [f" {' '.join(spoken_words(row.target, language))} " for row in rows]
        if options.which == "new":
            wanted.update(t for t in listed if not any(f" {t} " in text for text in texts))

    def recall(output: str, example: Example, *, task: TaskSpec) -> Marked | Unscored:
        found = term_counts(example.target, output, wanted, language=language)
        if not found.length:
            return Unscored(reason="no listed term is said")
        heard = found.length - found.errors
        reason = f"{heard} of {found.length} heard"
        return Marked(value=heard / found.length, reason=reason, weight=found.length)

    def applies(example: Example) -> str:
        found = term_counts(example.target, "", wanted, language=language)
        return "" if found.length else "no listed term is said"

    return Metric(
        info=setting.info, function=recall, version=VERSION, applies=applies, learned=learned
    )


@built_in_with(
    MetricInfo(
        name="words_on_no_speech",
        title="words where nobody speaks",
        bigger_is_better=False,
        own=True,
        validated=True,
    ),
    TranscriptOptions,
)
def no_speech_metric(options: TranscriptOptions, setting: MetricSetting) -> Metric:
    """1 if any word is written down of a recording in which nobody speaks."""
    language = setting.file.spec.task.language

    def invents(output: str, example: Example, *, task: TaskSpec) -> float:
        return float(bool(spoken_words(output, language)))

    def applies(example: Example) -> str:
        return "" if example.is_without_speech else "somebody speaks"

    return Metric(info=setting.info, function=invents, version=VERSION, applies=applies)
