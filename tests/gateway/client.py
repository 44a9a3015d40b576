"""Speaks ASGI to a gateway, with a server on a socket behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tunewell.gateway.app import Gateway
from tunewell.gateway.draw import Hasher
from tunewell.gateway.http import Event, Receive, Scope, Send
from tunewell.gateway.masking import masker
from tunewell.gateway.spool import Spool
from tunewell.gateway.state import GatewayKey, GatewayState, secret_digest
from tunewell.task import GatewaySection
from tunewell.testing.model_server import SocketModelServer

SECRET = "twg_test"
KEY = GatewayKey(name="app", digest=secret_digest(SECRET), scopes=("user", "feedback", "admin"))


Application = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    complete: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["x-tunewell-id"]


@dataclass
class Client:
    """Sends requests to an application."""

    app: Application

    @property
    def gateway(self) -> Gateway:
        """The application, where it is a gateway."""
        assert isinstance(self.app, Gateway)
        return self.app

    async def post(
        self,
        path: str,
        body: Any,
        *,
        secret: str = SECRET,
        headers: dict[str, str] | None = None,
        leave_after: int = -1,
    ) -> Answer:
        """Post JSON, or bytes as they are; go away after so many pieces of the answer."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        sent = {"authorization": f"Bearer {secret}", **(headers or {})}
        return await self._ask("POST", path, data, sent, leave_after)

    async def get(self, path: str, *, secret: str = SECRET) -> Answer:
        return await self._ask("GET", path, b"", {"authorization": f"Bearer {secret}"}, -1)

    async def _ask(
        self, method: str, path: str, data: bytes, headers: dict[str, str], leave_after: int
    ) -> Answer:
        answer = Answer()
        gone = asyncio.Event()
        asked = [False]

        async def receive() -> Event:
            if not asked[0]:
                asked[0] = True
                return {"type": "http.request", "body": data, "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(event: Event) -> None:
            if event["type"] == "http.response.start":
                answer.status = event["status"]
                answer.headers = {k.decode(): v.decode() for k, v in event["headers"]}
                return
            if event.get("body"):
                answer.pieces.append(event["body"])
            answer.complete = not event.get("more_body")
            if len(answer.pieces) == leave_after:
                gone.set()
                await asyncio.sleep(0.01)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        }
        await self.app(scope, receive, send)
        return answer


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    *,
    server: SocketModelServer,
    state: GatewayState | None = None,
    settings: Callable[[str], dict[str, Any]] | None = None,
    mask: bool = True,
    most_bytes: int = 2**30,
) -> AsyncIterator[Client]:
    """A gateway that has started, before a server."""
    url = await server.start()
    chosen = (settings or two_arms)(url)
    spool = Spool(folder / "spool", mask=masker(None, wanted=mask), most_bytes=most_bytes)
    gateway = Gateway(
        GatewaySection.model_validate(chosen),
        spool,
        Hasher(b"salt"),
        state=state or GatewayState(keys=(KEY,)),
    )
    events: asyncio.Queue[Event] = asyncio.Queue()
    started = asyncio.Event()

    async def send(event: Event) -> None:
        started.set()

    living = asyncio.create_task(gateway({"type": "lifespan"}, events.get, send))
    await events.put({"type": "lifespan.startup"})
    await started.wait()
    try:
        yield Client(gateway)
    finally:
        await events.put({"type": "lifespan.shutdown"})
        await living
        await server.stop()


def two_arms(url: str) -> dict[str, Any]:
    return {
        "servers": [{"name": "s", "url": url}],
        "arms": [
            {"name": "a", "server": "s", "model": "m-a"},
            {"name": "b", "server": "s", "model": "m-b"},
        ],
        "fallback": "a",
    }


def chat(text: str = "hello", **more: Any) -> dict[str, Any]:
    return {"model": "any", "messages": [{"role": "user", "content": text}], **more}
