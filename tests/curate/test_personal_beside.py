"""Personal data beside the turns is masked too: further answers, tags, tools, thoughts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tunewell.cli.main import main
from tunewell.store import Store
from tunewell.types import Dataset, Example

DEFINITION = """
version: 1
task:
  name: desk
  about: answers questions about invoices
  input: a question
  output: an answer
data: [{path: rows.jsonl, fields: {tags: [customer, region, order, about]}}]
rules: {personal: mask}
"""
TOOL = {"type": "function", "function": {"name": "mail", "description": "as jo@okoro.net does"}}


def row(number: int) -> dict[str, Any]:
    return {
        "question": f"Where do I find invoice {number * 37 + 11} of order {chr(65 + number)}?",
        "answers": [f"Ask jo@okoro.net for {number}.", f"Two lines.\njo@okoro.net knows {number}."],
        "customer": "jo@okoro.net",
        "region": "north",
        "order": f"A-{number}",
        "about": {"note": "call 07700 900123", "jo@okoro.net": [1, True, None]},
    }


def chat(number: int) -> dict[str, Any]:
    turns = [
        {"role": "user", "content": f"Where is parcel {number * 41 + 7}?"},
        {
            "role": "assistant",
            "content": f"On its way, number {number}.",
            "reasoning_content": "jo@okoro.net asked before",
        },
    ]
    return {"messages": turns, "tools": [TOOL]}


def curated(folder: Path, rows: list[dict[str, Any]]) -> list[Example]:
    (folder / "tunewell.yaml").write_text(DEFINITION, encoding="utf-8")
    text = "\n".join(map(json.dumps, rows))
    (folder / "rows.jsonl").write_text(text + "\n", encoding="utf-8")
    assert main(["curate", str(folder)]) == 0
    with Store(folder) as store:
        run = store.last_run("curate")
        assert run is not None
        return store.examples(store.get_value(run.outputs["dataset"], Dataset))


@pytest.mark.parametrize("make", [row, chat])
def test_nothing_of_a_person_is_left_anywhere(tmp_path: Path, make: Any) -> None:
    found = curated(tmp_path, [make(number) for number in range(20)])
    assert len(found) == 20
    for example in found:
        written = example.model_dump_json()
        assert "okoro" not in written
        assert "900123" not in written


def test_the_rest_stays_as_it_was(tmp_path: Path) -> None:
    (first, *_) = curated(tmp_path, [row(number) for number in range(20)])
    assert (first.tags["region"], first.tags["order"]) == ("north", "A-0")
    assert len(first.references) == 2
    assert "\n" in first.references[1]
    about = json.loads(first.tags["about"])
    assert about["note"].startswith("call [PHONE_")
    assert [1, True, None] in about.values()


def test_halves_of_characters_in_a_tag_stop_nothing(tmp_path: Path) -> None:
    odd = [{**row(number), "about": '["\\ud800", "jo@okoro.net"]'} for number in range(20)]
    (first, *_) = curated(tmp_path, odd)
    assert "okoro" not in first.tags["about"]


def test_examples_of_columns_that_are_not_used_name_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [
        {"question": f"Where is parcel {n}?", "answer": "On its way.", "mail": "jo@okoro.net"}
        for n in range(20)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    main(["doctor", str(path)])
    said = capsys.readouterr().out
    assert "mail" in said
    assert "okoro" not in said
