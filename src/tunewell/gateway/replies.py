"""What a server said, put together from the bytes that went through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

DONE = b"[DONE]"


@dataclass
class Reply:
    """An answer as far as it came.

    Attributes:
        text: What was said.
        reasoning: What was thought aloud.
        tool_calls: As the server wrote them, put together from their pieces.
        finish: The server's reason for the end; empty if it gave none.
        prompt_tokens: As the server counts them.
        answer_tokens: Likewise.
        server_id: The server's own id.
        model: As the server names it.
        error: What the server said went wrong.
        unread: Pieces that could not be read.
    """

    text: str = ""
    reasoning: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    finish: str = ""
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    server_id: str = ""
    model: str = ""
    error: str = ""
    unread: int = 0


def read_reply(body: bytes, *, endpoint: str, stream: bool) -> Reply:
    """Read what a server sent.

    Args:
        body: All bytes, in order; a stream may end in the middle.
        endpoint: ``chat`` or ``responses``.
        stream: Whether it is a stream of events.
    """
    reply = Reply()
    if stream:
        for event in _events(body, reply):
            _take(event, reply, endpoint)
        return reply
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        reply.unread += 1
        reply.error = body[:500].decode("utf-8", "replace")
        return reply
    if isinstance(value, dict):
        _take_whole(value, reply, endpoint)
    else:
        reply.unread += 1
    return reply


def _events(body: bytes, reply: Reply) -> Iterator[dict[str, Any]]:
    """The JSON objects of a stream of server-sent events."""
    for line in body.splitlines():
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if not data or data == DONE:
            continue
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            reply.unread += 1
            continue
        if isinstance(event, dict):
            yield event
        else:
            reply.unread += 1


def _take(event: dict[str, Any], reply: Reply, endpoint: str) -> None:
    """Add one event of a stream."""
    if event.get("error"):
        reply.error = _said(event["error"])
    if endpoint == "responses":
        _take_response_event(event, reply)
        return
    _take_facts(event, reply)
    choice = _first(event.get("choices"))
    delta = _object(choice.get("delta"))
    reply.text += _text(delta.get("content"))
    reply.reasoning += _text(delta.get("reasoning_content") or delta.get("reasoning"))
    for piece in _objects(delta.get("tool_calls")):
        _add_to_call(reply.tool_calls, piece)
    if choice.get("finish_reason"):
        reply.finish = str(choice["finish_reason"])


def _take_whole(value: dict[str, Any], reply: Reply, endpoint: str) -> None:
    """Add a reply that came in one piece."""
    if value.get("error"):
        reply.error = _said(value["error"])
    if endpoint == "responses":
        _take_response(value, reply)
        return
    _take_facts(value, reply)
    choice = _first(value.get("choices"))
    message = _object(choice.get("message"))
    reply.text = _text(message.get("content") or message.get("refusal"))
    reply.reasoning = _text(message.get("reasoning_content") or message.get("reasoning"))
    reply.tool_calls = _objects(message.get("tool_calls"))
    reply.finish = _text(choice.get("finish_reason"))


def _take_facts(value: dict[str, Any], reply: Reply) -> None:
    """The server's id and its counts of tokens."""
    reply.server_id = reply.server_id or _text(value.get("id"))
    reply.model = reply.model or _text(value.get("model"))
    usage = _object(value.get("usage"))
    if usage:
        reply.prompt_tokens = _count(usage.get("prompt_tokens", usage.get("input_tokens")))
        reply.answer_tokens = _count(usage.get("completion_tokens", usage.get("output_tokens")))


def _take_response_event(event: dict[str, Any], reply: Reply) -> None:
    kind = _text(event.get("type"))
    if kind == "response.output_text.delta":
        reply.text += _text(event.get("delta"))
    whole = event.get("response")
    if isinstance(whole, dict):
        _take_response(whole, reply)


def _take_response(value: dict[str, Any], reply: Reply) -> None:
    """Add an object of the responses endpoint; the last one of a stream holds the whole answer."""
    _take_facts(value, reply)
    if value.get("error"):
        reply.error = _said(value["error"])
    parts = []
    calls = []
    for item in _objects(value.get("output")):
        if item.get("type") == "function_call":
            calls.append(item)
        for part in _objects(item.get("content")):
            parts.append(_text(part.get("text") or part.get("refusal")))
    if parts:
        reply.text = "".join(parts)
    if calls:
        reply.tool_calls = calls
    status = _text(value.get("status"))
    if status in ("completed", "incomplete", "failed"):
        why = _object(value.get("incomplete_details")).get("reason")
        reply.finish = _text(why) or ("stop" if status == "completed" else status)


def _add_to_call(calls: list[dict[str, Any]], piece: dict[str, Any]) -> None:
    """Add a piece of a tool call to the call that it belongs to."""
    index = piece.get("index", len(calls))
    found = next((call for call in calls if call.get("index") == index), None)
    if found is None:
        found = {"index": index, "function": {"name": "", "arguments": ""}}
        calls.append(found)
    for name in ("id", "type"):
        if piece.get(name):
            found[name] = piece[name]
    function = _object(piece.get("function"))
    found["function"]["name"] += _text(function.get("name"))
    found["function"]["arguments"] += _text(function.get("arguments"))


def _first(value: Any) -> dict[str, Any]:
    return next(iter(_objects(value)), {})


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        return []
    return [part for part in value if isinstance(part, dict)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else None


def _said(error: Any) -> str:
    if isinstance(error, dict):
        return _text(error.get("message")) or orjson.dumps(error).decode()
    return str(error)
