"""Calls and definitions of tools, in the shapes that chat formats give them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tunewell.curate.reading.columns import has_value, structure
from tunewell.json_text import parse_json
from tunewell.types import ToolCall

_ARGUMENTS = ("arguments", "parameters", "args", "input", "kwargs")
_IDS = ("id", "call_id", "tool_call_id", "toolUseId")
_NAMES = ("name", "tool_name", "function_name", "api_name")

TOOL_COLUMNS = (
    "tools",
    "functions",
    "tool_definitions",
    "available_tools",
    "tool_list",
    "toolconfig",
    "tool_config",
)
_WRAPPED = ("functionDeclarations", "function_declarations")


def as_json(value: Any) -> str:
    """A value as JSON with sorted keys."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def calls_of(value: Any) -> tuple[ToolCall, ...]:
    """Calls in any of the known shapes; none if it is not a call or a list of calls.

    Example:
        >>> calls_of('{"name": "ping", "arguments": "{}"}')
        (ToolCall(name='ping', arguments='{}', id=''),)
    """
    value = structure(value)
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        return ()
    found = [_call(structure(each)) for each in value]
    calls = tuple(call for call in found if call is not None)
    return calls if len(calls) == len(found) else ()


def _call(value: Any) -> ToolCall | None:
    if not isinstance(value, Mapping):
        return None
    inner = structure(value.get("function"))
    body = inner if isinstance(inner, Mapping) else value
    name = _first(body, _NAMES)
    if name is None and isinstance(inner, str):
        name = inner
    if not isinstance(name, str):
        return None
    return ToolCall(
        name=name,
        arguments=_arguments(_first(body, _ARGUMENTS)),
        id=str(_first(value, _IDS) or ""),
    )


def _first(value: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        if value.get(name) is not None:
            return value[name]
    return None


def _arguments(value: Any) -> str:
    """Arguments as JSON with sorted keys; text that is no JSON as it was given."""
    if value is None or value == "":
        return "{}"
    if not isinstance(value, str):
        return as_json(_without_nulls(value))
    try:
        return as_json(parse_json(value))
    except ValueError:
        return value


def _without_nulls(value: Any) -> Any:
    """Arguments without those that are null: Arrow fills in every name that any row has."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return value


def is_call(value: Any) -> bool:
    """Whether an answer is one call or a list of calls, each with a name and arguments."""
    value = structure(value)
    calls = value if isinstance(value, list) else [value]
    if not calls:
        return False
    for call in calls:
        if not isinstance(call, Mapping):
            return False
        inner = call.get("function")
        body = inner if isinstance(inner, Mapping) else call
        if "name" not in body or "arguments" not in body:
            return False
    return True


def tools_of(value: Any) -> str:
    """Definitions of tools as a JSON array; empty without any."""
    value = structure(value)
    if not has_value(value):
        return ""
    if isinstance(value, Mapping):
        value = value.get("tools", [value])
    if not isinstance(value, list):
        return as_json([value])
    found: list[Any] = []
    for each in value:
        tool = structure(each)
        wrapped = _first(tool, _WRAPPED) if isinstance(tool, Mapping) else None
        if isinstance(tool, Mapping) and isinstance(tool.get("toolSpec"), Mapping):
            tool = tool["toolSpec"]
        found += wrapped if isinstance(wrapped, list) else [tool]
    return as_json(found)
