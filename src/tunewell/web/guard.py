"""Around every answer: headers that forbid foreign code, bounded bodies, no foreign requests."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from tunewell.web.bodies import BodyFault, body_fault, most_bytes

BODY_S = 20.0
"""How long a sender may take for a body."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
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
ANY_ADDRESS = "*addresses*"
"""In the hosts of `Guard`: every numeric address will do, since no name can lead there."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """ASGI middleware with the rules above.

    Args:
        app: What it guards.
        hosts: Names that requests may be sent to, as in the header ``Host`` without the port; every
            name if empty.
    """

    def __init__(self, app: App, hosts: Collection[str] = ()) -> None:
        self.app = app
        self.hosts = frozenset(host.lower() for host in hosts)

    async def __call__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Pass a request on, or refuse it, and add the headers to the answer."""
        if scope["type"] == "websocket":
            # There is none here; the server turns this into 403.
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        answer = _Answer(scope, send)
        headers = _headers_of(scope)
        fault = self._fault(scope, headers)
        if fault is not None:
            await answer.refuse(fault)
            return

        body = await _whole_body(scope, headers, receive)
        if isinstance(body, BodyFault):
            await answer.refuse(body)
            return
        if body is None:
            return  # the sender hung up
        await self._pass_on(scope, _again(body, receive), answer)

    def _fault(self, scope: Scope, headers: dict[str, str]) -> BodyFault | None:
        """Why a request is not even read."""
        if self.hosts and not _is_ours(headers.get("host", ""), self.hosts):
            return BodyFault(421, "this server does not answer for that name")
        if "\x00" in scope["path"] or b"%00" in scope.get("query_string", b""):
            return BodyFault(400, "the address holds a character that cannot be stored (NUL)")
        if _changes(scope) and _foreign(headers):
            return BodyFault(403, "this request comes from another site")
        return None

    async def _pass_on(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        """Let the application answer; what it did not foresee is an answer with all headers too."""
        try:
            await self.app(scope, receive, answer.send)
        except Exception:
            if not answer.started:
                await answer.refuse(BodyFault(500, "an internal error; nothing was saved"))
            raise


class _Answer:
    """An answer that carries `HEADERS`, where it does not bring its own."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self.started = False
        self.added = dict(HEADERS)
        if not scope["path"].startswith("/static/"):
            self.added["cache-control"] = "no-store"

    async def send(self, message: Message) -> None:
        """Send a part of the answer, the first one with the headers."""
        if message["type"] == "http.response.start":
            self.started = True
            headers = list(message.get("headers", ()))
            names = {name.lower() for name, _ in headers}
            for name, value in self.added.items():
                if name.encode() not in names:
                    headers.append((name.encode(), value.encode()))
            message["headers"] = headers
        await self._send(message)

    async def refuse(self, fault: BodyFault) -> None:
        """Answer with a refusal, and read no more from this connection."""
        error = {"code": fault.status, "message": fault.message, "hint": ""}
        body = json.dumps({"error": error}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await self.send({"type": "http.response.start", "status": fault.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


def _changes(scope: Scope) -> bool:
    return scope["method"] not in ("GET", "HEAD", "OPTIONS")


def _headers_of(scope: Scope) -> dict[str, str]:
    found = {}
    for name, value in scope["headers"]:
        found[name.decode("latin-1").lower()] = value.decode("latin-1")
    return found


def _is_ours(host: str, hosts: Collection[str]) -> bool:
    """Whether a header ``Host`` names this server."""
    name = (urlsplit(f"//{host}").hostname or "") if host.isascii() else ""
    if name in hosts:
        return True
    if ANY_ADDRESS not in hosts:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _foreign(headers: dict[str, str]) -> bool:
    """Whether a browser says that another site sent this (machines with a token say nothing)."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc != headers.get("host", "")


async def _whole_body(
    scope: Scope,
    headers: dict[str, str],
    receive: Receive,
) -> bytes | BodyFault | None:
    """The body of a request, or why it is refused; None if the sender hung up.

    It is read here, in bounded time and space, before anything else happens.
    """
    most = most_bytes(scope["path"])
    too_large = BodyFault(413, f"the request is larger than {most // 2**10} KiB")
    announced = headers.get("content-length", "0")
    if not announced.isdecimal():
        return BodyFault(400, "the length of the request is not a number")
    if len(announced) > 12 or int(announced) > most:
        return too_large

    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_S):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                more = message.get("more_body", False)
                if size > most:
                    return too_large
    except TimeoutError:
        return BodyFault(408, f"the request was not complete after {BODY_S:.0f} s")

    body = b"".join(parts)
    if not _changes(scope):
        return body
    return body_fault(scope["path"], headers.get("content-type", ""), body) or body


def _again(body: bytes, receive: Receive) -> Receive:
    """A `Receive` that gives a body that was read before."""
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once
