"""Whether an output is the gold answer: to the letter, or however it is written."""

from __future__ import annotations

from collections.abc import Callable

from tunewell.metrics.base import Metric
from tunewell.metrics.characters import visible
from tunewell.metrics.normalise import normalise
from tunewell.metrics.reasoning import answer_of
from tunewell.metrics.registry import MetricSetting, built_in, built_in_with
from tunewell.task import TaskSpec
from tunewell.types import Example, MetricInfo, Value


class NormalisedOptions(Value):
    """Options of ``normalised``.

    Attributes:
        by_value: Whether numbers are compared by their value: 4.10 is 4.1, 007 is 7. As they are
            written by default, since chapters, versions and codes are not amounts.
    """

    by_value: bool = False


def right_answers(example: Example) -> tuple[str, ...]:
    """Every answer that counts as right, without the reasoning that a target may hold."""
    return tuple(map(answer_of, example.references))


def best_of_references(example: Example, value: Callable[[str], float]) -> float:
    """The best value that an output has against any of the right answers.

    Args:
        example: The row.
        value: From a right answer to the output's value.
    """
    return max(map(value, right_answers(example)))


def exact(output: str, target: str) -> float:
    r"""1 if the output is the target to the letter.

    White space at the ends, invisible characters and the composition of accents do not count.

    Example:
        >>> exact(" yes\n", "yes"), exact("Yes", "yes")
        (1.0, 0.0)
    """
    return float(_shown(output) == _shown(target))


def _shown(text: str) -> str:
    return visible(text).strip()


def normalised(output: str, target: str, *, language: str = "en", by_value: bool = False) -> float:
    """1 if they agree after case, white space, punctuation, number and date formats are made alike.

    Args:
        output: What the model said.
        target: The right answer.
        language: ISO 639-1.
        by_value: As for `normalise`.

    Example:
        >>> normalised("It costs EUR 1,200.00.", "it costs 1200 €")
        1.0
        >>> normalised("AB-", "AB+"), normalised("4.10", "4.1")
        (0.0, 0.0)
    """
    said = normalise(output, language, by_value=by_value)
    wanted = normalise(target, language, by_value=by_value)
    # Of two texts of nothing but punctuation, only the same is the same.
    if not said and not wanted:
        return exact(output, target)
    return float(said == wanted)


@built_in(
    MetricInfo(
        name="exact",
        title="exact match",
        own=True,
        validated=True,
    )
)
def exact_match(output: str, example: Example, *, task: TaskSpec) -> float:
    """1 if the answer is the gold answer (of several, any).

    White space at its ends and invisible characters are ignored.
    """
    return best_of_references(example, lambda target: exact(output, target))


@built_in_with(
    MetricInfo(
        name="normalised",
        title="match after normalisation",
        own=True,
        validated=True,
    ),
    NormalisedOptions,
)
def normalised_match(options: NormalisedOptions, setting: MetricSetting) -> Metric:
    """1 if the answer is the gold answer (of several, any), however it is written.

    Case, white space, punctuation and the formats of numbers, amounts and dates are ignored. Signs,
    operators, units, currencies, combining marks, emoji and zeros at the ends of a number count.
    Number words are read in English only; in other languages ``zwei`` is not ``2``.
    """

    def match(output: str, example: Example, *, task: TaskSpec) -> float:
        language = task.task.language

        def agrees(target: str) -> float:
            return normalised(output, target, language=language, by_value=options.by_value)

        return best_of_references(example, agrees)

    return Metric(info=setting.info, function=match, version="2")
