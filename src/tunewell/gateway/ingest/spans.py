"""Spans of generative models in OpenTelemetry, in the four dialects in which they are written.

* the semantic conventions up to 1.36: messages are events of the span (``gen_ai.user.message``,
  ``gen_ai.choice``);
* the conventions since: messages are JSON in ``gen_ai.input.messages`` and
  ``gen_ai.output.messages``, in parts;
* OpenInference (Phoenix): ``llm.input_messages.0.message.role`` …;
* Traceloop (OpenLLMetry): ``gen_ai.prompt.0.role`` …, ``gen_ai.completion.0.content``.

Instrumentation strays from these: messages with a plain content instead of parts, several messages
of one answer, texts in ``gen_ai.prompt`` or ``input.value`` alone, spans as the SDK prints them.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from tunewell.gateway.ingest.exchanged import (
    EPOCH,
    Exchanged,
    Turn,
    UnreadableError,
    count_of,
    number_of,
    text_of,
    time_of,
)
from tunewell.gateway.ingest.logs import turns_of, with_answer

Attributes = Mapping[str, Any]
Found = tuple[list[Turn], Turn]
"""The turns of the request, and the answer."""

_EVENTS: Final = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_MODELS = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name")
_USERS = ("user.id", "enduser.id", "gen_ai.user.id", "traceloop.association.properties.user_id")
_CONVERSATIONS = (
    "gen_ai.conversation.id",
    "session.id",
    "traceloop.association.properties.session_id",
)
_PROMPT_TOKENS = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
    "llm.usage.prompt_tokens",
)
_ANSWER_TOKENS = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
    "llm.usage.completion_tokens",
)
_FIRST_TOKEN = ("gen_ai.server.time_to_first_token", "gen_ai.response.time_to_first_chunk")


def spans_of(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The spans of an export in OTLP's JSON, with plain attributes."""
    for resource in _list(value.get("resourceSpans", value.get("resource_spans"))):
        scopes = resource.get("scopeSpans", resource.get("scope_spans"))
        for scope in _list(scopes):
            yield from _list(scope.get("spans"))


def is_of_a_model(span: Mapping[str, Any]) -> bool:
    """Whether a span is a request to a model: others of the same trace hold no answer."""
    attributes = plain_attributes(span)
    kind = text_of(attributes.get("openinference.span.kind"))
    if kind:
        return kind == "LLM"
    operation = text_of(attributes.get("gen_ai.operation.name"))
    if operation:
        return operation in ("chat", "text_completion", "generate_content")
    return any(name.startswith(("gen_ai.", "llm.")) for name in attributes)


def read_span(span: Mapping[str, Any]) -> Exchanged:
    """Read a span of any dialect.

    Raises:
        UnreadableError: It holds no messages, or no time.
    """
    attributes = plain_attributes(span)
    for dialect in _DIALECTS:
        found = dialect(attributes, span)
        if found is not None:
            return _exchanged(span, attributes, *found)
    raise UnreadableError("the span holds no messages")


def _exchanged(
    span: Mapping[str, Any], attributes: Attributes, turns: list[Turn], answer: Turn
) -> Exchanged:
    context = _object(span.get("context"))
    began = time_of(_first(span, ("startTimeUnixNano", "start_time_unix_nano", "start_time")))
    ended = _first(span, ("endTimeUnixNano", "end_time_unix_nano", "end_time"))
    trace = _id(_first(span, ("traceId", "trace_id")) or context.get("trace_id"))
    own = _id(_first(span, ("spanId", "span_id")) or context.get("span_id"))
    return Exchanged(
        mark=f"{trace} {own}",
        at=began,
        turns=turns,
        response=text_of(answer.get("content")),
        reasoning=text_of(answer.get("reasoning")),
        tool_calls=list(answer.get("tool_calls") or ()),
        model=text_of(_first(attributes, _MODELS)),
        user=text_of(_first(attributes, _USERS)),
        conversation=text_of(_first(attributes, _CONVERSATIONS)),
        finish=text_of(answer.get("finish")) or _finish(attributes),
        error=_error(span, attributes),
        prompt_tokens=count_of(_first(attributes, _PROMPT_TOKENS)),
        answer_tokens=count_of(_first(attributes, _ANSWER_TOKENS)),
        first_token_s=number_of(_first(attributes, _FIRST_TOKEN)),
        total_s=(time_of(ended) - began).total_seconds() if ended else None,
        server_id=text_of(attributes.get("gen_ai.response.id")),
    )


# --- dialects -------------------------------------------------------------------------------------


def _in_parts(attributes: Attributes, span: Mapping[str, Any]) -> Found | None:
    """The conventions since 1.37."""
    asked = _json_list(attributes.get("gen_ai.input.messages"))
    said = _json_list(attributes.get("gen_ai.output.messages"))
    if not (asked or said):
        return None
    turns = []
    system = _json_list(attributes.get("gen_ai.system_instructions"))
    if system:
        turns.append({"role": "system", "content": _texts(system)})
    turns += [_turn_of_parts(message) for message in asked]
    return turns, _joined(list(map(_turn_of_parts, said)), said)


def _joined(turns: Sequence[Turn], said: Sequence[Mapping[str, Any]]) -> Turn:
    """The messages of one answer as one: a call may stand in one and the text in the next."""
    answer: Turn = {"content": "\n".join(turn["content"] for turn in turns if turn["content"])}
    calls = [call for turn in turns for call in turn.get("tool_calls", ())]
    thoughts = [turn["reasoning"] for turn in turns if turn.get("reasoning")]
    reasons = [text_of(message.get("finish_reason")) for message in said]
    if calls:
        answer["tool_calls"] = calls
    if thoughts:
        answer["reasoning"] = "\n".join(thoughts)
    answer["finish"] = next(filter(None, reversed(reasons)), "")
    return answer


def _in_events(attributes: Attributes, span: Mapping[str, Any]) -> Found | None:
    """The conventions up to 1.36."""
    turns: list[Turn] = []
    answer: Turn = {}
    for event in _list(span.get("events")):
        name = text_of(event.get("name"))
        body = plain_attributes(event)
        if name in _EVENTS:
            turns.append(_turn(_EVENTS[name], _opened(body)))
        elif name == "gen_ai.choice" and not answer:
            said = _opened(body)
            message = said.get("message")
            inner = _opened(message) if message else said
            answer = _turn("assistant", inner)
            answer["finish"] = text_of(said.get("finish_reason"))
    return (turns, answer) if turns or answer else None


def _open_inference(attributes: Attributes, span: Mapping[str, Any]) -> Found | None:
    asked = _numbered(attributes, "llm.input_messages.", ".message.")
    said = _numbered(attributes, "llm.output_messages.", ".message.")
    if not (asked or said):
        return None
    turns = [_turn(text_of(each.get("role")), _with_calls(each)) for each in asked]
    answer = _turn("assistant", _with_calls(said[0])) if said else {}
    return turns, answer


def _traceloop(attributes: Attributes, span: Mapping[str, Any]) -> Found | None:
    asked = _numbered(attributes, "gen_ai.prompt.", ".")
    said = _numbered(attributes, "gen_ai.completion.", ".")
    if not (asked or said):
        return None
    turns = [_turn(text_of(each.get("role")), _with_calls(each)) for each in asked]
    answer = _turn("assistant", _with_calls(said[0])) if said else {}
    if said:
        answer["finish"] = text_of(said[0].get("finish_reason"))
    return turns, answer


def _in_single_values(attributes: Attributes, span: Mapping[str, Any]) -> Found | None:
    """Whole requests and answers in one attribute each, as some instrumentation writes them."""
    asked = _first(attributes, ("gen_ai.prompt", "input.value"))
    said = _first(attributes, ("gen_ai.completion", "output.value"))
    turns = turns_of(asked)
    if not turns:
        return None
    found = with_answer(Exchanged(mark="", at=EPOCH, turns=turns), said)
    answer = {"content": found.response, "tool_calls": found.tool_calls, "finish": found.finish}
    return turns, answer


_DIALECTS: Final[tuple[Callable[[Attributes, Mapping[str, Any]], Found | None], ...]] = (
    _in_parts,
    _open_inference,
    _traceloop,
    _in_events,
    _in_single_values,
)


# --- turns ----------------------------------------------------------------------------------------


def _turn(role: str, body: Mapping[str, Any]) -> Turn:
    turn: Turn = {"role": role, "content": _content(body.get("content"))}
    calls = body.get("tool_calls")
    if calls:
        turn["tool_calls"] = [_call(call) for call in _list(_loaded(calls))]
    call_id = body.get("tool_call_id") or (body.get("id") if role == "tool" else None)
    if call_id:
        turn["tool_call_id"] = call_id
    return turn


def _turn_of_parts(message: Mapping[str, Any]) -> Turn:
    """A message in parts as OpenAI writes it."""
    parts = _list(message.get("parts"))
    if not parts:
        return _turn(text_of(message.get("role")), message)
    turn: Turn = {"role": text_of(message.get("role")), "content": _texts(parts)}
    calls = [part for part in parts if part.get("type") == "tool_call"]
    results = [part for part in parts if part.get("type") == "tool_call_response"]
    thoughts = [text_of(part.get("content")) for part in parts if part.get("type") == "reasoning"]
    if calls:
        turn["tool_calls"] = [_call(call) for call in calls]
    if results:
        result = results[0].get("response", results[0].get("result"))
        turn["content"] = result if isinstance(result, str) else orjson.dumps(result).decode()
        turn["tool_call_id"] = results[0].get("id")
    if thoughts:
        turn["reasoning"] = "\n".join(thoughts)
    return turn


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    """A tool call of any dialect as OpenAI writes it."""
    function = call.get("function")
    inner = function if isinstance(function, Mapping) else call
    arguments = inner.get("arguments", {})
    written = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
    found = {"type": "function", "function": {"name": inner.get("name"), "arguments": written}}
    if call.get("id"):
        found["id"] = call["id"]
    return found


def _with_calls(body: Mapping[str, Any]) -> dict[str, Any]:
    """A numbered message whose tool calls are numbered too."""
    found = {name: value for name, value in body.items() if not name.startswith("tool_calls.")}
    calls: list[dict[str, Any]] = []
    for each in _numbered(body, "tool_calls.", "."):
        plain = {name.removeprefix("tool_call."): value for name, value in each.items()}
        name = plain.get("function.name", plain.get("name"))
        arguments = plain.get("function.arguments", plain.get("arguments", "{}"))
        call: dict[str, Any] = {"function": {"name": name, "arguments": arguments}}
        if plain.get("id"):
            call["id"] = plain["id"]
        calls.append(call)
    if calls:
        found["tool_calls"] = calls
    parts = _numbered(body, "contents.", ".message_content.")
    if parts and not found.get("content"):
        found["content"] = "".join(text_of(part.get("text")) for part in parts)
    return found


def _texts(parts: Iterable[Mapping[str, Any]]) -> str:
    texts = []
    for part in parts:
        if part.get("type", "text") == "text":
            texts.append(text_of(part.get("content") or part.get("text")))
    return "".join(texts)


def _content(value: Any) -> str:
    """Text, or the text of parts, also where they were dumped as JSON."""
    loaded = _loaded(value) if isinstance(value, str) and value[:1] == "[" else value
    if isinstance(loaded, list):
        return _texts(_list(loaded))
    return text_of(value)


# --- attributes -----------------------------------------------------------------------------------


def plain_attributes(owner: Mapping[str, Any]) -> Attributes:
    """Attributes as a plain mapping, from OTLP's list of keys and typed values or from one."""
    attributes = owner.get("attributes") or {}
    if isinstance(attributes, Mapping):
        return attributes
    return {each["key"]: _value(each.get("value")) for each in _list(attributes) if "key" in each}


def _value(value: Any) -> Any:
    """A value of OTLP's JSON: ``{"stringValue": "x"}``, arrays and lists of keys within."""
    if not isinstance(value, Mapping):
        return value
    for name, inner in value.items():
        kind = name.replace("_", "").lower()
        if kind == "arrayvalue":
            return [_value(part) for part in _object(inner).get("values", ())]
        if kind == "kvlistvalue":
            pairs = _object(inner).get("values", ())
            return {pair["key"]: _value(pair.get("value")) for pair in pairs}
        if kind == "intvalue":
            return int(inner)
        return inner
    return None


def _numbered(attributes: Attributes, before: str, after: str) -> list[dict[str, Any]]:
    """Attributes such as ``llm.input_messages.0.message.role``, an object for each number."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in attributes.items():
        if not name.startswith(before):
            continue
        number, _, rest = name[len(before) :].partition(".")
        rest = rest.removeprefix(after.strip(".") + ".") if after != "." else rest
        if number.isdecimal() and rest:
            found.setdefault(int(number), {})[rest] = value
    return [found[number] for number in sorted(found)]


def _first(attributes: Attributes, names: Iterable[str]) -> Any:
    for name in names:
        value = attributes.get(name)
        if value not in (None, ""):
            return value
    return None


def _finish(attributes: Attributes) -> str:
    reasons = _loaded(attributes.get("gen_ai.response.finish_reasons"))
    if isinstance(reasons, list) and reasons:
        return text_of(reasons[0])
    return text_of(reasons) or text_of(attributes.get("llm.finish_reason"))


def _error(span: Mapping[str, Any], attributes: Attributes) -> str:
    status = _object(span.get("status"))
    if status.get("code") in (2, "STATUS_CODE_ERROR", "ERROR"):
        return text_of(status.get("message")) or text_of(attributes.get("error.type")) or "error"
    return text_of(attributes.get("error.type"))


def _id(value: Any) -> str:
    """An id in hex, also where protobuf's JSON has written it in base64."""
    text = text_of(value)
    if len(text) in (12, 24) and text.endswith(("=", "==")):
        return base64.b64decode(text).hex()
    return text.lower()


def _opened(body: Any) -> dict[str, Any]:
    """A body that may have been dumped as JSON into one attribute."""
    loaded = _loaded(body)
    found = loaded if isinstance(loaded, dict) else {}
    for name in ("event_body", "body", "gen_ai.event.content"):
        inner = _loaded(found.get(name))
        if isinstance(inner, dict):
            return {**found, **inner}
    return found


def _loaded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _json_list(value: Any) -> list[dict[str, Any]]:
    return _list(_loaded(value))


def _list(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        return []
    return [part for part in value if isinstance(part, dict)]


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
