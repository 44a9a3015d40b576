"""Every documented shape: what it says is read, and what is written is read back the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.curate.reading.shapes import (
    ANSWERED,
    ASKED,
    CHAT,
    PREFERENCES,
    SHAPES,
    WORSE,
    A,
    Q,
    tool_turn,
)
from tests.test_types_rows import rows as any_rows
from tunewell.curate.reading.read import ReadResult, read_source
from tunewell.curate.rows import InputRow
from tunewell.curate.write import write_rows
from tunewell.errors import DataError
from tunewell.store.chat_rows import chat_row
from tunewell.task import DataSource
from tunewell.types import Example


def read(path: Path, **options: Any) -> ReadResult:
    batch = ReadResult()
    source = DataSource.model_validate({"path": str(path), **options})
    read_source(source, root=path.parent, batch=batch)
    return batch


def read_records(folder: Path, *records: dict[str, Any], **options: Any) -> ReadResult:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return read(path, **options)


def one(folder: Path, record: dict[str, Any], **options: Any) -> InputRow:
    batch = read_records(folder, record, **options)
    assert batch.rejects == []
    [row] = batch.rows
    return row


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_read(tmp_path: Path, name: str) -> None:
    record, turns = SHAPES[name]
    row = one(tmp_path, record)
    assert row.turns == turns
    assert row.label == ""
    assert not row.rejected


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    first = one(tmp_path, SHAPES[name][0])
    write_rows([first], tmp_path / "out.jsonl")
    [again] = read(tmp_path / "out.jsonl").rows
    assert chat_row(again.example()) == chat_row(first.example())


@pytest.mark.parametrize("name", PREFERENCES)
def test_the_better_answer_is_never_mixed_with_the_worse(tmp_path: Path, name: str) -> None:
    row = one(tmp_path, PREFERENCES[name])
    assert row.turns == [ASKED, ANSWERED]
    assert [turn.content for turn in row.rejected] == [WORSE]
    write_rows([row], tmp_path / "out.jsonl")
    [again] = read(tmp_path / "out.jsonl").rows
    assert chat_row(again.example()) == chat_row(row.example())


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("label", True, False),
        ("label", 1, 0),
        ("label", "True", "False"),
        ("kto_tag", "true", "false"),
        ("thumbs", "up", "down"),
        ("feedback", "positive", "negative"),
        ("rating", "good", "bad"),
        ("desirable", True, False),
        ("is_bad", False, True),
    ],
)
def test_a_row_that_people_marked_bad_is_no_target(
    tmp_path: Path, key: str, good: Any, bad: Any
) -> None:
    records = [{"prompt": Q, "completion": A, key: value} for value in (good, bad)]
    batch = read_records(tmp_path, *records, {"messages": CHAT, key: bad})
    assert [row.label for row in batch.rows] == ["good", "bad", "bad"]
    assert [row.example().targets for row in batch.rows] == [(1,), (), ()]
    assert any("marked as bad" in said for said in batch.said())


def test_a_number_of_stars_is_no_mark(tmp_path: Path) -> None:
    batch = read_records(tmp_path, {"prompt": Q, "completion": A, "rating": 1})
    assert batch.rows[0].label == ""
    assert [each.key for each in batch.unused_keys] == ["rating"]


@pytest.mark.parametrize(
    ("key", "value", "weight"),
    [
        ("weight", 0, 0.0),
        ("weight", 1, 1.0),
        ("loss_weight", 0.0, 0.0),
        ("train", False, 0.0),
        ("training", True, 1.0),
        ("loss", "false", 0.0),
    ],
)
def test_turns_say_whether_they_are_learned(
    tmp_path: Path, key: str, value: Any, weight: float
) -> None:
    row = one(tmp_path, {"messages": [CHAT[0], {**CHAT[1], key: value}, *CHAT]})
    assert row.example().messages[1].weight == weight
    assert row.example().targets == ((1, 3) if weight else (3,))


@pytest.mark.parametrize(
    "record",
    [
        {"messages": CHAT, "images": ["a.png"]},
        {"prompt": Q, "completion": A, "image": "a.png"},
        {"messages": CHAT, "audios": ["a.wav"]},
        {"prompt": Q, "completion": A, "video_path": "a.mp4"},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": Q},
                        {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
                    ],
                },
                CHAT[1],
            ]
        },
        {"messages": [{"role": "user", "content": [{"type": "image"}]}, CHAT[1]]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}, CHAT[1]]},
        {"messages": [{"role": "user", "content": [{"image": {"format": "png"}}]}, CHAT[1]]},
        {
            "contents": [
                {"role": "user", "parts": [{"fileData": {"mimeType": "image/png"}}]},
                {"role": "model", "parts": [{"text": A}]},
            ]
        },
    ],
)
def test_what_needs_eyes_or_ears_is_a_reject_that_says_so(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    batch = read_records(tmp_path, record)
    assert not batch.rows
    assert "only text can be trained on" in batch.rejects[0].why


def test_no_picture_is_no_reason(tmp_path: Path) -> None:
    row = one(tmp_path, {"messages": CHAT, "images": []})
    assert row.target == A
    kept = one(tmp_path, {"prompt": Q, "completion": A, "image": "a"}, fields={"tags": ["image"]})
    assert kept.tags == {"image": "a"}


@pytest.mark.parametrize(
    "text",
    [
        "Read <|im_start|>user as a mark.",
        "[INST] Who? [/INST]",
        "<|start_header_id|>user<|end_header_id|>Hi<|eot_id|>",
        "<start_of_turn>user\nHi<end_of_turn>",
        "<|user|>Hi",
        "### Human: Hi",
    ],
)
def test_a_rendered_chat_that_cannot_be_taken_apart_is_said(tmp_path: Path, text: str) -> None:
    batch = read_records(tmp_path, {"text": text})
    assert "already in a chat template" in batch.rejects[0].why


def test_plain_text_stays_plain(tmp_path: Path) -> None:
    text = "The user: a person. The assistant answers."
    assert one(tmp_path, {"text": text}).turns == [("assistant", text)]


@pytest.mark.parametrize(
    "record",
    [
        {"question": Q, "answer": A, "response": "No."},
        {"problem": Q, "solution": "So.", "answer": A},
        {"prompt": Q, "completion": A, "output": "x"},
        {"instruction": Q, "output": A, "response": "x"},
        {"input": Q, "output": A, "target": "x"},
        {"query": Q, "response": A, "answer": "x"},
    ],
)
def test_two_that_could_be_the_answer_are_listed(tmp_path: Path, record: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="could each be the answer, and differ") as raised:
        read_records(tmp_path, record)
    assert raised.value.place == "rows.jsonl:1"
    named = raised.value.hint.split("--target ")[1].split(",")[0]
    assert read_records(tmp_path, record, fields={"target": named}).rows[0].target == record[named]


def test_a_row_in_a_hundred_with_two_answers_is_a_reject(tmp_path: Path) -> None:
    sound = [{"question": f"{Q} {n}", "answer": A} for n in range(200)]
    batch = read_records(tmp_path, *sound, {"question": Q, "answer": A, "response": "No."})
    assert len(batch.rows) == 200
    assert "'response' and 'answer' could each" in batch.rejects[0].why


def test_roles_and_keys_can_be_named(tmp_path: Path) -> None:
    record = {"chat": [{"wer": "Arzt", "was": A}, {"wer": "Patient", "was": Q}][::-1]}
    row = one(
        tmp_path,
        record,
        fields={
            "messages": "chat",
            "role": "wer",
            "content": "was",
            "roles": {"Patient": "user", "arzt": "assistant"},
        },
    )
    assert row.turns == [ASKED, ANSWERED]


def test_choices_that_count_from_one_show_it(tmp_path: Path) -> None:
    options = ["Roof", "Hall", "Yard"]
    records = [{"question": Q, "choices": options, "answer": n} for n in (1, 2, 3)]
    batch = read_records(tmp_path, *records)
    assert [row.target for row in batch.rows] == ["A. Roof", "B. Hall", "C. Yard"]
    from_zero = [{"question": Q, "choices": options, "answer": n} for n in (0, 1, 2)]
    batch = read_records(tmp_path, *from_zero)
    assert [row.target for row in batch.rows] == ["A. Roof", "B. Hall", "C. Yard"]


def test_calls_keep_their_parts(tmp_path: Path) -> None:
    row = one(tmp_path, {"messages": [CHAT[0], tool_turn(reasoning_content="Hm.")]})
    [_, turn] = row.example().messages
    assert (turn.content, turn.reasoning) == ("", "Hm.")
    assert [(call.name, call.arguments, call.id) for call in turn.tool_calls] == [
        ("find", '{"what": "meter"}', "c1")
    ]


def test_a_part_may_hold_its_call_as_a_text(tmp_path: Path) -> None:
    """As LLaMA-Factory's newer files have it: every part has a ``value``."""
    call = '{"name": "find", "arguments": {"what": "meter"}}'
    parts = [{"type": "reasoning", "value": "Hm."}, {"type": "tool_call", "value": call}]
    turns = [
        {"role": "user", "content": [{"type": "text", "value": Q}]},
        {"role": "assistant", "content": parts},
        {"role": "tool", "content": [{"type": "text", "value": "cellar"}]},
        {"role": "assistant", "content": [{"type": "text", "value": A}]},
    ]
    called = one(tmp_path, {"messages": turns}).example().messages[1]
    assert [(c.name, c.arguments) for c in called.tool_calls] == [("find", '{"what": "meter"}')]
    assert called.reasoning == "Hm."


def test_a_change_of_the_text_reaches_the_call(tmp_path: Path) -> None:
    row = one(tmp_path, {"messages": [CHAT[0], tool_turn(content="See.", thinking="Of meter.")]})
    row.set_texts([text.replace("meter", "gauge") for text in (*row.texts, *row.asides)])
    [asked, turn] = row.example().messages
    assert asked.content == "Where is the gauge?"
    assert turn.tool_calls[0].arguments == '{"what": "gauge"}'
    assert turn.reasoning == "Of gauge."


def test_keys_are_accounted_for(tmp_path: Path) -> None:
    batch = read_records(
        tmp_path,
        {"question": Q, "answer": A, "region": "north", "note": "x", "empty": None},
        {"question": Q, "answer": A, "region": "", "note": "y"},
        fields={"tags": ["region"]},
    )
    uses = {(each.key, each.use): (each.rows, each.example) for each in batch.keys}
    assert uses["question", "question"] == (2, Q)
    assert uses["region", "tag"][0] == 2
    assert uses["note", "not used"] == (2, "x")
    assert ("empty", "not used") not in uses


def test_keys_of_turns_are_accounted_for(tmp_path: Path) -> None:
    batch = read_records(tmp_path, {"messages": [CHAT[0], {**CHAT[1], "mood": "gay"}]})
    assert [(each.key, each.example) for each in batch.unused_keys] == [("messages[].mood", "gay")]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(row=any_rows)
def test_any_row_comes_back_from_a_written_file(tmp_path: Path, row: Example) -> None:
    text = json.dumps(chat_row(row))
    (tmp_path / "rows.jsonl").write_text(text + "\n")
    batch = read(tmp_path / "rows.jsonl")
    if batch.rows:
        again = chat_row(batch.rows[0].example())
        (tmp_path / "again.jsonl").write_text(json.dumps(again) + "\n")
        [third] = read(tmp_path / "again.jsonl").rows
        assert chat_row(third.example()) == again
