"""Labels: the class that an answer names, alone or at its head (``[billing] Dear customer …``)."""

from __future__ import annotations

import re
from collections.abc import Callable

from tunewell.metrics.base import Marked
from tunewell.task import TaskSpec
from tunewell.types import Example, Unscored

LONGEST_MATCHED = 20_000
"""Patterns see no more characters than this: model output is hostile text."""


def label_of(text: str, pattern: re.Pattern[str] | None) -> str | None:
    r"""The label of a text, lower case and white space collapsed.

    None where the pattern finds none.

    Args:
        text: An answer.
        pattern: Its first group (or the whole match) is the label; None = the whole text is.

    Example:
        >>> label_of("[Billing] Dear customer", re.compile(r"^\[(.+?)\]"))
        'billing'
        >>> label_of(" card_arrival\n", None)
        'card_arrival'
    """
    text = text.strip()[:LONGEST_MATCHED]
    if pattern is not None:
        match = pattern.search(text)
        if match is None:
            return None
        text = match.group(1) if pattern.groups and match.group(1) is not None else match.group()
    return " ".join(text.casefold().split()) or None


def make_label(
    pattern: re.Pattern[str] | None, labels: tuple[str, ...]
) -> Callable[..., Marked | Unscored]:
    """A metric function: 1 if output and target name the same label.

    Args:
        pattern: See `label_of`.
        labels: Labels that exist; an output with another one is wrong and the reason says so. Empty
            = any.
    """
    known = {" ".join(x.casefold().split()) for x in labels}

    def label(output: str, example: Example, *, task: TaskSpec) -> Marked | Unscored:
        wanted = label_of(example.target, pattern)
        found = label_of(output, pattern)
        if wanted is None:
            return Unscored(reason="the gold answer has no label")
        if found == wanted:
            return Marked(value=1.0, reason=f"{found}")
        shown = "no label" if found is None else repr(found[:60])
        unknown = " (no such label)" if found is not None and known and found not in known else ""
        return Marked(value=0.0, reason=f"{shown}{unknown} instead of {wanted!r}")

    return label


def gold_label(pattern: re.Pattern[str] | None) -> Callable[[Example], str]:
    """Why a row cannot be measured: its target has no label."""

    def applies(example: Example) -> str:
        return (
            "" if label_of(example.target, pattern) is not None else "the gold answer has no label"
        )

    return applies
