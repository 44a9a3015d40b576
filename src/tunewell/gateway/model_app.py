"""A model behind OpenAI's protocol: for tests, the demo, and small teams without another server.

Requests that wait together and want the same model and sampling are answered in one batch; a
request that comes while a batch is under way waits for the next one.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import orjson

from tunewell.gateway.http import (
    Receive,
    Scope,
    Send,
    TurnedAwayError,
    answer,
    answer_error,
    json_object,
    piece,
    read_body,
    start,
)
from tunewell.gateway.ids import new_id
from tunewell.model.base import GenerateOptions, Generation
from tunewell.types import Message, ToolCall

MOST_AT_ONCE: Final = 16
MOST_WAITING: Final = 256
BODY_BYTES: Final = 4_000_000
DEFAULT_TOKENS: Final = 256
ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool"})
STREAM_TYPE: Final = (b"content-type", b"text/event-stream")
CHAT: Final = "/v1/chat/completions"


class Decodes(Protocol):
    """How a model's tokenizer writes text."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""
        ...


class ServableModel(Protocol):
    """A model that tells of every token: `tunewell.model.local.LocalModel`."""

    @property
    def chat(self) -> Decodes:
        """How its tokenizer writes text."""
        ...

    def generate(
        self,
        prompts: Sequence[tuple[Message, ...]],
        *,
        options: GenerateOptions | None = None,
        told: Any = None,
    ) -> list[Generation]:
        """One answer per prompt."""
        ...


@dataclass
class _Job:
    """One request that waits for its answer.

    Attributes:
        news: Pieces of the answer, and at its end a `Generation` or an exception.
    """

    model: str
    prompt: tuple[Message, ...]
    options: GenerateOptions
    loop: asyncio.AbstractEventLoop
    news: asyncio.Queue[str | Generation | Exception] = field(default_factory=asyncio.Queue)
    sent: str = ""
    is_gone: bool = False

    def tell(self, news: str | Generation | Exception) -> None:
        """Say something to whoever waits, from the worker's thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.news.put_nowait, news)


class ModelApp:
    """The application.

    Args:
        models: By the names that requests give; the first is the default.
    """

    def __init__(self, models: Mapping[str, ServableModel]) -> None:
        self._models = dict(models)
        self._waiting: queue.Queue[_Job | None] = queue.Queue(MOST_WAITING)
        self._worker = threading.Thread(target=self._work, name="model-worker", daemon=True)
        self._worker.start()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or start and stop."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            try:
                await self._route(scope, receive, send)
            except TurnedAwayError as error:
                await answer_error(send, error)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._waiting.put(None)
        await send({"type": "lifespan.shutdown.complete"})

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = (scope["method"], scope["path"])
        if asked == ("POST", CHAT):
            await self._chat(receive, send)
        elif asked == ("GET", "/v1/models"):
            models = [
                {"id": name, "object": "model", "owned_by": "tunewell"} for name in self._models
            ]
            await answer(send, 200, {"object": "list", "data": models})
        elif asked == ("GET", "/healthz"):
            await answer(send, 200, {"status": "ok"})
        else:
            raise TurnedAwayError(404, f"{' '.join(asked)} does not exist", code="not_found")

    async def _chat(self, receive: Receive, send: Send) -> None:
        body = json_object(await read_body(receive, BODY_BYTES))
        job = _Job(
            model=self._named(body.get("model")),
            prompt=_prompt(body.get("messages")),
            options=_options(body),
            loop=asyncio.get_running_loop(),
        )
        try:
            self._waiting.put_nowait(job)
        except queue.Full:
            raise TurnedAwayError(
                429,
                "too many requests are waiting",
                code="rate_limit_exceeded",
                headers=[(b"retry-after", b"2")],
            ) from None
        gone = asyncio.create_task(_watch(receive, job))
        try:
            if body.get("stream") is True:
                await _stream(job, send, usage=_wants_usage(body))
            else:
                await _whole(job, send)
        finally:
            gone.cancel()

    def _named(self, name: Any) -> str:
        """The model that a request names: all of its name, or its beginning."""
        if not name:
            return next(iter(self._models))
        known = [each for each in self._models if each == name]
        known = known or [each for each in self._models if each.startswith(str(name))]
        if not known:
            names = ", ".join(self._models)
            raise TurnedAwayError(
                404, f"there is no model {str(name)[:80]!r}: {names}", code="model_not_found"
            )
        return known[0]

    # --- the worker's thread ----------------------------------------------------------------------

    def _work(self) -> None:
        """Answer batch after batch."""
        held: list[_Job] = []
        while True:
            first = held.pop(0) if held else self._waiting.get()
            if first is None:
                return
            held += self._also_waiting()
            batch = [first]
            batch += [job for job in held if _goes_with(job, first)][: MOST_AT_ONCE - 1]
            held = [job for job in held if job not in batch]
            self._answer([job for job in batch if not job.is_gone])

    def _also_waiting(self) -> list[_Job]:
        found: list[_Job] = []
        while True:
            try:
                job = self._waiting.get_nowait()
            except queue.Empty:
                return found
            if job is None:
                self._waiting.put(None)
                return found
            found.append(job)

    def _answer(self, jobs: Sequence[_Job]) -> None:
        if not jobs:
            return
        model = self._models[jobs[0].model]

        def told(index: int, ids: Sequence[int]) -> None:
            _tell_more(jobs[index], model.chat.decode(ids))

        try:
            found = model.generate([job.prompt for job in jobs], options=jobs[0].options, told=told)
        except Exception as error:
            for job in jobs:
                job.tell(error)
            return
        for job, generation in zip(jobs, found, strict=True):
            job.tell(generation)


def _goes_with(job: _Job, first: _Job) -> bool:
    return job.model == first.model and job.options == first.options


def _tell_more(job: _Job, text: str) -> None:
    """Tell what is new and certain: no half characters, nothing that may begin a stop string."""
    certain = text.rstrip("\N{REPLACEMENT CHARACTER}")
    longest = max(map(len, job.options.stop), default=0)
    if longest:
        certain = certain[: len(certain) - longest + 1] if len(certain) >= longest else ""
    if certain.startswith(job.sent) and len(certain) > len(job.sent):
        job.tell(certain[len(job.sent) :])
        job.sent = certain


# --- answers --------------------------------------------------------------------------------------


async def _whole(job: _Job, send: Send) -> None:
    while True:
        news = await job.news.get()
        if isinstance(news, str):
            continue
        found = _checked(news)
        message = {"role": "assistant", "content": found.text}
        choice = {"index": 0, "message": message, "finish_reason": found.finish}
        reply = {**_frame(job, "chat.completion"), "choices": [choice], "usage": _usage(found)}
        await answer(send, 200, reply)
        return


async def _stream(job: _Job, send: Send, *, usage: bool) -> None:
    first = await job.news.get()
    if isinstance(first, Exception) or (isinstance(first, Generation) and first.finish == "error"):
        _checked(first)
    await start(send, 200, [STREAM_TYPE])
    frame = _frame(job, "chat.completion.chunk")
    sent = ""
    news: str | Generation | Exception = first
    while isinstance(news, str):
        await piece(send, _event(frame, {"content": news}))
        sent += news
        news = await job.news.get()
    if isinstance(news, Exception):
        # The answer has begun: the client sees that it ends without [DONE].
        return
    rest = news.text[len(sent) :] if news.text.startswith(sent) else ""
    if rest:
        await piece(send, _event(frame, {"content": rest}))
    await piece(send, _event(frame, {}, finish=news.finish))
    if usage:
        await piece(
            send, b"data: %b\n\n" % orjson.dumps({**frame, "choices": [], "usage": _usage(news)})
        )
    await piece(send, b"data: [DONE]\n\n", more=False)


def _checked(news: Generation | Exception | str) -> Generation:
    if isinstance(news, Exception):
        raise TurnedAwayError(500, f"the model failed ({type(news).__name__})", code="model_failed")
    if isinstance(news, str) or news.finish == "error":
        why = news if isinstance(news, str) else news.reason
        raise TurnedAwayError(400, why, code="context_length_exceeded")
    return news


def _frame(job: _Job, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{new_id()}",
        "object": kind,
        "created": int(time.time()),
        "model": job.model,
    }


def _event(
    frame: dict[str, Any],
    delta: dict[str, Any],
    *,
    finish: str | None = None,
) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: %b\n\n" % orjson.dumps({**frame, "choices": [choice]})


def _usage(found: Generation) -> dict[str, int]:
    return {
        "prompt_tokens": found.prompt_tokens,
        "completion_tokens": found.tokens,
        "total_tokens": found.prompt_tokens + found.tokens,
    }


async def _watch(receive: Receive, job: _Job) -> None:
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            job.is_gone = True
            return


# --- requests -------------------------------------------------------------------------------------


def _prompt(messages: Any) -> tuple[Message, ...]:
    if not isinstance(messages, list) or not messages:
        raise TurnedAwayError(400, "messages is not a list with turns in it", code="bad_request")
    return tuple(_message(place, turn) for place, turn in enumerate(messages))


def _message(place: int, turn: Any) -> Message:
    role = turn.get("role") if isinstance(turn, dict) else None
    if role not in ROLES:
        raise TurnedAwayError(
            400, f"messages[{place}].role is none of {', '.join(sorted(ROLES))}", code="bad_request"
        )
    calls = [_call(call) for call in turn.get("tool_calls") or () if isinstance(call, dict)]
    return Message(
        role="system" if role == "developer" else role,
        content=_text(place, turn.get("content")),
        tool_calls=tuple(calls),
        tool_call_id=str(turn.get("tool_call_id") or ""),
    )


def _call(call: Mapping[str, Any]) -> ToolCall:
    function = call.get("function")
    inner = function if isinstance(function, dict) else {}
    return ToolCall(
        name=str(inner.get("name") or ""),
        arguments=str(inner.get("arguments") or "{}"),
        id=str(call.get("id") or ""),
    )


def _text(place: int, content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [None]
    texts = []
    for part in parts:
        if not isinstance(part, dict) or part.get("type") != "text":
            raise TurnedAwayError(
                400, f"messages[{place}].content: this model reads text only", code="bad_request"
            )
        texts.append(str(part.get("text") or ""))
    return "".join(texts)


def _options(body: Mapping[str, Any]) -> GenerateOptions:
    if body.get("n") not in (None, 1):
        why = "n must be 1: this server gives one answer per request"
        raise TurnedAwayError(400, why, code="bad_request")
    stop = body.get("stop")
    stops = [stop] if isinstance(stop, str) else stop or []
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or DEFAULT_TOKENS
    values = {
        "max_new_tokens": limit,
        "temperature": _or(body.get("temperature"), 1.0),
        "top_p": _or(body.get("top_p"), 1.0),
        "seed": _or(body.get("seed"), 0),
        "stop": tuple(text for text in stops if text),
    }
    try:
        return GenerateOptions.model_validate(values)
    except ValueError as error:
        first = str(error).splitlines()
        raise TurnedAwayError(400, " ".join(first[1:3]).strip(), code="bad_request") from None


def _or(value: Any, default: float) -> Any:
    return default if value is None else value


def _wants_usage(body: Mapping[str, Any]) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True
