"""How much of one text another holds: of the reference in the answer, of the answer in the input.

Which of them go with people's counts of omissions and hallucinations, on notes that were not looked
at while they were made: bench/results/evaluation-correlation.json.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from tunewell.checks.segments import words_of
from tunewell.metrics.base import Marked, input_text
from tunewell.metrics.match import best_of_references
from tunewell.metrics.normalise import normalise
from tunewell.metrics.registry import built_in
from tunewell.task import TaskSpec
from tunewell.types import Example, MetricInfo

_STOP = frozenset(
    "a an the of to in on for and or is are was were be been has have had he she they it his her "
    "their this that with at by from as not no who whom what when where how do does did will would "
    "can could may i you we my your our us me him them there here also than then so but if any "
    "some s t".split()
)
_LONGEST: Final = 6
"""Characters of the longest n-grams, as in chrF."""
_MOST_SHOWN: Final = 8
_NUMBER = re.compile(r"\d+(?:[.,-]\d+)*%?")
_PIECE = re.compile(rf"\s+|({_NUMBER.pattern}(?!\w))")
_ENDING = re.compile(r"(.{3,}?)(?:ingly|edly|ing|ed|es|ly|s)\Z", re.DOTALL)
"""What is before the longest ending, at least three letters."""


def content_words(text: str, *, language: str = "en") -> list[str]:
    """Stems of the words that carry content, numbers in one writing, in order.

    Example:
        >>> content_words("She has been taking 2 tablets daily.")
        ['tak', '2', 'tablet', 'dai']
    """
    normal = normalise(text, language, by_value=True)
    found: list[str] = []
    for piece in filter(None, _PIECE.split(normal)):
        is_number = _NUMBER.fullmatch(piece) is not None
        found += [piece] if is_number else words_of(piece)
    return [_stem(word) for word in found if word not in _STOP]


def _stem(word: str) -> str:
    match = _ENDING.match(word)
    return match[1] if match else word


def covered(output: str, target: str, *, language: str = "en") -> float:
    """Share of the gold answer's content words that the output holds; 1 if it has none.

    Example:
        >>> covered("Pain in the left knee.", "Left knee pain when running")
        0.75
    """
    have = set(content_words(output, language=language))
    wanted = content_words(target, language=language)
    if not wanted:
        return 1.0
    return sum(word in have for word in wanted) / len(wanted)


def grounded(output: str, given: str, *, language: str = "en") -> float:
    """Share of the output's content words that the input holds; 1 if it has none.

    Example:
        >>> grounded("Left knee pain", "My left knee hurts")
        0.6666666666666666
    """
    return covered(given, output, language=language)


def recalled(output: str, target: str, *, language: str = "en") -> float:
    """Share of the gold answer's character n-grams (1 to 6) that the output holds, in one writing.

    1 if it is empty.

    Unlike chrF, it does not mind what else the output says: it sees what was left out, not what was
    added.

    Source:
        Popovic 2015 (chrF), its recall alone, here after numbers, dates, case and punctuation are
        made alike.

    Example:
        >>> round(recalled("Pain in the left knee, worse at night.", "left knee pain"), 2)
        0.72
    """
    have = _letters(output, language)
    want = _letters(target, language)
    orders = min(_LONGEST, len(want))
    if not orders:
        return 1.0

    shares = []
    for n in range(1, orders + 1):
        wanted = _grams(want, n)
        found = wanted & _grams(have, n)
        shares.append(found.total() / wanted.total())
    return sum(shares) / orders


def _letters(text: str, language: str) -> str:
    return "".join(normalise(text, language, by_value=True).split())


def _grams(text: str, n: int) -> Counter[str]:
    starts = range(len(text) - n + 1)
    return Counter(text[start : start + n] for start in starts)


def novel_words(output: str, given: str, *, language: str = "en") -> list[str]:
    """Stems of the output's content words that the input does not hold, each once, in order.

    Example:
        >>> novel_words("A 57-year-old man with left knee pain", "My left knee hurts")
        ['57', 'year', 'old', 'man', 'pain']
    """
    have = set(content_words(given, language=language))
    said = dict.fromkeys(content_words(output, language=language))
    return [word for word in said if word not in have]


@built_in(
    MetricInfo(
        name="coverage",
        title="gold answer's words covered",
    )
)
def coverage_of_answer(output: str, example: Example, *, task: TaskSpec) -> float:
    """Share of the gold answer's content words that the answer holds.

    Words count by their stems, numbers in one writing.
    """
    language = task.task.language
    return best_of_references(example, lambda target: covered(output, target, language=language))


@built_in(
    MetricInfo(
        name="grounded",
        title="words found in the input",
    )
)
def groundedness_of_answer(output: str, example: Example, *, task: TaskSpec) -> float:
    """Share of the answer's content words that the input holds.

    It is low where an answer brings in what nobody said.
    """
    return grounded(output, input_text(example), language=task.task.language)


@built_in(
    MetricInfo(
        name="recalled",
        title="gold answer recalled",
    )
)
def recall_of_answer(output: str, example: Example, *, task: TaskSpec) -> float:
    """Share of the gold answer's character n-grams that the answer holds, whatever else it says.

    It shows what was left out. Of all metrics here the one that goes best with people's counts of
    omissions.
    """
    language = task.task.language
    return best_of_references(example, lambda target: recalled(output, target, language=language))


@built_in(
    MetricInfo(
        name="novel",
        title="words nobody said",
        unit="words",
        bigger_is_better=False,
        high=float("inf"),
    )
)
def novelty_of_answer(output: str, example: Example, *, task: TaskSpec) -> Marked:
    """How many different content words of the answer the input does not hold.

    Of all metrics here the one that goes best with people's counts of hallucinations.
    """
    new = novel_words(output, input_text(example), language=task.task.language)
    if not new:
        return Marked(value=0.0)
    shown = ", ".join(new[:_MOST_SHOWN])
    more = " …" if len(new) > _MOST_SHOWN else ""
    return Marked(value=float(len(new)), reason=f"not in the input: {shown}{more}")
