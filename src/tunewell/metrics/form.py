"""The form of an answer: its length, its format, its schema, how easy it reads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tunewell.checks.segments import count_words
from tunewell.metrics.base import Marked
from tunewell.metrics.label import LONGEST_MATCHED
from tunewell.task import TaskSpec
from tunewell.types import Example, Unscored

_FENCE = re.compile(r"^```(?:json)?\s*\n(.*?)\n?```$", re.DOTALL)


def make_conciseness(words: int, slack: float) -> Callable[..., Marked]:
    """A metric function: 1 up to the target length, then target ÷ length; an empty answer is 0.

    Args:
        words: Target length in words; 0 = the gold answer's own.
        slack: The share by which the target may be exceeded without loss.
    """

    def conciseness(output: str, example: Example, *, task: TaskSpec) -> Marked:
        length = count_words(output)
        target = (words or count_words(example.target)) * (1 + slack)
        if not length:
            return Marked(value=0.0, reason="the answer is empty")
        value = min(1.0, target / length)
        return Marked(
            value=value, reason="" if value == 1 else f"{length} words, target {target:.0f}"
        )

    return conciseness


def make_words() -> Callable[..., float]:
    """A metric function: how many words the answer has; segments in scripts without spaces."""

    def words(output: str, example: Example, *, task: TaskSpec) -> float:
        return float(count_words(output))

    return words


def make_format(pattern: re.Pattern[str]) -> Callable[..., Marked]:
    """A metric function: 1 if the whole answer matches the pattern."""

    def format_(output: str, example: Example, *, task: TaskSpec) -> Marked:
        good = pattern.fullmatch(output.strip()[:LONGEST_MATCHED]) is not None
        return Marked(
            value=float(good), reason="" if good else f"does not match {pattern.pattern!r}"
        )

    return format_


def make_schema(schema: Mapping[str, Any]) -> Callable[..., Marked]:
    """A metric function: 1 if the answer is JSON (a code fence around it is let pass) that holds to a JSON Schema."""
    from jsonschema.validators import validator_for
    from referencing import Registry

    checker = validator_for(dict(schema))
    checker.check_schema(dict(schema))
    validator = checker(
        dict(schema), registry=Registry()
    )  # an empty registry: no $ref is ever fetched

    def schema_(output: str, example: Example, *, task: TaskSpec) -> Marked:
        text = output.strip()
        fence = _FENCE.match(text)
        try:
            value = json.loads(fence[1] if fence else text)
        except (json.JSONDecodeError, RecursionError) as error:
            return Marked(value=0.0, reason=f"not JSON: {str(error)[:120]}")
        fault = next(iter(validator.iter_errors(value)), None)
        if fault is None:
            return Marked(value=1.0)
        return Marked(value=0.0, reason=f"{fault.json_path}: {fault.message[:160]}")

    return schema_


def readability(output: str, example: Example, *, task: TaskSpec) -> float | Unscored:
    """Flesch reading ease of English text: about 100 very easy, 60 plain, 30 difficult, below 0 unreadable.

    Source:
        Flesch 1948, J. Applied Psychology 32: 206.835 - 1.015 words/sentence - 84.6 syllables/word.
    """
    if task.task.language != "en":
        return Unscored(
            reason=f"reading ease is defined for English, the task's language is {task.task.language}"
        )
    words = re.findall(r"[A-Za-z']+", output)
    if not words:
        return Unscored(reason="the answer has no words")
    sentences = max(1, len(re.findall(r"[.!?]+(?:\s|$)", output.strip())))
    syllables = sum(_syllables(w) for w in words)
    score = 206.835 - 1.015 * len(words) / sentences - 84.6 * syllables / len(words)
    return min(121.22, max(-400.0, score))


def _syllables(word: str) -> int:
    word = re.sub(r"[^a-z]", "", word.lower())
    count = len(re.findall(r"[aeiouy]+", word))
    if word.endswith("e") and not word.endswith(("le", "ee")) and count > 1:
        count -= 1
    return max(1, count)
