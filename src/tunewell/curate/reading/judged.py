"""What people said of answers: which of two is better, or whether one is good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunewell.curate.reading.columns import Columns, Misfit, structure
from tunewell.curate.reading.rendered import parse_rendered
from tunewell.curate.reading.row_fields import as_text
from tunewell.curate.reading.sides import sides_of
from tunewell.curate.reading.turns import TurnReader
from tunewell.types import Label, Message

PAIRS = (
    ("chosen", "rejected"),
    ("preferred_output", "non_preferred_output"),
    ("preferred", "dispreferred"),
    ("chosen_response", "rejected_response"),
    ("response_chosen", "response_rejected"),
    ("chosen_messages", "rejected_messages"),
    ("chosen_conversations", "rejected_conversations"),
    ("accepted", "rejected"),
    ("winner", "loser"),
    ("better", "worse"),
    ("response_j", "response_k"),
    ("response", "rejected_response"),
    ("response", "rejected"),
    ("completion", "rejected"),
    ("answer", "rejected"),
    ("output", "rejected"),
)
"""Columns of the better and of the worse answer."""

LABELS = (
    "label",
    "kto_tag",
    "desirable",
    "is_desirable",
    "is_good",
    "thumbs",
    "thumbs_up",
    "thumb",
    "feedback",
    "rating",
    "vote",
    "verdict",
    "liked",
    "is_preferred",
    "is_bad",
    "thumbs_down",
)
_INVERTED = frozenset({"is_bad", "thumbs_down"})
_SCALES = frozenset({"feedback", "rating", "vote", "verdict"})
"""Columns that may hold a number of stars or votes."""

_GOOD = frozenset(
    "true good up like liked desirable desired chosen positive yes accept accepted thumbs_up 👍 1"
    " +1 thumbs-up upvote correct 1.0 thumbsup approved helpful".split()
)
_BAD = frozenset(
    "false bad down dislike disliked undesirable undesired rejected negative no reject thumbs_down"
    " 👎 0 -1 thumbs-down downvote incorrect wrong 0.0 thumbsdown disapproved unhelpful"
    " -1.0".split()
)


def label_of(record: Columns, own: str = "") -> Label:
    """Whether people found the answer good or bad; empty if nothing says so.

    Raises:
        Misfit: The user names a column that does not say it.
    """
    for name in (own,) if own else LABELS:
        if not record.is_free(name):
            continue
        value = record[name]
        said = "" if name in _SCALES and _is_number(value) else _said(value)
        if said:
            record.use(name, "label")
            return _opposite(said) if name in _INVERTED else said
        if own:
            raise Misfit(
                f"the label {as_text(value)[:40]!r} says neither good nor bad",
                "write true or false",
            )
    return ""


def _is_number(value: Any) -> bool:
    """Whether a value is a number that is no -1: 1 of 5 stars is not good."""
    if isinstance(value, bool):
        return False
    text = as_text(value).strip()
    return text not in {"-1", "+1"} and text.replace(".", "", 1).isdigit()


def _said(value: Any) -> Label:
    if isinstance(value, bool):
        return "good" if value else "bad"
    if isinstance(value, int | float):
        text = str(int(value)) if value == int(value) else str(value)
    elif isinstance(value, str):
        text = value.strip().lower()
    else:
        return ""
    if text in _GOOD:
        return "good"
    return "bad" if text in _BAD else ""


def _opposite(label: Label) -> Label:
    return "bad" if label == "good" else "good"


def pair_of(
    record: Columns,
    target: str = "",
    rejected: str = "",
) -> tuple[str, str] | None:
    """The columns of the better and of the worse answer.

    Raises:
        Misfit: The verdict on two answers names neither.
    """
    if rejected:
        return (
            target or next(iter(record.free(("chosen", "response", "completion"))), "chosen"),
            rejected,
        )
    for better, worse in PAIRS:
        if record.is_free(better) and record.is_free(worse):
            return better, worse
    sides = sides_of(record)
    if sides is None:
        return None
    better, worse, verdict = sides
    record.use(verdict, "verdict")
    return better, worse


def reply_of(value: Any) -> Any:
    """The turns of a reply as a server sends it (``{"choices": [{"message": …}]}``), or the value.

    Example:
        >>> reply_of({"body": {"choices": [{"message": {"role": "assistant", "content": "So."}}]}})
        [{'role': 'assistant', 'content': 'So.'}]
    """
    inner = value.get("body", value) if isinstance(value, Mapping) else None
    if not isinstance(inner, Mapping):
        return value
    choices = inner.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
        message = choices[0].get("message")
        return [message] if isinstance(message, Mapping) else value
    output = inner.get("output")
    return output if isinstance(output, list) and output else value


def turns_of_answer(value: Any, reader: TurnReader) -> list[Message]:
    """The turns of an answer that is text, a turn or a list of turns."""
    value = reply_of(structure(value))
    if isinstance(value, Mapping):
        value = [value]
    if isinstance(value, list):
        return reader.messages(value)
    text = as_text(value)
    return parse_rendered(text) or [Message(role="assistant", content=text)]


def common_start(first: Sequence[Message], second: Sequence[Message]) -> int:
    """How many turns two chats have in common before they part.

    The answers themselves are never part of it, be they the same.
    """
    most = min(len(first), len(second)) - 1
    n = 0
    while n < most and first[n] == second[n]:
        n += 1
    return n
