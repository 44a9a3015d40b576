"""Servers that answer in ways of their own: every reply is a row, or is counted with its reason."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tunewell.augment import Generator, Wanted
from tunewell.model.budget import Pace, RequestPolicy
from tunewell.model.endpoint import EndpointModel
from tunewell.task import GeneratorSpec
from tunewell.testing.faulty_endpoint import rewritten
from tunewell.testing.made_up import augment_made_up, cells_of_rows, made_up_rows

Answers = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]


@contextmanager
def serving(answers: Answers) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            try:
                answers(self, body)
            except OSError:
                self.close_connection = True

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that has gone is no fault of the server's."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, data: bytes, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def completion(body: dict[str, Any], **other: Any) -> dict[str, Any]:
    """A right reply, parts of it replaced."""
    text = rewritten(json.loads(body["messages"][-1]["content"]))
    message = {"role": "assistant", "content": text, **other.pop("message", {})}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    made = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
    return {**made, "choices": [choice], "usage": usage, **other}


def writer(url: str, *, timeout_s: float = 5.0, **spec: Any) -> Generator:
    policy = RequestPolicy(in_flight=4, timeout_s=timeout_s, retries=1)
    model = EndpointModel(
        "m", base_url=url, policy=policy, pace=Pace(None, sleep=lambda seconds: None)
    )
    return Generator(GeneratorSpec(model="m", url=url, in_flight=4, **spec), model)


FEW = "augment: {tries: 2, temperature: 0, seed: 3, budget: {rows: 12}}"

NO_ROW: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a list": lambda body: [1, 2],
    "a text": lambda body: "hello",
    "null": lambda body: None,
    "no choices": lambda body: completion(body, choices=[]),
    "choices are null": lambda body: completion(body, choices=None),
    "choices are a text": lambda body: completion(body, choices="none"),
    "a choice is null": lambda body: completion(body, choices=[None]),
    "a choice without a message": lambda body: completion(body, choices=[{"index": 0}]),
    "a message that is a text": lambda body: completion(
        body, choices=[{"index": 0, "message": "hello"}]
    ),
    "content is null": lambda body: completion(body, message={"content": None}),
    "content is a number": lambda body: completion(body, message={"content": 7}),
    "content is a refusal": lambda body: completion(body, message={"refusal": "no"}),
}

A_ROW: dict[str, Callable[[dict[str, Any]], Any]] = {
    "usage is absent": lambda body: completion(body, usage=None),
    "usage is a text": lambda body: completion(body, usage="much"),
    "usage is negative": lambda body: completion(
        body, usage={"prompt_tokens": -5, "completion_tokens": -7, "total_tokens": -12}
    ),
    "usage has texts": lambda body: completion(
        body, usage={"prompt_tokens": "12", "completion_tokens": "x", "total_tokens": None}
    ),
    "usage is endless": lambda body: completion(
        body, usage={"prompt_tokens": 1e400, "completion_tokens": 1e400}
    ),
    "thoughts beside it": lambda body: completion(
        body, message={"reasoning_content": '{"target": "a draft"}'}
    ),
}


@pytest.mark.parametrize("name", [*NO_ROW, *A_ROW])
def test_replies_of_any_form_are_rows_or_are_counted(tmp_path: Path, name: str) -> None:
    made_of = {**NO_ROW, **A_ROW}[name]
    with serving(lambda handler, body: send(handler, json.dumps(made_of(body)).encode())) as url:
        made = augment_made_up(
            tmp_path, made_up_rows(40), Wanted(cells_of_rows(3), [writer(url)]), section=FEW
        )
    (cell,) = made.cells
    assert cell.balances
    assert made.cost.prompt_tokens >= 0
    assert made.cost.tokens >= 0
    if name in A_ROW:
        assert cell.accepted == 3
        assert made.cost.tokens > 0
    else:
        assert cell.accepted == 0
        assert cell.stopped
        assert set(cell.failed) <= {"unreadable reply", "empty reply", "no JSON", "refused"}


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_dripping_server_meets_the_deadline_of_the_request(tmp_path: Path, part: str) -> None:
    def drip(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        data = json.dumps(completion(body)).encode()
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        if part == "body":
            handler.wfile.write(head + b"content-length: %d\r\n\r\n" % len(data))
        for byte in head + data if part == "head" else data:
            handler.wfile.write(bytes([byte]))
            time.sleep(0.1)

    with serving(drip) as url:
        generator = writer(url, timeout_s=0.5)
        began = time.monotonic()
        made = augment_made_up(
            tmp_path,
            made_up_rows(40),
            Wanted(cells_of_rows(2), [generator]),
            section=FEW.replace("rows: 12", "rows: 2"),
        )
        passed = time.monotonic() - began
    assert made.cells[0].failed == {"timeout": 2}
    assert passed < 10 * 0.5 * 2 * 2, "two tries of two requests each, in which it took no second"


def test_the_time_that_a_run_may_take_ends_what_is_in_flight(tmp_path: Path) -> None:
    hung = threading.Event()

    def never(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        hung.wait(60)

    with serving(never) as url:
        began = time.monotonic()
        made = augment_made_up(
            tmp_path,
            made_up_rows(40),
            Wanted(cells_of_rows(2), [writer(url, timeout_s=50)]),
            section=FEW.replace("rows: 12", "minutes: 0.01"),
        )
        passed = time.monotonic() - began
        hung.set()
    assert passed < 20
    assert made.asked == 0
    assert made.cells[0].stopped == "the budget of 0.01 minutes is used up"


@pytest.mark.parametrize(
    "text",
    [
        "\ud800 lone",
        "nul \x00 and bell \x07",
        "\x1b[31mred\x1b[0m",
        "\u202eright to left",
        "<script>alert(1)</script> {{ 7 * 7 }} ${x} %s",
        "../../etc/passwd\n'; DROP TABLE events; --",
        "=cmd|' /C calc'!A0",
        "\ufffe\uffff \U0010ffff",
    ],
)
def test_hostile_texts_are_data(tmp_path: Path, text: str) -> None:
    def with_text(body: dict[str, Any]) -> Any:
        asked = json.loads(body["messages"][-1]["content"])
        row = json.loads(rewritten(asked))
        spoilt = {**row, "input": f"{row['input']} {text}", "target": f"{row['target']} {text}"}
        return completion(body, message={"content": json.dumps(spoilt)})

    with serving(lambda handler, body: send(handler, json.dumps(with_text(body)).encode())) as url:
        wanted = Wanted(cells_of_rows(3), [writer(url)])
        made = augment_made_up(tmp_path, made_up_rows(40), wanted, section=FEW)
        again = augment_made_up(tmp_path, made_up_rows(40), wanted, section=FEW)
    assert made.cells[0].balances
    assert again.content == made.content
