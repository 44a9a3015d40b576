"""Two answers side by side, and a column that says which of them people found better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewell.curate.reading.columns import Columns, Misfit, has_value
from tunewell.curate.reading.row_fields import as_text

_SIDES = (
    ("response_a", "response_b"),
    ("conversation_a", "conversation_b"),
    ("answer_a", "answer_b"),
    ("output_a", "output_b"),
    ("completion_a", "completion_b"),
    ("human_ref_a", "human_ref_b"),
    ("response_1", "response_2"),
    ("response1", "response2"),
    ("output_1", "output_2"),
    ("answer_1", "answer_2"),
    ("answer1", "answer2"),
    ("completion_1", "completion_2"),
    ("response_0", "response_1"),
    ("answer_0", "answer_1"),
)
"""Columns of the two answers."""

_VERDICTS = (
    "winner",
    "preference",
    "human_preference",
    "overall_preference",
    "preferred",
    "better",
    "better_response_id",
    "better_response",
    "verdict",
    "choice",
    "label",
    "labels",
)
"""Columns that say which is better."""

_PREFIXES = ("model_", "response_", "answer_", "output_", "assistant_", "completion_", "response")
_NAMES: Mapping[str, int] = {"a": 0, "first": 0, "left": 0, "b": 1, "second": 1, "right": 1}
_TIES = frozenset({"tie", "both", "neither", "equal", "same", "tie (bothbad)", "both_bad", "draw"})


def sides_of(record: Columns) -> tuple[str, str, str] | None:
    """The columns of the better answer, of the worse, and of the verdict; None without such.

    Raises:
        Misfit: People found both alike, or the verdict names neither.
    """
    for first, second in _SIDES:
        if record.is_free(first) and record.is_free(second):
            verdict = next((name for name in _VERDICTS if has_value(record.get(name))), "")
            if verdict:
                place = _place(record[verdict], verdict, first)
            else:
                place, verdict = _winner(record)
            if verdict:
                return (second, first, verdict) if place else (first, second, verdict)
    return None


def _winner(record: Columns) -> tuple[int, str]:
    """The place that a column of its own calls the better one, and the column."""
    if _is_true(record.get("winner_tie")):
        raise _alike("winner_tie")
    for place, name in enumerate(("winner_model_a", "winner_model_b")):
        if _is_true(record.get(name)):
            return place, name
    return 0, ""


def _is_true(value: Any) -> bool:
    return as_text(value).strip().lower() in {"1", "1.0", "true", "yes"}


def _place(value: Any, verdict: str, first: str) -> int:
    """0 if the first answer is the better one, 1 if it is the second."""
    said = as_text(value).strip().lower()
    if said in _TIES:
        raise _alike(verdict)
    for prefix in _PREFIXES:
        said = said.removeprefix(prefix)
    place = _NAMES.get(said, _by_number(said, verdict, first))
    if place is None:
        raise Misfit(
            f"{verdict!r} is {as_text(value)[:40]!r}, which names neither of the two answers",
            "write the better answer as 'chosen' and the other as 'rejected'",
        )
    return place


def _by_number(said: str, verdict: str, first: str) -> int | None:
    """The place that a number names: counted as the columns are."""
    number = said.removesuffix(".0")
    if first.endswith("0"):
        return {"0": 0, "1": 1}.get(number)
    if verdict == "labels":  # 1 if the first is preferred, 0 if the second
        return {"1": 0, "0": 1}.get(number)
    return {"1": 0, "2": 1}.get(number)


def _alike(verdict: str) -> Misfit:
    return Misfit(
        f"{verdict!r} says that neither answer is better",
        "leave the row out: it shows no preference",
    )
