"""What others recorded becomes the same records, whichever way it comes."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tunewell.errors import DataError
from tunewell.gateway.draw import Hasher
from tunewell.gateway.ingest.exchanged import time_of
from tunewell.gateway.ingest.spans import plain_attributes
from tunewell.gateway.ingest.take_in import TakenIn, take_in
from tunewell.gateway.keep import traffic_ledger
from tunewell.gateway.masking import masker
from tunewell.store import Store
from tunewell.store.edited_traffic import edit_notes
from tunewell.store.kept_traffic import read_feedback, read_interactions
from tunewell.types import Interaction

NOW = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)
BEGAN = 1_796_040_000_000_000_000
SYSTEM, ASKED, SAID = "Answer briefly.", "Where is my bill? I am jo@okoro.net", "Under Accounts."
CALL = {"name": "look_up", "arguments": '{"mail": "jo@okoro.net"}'}
COMMON = {
    "gen_ai.operation.name": "chat",
    "gen_ai.response.model": "m-1",
    "gen_ai.usage.input_tokens": 20,
    "gen_ai.usage.output_tokens": 5,
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.response.id": "chatcmpl-1",
    "session.id": "s-9",
    "user.id": "u-9",
}


def typed(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, list):
        return {"arrayValue": {"values": [typed(part) for part in value]}}
    return {"stringValue": value}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": typed(value)} for name, value in attributes.items()]


def span(attributes: dict[str, Any], events: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "name": "chat m-1",
        "startTimeUnixNano": str(BEGAN),
        "endTimeUnixNano": str(BEGAN + 1_500_000_000),
        "attributes": pairs(attributes),
        "events": events or [],
    }


def export(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": list(spans)}]}]}


def in_events() -> dict[str, Any]:
    def event(name: str, **body: Any) -> dict[str, Any]:
        return {"name": name, "attributes": pairs(body)}

    message = {"content": SAID, "tool_calls": [{"id": "c1", "function": CALL}]}
    events = [
        event("gen_ai.system.message", content=SYSTEM),
        event("gen_ai.user.message", content=ASKED),
        event("gen_ai.choice", finish_reason="stop", message=json.dumps(message)),
    ]
    return span(COMMON, events)


def in_parts() -> dict[str, Any]:
    asked = [{"role": "user", "parts": [{"type": "text", "content": ASKED}]}]
    call = {"type": "tool_call", "id": "c1", "name": "look_up"}
    call["arguments"] = CALL["arguments"]
    said = {"role": "assistant", "parts": [{"type": "text", "content": SAID}, call]}
    return span(
        {
            **COMMON,
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": SYSTEM}]),
            "gen_ai.input.messages": json.dumps(asked),
            "gen_ai.output.messages": json.dumps([{**said, "finish_reason": "stop"}]),
        }
    )


def open_inference() -> dict[str, Any]:
    asked, said = "llm.input_messages", "llm.output_messages.0.message"
    return span(
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "m-1",
            "llm.token_count.prompt": 20,
            "llm.token_count.completion": 5,
            "session.id": "s-9",
            "user.id": "u-9",
            "llm.finish_reason": "stop",
            "gen_ai.response.id": "chatcmpl-1",
            f"{asked}.0.message.role": "system",
            f"{asked}.0.message.content": SYSTEM,
            f"{asked}.1.message.role": "user",
            f"{asked}.1.message.contents.0.message_content.type": "text",
            f"{asked}.1.message.contents.0.message_content.text": ASKED,
            f"{said}.role": "assistant",
            f"{said}.content": SAID,
            f"{said}.tool_calls.0.tool_call.id": "c1",
            f"{said}.tool_calls.0.tool_call.function.name": CALL["name"],
            f"{said}.tool_calls.0.tool_call.function.arguments": CALL["arguments"],
        }
    )


def traceloop() -> dict[str, Any]:
    return span(
        {
            "gen_ai.response.model": "m-1",
            "gen_ai.usage.prompt_tokens": 20,
            "gen_ai.usage.completion_tokens": 5,
            "gen_ai.response.id": "chatcmpl-1",
            "traceloop.association.properties.session_id": "s-9",
            "traceloop.association.properties.user_id": "u-9",
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": SYSTEM,
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": ASKED,
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": SAID,
            "gen_ai.completion.0.finish_reason": "stop",
            "gen_ai.completion.0.tool_calls.0.id": "c1",
            "gen_ai.completion.0.tool_calls.0.name": CALL["name"],
            "gen_ai.completion.0.tool_calls.0.arguments": CALL["arguments"],
        }
    )


DIALECTS = {
    "events": in_events,
    "parts": in_parts,
    "openinference": open_inference,
    "traceloop": traceloop,
}


def taken(folder: Path, *files: Path) -> tuple[list[TakenIn], list[Interaction]]:
    with Store(folder) as store:
        done = [
            take_in(store, file, hasher=Hasher(b"salt"), mask=masker(None), now=NOW)
            for file in files
        ]
        return done, list(read_interactions(store))


def file_of(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def phoenix_rows() -> list[dict[str, Any]]:
    """The exchange as Phoenix gives it back: from its table, and from its API, flat and nested."""
    call = {"tool_call.id": "c1", "tool_call.function.name": CALL["name"]}
    call["tool_call.function.arguments"] = CALL["arguments"]
    parts = [{"message_content.type": "text", "message_content.text": ASKED}]
    asked = [
        {"message.role": "system", "message.content": SYSTEM},
        {"message.role": "user", "message.contents": parts},
    ]
    said = [{"message.role": "assistant", "message.content": SAID, "message.tool_calls": [call]}]
    source = open_inference()
    flat = {
        name: value
        for name, value in plain_attributes(source).items()
        if name != "openinference.span.kind"
    }
    shared: dict[str, Any] = {
        "name": "call",
        "span_kind": "LLM",
        "parent_id": None,
        "start_time": time_of(source["startTimeUnixNano"]).isoformat(),
        "end_time": time_of(source["endTimeUnixNano"]).isoformat(),
        "status_code": "OK",
        "status_message": "",
        "events": [],
    }
    context = {"trace_id": source["traceId"], "span_id": source["spanId"]}
    columns = {
        f"attributes.{name}": value
        for name, value in flat.items()
        if not name.startswith(("llm.input", "llm.output"))
    }
    lists = {"attributes.llm.input_messages": asked, "attributes.llm.output_messages": said}
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *way, last = name.split(".")
        inner = nested
        for step in way:
            inner = inner.setdefault(step, {})
        inner[last] = value
    table = {f"context.{name}": value for name, value in context.items()}
    return [
        {**shared, **table, **columns, **lists, "attributes.metadata": None},
        {**shared, "id": "U3Bhbjox", "context": context, "attributes": flat},
        {**shared, "id": "U3Bhbjox", "context": context, "attributes": nested},
    ]


def test_what_phoenix_gives_back_is_the_same_record(tmp_path: Path) -> None:
    folder = tmp_path / "otlp"
    folder.mkdir()
    _, (expected,) = taken(folder, file_of(folder / "t.json", export(open_inference())))
    for number, row in enumerate(phoenix_rows()):
        place = tmp_path / str(number)
        place.mkdir()
        lines = file_of(place / "t.jsonl", row)
        whole = file_of(place / "t.json", {"data": [row], "next_cursor": None})
        table = place / "t.parquet"
        if number == 0:
            pq.write_table(pa.Table.from_pylist([row]), table)
        files = [lines, whole, *([table] if number == 0 else [])]
        done, (found,) = taken(place, *files)
        assert found == expected
        assert [each.known for each in done] == [0, *[1] * (len(files) - 1)]


def test_steps_of_phoenix_are_left_and_damaged_tables_told(tmp_path: Path) -> None:
    step = {**phoenix_rows()[1], "span_kind": "RETRIEVER"}
    failed = {**phoenix_rows()[1], "status_code": "ERROR", "status_message": "too long"}
    (first, second), (row,) = taken(
        tmp_path, file_of(tmp_path / "a.json", step), file_of(tmp_path / "b.json", failed)
    )
    assert (first.other, first.interactions, second.interactions) == (1, 0, 1)
    assert row.error == "too long"
    broken = tmp_path / "t.parquet"
    broken.write_bytes(b"PAR1 and no table")
    with pytest.raises(DataError, match="cannot be read"):
        taken(tmp_path, broken)


def test_all_dialects_give_the_same_record(tmp_path: Path) -> None:
    records = set()
    for name, make in DIALECTS.items():
        folder = tmp_path / name
        folder.mkdir()
        (done,), (row,) = taken(folder, file_of(folder / "t.json", export(make())))
        assert (done.objects, done.interactions, done.unread) == (1, 1, 0)
        records.add(row.model_dump_json())
    assert len(records) == 1
    assert row.response == SAID
    assert [turn["role"] for turn in row.request["messages"]] == ["system", "user"]
    assert row.tool_calls[0]["function"]["name"] == "look_up"
    assert (row.prompt_tokens, row.answer_tokens, row.total_s) == (20, 5, 1.5)
    assert "okoro" not in row.model_dump_json()
    assert row.user == Hasher(b"salt").user("u-9")


def test_spans_in_protobuf_are_the_same(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.proto")
    from google.protobuf.json_format import ParseDict
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceRequest,
    )

    written = export(in_parts())
    plain = written["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    import base64

    for name in ("traceId", "spanId"):
        plain[name] = base64.b64encode(bytes.fromhex(plain[name])).decode()
    message: Any = ParseDict(written, ExportTraceServiceRequest())
    packed = tmp_path / "t.pb"
    packed.write_bytes(message.SerializeToString())
    first = file_of(tmp_path / "t.json", export(in_parts()))
    (one, two), rows = taken(tmp_path, first, packed)
    assert (one.interactions, two.interactions, two.known) == (1, 0, 1)
    assert len(rows) == 1


def test_other_spans_are_counted_and_left(tmp_path: Path) -> None:
    others = [
        span({"http.method": "POST"}),
        span({"openinference.span.kind": "RETRIEVER"}),
        span({"gen_ai.operation.name": "execute_tool"}),
    ]
    (done,), rows = taken(tmp_path, file_of(tmp_path / "t.json", export(*others)))
    assert (done.other, done.unread, rows) == (3, 0, [])


def test_a_span_without_messages_is_named(tmp_path: Path) -> None:
    (done,), rows = taken(tmp_path, file_of(tmp_path / "t.json", export(span(COMMON))))
    assert done.unread == 1
    assert "holds no messages" in done.reasons[0]
    assert rows == []


LOGS: dict[str, dict[str, Any]] = {
    "langfuse": {
        "id": "o1",
        "traceId": "t1",
        "sessionId": "s-9",
        "userId": "u-9",
        "startTime": "2026-11-30T12:00:00Z",
        "endTime": "2026-11-30T12:00:01.500Z",
        "model": "m-1",
        "input": [{"role": "user", "content": ASKED}],
        "output": {"role": "assistant", "content": SAID},
        "usageDetails": {"input": 20, "output": 5},
        "scores": [{"id": "sc1", "name": "helpful", "value": 1}],
    },
    "litellm": {
        "id": "o1",
        "call_type": "acompletion",
        "startTime": 1796040000.0,
        "endTime": 1796040001.5,
        "model": "m-1",
        "end_user": "u-9",
        "session_id": "s-9",
        "messages": [{"role": "user", "content": ASKED}],
        "response": {"id": "c", "choices": [{"message": {"content": SAID}}]},
        "prompt_tokens": 20,
        "completion_tokens": 5,
    },
    "helicone": {
        "request_id": "o1",
        "request_created_at": "2026-11-30 12:00:00+00:00",
        "request_user_id": "u-9",
        "request_properties": json.dumps({"Helicone-Session-Id": "s-9"}),
        "request_body": json.dumps(
            {"model": "m-1", "messages": [{"role": "user", "content": ASKED}]}
        ),
        "response_body": json.dumps({"choices": [{"message": {"content": SAID}}]}),
        "prompt_tokens": 20,
        "completion_tokens": 5,
        "delay_ms": 1500,
    },
    "tensorzero": {
        "id": "o1",
        "function_name": "answer",
        "variant_name": "m-1",
        "episode_id": "s-9",
        "timestamp": "2026-11-30T12:00:00Z",
        "input": {"messages": [{"role": "user", "content": [{"type": "text", "text": ASKED}]}]},
        "output": [{"type": "text", "text": SAID}],
        "tags": {"user_id": "u-9"},
        "processing_time_ms": 1500,
    },
    "plain": {
        "id": "o1",
        "timestamp": "2026-11-30T12:00:00Z",
        "user": "u-9",
        "conversation": "s-9",
        "model": "m-1",
        "prompt": ASKED,
        "response": SAID,
        "prompt_tokens": 20,
        "answer_tokens": 5,
        "latency_ms": 1500,
    },
}


@pytest.mark.parametrize("name", LOGS)
def test_logs_of_other_tools(tmp_path: Path, name: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(LOGS[name]) + "\n", encoding="utf-8")
    (done, again), (row,) = taken(tmp_path, path, path)
    assert (done.interactions, done.unread, again.interactions) == (1, 0, 0)
    assert row.response == SAID
    assert row.request["messages"][0]["content"].startswith("Where is my bill?")
    assert "okoro" not in row.model_dump_json()
    assert row.at.isoformat().startswith("2026-11-30T12:00:00")
    assert (row.version, row.total_s) == ("m-1", 1.5)
    assert row.user == Hasher(b"salt").user("u-9")
    assert row.conversation == Hasher(b"salt").digest("conversation", "s-9")


def test_edits_since_the_first_import_are_said_and_not_taken_over(tmp_path: Path) -> None:
    lines = [{**LOGS["plain"], "id": f"o{n}"} for n in range(4)]
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    lines[1] |= {"response": "Under Bills.", "user": ""}
    lines[2] |= {"response": "Under Bills.", "latency_ms": 2000}
    newer = tmp_path / "newer.jsonl"
    newer.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    (_, again, done), rows = taken(tmp_path, path, path, newer)
    assert not again.edits.fields
    # A user that the newer file leaves out is no edit.
    assert done.edits.fields == {"response": 2, "total_s": 1}
    assert {row.response for row in rows} == {SAID}
    with Store(tmp_path) as store:
        (note,) = edit_notes(store)
    assert "newer.jsonl" in note
    assert "response in 2" in note


def test_feedback_beside_and_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    alone = {"interaction": "elsewhere", "kind": "event", "name": "escalated", "at": 1796040000}
    lines = [LOGS["langfuse"], alone, alone]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    taken(tmp_path, path)
    with Store(tmp_path) as store:
        found = list(read_feedback(store))
        (row,) = read_interactions(store)
        assert sorted(said.name for said in found) == ["escalated", "helpful"]
        assert row.id in {said.interaction for said in found}
        assert traffic_ledger(store).balances


def test_what_cannot_be_read_is_counted_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    lines = [
        "{",
        "5",
        "{}",
        '{"prompt": "x"}',
        '{"at": "soon", "prompt": "x"}',
        '{"at": 1796040000, "prompt": "  "}',
        json.dumps(LOGS["plain"]),
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    (done,), rows = taken(tmp_path, path)
    assert (done.objects, done.unread, len(rows)) == (7, 6, 1)
    assert [reason.split(":")[1] for reason in done.reasons] == ["1", "2", "3", "4", "5", "6"]
    assert done.objects == done.interactions + done.known + done.unread + done.other


def test_packed_files_and_exports_in_one_object(tmp_path: Path) -> None:
    whole = {"data": [LOGS["langfuse"]], "meta": {"cursor": None}}
    packed = tmp_path / "observations.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(whole).encode()))
    (done,), rows = taken(tmp_path, packed)
    assert (done.interactions, len(rows)) == (1, 1)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        taken(tmp_path, tmp_path / "none.jsonl")


def one(folder: Path, value: Any, name: str = "t.json") -> Interaction:
    (done,), (row,) = taken(folder, file_of(folder / name, value))
    assert (done.interactions, done.unread) == (1, 0)
    return row


def test_messages_with_plain_content_in_the_newer_convention(tmp_path: Path) -> None:
    asked = [{"role": "user", "content": ASKED}]
    said = [{"role": "assistant", "content": [{"type": "text", "text": SAID}]}]
    messages = {"gen_ai.input.messages": json.dumps(asked)}
    messages["gen_ai.output.messages"] = json.dumps(said)
    row = one(tmp_path, export(span({**COMMON, **messages})))
    assert row.response == SAID
    assert row.request["messages"][0]["content"].startswith("Where is my bill?")


def test_an_answer_in_several_messages_is_kept_whole(tmp_path: Path) -> None:
    call = {"type": "tool_call", "name": "look_up", "arguments": {"q": ["x"]}}
    said = [
        {"role": "assistant", "parts": [call], "finish_reason": "tool_calls"},
        {"role": "assistant", "parts": [{"type": "text", "content": SAID}]},
    ]
    asked = [{"role": "user", "parts": [{"type": "text", "content": ASKED}]}]
    messages = {"gen_ai.input.messages": json.dumps(asked)}
    messages["gen_ai.output.messages"] = json.dumps(said)
    row = one(tmp_path, export(span({**COMMON, **messages})))
    assert (row.response, row.finish) == (SAID, "tool_calls")
    assert row.tool_calls[0]["function"]["name"] == "look_up"


@pytest.mark.parametrize(
    ("asked", "said"), [("gen_ai.prompt", "gen_ai.completion"), ("input.value", "output.value")]
)
def test_texts_in_single_attributes(tmp_path: Path, asked: str, said: str) -> None:
    request = json.dumps({"model": "m-1", "messages": [{"role": "user", "content": ASKED}]})
    whole = json.dumps({"choices": [{"message": {"content": SAID}, "finish_reason": "stop"}]})
    plain = one(tmp_path, export(span({**COMMON, asked: ASKED, said: SAID})))
    assert plain.response == SAID
    (tmp_path / "whole").mkdir()
    row = one(tmp_path / "whole", export(span({**COMMON, asked: request, said: whole})))
    assert (row.response, row.finish) == (SAID, "stop")
    assert row.request["messages"] == plain.request["messages"]


def test_spans_as_the_sdk_prints_them(tmp_path: Path) -> None:
    exported = in_parts()
    attributes = {
        pair["key"]: next(iter(pair["value"].values())) for pair in exported["attributes"]
    }
    attributes.pop("gen_ai.response.finish_reasons")
    printed = {
        "name": "chat m-1",
        "context": {"trace_id": "0x0af7651916cd43dd8448eb211c80319c", "span_id": "0xb7ad6b71"},
        "start_time": "2026-11-30T12:00:00.000000Z",
        "end_time": "2026-11-30T12:00:01.500000Z",
        "status": {"status_code": "UNSET"},
        "attributes": attributes,
    }
    row = one(tmp_path, printed)
    assert (row.response, row.total_s, row.source) == (SAID, 1.5, "otlp")


def test_calls_of_traceloop_in_one_attribute(tmp_path: Path) -> None:
    calls = [{"type": "function", "id": "c1", "function": CALL}]
    attributes = {
        **COMMON,
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": ASKED,
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.tool_calls": json.dumps(calls),
    }
    row = one(tmp_path, export(span(attributes)))
    assert row.tool_calls[0]["function"]["name"] == "look_up"


def test_a_trace_of_langfuse_with_all_that_it_says_of_its_observations(tmp_path: Path) -> None:
    generation = {**LOGS["langfuse"], "type": "GENERATION", "scores": None}
    del generation["traceId"], generation["userId"], generation["sessionId"]
    step = {"id": "o0", "type": "SPAN", "startTime": "2026-11-30T12:00:00Z", "input": "x"}
    trace = {
        "id": "t1",
        "userId": "u-9",
        "sessionId": "s-9",
        "scores": [
            {"id": "a", "name": "helpful", "value": 1, "observationId": "o1"},
            {"id": "b", "name": "solved", "value": 0},
        ],
        "observations": [step, generation],
    }
    for name, value in (("ui", trace), ("api", {"message": "ok", "data": trace})):
        (tmp_path / name).mkdir()
        (done,), (row,) = taken(tmp_path / name, file_of(tmp_path / name / "trace.json", value))
        assert (done.interactions, done.other, done.feedback) == (1, 1, 2)
        assert row.user == Hasher(b"salt").user("u-9")
        assert row.conversation == Hasher(b"salt").digest("conversation", "s-9")


def test_a_log_that_kept_no_texts_says_so(tmp_path: Path) -> None:
    """LiteLLM's table holds none unless it is told to."""
    bare = {**LOGS["litellm"], "messages": {}, "response": {}, "completionStartTime": 1796040001.5}
    (done,), (row,) = taken(tmp_path, file_of(tmp_path / "t.json", bare))
    assert (done.interactions, done.without_text) == (1, 1)
    assert (row.first_token_s, row.total_s) == (None, 1.5)
