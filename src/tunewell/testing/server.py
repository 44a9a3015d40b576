"""An OpenAI-compatible server inside the test process.

No socket, any `Model` behind it, faults on demand.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunewell.model.base import GenerateOptions, Model
from tunewell.types import Message

BASE_URL = "http://testserver/v1"


@dataclass(frozen=True)
class ServerFault:
    """What goes wrong with one request.

    Attributes:
        status: HTTP status of the reply.
        message: In the body, as OpenAI writes errors.
        code: OpenAI's code, such as ``insufficient_quota``.
        headers: Such as ``retry-after``.
        body: Sent as it is instead of an error object.
    """

    status: int = 500
    message: str = "planned fault"
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None


@dataclass
class FakeServer:
    """The state of the server; `client` is what an `EndpointModel` takes as ``http_client``.

    Attributes:
        model: Answers the chats.
        fault: Gives the fault of the n-th request (0, 1, 2 …) with its body, or None.
        logprobs: Log-probability of each of these ids after those before it (the first None), for
            ``echo``.
        key: Refuses requests with another key; empty = takes all.
        usage: Whether replies count tokens.
        delay_s: How long an answer takes, in seconds.
        requests: The bodies that came, in order.
        most_at_once: Most requests that were in work at a time.
    """

    model: Model
    fault: Callable[[int, dict[str, Any]], ServerFault | None] = lambda n, body: None
    logprobs: Callable[[Sequence[int]], list[float | None]] | None = None
    key: str = ""
    usage: bool = True
    delay_s: float = 0.0
    requests: list[dict[str, Any]] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def app(self) -> Any:
        """The ASGI application (FastAPI, extra ``web``)."""
        from fastapi import FastAPI, Request
        from fastapi.concurrency import run_in_threadpool
        from fastapi.responses import JSONResponse, Response

        app = FastAPI()

        async def answer(request: Any) -> Any:
            body = await request.json()
            sent_key = request.headers.get("authorization", "").removeprefix("Bearer ")
            status, content, headers = await run_in_threadpool(
                self._reply, request.url.path, body, sent_key
            )
            if isinstance(content, str):
                return Response(content, status_code=status, headers=headers)
            return JSONResponse(content, status_code=status, headers=headers)

        # FastAPI reads annotations, which are text in this file and name a class that only this
        # function knows.
        answer.__annotations__ = {"request": Request, "return": Any}
        app.post("/v1/chat/completions", response_model=None)(answer)
        app.post("/v1/completions", response_model=None)(answer)
        return app

    def client(self) -> Any:
        """A client of httpx2 that speaks to the application directly."""
        from fastapi.testclient import TestClient

        return TestClient(self.app(), base_url="http://testserver")

    def _reply(self, path: str, body: dict[str, Any], key: str) -> tuple[int, Any, dict[str, str]]:
        with self._lock:
            number = len(self.requests)
            self.requests.append(body)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if self.delay_s:
                time.sleep(self.delay_s)
            fault = self.fault(number, body)
            if self.key and key != self.key:
                fault = ServerFault(401, f"Incorrect API key provided: {key}")
            if fault is not None:
                error = {"error": {"message": fault.message, "type": "x", "code": fault.code}}
                return (
                    fault.status,
                    error if fault.body is None else fault.body,
                    dict(fault.headers),
                )
            return (
                200,
                self._chat(body) if path.endswith("/chat/completions") else self._echo(body),
                {},
            )
        finally:
            with self._lock:
                self._at_once -= 1

    def _chat(self, body: dict[str, Any]) -> dict[str, Any]:
        options = GenerateOptions(
            max_new_tokens=body.get("max_tokens") or body.get("max_completion_tokens") or 16,
            temperature=body.get("temperature", 1.0),
            top_p=body.get("top_p", 1.0),
            seed=body.get("seed") or 0,
            stop=tuple(body.get("stop") or ()),
        )
        prompt = tuple(Message(role=m["role"], content=m["content"]) for m in body["messages"])
        with self._lock:
            got = self.model.generate([prompt], options=options)[0]
        choice = {
            "index": 0,
            "finish_reason": "content_filter" if got.finish == "error" else got.finish,
            "message": {"role": "assistant", "content": got.text},
        }
        reply: dict[str, Any] = {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
        }
        reply["choices"] = [choice]
        if self.usage:
            total = got.prompt_tokens + got.tokens
            reply["usage"] = {
                "prompt_tokens": got.prompt_tokens,
                "completion_tokens": got.tokens,
                "total_tokens": total,
            }
        return reply

    def _echo(self, body: dict[str, Any]) -> dict[str, Any]:
        ids = body["prompt"]
        choice: dict[str, Any] = {
            "index": 0,
            "text": "",
            "finish_reason": "length",
            "logprobs": None,
        }
        if self.logprobs is not None and body.get("echo"):
            with self._lock:
                logprobs = [*self.logprobs(ids), -1.0]
            choice["logprobs"] = {"token_logprobs": logprobs, "tokens": [""] * len(logprobs)}
        usage = {"prompt_tokens": len(ids), "completion_tokens": 1, "total_tokens": len(ids) + 1}
        reply: dict[str, Any] = {
            "id": "x",
            "object": "text_completion",
            "created": 0,
            "model": body["model"],
        }
        return reply | {"choices": [choice], "usage": usage}
