"""Objects of logs that other tools keep: one object is one request with its answer.

Read by what is in them: Langfuse's observations, LiteLLM's log table and callback, Helicone's
requests, TensorZero's inferences, and plain JSON lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import orjson

from tunewell.gateway.ingest.exchanged import (
    Exchanged,
    Turn,
    UnreadableError,
    count_of,
    number_of,
    text_of,
    time_of,
)
from tunewell.gateway.replies import Reply, read_reply

Object = Mapping[str, Any]


def read_log(value: Object) -> Exchanged:
    """Read an object of any of these logs.

    Raises:
        UnreadableError: It is of none, or lacks what tells when and what was asked.
    """
    for is_of_it, read in _FORMATS:
        if is_of_it(value):
            return read(value)
    return _plain(value)


def is_a_step(value: Object) -> bool:
    """Whether it is a step of a trace that is no request to a model, as Langfuse keeps them."""
    kind = text_of(value.get("type")).upper()
    return "traceId" in value and "startTime" in value and kind not in ("", "GENERATION")


def observations_of(trace: Object) -> Iterator[dict[str, Any]]:
    """The observations of a trace, with what the trace says of them all."""
    shared = {"traceId": trace.get("id")}
    for name in ("userId", "sessionId"):
        shared[name] = trace.get(name)
    scores = [score for score in trace.get("scores") or () if isinstance(score, dict)]
    observations = [each for each in trace["observations"] if isinstance(each, dict)]
    answers = [each for each in observations if not is_a_step({**shared, **each})]
    last = answers[-1].get("id") if answers else None
    for each in observations:
        # A score of the whole trace is about its last answer.
        own = [s for s in scores if (s.get("observationId") or last) == each.get("id")]
        known = {name: value for name, value in each.items() if value is not None}
        yield {**shared, **known, "scores": [*(each.get("scores") or ()), *own]}


def _langfuse(value: Object) -> Exchanged:
    usage = _object(value.get("usageDetails") or value.get("usage"))
    began = time_of(value["startTime"])
    first, ended = _first_and_end(value)
    return with_answer(
        Exchanged(
            mark=text_of(value.get("id")),
            at=began,
            turns=turns_of(value.get("input")),
            model=text_of(value.get("model") or value.get("providedModelName")),
            version=text_of(value.get("version")),
            user=text_of(value.get("userId")),
            conversation=text_of(value.get("sessionId") or value.get("traceId")),
            error=text_of(value.get("statusMessage")) if value.get("level") == "ERROR" else "",
            prompt_tokens=count_of(usage.get("input", usage.get("promptTokens"))),
            answer_tokens=count_of(usage.get("output", usage.get("completionTokens"))),
            first_token_s=(time_of(first) - began).total_seconds() if first else None,
            total_s=(time_of(ended) - began).total_seconds() if ended else None,
            cost=number_of(value.get("totalCost", value.get("calculatedTotalCost"))),
            feedback=[dict(score) for score in value.get("scores") or () if _object(score)],
        ),
        value.get("output"),
    )


def _first_and_end(value: Object) -> tuple[Any, Any]:
    """When the first piece came, if the answer came in pieces, and when it ended.

    Both tools write the end twice where it came whole.
    """
    first, ended = value.get("completionStartTime"), value.get("endTime")
    return (None if first == ended else first), ended


def _litellm(value: Object) -> Exchanged:
    began = time_of(value["startTime"])
    first, ended = _first_and_end(value)
    metadata = _object(_loaded(value.get("metadata")))
    request = _object(_loaded(value.get("proxy_server_request")))
    messages = _loaded(value.get("messages")) or request.get("messages")
    failed = value.get("status") == "failure"
    return with_answer(
        Exchanged(
            mark=text_of(value.get("id") or value.get("request_id")),
            at=began,
            turns=turns_of(messages),
            model=text_of(value.get("model")),
            user=text_of(value.get("end_user") or value.get("user")),
            conversation=text_of(
                value.get("session_id") or value.get("trace_id") or metadata.get("session_id")
            ),
            error=(text_of(value.get("error_str")) or "error") if failed else "",
            prompt_tokens=count_of(value.get("prompt_tokens")),
            answer_tokens=count_of(value.get("completion_tokens")),
            first_token_s=(time_of(first) - began).total_seconds() if first else None,
            total_s=(time_of(ended) - began).total_seconds() if ended else None,
            cost=number_of(value.get("response_cost", value.get("spend"))),
            arm=text_of(value.get("model_group")),
        ),
        _loaded(value.get("response")),
    )


def _helicone(value: Object) -> Exchanged:
    request = _object(_loaded(value.get("request_body")))
    properties = _object(_loaded(value.get("request_properties", value.get("properties"))))
    delay_ms = number_of(value.get("delay_ms", value.get("latency")))
    return with_answer(
        Exchanged(
            mark=text_of(value.get("request_id")),
            at=time_of(value.get("request_created_at", value.get("created_at"))),
            turns=turns_of(request.get("messages", request.get("input"))),
            model=text_of(value.get("model") or request.get("model")),
            user=text_of(value.get("request_user_id", value.get("user_id"))),
            conversation=text_of(properties.get("Helicone-Session-Id")),
            prompt_tokens=count_of(value.get("prompt_tokens")),
            answer_tokens=count_of(value.get("completion_tokens")),
            total_s=delay_ms / 1000 if delay_ms is not None else None,
            cost=number_of(value.get("cost", value.get("cost_usd"))),
        ),
        _loaded(value.get("response_body")),
    )


def _tensorzero(value: Object) -> Exchanged:
    asked = _object(_loaded(value.get("input")))
    turns: list[Turn] = []
    if asked.get("system"):
        turns.append({"role": "system", "content": _flat(asked["system"])})
    turns += turns_of(asked.get("messages"))
    took_ms = number_of(value.get("processing_time_ms"))
    said = _loaded(value.get("output"))
    text = _flat(said.get("raw")) if isinstance(said, dict) and "raw" in said else ""
    found = Exchanged(
        mark=text_of(value.get("id") or value.get("inference_id")),
        at=time_of(value.get("timestamp")),
        turns=turns,
        model=text_of(value.get("model_name") or value.get("variant_name")),
        arm=text_of(value.get("variant_name")),
        conversation=text_of(value.get("episode_id")),
        user=text_of(_object(_loaded(value.get("tags"))).get("user_id")),
        total_s=took_ms / 1000 if took_ms is not None else None,
    )
    return with_answer(found, text or said)


_MARKS = ("id", "request_id", "interaction_id", "trace_id")
_TIMES = ("at", "timestamp", "created_at", "created", "time", "start_time", "date")
_ASKED = ("messages", "request", "prompt", "question", "input", "query")
_SAID = ("response", "output", "answer", "completion", "reply")
_USERS = ("user", "user_id", "customer", "asker")
_CONVERSATIONS = ("conversation", "conversation_id", "session", "session_id", "thread_id")


def _plain(value: Object) -> Exchanged:
    """JSON lines of one's own, by the names that people give such fields."""
    at = _any(value, _TIMES)
    if at is None:
        raise UnreadableError(f"no time (a field {', '.join(_TIMES[:4])} …)")
    asked = _any(value, _ASKED)
    request = _loaded(asked)
    if isinstance(request, dict):
        request = request.get("messages", request.get("input", request.get("prompt")))
    turns = turns_of(request)
    if not turns:
        raise UnreadableError(f"nothing was asked (a field {', '.join(_ASKED[:4])} …)")
    usage = _object(value.get("usage"))
    latency_ms = number_of(value.get("latency_ms"))
    found = Exchanged(
        mark=str(_any(value, _MARKS) or ""),
        at=time_of(at),
        turns=turns,
        model=text_of(value.get("model")),
        version=text_of(value.get("version") or value.get("model_version")),
        user=str(_any(value, _USERS) or ""),
        conversation=str(_any(value, _CONVERSATIONS) or ""),
        finish=text_of(value.get("finish_reason") or value.get("finish")),
        error=text_of(value.get("error")),
        prompt_tokens=count_of(value.get("prompt_tokens", usage.get("prompt_tokens"))),
        answer_tokens=count_of(value.get("answer_tokens", usage.get("completion_tokens"))),
        first_token_s=number_of(value.get("first_token_s")),
        total_s=latency_ms / 1000 if latency_ms is not None else number_of(value.get("total_s")),
        cost=number_of(value.get("cost")),
        arm=text_of(value.get("arm") or value.get("variant")),
        feedback=[dict(one) for one in value.get("feedback") or () if _object(one)],
    )
    return with_answer(found, _loaded(_any(value, _SAID)))


Reader = Callable[[Object], Exchanged]
_FORMATS: Final[tuple[tuple[Callable[[Object], bool], Reader], ...]] = (
    (lambda value: "startTime" in value and "traceId" in value, _langfuse),
    (lambda value: "startTime" in value and ("call_type" in value or "spend" in value), _litellm),
    (lambda value: "request_body" in value and "response_body" in value, _helicone),
    (lambda value: "function_name" in value and "episode_id" in value, _tensorzero),
)


# --- what is in them ------------------------------------------------------------------------------


def turns_of(value: Any) -> list[Turn]:
    """The turns of a request: messages, or one text."""
    loaded = _loaded(value)
    if isinstance(loaded, dict):
        inner = loaded.get("messages", loaded.get("input", loaded.get("prompt")))
        return turns_of(inner) if inner is not None else []
    if isinstance(loaded, list):
        return [_turn(part) for part in loaded if isinstance(part, dict)]
    text = text_of(value)
    return [{"role": "user", "content": text}] if text.strip() else []


def _turn(message: Object) -> Turn:
    turn: Turn = {
        "role": text_of(message.get("role")) or "user",
        "content": _flat(message.get("content")),
    }
    for name in ("tool_calls", "tool_call_id", "name"):
        if message.get(name):
            turn[name] = message[name]
    return turn


def with_answer(found: Exchanged, said: Any) -> Exchanged:
    """Add the answer: text, a message, or a whole reply of OpenAI's protocol."""
    value = _loaded(said) if isinstance(said, str) and said[:1] in "[{" else said
    if isinstance(value, dict) and ("choices" in value or "output" in value):
        endpoint = "responses" if "output" in value else "chat"
        reply = read_reply(orjson.dumps(value), endpoint=endpoint, stream=False)
        return _with_reply(found, reply)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        inner = value[0] if "role" in value[0] else {"content": value}
        value = inner
    if isinstance(value, dict):
        found.response = _flat(value.get("content"))
        found.tool_calls = [dict(call) for call in value.get("tool_calls") or ()]
        return found
    found.response = said if isinstance(said, str) else ""
    return found


def _with_reply(found: Exchanged, reply: Reply) -> Exchanged:
    found.response = reply.text
    found.reasoning = reply.reasoning
    found.tool_calls = reply.tool_calls
    found.finish = found.finish or reply.finish
    found.server_id = reply.server_id
    found.error = found.error or reply.error
    if found.prompt_tokens is None:
        found.prompt_tokens = reply.prompt_tokens
    if found.answer_tokens is None:
        found.answer_tokens = reply.answer_tokens
    return found


def _flat(content: Any) -> str:
    """Text, or the texts of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict)]
        return "".join(text_of(p.get("text") or p.get("value") or p.get("content")) for p in parts)
    return "" if content is None else orjson.dumps(content).decode()


def _any(value: Object, names: tuple[str, ...]) -> Any:
    for name in names:
        found = value.get(name)
        if found not in (None, ""):
            return found
    return None


def _loaded(value: Any) -> Any:
    """A value that may have been dumped as JSON."""
    if not isinstance(value, str) or value[:1] not in "[{":
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
