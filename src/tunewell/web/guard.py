"""Around every answer: headers that forbid foreign code, a limit on size, no foreign requests."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

MOST_BYTES = 5 * 2**20
"""Largest request body."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """ASGI middleware with the rules above."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Pass a request on, or refuse it, and add the headers to the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        send = _with_headers(scope, send)
        headers = _headers_of(scope)
        is_change = scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if is_change and _foreign(headers):
            await _refuse(send, 403, "this request comes from another site")
            return
        if int(headers.get("content-length") or 0) > MOST_BYTES:
            await _refuse(send, 413, f"the request is larger than {MOST_BYTES // 2**20} MiB")
            return
        await self.app(scope, _counted(receive), send)


def _headers_of(scope: Scope) -> dict[str, str]:
    found = {}
    for name, value in scope["headers"]:
        found[name.decode("latin-1").lower()] = value.decode("latin-1")
    return found


def _with_headers(scope: Scope, send: Send) -> Send:
    """A `Send` that adds `HEADERS` to an answer, where it does not bring its own."""
    added = dict(HEADERS)
    if not scope["path"].startswith("/static/"):
        added["cache-control"] = "no-store"

    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message["headers"])
            names = {name.lower() for name, _ in headers}
            for name, value in added.items():
                if name.encode() not in names:
                    headers.append((name.encode(), value.encode()))
            message["headers"] = headers
        await send(message)

    return dressed


def _foreign(headers: dict[str, str]) -> bool:
    """Whether a browser says that another site sent this (machines with a token say nothing)."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc != headers.get("host", "")


def _counted(receive: Receive) -> Receive:
    """A `Receive` that ends a body without a length that does not end.

    The application sees it as if the sender had hung up.
    """
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > MOST_BYTES:
            return {"type": "http.disconnect"}
        return message

    return counted


async def _refuse(send: Send, status: int, message: str) -> None:
    error = {"code": status, "message": message, "hint": ""}
    body = json.dumps({"error": error}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
