"""Small pieces of HTTP over ASGI: bodies, answers, errors in OpenAI's form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import orjson

from tunewell.errors import UserError

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON_TYPE: Header = (b"content-type", b"application/json")


class TurnedAwayError(UserError):
    """A request that is not passed on.

    Attributes:
        status: Of the answer.
        code: As OpenAI names such errors.
        headers: More headers of the answer.
    """

    def __init__(
        self, status: int, message: str, *, code: str = "", headers: Iterable[Header] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = tuple(headers)


async def read_body(receive: Receive, most_bytes: int) -> bytes:
    """The body of a request.

    Raises:
        TurnedAwayError: It is longer than that, or the client went away.
    """
    parts = []
    size = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise TurnedAwayError(499, "the client went away before its request was whole")
        part = event.get("body", b"")
        size += len(part)
        if size > most_bytes:
            raise TurnedAwayError(
                413, f"the request is longer than {most_bytes:,} bytes", code="request_too_large"
            )
        parts.append(part)
        if not event.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is.

    Raises:
        TurnedAwayError: It is none.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise TurnedAwayError(400, f"the body is not JSON: {error}", code="bad_json") from None
    if not isinstance(value, dict):
        raise TurnedAwayError(400, "the body is not a JSON object", code="bad_json")
    return value


async def start(send: Send, status: int, headers: Iterable[Header]) -> None:
    """Begin an answer."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def piece(send: Send, body: bytes, *, more: bool = True) -> None:
    """Send a piece of the answer."""
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def answer(
    send: Send,
    status: int,
    value: Any,
    headers: Iterable[Header] = (),
) -> None:
    """A whole answer in JSON."""
    body = orjson.dumps(value)
    length = (b"content-length", str(len(body)).encode())
    await start(send, status, [JSON_TYPE, length, *headers])
    await piece(send, body, more=False)


async def answer_error(send: Send, error: TurnedAwayError) -> None:
    """An error as OpenAI's clients read it."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    said = {"message": error.message, "type": kind, "param": None, "code": error.code or None}
    await answer(send, error.status, {"error": said}, error.headers)
