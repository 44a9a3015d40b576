"""What the value of an answer column says, and what stands beside a question, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewell.curate.reading.columns import Misfit, structure
from tunewell.curate.reading.row_fields import as_text

_TEXTS = ("text", "content", "value", "answer")
"""Keys of an answer that is an object."""

_OTHERS = ("aliases", "alternatives")
_RANKS = ("rank", "score", "rating", "ranking")
_SEVERAL = frozenset({"answer", "answers", "correct_answer", "reference", "gold_answer"})
"""Columns in which a list holds several right answers, not one that is a list."""


def answers_of(value: Any, column: str = "answer") -> list[str]:
    """Every right answer that a column gives; the first is the target.

    Raises:
        Misfit: There are several of which some are better than others.

    Example:
        >>> answers_of({"text": ["12 May", "May 12th"]}), answers_of(["a", "b"], "output")
        (['12 May', 'May 12th'], ['["a", "b"]'])
    """
    if isinstance(value, Mapping):
        return _of_object(value)
    if not isinstance(value, list):
        return [as_text(value)]
    if len(value) > 1 and column not in _SEVERAL and not _are_objects(value):
        return [as_text(value)]
    _refuse_ranks(value)
    return [text for each in value for text in answers_of(each, column)] or [""]


def _are_objects(values: list[Any]) -> bool:
    return all(isinstance(each, Mapping) and _key_of(each) for each in values)


def _key_of(value: Mapping[str, Any]) -> str:
    """The key that holds the text of an answer; empty if there is none."""
    return next((name for name in _TEXTS if value.get(name) is not None), "")


def _of_object(value: Mapping[str, Any]) -> list[str]:
    key = _key_of(value)
    if not key:
        empty = any(isinstance(value.get(name), list) for name in _TEXTS)
        return [""] if empty else [as_text(value)]
    said = value[key]
    texts = said if isinstance(said, list) else [said]
    found = [as_text(text) for text in texts] or [""]
    for name in _OTHERS:
        others = value.get(name)
        if isinstance(others, list):
            found += [as_text(text) for text in others]
    return found


def _refuse_ranks(answers: list[Any]) -> None:
    """Refuse answers of which some are better: trained alike, the worst would be learned too."""
    if len(answers) < 2 or not all(isinstance(each, Mapping) for each in answers):
        return
    rank = next((name for name in _RANKS if name in answers[0]), "")
    if rank:
        raise Misfit(
            f"the row has {len(answers)} answers with a {rank!r} each: which is right is not said",
            "write the best as 'chosen' and the worst as 'rejected', or the best alone as 'answer'",
        )


def flat(value: Any) -> str:
    """Context as text: of a list of texts, a paragraph each."""
    value = structure(value)
    if isinstance(value, Mapping):
        return _flat_object(value)
    if isinstance(value, list | tuple):
        return "\n\n".join(flat(each) for each in value)
    return as_text(value)


def _flat_object(value: Mapping[str, Any]) -> str:
    columns = list(value.values())
    if columns and all(isinstance(column, list) for column in columns):
        return "\n\n".join(flat(each) for each in zip(*columns, strict=False))
    texts = [value.get(name) for name in ("text", "contents", "content")]
    inner = next(filter(None, texts), None)
    return inner if isinstance(inner, str) else as_text(value)
