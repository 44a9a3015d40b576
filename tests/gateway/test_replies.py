"""Answers are put together from what servers send, whatever its form."""

from __future__ import annotations

import json
from typing import Any

from tunewell.gateway.masking import masker
from tunewell.gateway.replies import read_reply


def events(*values: dict[str, Any]) -> bytes:
    return b"".join(f"data: {json.dumps(value)}\n\n".encode() for value in values)


def delta(**parts: Any) -> dict[str, Any]:
    return {"id": "i", "choices": [{"index": 0, "delta": parts}]}


def test_tool_calls_in_pieces() -> None:
    body = events(
        delta(tool_calls=[{"index": 0, "id": "c1", "function": {"name": "look", "arguments": ""}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": '{"a"'}}]),
        delta(tool_calls=[{"index": 1, "id": "c2", "function": {"name": "send"}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}]),
    )
    found = read_reply(body, endpoint="chat", stream=True)
    assert [call["function"] for call in found.tool_calls] == [
        {"name": "look", "arguments": '{"a": 1}'},
        {"name": "send", "arguments": ""},
    ]


def test_reasoning_is_no_part_of_the_answer() -> None:
    body = events(delta(reasoning_content="let me see"), delta(content="yes"))
    found = read_reply(body, endpoint="chat", stream=True)
    assert (found.text, found.reasoning) == ("yes", "let me see")


def test_the_responses_endpoint_in_pieces_and_whole() -> None:
    whole = {
        "id": "r",
        "status": "completed",
        "output": [
            {"type": "message", "content": [{"type": "output_text", "text": "Hello there"}]},
            {"type": "function_call", "name": "look", "arguments": "{}"},
        ],
        "usage": {"input_tokens": 5, "output_tokens": 2},
    }
    streamed = events(
        {"type": "response.output_text.delta", "delta": "Hello"},
        {"type": "response.output_text.delta", "delta": " there"},
        {"type": "response.completed", "response": whole},
    )
    for body, stream in ((streamed, True), (json.dumps(whole).encode(), False)):
        found = read_reply(body, endpoint="responses", stream=stream)
        assert (found.text, found.finish) == ("Hello there", "stop")
        assert (found.prompt_tokens, found.answer_tokens) == (5, 2)
        assert found.tool_calls[0]["name"] == "look"


def test_an_answer_that_ran_out_of_tokens() -> None:
    body = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    found = read_reply(json.dumps(body).encode(), endpoint="responses", stream=False)
    assert found.finish == "max_output_tokens"


def test_nothing_that_a_server_sends_breaks_the_record() -> None:
    odd = [
        b"",
        b"null",
        b"[]",
        b"data: null\n\ndata: 5\n\ndata: {\n\n",
        events({"choices": "x"}, {"choices": [5]}, {"choices": [{"delta": 3}]}, {"usage": []}),
        events({"error": "overloaded"}, {"error": {"message": "busy"}}),
        b"\xff\xfe\x00",
        events(delta(content=["x"], tool_calls=[None, {"function": "f"}])),
    ]
    for body in odd:
        for endpoint in ("chat", "responses"):
            for stream in (True, False):
                read_reply(body, endpoint=endpoint, stream=stream)


def test_only_what_others_wrote_is_masked() -> None:
    record = {
        "id": "01a22ab6-cee3-7e64-9c98-40aecc22cec5",
        "at": "2026-11-30T04:22:53.385303Z",
        "user": "2fe1cdafdac1f9e65daea6d4ea574fdc",
        "request": {"messages": [{"role": "user", "content": "card 4111 1111 1111 1111"}]},
        "response": "ask jo@okoro.net",
        "tool_calls": [{"function": {"arguments": '{"mail": "jo@okoro.net"}'}}],
    }
    found = masker(None)(record)
    assert (found["id"], found["at"], found["user"]) == (record["id"], record["at"], record["user"])
    assert "4111" not in str(found)
    assert "okoro" not in str(found)
    assert masker(None, wanted=False)(record) == record
