"""JSON of others, however deep: no reader of theirs meets more than it can walk through."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import tunewell
from tests.curate.test_read import read
from tunewell.checks.broken.endings import truncated_json
from tunewell.curate.doctor import doctor
from tunewell.json_text import DEEPEST, next_json, parse_json
from tunewell.types import ToolCall

OWN = (
    "store/",
    "people/",
    "web/",
    "cli/",
    "testing/",
    "compare/inbox.py",
    "compare/rows.py",
    "gateway/",
    "monitor/",
    "train/distributed/",
    "train/lora/",
    "json_text.py",
    "curate/reading/documents/pdf.py",
    "curate/reading/documents/pdf_worker.py",
    "curate/row_checks.py",
    "evaluate/predict.py",
    "metrics/judge/reply_cache.py",
    "model/files.py",
    "model/weights.py",
    "checks/personal/names_by_rampart.py",
    "lineage.py",
    "plan.py",
)
"""Who reads JSON that Tunewell itself wrote, or bounds it first (`tunewell.web.bodies`)."""


def deep(levels: int, *, kind: str = "{") -> str:
    if kind == "[":
        return "[" * levels + "]" * levels
    return '{"a":' * levels + "1" + "}" * levels


@pytest.mark.parametrize("kind", ["[", "{"])
def test_the_bound_is_where_it_says(kind: str) -> None:
    assert parse_json(deep(DEEPEST, kind=kind)) == json.loads(deep(DEEPEST, kind=kind))
    for levels in (DEEPEST + 1, 900, 5000, 200_000):
        with pytest.raises(ValueError, match="nested more than 100 deep"):
            parse_json(deep(levels, kind=kind))
        with pytest.raises(ValueError, match="nested more than 100 deep"):
            next_json(json.JSONDecoder(), deep(levels, kind=kind), 0)


def test_brackets_in_texts_and_side_by_side_are_not_deep() -> None:
    values: list[object] = [["[{" * 500], [[]] * 500, [{"a": ["\\[", '"[']}] * 300]
    for value in values:
        assert parse_json(json.dumps(value)) == value
        assert next_json(json.JSONDecoder(), json.dumps(value) + " x", 0)[0] == value


PLACES = {
    "a target": '{"prompt": "Give JSON.", "completion": %s}',
    "a target as a value": '{"prompt": "Give JSON.", "completion": DEEP}',
    "a question": '{"prompt": %s, "completion": "What is this?"}',
    "another key": '{"prompt": "Which form?", "completion": "Form U-5.", "meta": DEEP}',
    "turns": '{"messages": DEEP}',
    "arguments": '{"messages": [{"role": "user", "content": "Call."}, {"role": "assistant", '
    '"content": "", "tool_calls": [{"type": "function", "function": {"name": "f", '
    '"arguments": DEEP}}]}]}',
    "arguments as text": '{"messages": [{"role": "user", "content": "Call."}, {"role": '
    '"assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "f", '
    '"arguments": %s}}]}]}',
    "tools": '{"tools": DEEP, "prompt": "Which form?", "completion": "Form U-5."}',
}


@pytest.mark.parametrize("levels", [150, 500, 900, 980, 3000])
@pytest.mark.parametrize("place", sorted(PLACES))
def test_a_row_with_deep_json_anywhere_is_read_or_rejected(
    place: str, levels: int, tmp_path: Path
) -> None:
    row = PLACES[place].replace("%s", json.dumps(deep(levels))).replace("DEEP", deep(levels))
    good = '{"prompt": "What is a form?", "completion": "A page with fields to fill in."}'
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{row}\n{good}\n", encoding="utf-8")
    found = read(path)
    assert len(found.rows) + len(found.rejects) == 2
    assert found.rows
    doctor(path)


def test_what_looks_at_single_texts_takes_deep_ones() -> None:
    for levels in (500, 3000):
        assert not truncated_json(deep(levels))
        assert deep(levels) in json.loads(ToolCall(name="f", arguments=deep(levels)).text).values()


def test_nobody_reads_json_of_others_without_the_bound() -> None:
    package = Path(tunewell.__file__).parent
    for file in sorted(package.rglob("*.py")):
        name = file.relative_to(package).as_posix()
        if name.startswith(OWN):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"raw_decode"}, name
                is_loads = node.attr in {"loads", "load"} and ast.unparse(node.value) == "json"
                assert not is_loads, f"{name}:{node.lineno}: parse_json"
