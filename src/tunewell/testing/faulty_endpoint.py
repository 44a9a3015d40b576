"""An OpenAI-compatible server on a socket that writes rows, and fails as real ones do.

What it writes for a request is a function of the request alone. What goes wrong, when and in which
order is not: so a client that copes ends with the same rows whatever went wrong.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from tunewell.types import digest

FAULTS: Final = (
    "timeout",
    "429",
    "500",
    "malformed",
    "cut off",
    "refusal",
    "another's answer",
    "slow drip",
)

Writes = Callable[[Mapping[str, Any]], str]
"""The content of an answer to the JSON that a prompt's last turn holds."""


def rewritten(asked: Mapping[str, Any]) -> str:
    """A row made of half of its example's words, and words of other rows, in another order.

    One in four is a copy of the example, which nobody should take. Every answer of the same ``ref``
    is the same.
    """
    luck = random.Random(str(asked["ref"]))
    example = asked["example"]
    if luck.random() < 0.25:
        made = {"input": example["input"], "target": example["target"]}
    else:
        made = {name: _other_words(example[name], luck) for name in ("input", "target")}
    return json.dumps({"ref": asked["ref"], **made})


def _other_words(
    text: str,
    luck: random.Random,
) -> str:
    from tunewell.testing.planted import vocabulary

    words = [word.strip(".").casefold() for word in text.split()]
    kept = luck.sample(words, max(1, len(words) // 2))
    known = vocabulary()
    more = [known[int(len(known) ** luck.random()) - 1] for _ in range(len(words) // 2)]
    mixed = [*kept, *more]
    luck.shuffle(mixed)
    return f"{' '.join(mixed).capitalize()}."


@dataclass
class FaultyEndpoint:
    """The server's state.

    Attributes:
        writes: The answer to a request.
        share: Of the requests that go wrong, in [0, 1].
        hang_s: How long a request that times out is held.
        seed: Of what goes wrong.
        paid: How often a whole, right answer was sent, by ``ref``.
        faults: How often each thing went wrong.
        most_at_once: Most requests that were in work at a time.
    """

    writes: Writes = rewritten
    share: float = 0.0
    hang_s: float = 3.0
    seed: int = 0
    paid: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    most_at_once: int = 0
    _at_once: int = 0
    _asked: Counter[str] = field(default_factory=Counter)
    _last: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def serving(self, port: int = 0) -> Iterator[str]:
        """Serve on a port of this machine; gives the address of the API."""
        server = _Server(("127.0.0.1", port), _handler(self))
        thread = threading.Thread(
            target=server.serve_forever,
            daemon=True,
        )
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()
            server.server_close()

    def fault_of(self, ref: str) -> str:
        """What goes wrong with this try; empty if nothing."""
        with self._lock:
            attempt = self._asked[ref]
            self._asked[ref] += 1
        luck = random.Random(digest([self.seed, ref, attempt]))
        if luck.random() >= self.share:
            return ""
        fault = luck.choice(FAULTS)
        with self._lock:
            self.faults[fault] += 1
        return fault

    def answer(
        self,
        asked: Mapping[str, Any],
        fault: str,
    ) -> str:
        """The content of an answer, spoilt as the fault says."""
        right = self.writes(asked)
        with self._lock:
            last, self._last = self._last, right
        if fault == "malformed":
            return right.replace('"', "", 3)
        if fault == "cut off":
            return right[: len(right) // 2]
        if fault == "refusal":
            return "I'm sorry, but I can't help with that."
        if fault == "another's answer" and last:
            return last
        return right

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Counts a request that is in work."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1

    def sent(self, ref: str) -> None:
        """A whole, right answer went out."""
        with self._lock:
            self.paid[ref] += 1

    def state(self) -> dict[str, Any]:
        """Counts, for whoever watches from another process."""
        with self._lock:
            twice = sum(count - 1 for count in self.paid.values() if count > 1)
            return {
                "requests": sum(self._asked.values()),
                "paid": sum(self.paid.values()),
                "paid_twice": twice,
                "faults": dict(self.faults),
                "most_at_once": self.most_at_once,
            }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(
        self,
        request: object,
        client_address: object,
    ) -> None:
        """A client that was killed is no fault of the server's."""


def _handler(endpoint: FaultyEndpoint) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"endpoint": endpoint})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    endpoint: FaultyEndpoint

    def log_message(
        self,
        format: str,
        *args: object,
    ) -> None:
        """Nothing is logged."""

    def do_GET(self) -> None:
        """The endpoint's counts."""
        self._send(200, json.dumps(self.endpoint.state()))

    def do_POST(self) -> None:
        """A chat completion."""
        size = int(self.headers.get("content-length", 0))
        body = json.loads(self.rfile.read(size))
        try:
            with self.endpoint.at_work():
                self._reply(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _reply(self, body: Mapping[str, Any]) -> None:
        asked = json.loads(body["messages"][-1]["content"])
        ref = str(asked["ref"])
        fault = self.endpoint.fault_of(ref)
        if fault == "timeout":
            time.sleep(self.endpoint.hang_s)
            self.close_connection = True
            return
        if fault in ("429", "500"):
            error = json.dumps({"error": {"message": "planted", "type": "x", "code": None}})
            self._send(int(fault), error, {"retry-after-ms": "50"} if fault == "429" else {})
            return
        text = self.endpoint.answer(asked, fault)
        length = "length" if fault == "cut off" else "stop"
        if fault in ("", "slow drip"):
            # Before it is sent: what is lost on the way was paid for all the same.
            self.endpoint.sent(ref)
        self._send(200, _completion(body, text, length), slowly=fault == "slow drip")

    def _send(
        self,
        status: int,
        text: str,
        headers: Mapping[str, str] | None = None,
        *,
        slowly: bool = False,
    ) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        pieces = 5 if slowly else 1
        step = -(-len(data) // pieces)
        for start in range(0, len(data), step):
            self.wfile.write(data[start : start + step])
            self.wfile.flush()
            if slowly:
                time.sleep(0.1)


def _completion(
    body: Mapping[str, Any],
    text: str,
    finish: str,
) -> str:
    prompt = sum(len(turn["content"]) for turn in body["messages"]) // 4
    used = {"prompt_tokens": prompt, "completion_tokens": len(text) // 4}
    choice = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": text},
    }
    reply = {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [choice],
        "usage": {**used, "total_tokens": sum(used.values())},
    }
    return json.dumps(reply)


def main() -> None:
    """Serve until killed: ``python -m tunewell.testing.faulty_endpoint PORT SHARE``."""
    import sys

    port, share = int(sys.argv[1]), float(sys.argv[2])
    with FaultyEndpoint(share=share).serving(port):
        threading.Event().wait()


if __name__ == "__main__":
    main()
