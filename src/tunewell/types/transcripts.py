"""A conversation as people and judges read it: all that the model sees, and who speaks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tunewell.json_text import parse_json
from tunewell.types.rows import Message, listed


def transcript(turns: Sequence[Message], tools: str = "") -> str:
    r"""Turns with who speaks, calls and results among them, and before them the tools.

    Args:
        turns: In order.
        tools: As in `tunewell.types.Example`.

    Example:
        >>> said = [Message(role="user", content="Hi"), Message(role="tool", content="3", name="n")]
        >>> print(transcript(said, '[{"name": "n", "description": "Counts."}]'))
        Tools:
        n: Counts.
        <BLANKLINE>
        User:
        Hi
        <BLANKLINE>
        Tool (n):
        3
    """
    parts = [f"Tools:\n{_shown_tools(tools)}"] if tools else []
    for turn in turns:
        name = f" ({turn.name})" if turn.name else ""
        parts.append(f"{turn.role.capitalize()}{name}:\n{turn.text}")
    return "\n\n".join(parts)


def _shown_tools(tools: str) -> str:
    """A tool a line: its name, what it is for, and its parameters."""
    lines = [_shown_tool(each) for each in map(_value, listed(tools))]
    return "\n".join(lines) or tools


def _value(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        return text


def _shown_tool(tool: Any) -> str:
    body = tool.get("function", tool) if isinstance(tool, Mapping) else tool
    if not isinstance(body, Mapping) or not isinstance(body.get("name"), str):
        return tool if isinstance(tool, str) else json.dumps(tool, ensure_ascii=False)
    more = {key: each for key, each in body.items() if key not in {"name", "description"}}
    about = f": {body['description']}" if body.get("description") else ""
    rest = f" {json.dumps(more, ensure_ascii=False)}" if more else ""
    return f"{body['name']}{about}{rest}"
