"""Rows as one writes them for others: chats in OpenAI's form, pairs of answers in TRL's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tunewell.types import REFERENCES, Example, Message, listed


def chat_row(example: Example) -> dict[str, Any]:
    """A row as a record that `tunewell` and other tools read back.

    A pair of answers is written as ``prompt``, ``chosen`` and ``rejected``, everything else as
    ``messages``. A row that people judged has its ``label``; what else is known of a row (kind,
    date, group, parent, tags, further right answers) stands beside.

    Example:
        >>> turns = (Message(role="user", content="Why?"), Message(role="assistant", content="So."))
        >>> chat_row(Example(id="1", messages=turns))["messages"][1]
        {'role': 'assistant', 'content': 'So.'}
    """
    row: dict[str, Any] = {"id": example.id}
    turns = [chat_turn(turn) for turn in example.messages]
    if example.rejected:
        asked = _asked(example.messages)
        row["prompt"] = turns[:asked]
        row["chosen"] = turns[asked:]
        row["rejected"] = [chat_turn(turn) for turn in example.rejected]
    else:
        row["messages"] = turns
    if example.tools:
        row["tools"] = _value(example.tools)
    if example.label:
        row["label"] = example.label == "good"
    return row | _beside(example)


def _beside(example: Example) -> dict[str, Any]:
    """What is known of a row beside its turns, as far as anything is."""
    tags = {name: value for name, value in example.tags.items() if name != REFERENCES}
    known = {
        "kind": example.kind,
        "date": example.date.isoformat() if example.date else "",
        "group": example.group,
        "parent": example.parent,
        "tags": tags,
        REFERENCES: list(listed(example.tags.get(REFERENCES, ""))),
    }
    return {name: value for name, value in known.items() if value}


def _asked(turns: Iterable[Message]) -> int:
    """How many turns stand before the answer: all up to the last one that is not part of it."""
    turns = list(turns)
    place = len(turns)
    while place and turns[place - 1].role in {"assistant", "tool"}:
        place -= 1
    return place


def chat_turn(turn: Message) -> dict[str, Any]:
    """A turn in OpenAI's form, with what it has besides its text."""
    written: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.tool_calls:
        calls = []
        for call in turn.tool_calls:
            function = {"name": call.name, "arguments": call.arguments}
            own_id = {"id": call.id} if call.id else {}
            calls.append({**own_id, "type": "function", "function": function})
        written["tool_calls"] = calls
    if turn.tool_call_id:
        written["tool_call_id"] = turn.tool_call_id
    if turn.name:
        written["name"] = turn.name
    if turn.reasoning:
        written["reasoning_content"] = turn.reasoning
    if turn.weight is not None:
        written["weight"] = int(turn.weight) if turn.weight in (0, 1) else turn.weight
    return written


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
