"""Definitions of tools in the one form that chat templates and servers read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunewell.json_text import parse_json

_SCHEMAS = ("parameters", "input_schema", "inputSchema", "parameter_definitions")


def tool_functions(tools: str) -> list[Any]:
    """Definitions as OpenAI writes them, whatever vendor's they are (``Example.tools``).

    Args:
        tools: A JSON array, or nothing.

    Example:
        >>> tool_functions('[{"name": "find", "input_schema": {"type": "object"}}]')
        [{'type': 'function', 'function': {'name': 'find', 'parameters': {'type': 'object'}}}]
    """
    if not tools:
        return []
    found = parse_json(tools)
    return [_function(each) for each in found] if isinstance(found, list) else [_function(found)]


def _function(tool: Any) -> Any:
    """One definition; what has no name is left as it is."""
    if not isinstance(tool, Mapping) or "function" in tool:
        return tool
    if not isinstance(tool.get("name"), str):
        return tool
    body = {key: value for key, value in tool.items() if key not in {"type", *_SCHEMAS}}
    for name in _SCHEMAS:
        schema = tool.get(name)
        if schema is not None:
            inner = schema.get("json") if isinstance(schema, Mapping) else None
            body["parameters"] = schema if inner is None else inner
            break
    return {"type": "function", "function": body}


def tools_for(tools: Sequence[str], count: int) -> Sequence[str]:
    """The tools of each of so many prompts: none for all where none are given.

    Raises:
        ValueError: There are not as many.
    """
    if not tools:
        return [""] * count
    if len(tools) != count:
        raise ValueError(f"{count} prompts and the tools of {len(tools)}: there must be as many")
    return tools
