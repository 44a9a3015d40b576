"""The row in a reply, whatever stands around it."""

from __future__ import annotations

import json

import pytest

from tunewell.augment.written_rows import ReplyError, row_in
from tunewell.testing.made_up import made_up_row
from tunewell.types import Example, Message

REF = "r0123456789"
PARENT = made_up_row("p", "How much is the fee?", "It is 5 euros.")
ROW = json.dumps({"ref": REF, "input": "How much is it?", "target": "It is 7 euros."})
DRAFT = json.dumps({"ref": REF, "input": "How?", "target": "It is 6 euros."})
OTHER = json.dumps({"ref": "rfedcba9876", "input": "Who?", "target": "Ann."})
ECHO = json.dumps(
    {"ref": REF, "vary": ["fees"], "example": {"input": PARENT.input, "target": PARENT.target}}
)


@pytest.mark.parametrize(
    "reply",
    [
        ROW,
        f"```json\n{ROW}\n```",
        f"Sure! Here you are:\n\n{ROW}\n\nLet me know {{if}} you need more.",
        f"<think>Perhaps {DRAFT}? No, the fee {{must}} change.</think>\n{ROW}",
        f"First idea: {DRAFT}. Better: {ROW}",
        f"{ECHO}\n{ROW}",
        f"{OTHER}\n{ROW}",
        f"{ROW}\n{OTHER}",
        f"[{ROW}]",
        f'{{"row": {ROW}}}',
        f'{{"rows": [{DRAFT}, {ROW}]}}',
        json.dumps(ROW),
        ROW.replace('"ref"', '"thoughts": "{}{{", "ref"'),
        ROW.replace("7 euros.", "7 euros.\t"),
        f'{{"turns": ["How much is it?"], "target": "It is 7 euros.", "ref": "{REF}"}}',
        '{"turns": [{"role": "user", "text": "How much is it?"}], "target": "It is 7 euros."}',
        f"\ufeff{ROW}",
        "{" * 300 + ROW,
    ],
)
def test_the_row_is_found(reply: str) -> None:
    row = row_in(reply, REF, PARENT)
    assert (row.turns, row.target.strip()) == (("How much is it?",), "It is 7 euros.")


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("", "no JSON"),
        ("I'm sorry, but I can't help with that.", "refused"),
        (ROW[:-20], "no JSON"),
        (OTHER, "answer to another request"),
        (f"[{OTHER}]", "answer to another request"),
        ('{"ref": "x", "answer": "It is 7 euros."}', "keys are missing"),
        ('{"input": "How?", "target": {"fee": 7}}', "keys are missing"),
        ('{"input": null, "target": "7"}', "keys are missing"),
        ('{"turns": ["a", "b"], "target": "7"}', "keys are missing"),
        ('{"turns": [{"role": "tool", "text": "a"}], "target": "7"}', "keys are missing"),
        ("{" * 5000, "no JSON"),
        ('{"a":' * 5000, "no JSON"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_or_why_there_is_none(reply: str, kind: str) -> None:
    with pytest.raises(ReplyError) as caught:
        row_in(reply, REF, PARENT)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ('{"due": 5, "ü": []}', {"due": 7, "ü": ["é"]}, '{"due": 7, "ü": ["é"]}'),
        ('{"due":5,"a":1}', {"due": 7}, '{"due":7}'),
        ('{\n  "due": 5\n}', {"due": 7}, '{\n  "due": 7\n}'),
        ('["a", "b"]', ["c"], '["c"]'),
        ("3", 4, "4"),
        ("true", False, "false"),
    ],
)
def test_json_answers_are_written_as_their_parents_are(
    before: str, value: object, after: str
) -> None:
    parent = made_up_row("p", "Which fields?", before)
    reply = json.dumps({"ref": REF, "input": "Which others?", "target": value})
    assert row_in(reply, REF, parent).target == after


def test_turns_of_a_conversation_keep_their_roles() -> None:
    said = [("user", "Hi"), ("assistant", "Hello"), ("user", "Fee?"), ("assistant", "5 euros")]
    messages = tuple(Message.model_validate({"role": r, "content": c}) for r, c in said)
    parent = Example(id="p", messages=messages)
    turns = [{"role": role, "text": text.upper()} for role, text in said[:-1]]
    reply = json.dumps({"ref": REF, "turns": turns, "target": "7 euros"})
    assert row_in(reply, REF, parent).turns == ("HI", "HELLO", "FEE?")
    turns[0]["role"] = "assistant"
    with pytest.raises(ReplyError, match="keys are missing"):
        row_in(json.dumps({"ref": REF, "turns": turns, "target": "7"}), REF, parent)
