"""Small things of English: the plural, a capital at the start, signs as people write them."""

from __future__ import annotations

import re
from typing import Final

from tunewell.types import Evaluation

_SIGNS: Final = (
    (">=", "≥"),
    ("<=", "≤"),
    (" - ", " − "),
)
_METRIC: Final = re.compile(r"(?<![\w-])([\w-]+)(?=: tuned)")


def noun(number: int, thing: str, things: str = "") -> str:
    """What so many of a thing are called, without the number."""
    if number == 1:
        return thing
    return things or f"{thing}s"


def first_up(text: str) -> str:
    """A text with its first letter as a capital.

    Example:
        >>> first_up("label accuracy, ROUGE")
        'Label accuracy, ROUGE'
    """
    return text[:1].upper() + text[1:]


def with_signs(text: str) -> str:
    """A text with signs as people write them.

    Example:
        >>> with_signs("tuned - prompted >= 0.05")
        'tuned − prompted ≥ 0.05'
    """
    for plain_sign, sign in _SIGNS:
        text = text.replace(plain_sign, sign)
    return text


def in_words(text: str, evaluation: Evaluation | None) -> str:
    """A sentence of a verdict with metrics by their titles and signs as people write them."""
    metrics = evaluation.metrics if evaluation else ()
    titles = {m.name: m.title for m in metrics}
    text = _METRIC.sub(lambda match: titles.get(match[1], match[1]), text)
    return first_up(with_signs(text))
