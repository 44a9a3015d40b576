"""Calls of tools that a model writes as text, in the dialects that models were taught.

Hermes and Qwen (``<tool_call>``), Mistral (``[TOOL_CALLS]``), Llama 3 (``<function=…>``,
``<|python_tag|>``, a bare object with ``parameters``), and the lines of `tunewell.types.Message`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tunewell.json_text import parse_json
from tunewell.types.rows import Example, Message, ToolCall

_TAGGED = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|(?=<tool_call>)|\Z)", re.DOTALL)
_NAMED = re.compile(r"<function=([\w.\-]+)>\s*(.*?)\s*(?:</function>|\Z)", re.DOTALL)
_BEHIND = re.compile(r"(?:\[TOOL_CALLS\]|<\|python_tag\|>)\s*(.*)\Z", re.DOTALL)
_MARKED = ("<tool_call>", "<function=", "[TOOL_CALLS]", "<|python_tag|>")
_RESPONSE = re.compile(r"\s*<tool_response>\s*(.*?)\s*</tool_response>\s*", re.DOTALL)
_ARGUMENTS = ("arguments", "parameters")


def marked_calls(text: str) -> tuple[str, tuple[ToolCall, ...]]:
    r"""The text before calls that are marked as such, and the calls.

    The text as it is, and no call, where a mark is followed by anything but calls.

    Example:
        >>> marked_calls('I look.\n<tool_call>\n{"name": "find", "arguments": {}}\n</tool_call>')
        ('I look.', (ToolCall(name='find', arguments='{}', id=''),))
    """
    if not any(mark in text for mark in _MARKED):
        return text, ()
    behind = _BEHIND.search(text)
    if behind is not None:
        calls = _calls_of_json(behind[1])
        return (text[: behind.start()].rstrip(), calls) if calls else (text, ())
    tagged = _between(text, _TAGGED, _of_tag)
    return tagged if tagged[1] else _between(text, _NAMED, _of_name)


def _between(
    text: str,
    tags: re.Pattern[str],
    read: Callable[[re.Match[str]], tuple[ToolCall, ...]],
) -> tuple[str, tuple[ToolCall, ...]]:
    """The text before calls between tags, and the calls, if nothing else follows."""
    found = list(tags.finditer(text))
    calls = [read(match) for match in found]
    if not found or not all(calls):
        return text, ()
    start = found[0].start()
    if tags.sub("", text[start:]).strip():
        return text, ()
    return text[:start].rstrip(), tuple(call for several in calls for call in several)


def written_calls(text: str) -> tuple[str, tuple[ToolCall, ...]]:
    r"""As `marked_calls`; besides, text that is nothing but calls, or ends in lines of them.

    For outputs of a model that was given tools: elsewhere JSON is an answer like any other.

    Example:
        >>> written_calls('{"name": "find", "parameters": {"b": 1, "a": 2}}')[1][0].arguments
        '{"a": 2, "b": 1}'
    """
    before, calls = marked_calls(text)
    if calls:
        return before, calls
    whole = _calls_of_json(text)
    if whole:
        return "", whole
    lines = text.rstrip().split("\n")
    first = len(lines)
    while first and _calls_of_json(lines[first - 1]):
        first -= 1
    ending = tuple(call for line in lines[first:] for call in _calls_of_json(line))
    return ("\n".join(lines[:first]), ending) if ending else (text, ())


def parsed_call(name: str, arguments: Any) -> ToolCall:
    """A call by its parts; arguments as a value, or as JSON text.

    Example:
        >>> parsed_call("find", '{"b": 1, "a": 2}').text
        '{"name": "find", "arguments": {"a": 2, "b": 1}}'
    """
    return ToolCall(name=name, arguments=_sorted(arguments))


def called_text(text: str) -> str:
    """An output with its calls in the one form in which they are compared: see `Message.text`.

    Example:
        >>> called_text('<tool_call>{"arguments": {"b": 1, "a": 2}, "name": "find"}</tool_call>')
        '{"name": "find", "arguments": {"a": 2, "b": 1}}'
    """
    content, calls = written_calls(text)
    if not calls:
        return text
    return Message(role="assistant", content=content, tool_calls=calls).text


def compared_output(example: Example, output: str) -> str:
    """An output as it is compared: where the row has tools or calls, with its calls in one form.

    A call is right or wrong by its name and its arguments, not by spaces, order or dialect.
    """
    has_calls = any(turn.tool_calls for turn in example.messages)
    return called_text(output) if example.tools or has_calls else output


def bare_response(text: str) -> str:
    r"""The result of a tool without the tags in which Hermes and Qwen wrap it.

    Example:
        >>> bare_response("<tool_response>\n21 °C\n</tool_response>")
        '21 °C'
    """
    match = _RESPONSE.fullmatch(text)
    if match is None:
        return text
    inner = match[1]
    return text if "<tool_response>" in inner else inner


def _of_tag(match: re.Match[str]) -> tuple[ToolCall, ...]:
    return _calls_of_json(match[1])


def _of_name(match: re.Match[str]) -> tuple[ToolCall, ...]:
    try:
        arguments = parse_json(match[2] or "{}")
    except (ValueError, RecursionError):
        return ()
    return (ToolCall(name=match[1], arguments=_sorted(arguments)),)


def _calls_of_json(text: str) -> tuple[ToolCall, ...]:
    """The calls of a JSON text: one object, or a list of them; nothing if it is no such thing."""
    text = text.strip()
    if not text.startswith(("{", "[")):
        return ()
    try:
        value = parse_json(text)
    except (ValueError, RecursionError):
        return ()
    values = value if isinstance(value, list) else [value]
    calls = [_call(each) for each in values]
    found = tuple(call for call in calls if call is not None)
    return found if len(found) == len(calls) else ()


def _call(value: Any) -> ToolCall | None:
    if not isinstance(value, Mapping):
        return None
    inner = value.get("function")
    body = inner if isinstance(inner, Mapping) else value
    key = next((name for name in _ARGUMENTS if name in body), "")
    name = body.get("name")
    if not key or not isinstance(name, str):
        return None
    return ToolCall(name=name, arguments=_sorted(body[key]))


def _sorted(arguments: Any) -> str:
    """Arguments as JSON with sorted keys; text that is no JSON as it was given."""
    if isinstance(arguments, str):
        text = arguments
        try:
            arguments = parse_json(text)
        except (ValueError, RecursionError):
            return text
    return json.dumps(arguments, ensure_ascii=False, sort_keys=True)
