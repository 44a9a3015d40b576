"""Every refusal has a hint, and what the hint says works when it is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.curate.reading.siblings import CALL, SAYS, USER, A, Q, W
from tests.curate.reading.test_shapes import read, read_records

Record = dict[str, Any]
CHAT = {"messages": [USER, SAYS]}

RECORDS: dict[str, tuple[Record, str, Record, Record]] = {
    # name: what is refused, what the hint says, what is read then, with which options
    "ranked answers": (
        {"prompt": Q, "answers": [{"answer": A, "rank": 1}, {"answer": W, "rank": 2}]},
        "the best as 'chosen' and the worst as 'rejected'",
        {"prompt": Q, "chosen": A, "rejected": W},
        {},
    ),
    "choices without an answer": (
        {"question": Q, "choices": ["a", "b"], "right_one": "b"},
        "data[].fields: target",
        {"question": Q, "choices": ["a", "b"], "right_one": "b"},
        {"fields": {"target": "right_one"}},
    ),
    "an answer that is no choice": (
        {"question": Q, "choices": ["a", "b"], "answer": "z"},
        "the letter or the text",
        {"question": Q, "choices": ["a", "b"], "answer": "B"},
        {},
    ),
    "a single turn": (
        {"role": "user", "text": Q},
        "in a list under 'messages'",
        {"messages": [{"role": "user", "text": Q}, {"role": "assistant", "text": A}]},
        {},
    ),
    "turns elsewhere": (
        {"talk": [USER, SAYS]},
        "",
        {"talk": [USER, SAYS]},
        {"fields": {"messages": "talk"}},
    ),
    "a question without an answer": (
        {"prompt": Q, "what_was_said": A},
        "--input prompt --target what_was_said",
        {"prompt": Q, "what_was_said": A},
        {"fields": {"input": "prompt", "target": "what_was_said"}},
    ),
    "a picture": (
        {"prompt": Q, "completion": A, "image": "a.png"},
        "data[].fields: tags",
        {"prompt": Q, "completion": A, "image": "a.png"},
        {"fields": {"tags": ["image"]}},
    ),
    "marks of a template": (
        {"text": "[INST] Who? [/INST]"},
        "each turn with role and content",
        CHAT,
        {},
    ),
    "a verdict on nobody": (
        {"prompt": Q, "response_a": A, "response_b": W, "winner": "x"},
        "as 'chosen' and the other as 'rejected'",
        {"prompt": Q, "chosen": A, "rejected": W},
        {},
    ),
    "a turn without content": (
        {"messages": [{"role": "user", "says": Q}, {"role": "assistant", "says": A}]},
        "data[].fields: content",
        {"messages": [{"role": "user", "says": Q}, {"role": "assistant", "says": A}]},
        {"fields": {"messages": "messages", "content": "says"}},
    ),
    "content that is a number": (
        {"messages": [{"role": "user", "content": 5}, SAYS]},
        "write the content as text",
        {"messages": [{"role": "user", "content": "5"}, SAYS]},
        {},
    ),
    "a call without a name": (
        {"messages": [USER, {"role": "assistant", "tool_calls": [{"arguments": "{}"}]}]},
        '{"function": {"name": "…", "arguments": "{}"}}',
        {"messages": [USER, {"role": "assistant", "tool_calls": [{"function": CALL}]}]},
        {},
    ),
    "turns of different lengths": (
        {"messages": {"role": ["user", "assistant"], "content": [Q]}},
        "write the turns as a list",
        CHAT,
        {},
    ),
}


@pytest.mark.parametrize("name", RECORDS)
def test_what_the_hint_of_a_record_says_works(tmp_path: Path, name: str) -> None:
    refused, hint, mended, options = RECORDS[name]
    batch = read_records(tmp_path, refused, refused)
    assert not batch.rows
    assert all(reject.hint and hint in reject.hint for reject in batch.rejects)
    then = read_records(tmp_path, mended, mended, **options)
    assert then.rejects == []
    assert len(then.rows) == 2


OPTIONS: dict[str, tuple[Record, Record, str, Record]] = {
    # name: the record, the options that it is refused with, the hint, those that it is read with
    "no such target": (
        {"q": Q, "a": A},
        {"fields": {"input": "q", "target": "answer"}},
        "the columns are q, a: correct data[].fields",
        {"fields": {"input": "q", "target": "a"}},
    ),
    "no such id": (
        {"prompt": Q, "completion": A, "nr": "7"},
        {"fields": {"id": "number"}},
        "correct data[].fields: id",
        {"fields": {"id": "nr"}},
    ),
    "no such rejected answer": (
        {"prompt": Q, "good": A, "bad": W},
        {"fields": {"input": "prompt", "target": "good", "rejected": "worse"}},
        "the columns are prompt, good, bad: correct data[].fields",
        {"fields": {"input": "prompt", "target": "good", "rejected": "bad"}},
    ),
    "no such column of the template": (
        {"q": Q, "a": A},
        {"template": "Q: {question}", "fields": {"target": "a"}, "format": "fields"},
        "the columns are q, a: correct data[].template",
        {"template": "Q: {q}", "fields": {"target": "a"}, "format": "fields"},
    ),
    "no list of turns": (
        {"talk": [USER, SAYS]},
        {"format": "messages"},
        "data[].fields: messages",
        {"format": "messages", "fields": {"messages": "talk"}},
    ),
    "no pair": (
        {"prompt": Q, "good": A, "bad": W},
        {"format": "preference"},
        "data[].fields: target and rejected",
        {"format": "preference", "fields": {"target": "good", "rejected": "bad"}},
    ),
    "no label": (
        {"prompt": Q, "completion": A, "mark": "fine", "ok": True},
        {"fields": {"label": "mark"}},
        "write true or false",
        {"fields": {"label": "ok"}},
    ),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_what_the_hint_of_an_option_says_works(tmp_path: Path, name: str) -> None:
    record, wrong, hint, right = OPTIONS[name]
    batch = read_records(tmp_path, record, record, **wrong)
    assert not batch.rows
    assert all(hint in reject.hint for reject in batch.rejects)
    assert len(read_records(tmp_path, record, record, **right).rows) == 2


TABLES: dict[str, tuple[str, str, str]] = {
    # name: what is refused, what the hint says, what is read then
    "a name that appears twice": (
        "prompt,completion,completion\na,b,c\n",
        "a name of its own",
        "prompt,completion,more\na,b,c\n",
    ),
    "an open quote": (
        'prompt,completion\n"a,b\nc,d\n',
        "close the quote",
        'prompt,completion\n"a",b\nc,d\n',
    ),
    "a header that stands again": (
        "prompt,completion\na,b\nprompt,completion\nc,d\n",
        "leave the line out",
        "prompt,completion\na,b\nc,d\n",
    ),
    "too many cells": (
        "prompt,completion\na,b,c\nd,e\n",
        "quote cells that hold ','",
        'prompt,completion\na,"b,c"\nd,e\n',
    ),
    "no rows": (
        "prompt,completion\n",
        "a file that holds rows",
        "prompt,completion\na,b\n",
    ),
    "no names": (
        "Who is it?,It is me.\nWhy is it?,It is so.\n",
        "put a line with their names",
        "question,answer\nWho is it?,It is me.\nWhy is it?,It is so.\n",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_what_the_hint_of_a_table_says_works(tmp_path: Path, name: str) -> None:
    text, hint, mended = TABLES[name]
    (tmp_path / "a.csv").write_text(text)
    batch = read(tmp_path / "a.csv")
    assert batch.rejects
    assert hint in batch.rejects[0].hint
    (tmp_path / "b.csv").write_text(mended)
    then = read(tmp_path / "b.csv")
    assert then.rejects == []
    assert then.rows


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{not json}\n{}\n",
        b"[1, 2]",
        b"3",
        b'[{"prompt": "a", "completion": "b"}',
        b'{"prompt": "a", "completion": "b"} and so on',
        b"PAR1 cut off",
        b"ARROW1 cut off",
        b"PK\x03\x04",
        b"\x1f\x8b cut off",
        json.dumps({"data": []}).encode(),
    ],
)
@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".zip", ".bin"])
def test_no_refusal_is_without_a_hint(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    batch = read(path)
    assert batch.rejects
    assert all(reject.hint for reject in batch.rejects)
