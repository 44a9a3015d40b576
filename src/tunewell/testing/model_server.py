"""An OpenAI-compatible server on a socket, with no model behind it, that can be made to misbehave.

It costs the processor next to nothing, so that what stands before it can be measured.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

HEAD_BYTES = 65_536


@dataclass(frozen=True)
class SocketFault:
    """What goes wrong with one request.

    Attributes:
        status: HTTP status; 200 = none.
        body: Sent with that status.
        cut_after: The connection is closed after so many pieces; -1 = it is not.
        wait_s: Before the answer begins.
        pause_s: Between two pieces.
        garbage: Pieces that are no JSON.
    """

    status: int = 200
    body: str = '{"error": {"message": "planted fault", "type": "server_error"}}'
    cut_after: int = -1
    wait_s: float = 0.0
    pause_s: float = 0.0
    garbage: bool = False


NO_FAULT = SocketFault()


@dataclass
class SocketModelServer:
    """The server.

    Attributes:
        pieces: Of a streamed answer.
        text: Gives the text of the answer to a request's body.
        fault: Gives what goes wrong with a request's body.
        requests: Bodies that came, in order, if ``keep``.
        keep: Whether they are kept.
        answered: Answers that were sent whole.
    """

    pieces: int = 20
    text: Callable[[dict[str, Any]], str] = lambda body: "word " * 20
    fault: Callable[[dict[str, Any]], SocketFault] = lambda body: NO_FAULT
    keep: bool = True
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    answered: int = 0
    _server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> str:
        """Listen; gives the address for ``base_url``."""
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", port, backlog=4096)
        bound: int = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{bound}/v1"

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request of a connection; whether there may be another."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = head.split("\r\n")
        lengths = [line for line in lines if line.lower().startswith("content-length:")]
        length = int(lengths[0].split(":")[1]) if lengths else 0
        body = json.loads(await reader.readexactly(length) or b"{}")
        if self.keep:
            self.requests.append(body)
            self.headers.append(head)
        fault = self.fault(body)
        if fault.wait_s:
            await asyncio.sleep(fault.wait_s)
        if fault.status != 200:
            writer.write(_whole(fault.status, fault.body))
        elif body.get("stream"):
            if not await self._stream(writer, body, fault):
                return False
        else:
            writer.write(_whole(200, json.dumps(_completion(body, self.text(body)))))
        await writer.drain()
        self.answered += 1
        return True

    async def _stream(
        self, writer: asyncio.StreamWriter, body: dict[str, Any], fault: SocketFault
    ) -> bool:
        """Send the answer in pieces; False if it was cut."""
        head = (
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
        )
        writer.write(f"{head}\r\n".encode())
        parts = _divided(self.text(body), self.pieces)
        for number, part in enumerate(parts):
            if number == fault.cut_after:
                return False
            _write_chunk(writer, _event(body, part) if not fault.garbage else "data: {oops\n\n")
            if fault.pause_s:
                await asyncio.sleep(fault.pause_s)
        _write_chunk(writer, _last_event(body, parts))
        _write_chunk(writer, "data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")
        return True


def _divided(text: str, count: int) -> list[str]:
    size = -(-len(text) // count) or 1
    return [text[at : at + size] for at in range(0, len(text), size)]


def _write_chunk(writer: asyncio.StreamWriter, text: str) -> None:
    data = text.encode()
    writer.write(b"%x\r\n%b\r\n" % (len(data), data))


def _event(body: dict[str, Any], part: str) -> str:
    choice = {"index": 0, "delta": {"content": part}, "finish_reason": None}
    return f"data: {json.dumps(_chunk(body, [choice]))}\n\n"


def _last_event(body: dict[str, Any], parts: list[str]) -> str:
    choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 7, "completion_tokens": len(parts), "total_tokens": 7 + len(parts)}
    return f"data: {json.dumps({**_chunk(body, [choice]), 'usage': usage})}\n\n"


def _chunk(body: dict[str, Any], choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-same",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": body.get("model", ""),
        "choices": choices,
    }


def _completion(body: dict[str, Any], text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-same",
        "object": "chat.completion",
        "created": 0,
        "model": body.get("model", ""),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }


def _whole(status: int, body: str) -> bytes:
    data = body.encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(data)}\r\n\r\n".encode() + data
