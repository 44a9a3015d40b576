"""Whether an output is the gold answer: to the letter, or however it is written."""

from __future__ import annotations

import unicodedata

from tunewell.metrics.normalise import normalise
from tunewell.metrics.registry import built_in
from tunewell.task import TaskSpec
from tunewell.types import Example, MetricInfo


def exact(output: str, target: str) -> float:
    r"""1 if the output is the target, white space at the ends apart.

    Example:
        >>> exact(" yes\n", "yes"), exact("Yes", "yes")
        (1.0, 0.0)
    """
    return float(_composed(output) == _composed(target))


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def normalised(output: str, target: str, *, language: str = "en") -> float:
    """1 if they agree after case, white space, punctuation, number and date formats are made alike.

    Example:
        >>> normalised("It costs EUR 1,200.00.", "it costs 1200 €")
        1.0
    """
    return float(normalise(output, language) == normalise(target, language))


@built_in(
    MetricInfo(
        name="exact",
        title="exact match",
        own=True,
        validated=True,
    )
)
def exact_match(output: str, example: Example, *, task: TaskSpec) -> float:
    """1 if the answer is the gold answer; white space at its ends is ignored."""
    return exact(output, example.target)


@built_in(
    MetricInfo(
        name="normalised",
        title="match after normalisation",
        own=True,
        validated=True,
    )
)
def normalised_match(output: str, example: Example, *, task: TaskSpec) -> float:
    """1 if the answer is the gold answer, however it is written.

    Case, white space, punctuation and the formats of numbers, amounts and dates are ignored.
    """
    return normalised(output, example.target, language=task.task.language)
