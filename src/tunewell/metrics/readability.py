"""How easy an answer reads."""

from __future__ import annotations

import re

from tunewell.metrics.registry import built_in
from tunewell.task import TaskSpec
from tunewell.types import Example, MetricInfo, Unscored

_LOWEST = -400.0
_HIGHEST = 121.22
"""One-syllable words in sentences of one word."""
_SILENT_E = re.compile(r"(?<![le])e$")
_VOWELS = re.compile(r"[aeiouy]+")


@built_in(
    MetricInfo(
        name="readability",
        title="reading ease",
        unit="points",
        low=_LOWEST,
        high=_HIGHEST,
    )
)
def readability(output: str, example: Example, *, task: TaskSpec) -> float | Unscored:
    """Flesch reading ease (English): 60 is plain English.

    Source:
        Flesch 1948, J. Applied Psychology 32: 206.835 - 1.015 words/sentence - 84.6 syllables/word.
    """
    language = task.task.language
    if language != "en":
        return Unscored(
            reason=f"reading ease is defined for English, the task's language is {language}"
        )
    words = re.findall(r"[A-Za-z']+", output)
    if not words:
        return Unscored(reason="the answer has no words")

    sentences = max(1, len(re.findall(r"[.!?]+(?:\s|$)", output.strip())))
    syllables = sum(map(_syllables, words))
    ease = 206.835 - 1.015 * len(words) / sentences - 84.6 * syllables / len(words)
    return min(_HIGHEST, max(_LOWEST, ease))


def _syllables(word: str) -> int:
    letters = re.sub(r"[^a-z]", "", word.lower())
    count = len(_VOWELS.findall(letters))
    if count > 1 and _SILENT_E.search(letters):
        count -= 1
    return max(1, count)
