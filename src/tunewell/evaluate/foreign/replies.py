"""Replies of servers as logs keep them: where the text is, and what says why it ended.

Sources: OpenAI's chat completions (``choices``) and responses (``output`` with items), Anthropic's
messages and batches (``result.message``), Gemini's ``candidates``, Bedrock's Converse
(``output.message``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tunewell.json_text import parse_json
from tunewell.types import ToolCall

_BATCH_STATES: Final = frozenset({"succeeded", "errored", "canceled", "expired"})
_CALL_KEYS: Final = ("functionCall", "function_call", "function", "toolUse")
"""Under which a part or a call holds its name and arguments."""
_CALL_TYPES: Final = frozenset({"tool_use", "function_call", "tool_call"})
_ARGUMENT_KEYS: Final = ("arguments", "args", "input")


@dataclass(frozen=True)
class LoggedReply:
    """A server's reply, unpacked.

    Attributes:
        content: What holds the text: a text, a message, or parts of one.
        told: What may say why it ended, the most telling first.
    """

    content: Any
    told: tuple[Mapping[str, Any], ...] = ()


def logged_reply(value: Mapping[str, Any]) -> LoggedReply | None:
    """A server's reply in one of the shapes above; None if it is none.

    Example:
        >>> reply = logged_reply({"candidates": [{"finishReason": "SAFETY"}]})
        >>> reply.content, reply.told[0]["finishReason"]
        (None, 'SAFETY')
    """
    for key, unpack in _SHAPES.items():
        if key in value:
            found = unpack(value)
            if found is not None:
                return found
    return None


def _first(items: Any) -> Mapping[str, Any] | None:
    if isinstance(items, Sequence) and items and isinstance(items[0], Mapping):
        return items[0]
    return None


def _choices(value: Mapping[str, Any]) -> LoggedReply | None:
    first = _first(value["choices"])
    if first is None or not first.keys() & {"message", "text", "finish_reason"}:
        return None
    content = first.get("message", first.get("text"))
    return LoggedReply(content, (first, *_mappings(content)))


def _candidates(value: Mapping[str, Any]) -> LoggedReply | None:
    first = _first(value["candidates"])
    if first is None or not first.keys() & {"content", "finishReason"}:
        return None
    return LoggedReply(first.get("content"), (first,))


def _blocked(value: Mapping[str, Any]) -> LoggedReply | None:
    """Gemini gives no candidates where it refuses the prompt."""
    feedback = value["promptFeedback"]
    blocked = feedback.get("blockReason") if isinstance(feedback, Mapping) else None
    return LoggedReply(None, ({"refusal": str(blocked)},)) if blocked else None


def _output(value: Mapping[str, Any]) -> LoggedReply | None:
    output = value["output"]
    if isinstance(output, Mapping):
        return LoggedReply(output["message"], (value,)) if "message" in output else None
    if not isinstance(output, Sequence) or isinstance(output, str):
        return None
    items = [item for item in output if isinstance(item, Mapping)]
    messages = [item for item in items if item.get("type") == "message"]
    calls = [item for item in items if item.get("type") == "function_call"]
    if not messages and not calls:
        return None
    parts: list[Any] = []
    for message in messages[-1:]:
        content = message.get("content")
        parts += content if isinstance(content, list) else [{"type": "text", "text": content}]
    details = value.get("incomplete_details")
    ended = {"finish_reason": details.get("reason")} if isinstance(details, Mapping) else {}
    return LoggedReply([*parts, *calls], (ended, *_refusals(parts), value))


def _result(value: Mapping[str, Any]) -> LoggedReply | None:
    """A line of Anthropic's batches."""
    result = value["result"]
    if not isinstance(result, Mapping) or result.get("type") not in _BATCH_STATES:
        return None
    if result["type"] != "succeeded":
        error = result.get("error") or result["type"]
        return LoggedReply(None, ({"error": error},))
    message = result.get("message")
    return LoggedReply(message, tuple(_mappings(message)))


_SHAPES: Final = {
    "choices": _choices,
    "candidates": _candidates,
    "promptFeedback": _blocked,
    "output": _output,
    "result": _result,
}


def _mappings(*values: Any) -> Iterator[Mapping[str, Any]]:
    """Those that are objects, and refusals among their parts."""
    for value in values:
        if isinstance(value, Mapping):
            yield value
            content = value.get("content")
            if isinstance(content, list):
                yield from _refusals(content)


def _refusals(parts: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    for part in parts:
        if isinstance(part, Mapping) and part.get("type") == "refusal":
            yield {"refusal": str(part.get("refusal") or "refusal")}


def text_of_part(part: Mapping[str, Any]) -> str | None:
    """The text of a part of a message, or the call of a tool that it is; None if it is neither.

    Example:
        >>> text_of_part({"type": "tool_use", "name": "pay", "input": {"eur": 5}})
        '{"name": "pay", "arguments": {"eur": 5}}'
        >>> text_of_part({"type": "thinking", "thinking": "hm"}) is None
        True
    """
    kind = part.get("type")
    if kind in {"text", "output_text"} or (kind is None and "text" in part):
        text = part.get("text")
        return text if isinstance(text, str) and not part.get("thought") else None
    if kind in _CALL_TYPES or any(key in part for key in _CALL_KEYS):
        return call_text(part)
    return None


def are_parts(value: Any) -> bool:
    """Whether a list holds the parts of a message rather than an answer of its own."""
    if not isinstance(value, list) or not value:
        return False
    keys = {"text", "type", "inlineData", *_CALL_KEYS}
    return all(isinstance(part, Mapping) and keys & part.keys() for part in value)


def call_text(call: Mapping[str, Any]) -> str | None:
    """A call of a tool in the one form in which it is compared; None if it names no tool."""
    inner = next((call[key] for key in _CALL_KEYS if isinstance(call.get(key), Mapping)), call)
    name = inner.get("name")
    if not isinstance(name, str):
        return None
    given: Any = next((inner[key] for key in _ARGUMENT_KEYS if key in inner), {})
    return ToolCall(name=name, arguments=_sorted(given)).text


def _sorted(arguments: Any) -> str:
    """Arguments as JSON with sorted keys; text that is no JSON stays as it is."""
    if isinstance(arguments, str):
        try:
            arguments = parse_json(arguments)
        except ValueError:
            return str(arguments)
    return json.dumps(arguments, sort_keys=True, ensure_ascii=False, default=str)


def calls_in(message: Mapping[str, Any]) -> list[str]:
    """Every call that a message makes beside its content."""
    calls = message.get("tool_calls") or message.get("toolCalls")
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        calls = []
    found = [call_text(call) for call in calls if isinstance(call, Mapping)]
    return [text for text in found if text is not None]
