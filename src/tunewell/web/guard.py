"""Around every answer: headers that forbid foreign code, a limit on what may be sent, no requests from other sites."""

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
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """ASGI middleware with the rules above."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it, and dress the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}

        async def dressed(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                names = {k.lower() for k, _ in message["headers"]}
                extra = dict(HEADERS)
                if not scope["path"].startswith("/static/"):
                    extra["cache-control"] = "no-store"
                message["headers"] = [
                    *message["headers"],
                    *(
                        (k.encode(), v.encode())
                        for k, v in extra.items()
                        if k.encode() not in names
                    ),
                ]
            await send(message)

        if scope["method"] not in ("GET", "HEAD", "OPTIONS") and _foreign(headers):
            await _refuse(dressed, 403, "this request comes from another site")
            return
        if int(headers.get("content-length") or 0) > MOST_BYTES:
            await _refuse(dressed, 413, f"more than {MOST_BYTES // 2**20} MiB were sent")
            return
        await self.app(scope, _counted(receive), dressed)


def _foreign(headers: dict[str, str]) -> bool:
    """Whether a browser says that another site sent this (machines with a token say nothing)."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc != headers.get("host", "")


def _counted(receive: Receive) -> Receive:
    total = 0

    async def counted() -> MutableMapping[str, Any]:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if (
            total > MOST_BYTES
        ):  # a body without a length that does not end: as if the sender had hung up
            return {"type": "http.disconnect"}
        return message

    return counted


async def _refuse(send: Send, status: int, message: str) -> None:
    body = json.dumps({"error": {"code": status, "message": message, "hint": ""}}).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
