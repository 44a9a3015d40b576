from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tunewell.errors import ModelError
from tunewell.model.base import GenerateOptions, Generation, Model
from tunewell.model.budget import (
    NOT_ASKED,
    BudgetError,
    Pace,
    RequestBudget,
    RequestPolicy,
    UnfinishedError,
)
from tunewell.model.endpoint import EndpointModel
from tunewell.model.fake import FakeModel
from tunewell.model.local import LocalModel
from tunewell.model.sending import retry_after_s
from tunewell.model.weights import Weights
from tunewell.testing.models import CHECKS, ask, check_model
from tunewell.testing.server import BASE_URL, FakeServer, ServerFault
from tunewell.types import Message, ToolCall

pytest.importorskip("openai")
pytest.importorskip("fastapi")


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def pace(self, rate: float | None = None) -> Pace:
        return Pace(rate, sleep=self.sleep, clock=lambda: self.now)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def endpoint(server: FakeServer, clock: Clock | None = None, **options: Any) -> EndpointModel:
    options.setdefault("pace", (clock or Clock()).pace())
    return EndpointModel("served", base_url=BASE_URL, http_client=server.client(), **options)


def first(*faults: ServerFault) -> Callable[[int, dict[str, Any]], ServerFault | None]:
    return lambda n, _: faults[n] if n < len(faults) else None


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
def test_the_contract(check: Callable[[Model], None]) -> None:
    check(endpoint(FakeServer(FakeModel())))


def test_the_contract_with_a_real_network_and_scores(tiny_weights: Weights) -> None:
    torch = pytest.importorskip("torch")
    local = LocalModel(tiny_weights, dtype="float32", device="cpu")

    def logprobs(ids: Sequence[int]) -> list[float | None]:
        with torch.inference_mode():
            logits = local._network.model(torch.tensor([list(ids)])).logits[0].double()
        logp = torch.log_softmax(logits, -1)
        return [None, *(float(logp[t - 1, ids[t]]) for t in range(1, len(ids)))]

    served = endpoint(FakeServer(local, logprobs=logprobs), tokenizer=tiny_weights.folder)
    check_model(served)
    prompts, targets = [ask("Hi"), ask("Count.")], ["there", "1 2"]
    for over_http, here in zip(
        served.score(prompts, targets), local.score(prompts, targets), strict=True
    ):
        assert over_http.nats == pytest.approx(here.nats, rel=1e-4)
        assert over_http.tokens == here.tokens


def test_many_requests_are_in_flight_and_results_keep_their_order() -> None:
    server = FakeServer(FakeModel(lambda p: p[-1].content), delay_s=0.05)
    model = endpoint(server, policy=RequestPolicy(in_flight=8))
    results = model.generate([ask(f"row {i}") for i in range(32)])
    assert [r.text for r in results] == [f"row {i}" for i in range(32)]
    assert 4 <= server.most_at_once <= 8


@pytest.mark.parametrize("status", [429, 500, 503])
def test_faults_that_pass_are_tried_again_with_growing_waits(clock: Clock, status: int) -> None:
    server = FakeServer(FakeModel(), fault=first(*[ServerFault(status)] * 3))
    assert endpoint(server, clock).generate([ask("x")])[0].text == "You said: x"
    assert len(server.requests) == 4
    assert len(clock.waits) == 3
    assert clock.waits[0] < clock.waits[1] < clock.waits[2]


def test_the_server_is_asked_again_when_it_wants_to_be(clock: Clock) -> None:
    server = FakeServer(FakeModel(), fault=first(ServerFault(429, headers={"retry-after": "7"})))
    assert endpoint(server, clock).generate([ask("x")])[0].finish == "stop"
    assert sum(clock.waits) == pytest.approx(7)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3.5"}, 3.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({}, None),
        ({"retry-after": "soon"}, None),
    ],
)
def test_reading_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


def test_retry_after_may_be_a_date() -> None:
    from email.utils import formatdate

    asked = retry_after_s({"retry-after": formatdate(time.time() + 30, usegmt=True)})
    assert asked == pytest.approx(30, abs=2)
    assert retry_after_s({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0


def test_a_fault_that_stays_is_an_error_of_its_item(clock: Clock) -> None:
    server = FakeServer(
        FakeModel(),
        fault=lambda n, body: (
            ServerFault(500) if body["messages"][-1]["content"] == "bad" else None
        ),
    )
    model = endpoint(server, clock, policy=RequestPolicy(retries=2, in_flight=1))
    results = model.generate([ask("x"), ask("bad"), ask("y")])
    assert [r.finish for r in results] == ["stop", "error", "stop"]
    assert "server error" in results[1].reason
    assert len(server.requests) == 5


def test_a_refused_request_is_not_sent_again() -> None:
    server = FakeServer(FakeModel(), fault=first(ServerFault(400, "context length exceeded")))
    model = endpoint(server, policy=RequestPolicy(in_flight=1))
    results = model.generate([ask("x"), ask("y")])
    assert "context length exceeded" in results[0].reason
    assert results[1].finish == "stop"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (ServerFault(401), "refuses the key"),
        (ServerFault(403), "refuses the key"),
        (ServerFault(404, "no such model"), "has no model 'served'"),
        (ServerFault(429, code="insufficient_quota"), "quota is used up"),
    ],
)
def test_what_concerns_the_whole_call_stops_it(fault: ServerFault, says: str) -> None:
    server = FakeServer(FakeModel(), fault=lambda n, body: fault)
    with pytest.raises(ModelError, match=says):
        endpoint(server, policy=RequestPolicy(in_flight=2)).generate([ask("x")] * 50)
    assert len(server.requests) <= 6


@pytest.mark.parametrize("fault", [ServerFault(401), ServerFault(429, code="insufficient_quota")])
def test_what_ends_a_call_half_way_keeps_the_answers_before_it(fault: ServerFault) -> None:
    server = FakeServer(FakeModel(), fault=lambda n, body: fault if n >= 3 else None)
    with pytest.raises(UnfinishedError) as caught:
        endpoint(server, policy=RequestPolicy(in_flight=1)).generate([ask("x")] * 9)
    results = caught.value.results
    assert len(results) == 9
    assert [isinstance(r, Generation) and r.finish == "stop" for r in results].count(True) == 3
    assert sum(r.reason.startswith(NOT_ASKED) for r in results) == 6


def test_no_server_is_said(clock: Clock) -> None:
    nowhere = "http://127.0.0.1:9/v1"
    model = EndpointModel("m", base_url=nowhere, policy=RequestPolicy(retries=1), pace=clock.pace())
    with pytest.raises(ModelError, match=r"There is no server at http://127.0.0.1:9/v1"):
        model.generate([ask("x")])


@pytest.mark.parametrize("body", ["not json", "{}", '{"choices": []}', "<html>"])
def test_replies_that_make_no_sense_are_errors_of_their_item(clock: Clock, body: str) -> None:
    server = FakeServer(
        FakeModel(),
        fault=lambda n, _: ServerFault(
            200, body=body, headers={"content-type": "application/json"}
        ),
    )
    result = endpoint(server, clock, policy=RequestPolicy(retries=1)).generate([ask("x")])[0]
    assert result.finish == "error"
    assert result.reason


def test_refused_content_is_an_error() -> None:
    server = FakeServer(FakeModel(failures=lambda p: "no"))
    assert "content filter" in endpoint(server).generate([ask("x")])[0].reason


def test_the_rate_is_kept(clock: Clock) -> None:
    server = FakeServer(FakeModel())
    one_at_a_time = RequestPolicy(in_flight=1)
    model = endpoint(server, clock, policy=one_at_a_time, pace=clock.pace(30))
    model.generate([ask("x")] * 4)
    assert clock.now == pytest.approx(6)


def test_the_budget_is_never_passed() -> None:
    server = FakeServer(FakeModel(lambda p: "word " * 10))
    budget = RequestBudget(cost=0.05, prompt_price=100, answer_price=1000)
    model = endpoint(server, budget=budget, policy=RequestPolicy(in_flight=3))
    with pytest.raises(BudgetError, match=r"could pass the budget of a cost of 0.05") as caught:
        model.generate(
            [ask(f"row {i}") for i in range(50)], options=GenerateOptions(max_new_tokens=10)
        )
    assert 0 < model.spent.cost <= 0.05
    answered = [
        r for r in caught.value.results if isinstance(r, Generation) and r.finish != "error"
    ]
    assert len(caught.value.results) == 50
    assert len(answered) == model.spent.requests == len(server.requests)
    with pytest.raises(BudgetError):
        model.generate([ask("more")], options=GenerateOptions(max_new_tokens=10))


def test_a_budget_of_tokens_counts_both_ways() -> None:
    model = endpoint(FakeServer(FakeModel()), budget=RequestBudget(tokens=200))
    model.generate([ask("x")], options=GenerateOptions(max_new_tokens=10))
    assert model.spent.prompt_tokens + model.spent.tokens == 2 + 3
    with pytest.raises(BudgetError, match="200 tokens"):
        model.generate([ask("x" * 300)])


def test_without_usage_tokens_are_estimated() -> None:
    result = endpoint(FakeServer(FakeModel(["12345678"]), usage=False)).generate([ask("x" * 40)])[0]
    assert (result.prompt_tokens, result.tokens) == (10, 2)


def test_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    server = FakeServer(FakeModel())
    options = GenerateOptions(
        max_new_tokens=5, temperature=0.7, top_p=0.9, seed=4, stop=("a", "b", "c", "d", "e")
    )
    endpoint(server).generate([ask("zzz", system="s")], options=options)
    assert server.requests == [
        {
            "model": "served",
            "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "zzz"}],
            "max_tokens": 5,
            "temperature": 0.7,
            "top_p": 0.9,
            "seed": 4,
            "stop": ["a", "b", "c", "d"],
        }
    ]


def test_stop_strings_that_were_not_sent_count_too() -> None:
    server = FakeServer(FakeModel(["one five six"]))
    options = GenerateOptions(stop=("A", "B", "C", "D", "five"))
    assert endpoint(server).generate([ask("x")], options=options)[0].text == "one "


def test_the_key_comes_from_the_environment_and_shows_nowhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "sk-very-secret-0123456789"
    monkeypatch.setenv("MY_KEY", secret)
    caplog.set_level(logging.DEBUG)
    server = FakeServer(FakeModel(), key=secret)
    good = endpoint(server, key_variable="MY_KEY")
    assert good.generate([ask("x")])[0].finish == "stop"
    server.key = "another"
    with pytest.raises(ModelError, match="MY_KEY") as caught:
        good.generate([ask("x")])
    assert secret not in f"{caught.value} {good!r} {caplog.text}"


def test_openai_itself_wants_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelError, match="export OPENAI_API_KEY"):
        EndpointModel("gpt", base_url="https://api.openai.com/v1")


def test_no_scores_without_what_they_need(tiny: Path) -> None:
    server = FakeServer(FakeModel())
    assert "tokenizer" in endpoint(server).score([ask("x")], ["y"])[0].reason
    assert (
        "no log-probabilities"
        in endpoint(server, tokenizer=tiny).score([ask("x")], ["y"])[0].reason
    )


def test_tools_and_calls_are_sent_and_calls_are_read(clock: Clock) -> None:
    function = {"name": "find", "arguments": '{"b": 1, "a": 2}'}
    call = {"id": "c", "type": "function", "function": function}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    reply = {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "served",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}],
    }
    server = FakeServer(FakeModel(), fault=first(ServerFault(200, body=json.dumps(reply))))
    prompt = (
        Message(role="user", content="Where?"),
        Message(role="assistant", content="", tool_calls=(ToolCall(name="look", id="k"),)),
        Message(role="tool", content="no", tool_call_id="k"),
        Message(role="assistant", content="", tool_calls=(ToolCall(name="look"),)),
        Message(role="tool", content="yes"),
    )
    tools = '[{"name": "find", "input_schema": {"type": "object"}}]'
    [said] = endpoint(server, clock).generate([prompt], tools=[tools])
    assert said.text == '{"name": "find", "arguments": {"a": 2, "b": 1}}'
    [sent] = server.requests
    assert sent["tools"][0]["function"] == {"name": "find", "parameters": {"type": "object"}}
    turns = sent["messages"]
    calls = [turn["tool_calls"][0]["id"] for turn in turns if "tool_calls" in turn]
    assert calls == ["k", "call_3_0"]
    assert [turn["tool_call_id"] for turn in turns if turn["role"] == "tool"] == ["k", "call_3_0"]


class _Redirecting(BaseHTTPRequestHandler):
    """Sends everybody to the address of its server's ``target``, and keeps what was asked of it."""

    target = ""
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        type(self).asked.append(str(self.headers.get("authorization")))
        self.send_response(self.status)
        if self.target:
            self.send_header("location", self.target)
        self.send_header("content-length", "0")
        self.end_headers()

    status = 200

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def served(status: int = 200, target: str = "") -> Iterator[tuple[str, list[str]]]:
    """Address of a server that answers so, and the keys that it was sent."""
    asked: list[str] = []
    members = {"target": target, "status": status, "asked": asked}
    handler = type("_Handler", (_Redirecting,), members)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_neither_key_nor_text_goes_where_a_server_points(
    status: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the same host on another port, too: what is named is an address, not a machine."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with served() as (inner, reached), served(status, f"{inner}/chat/completions") as (url, asked):
        model = EndpointModel("served", base_url=url, pace=clock.pace())
        with pytest.raises(ModelError, match="sends requests on to") as caught:
            model.generate([ask("what a client said")])
    assert asked == ["Bearer sk-secret"]
    assert reached == []
    assert inner in caught.value.message
