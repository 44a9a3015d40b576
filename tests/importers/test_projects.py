"""TensorZero, Kiln, Argilla and Label Studio: the rows, ratings and questions of a project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import ignored, made, write
from tunewell.errors import DataError, UserError
from tunewell.importers.blueprint import HELD_OUT_NOTHING

SCHEMA = {"type": "object", "properties": {"team": {"type": "string"}}, "required": ["team"]}

TENSORZERO = """
[gateway]
debug = true

[functions.triage]
type = "json"
description = "Routes a ticket to a team."
output_schema = "schema.json"

[functions.triage.variants.small]
type = "chat_completion"
model = "openai::gpt-4o-mini"
system_template = "system.minijinja"
weight = 0.2

[functions.triage.variants.large]
type = "chat_completion"
model = "openai::gpt-4o"
weight = 0.8
max_tokens = 64
system_template = "system.minijinja"

[functions.triage.evaluators.same]
type = "exact_match"

[functions.triage.evaluators.polite]
type = "llm_judge"
output_type = "boolean"
[functions.triage.evaluators.polite.variants.judge]
type = "chat_completion"
model = "openai::gpt-4o"
system_instructions = "polite.txt"

[functions.other]
type = "chat"

[metrics.thumbs]
type = "boolean"
"""


def test_a_tensorzero_configuration(tmp_path: Path) -> None:
    source = write(tmp_path / "config" / "tensorzero.toml", TENSORZERO)
    write(tmp_path / "config" / "schema.json", SCHEMA)
    write(tmp_path / "config" / "system.minijinja", "Route the ticket.")
    write(tmp_path / "config" / "polite.txt", "Is the answer polite?")
    found = made(source.parent, tmp_path / "p")
    spec = found.file.spec
    assert (spec.task.name, spec.task.about) == ("triage", "Routes a ticket to a team.")
    assert spec.task.instruction == "Route the ticket."
    assert [metric.name for metric in spec.metrics] == ["schema", "same", "polite"]
    assert spec.people.rubric[0].question == "Is the answer polite?"
    assert (spec.evaluate.arms[0].model, spec.evaluate.max_new_tokens) == ("gpt-4o", 64)
    assert ignored(source, found.result) == []
    assert "--only other" in found.why("functions.other")
    assert found.line("metrics.thumbs.type")[0] == "not carried over"
    with pytest.raises(UserError, match="has: triage, other"):
        made(source, tmp_path / "q", only="third")


def kiln(folder: Path) -> Path:
    """A Kiln project with one task, five runs, a split and an eval."""
    write(folder / "project.kiln", {"v": 1, "name": "P", "model_type": "project"})
    task = folder / "tasks" / "1 - Triage"
    write(
        task / "task.kiln",
        {
            "v": 1,
            "name": "Triage",
            "description": "Routes tickets.",
            "instruction": "Route the ticket.",
            "output_json_schema": json.dumps(SCHEMA),
            "requirements": [{"name": "Short", "instruction": "Is it short?"}],
        },
    )
    good = {"type": "five_star", "value": 5}
    bad = {"type": "five_star", "value": 2}
    runs: list[tuple[str, Any, Any]] = [
        ("r1", good, None),
        ("r2", None, None),
        ("r3", bad, None),
        ("r4", bad, {"output": '{"team": "repaired"}'}),
        ("r5", good, None),
    ]
    for name, rating, repaired in runs:
        run = {
            "id": name,
            "input": f"Ticket {name}",
            "output": {"output": '{"team": "billing"}', "rating": rating},
            "repaired_output": repaired,
            "tags": ["golden"],
            "usage": {"cost": 1},
        }
        write(task / "runs" / name / "task_run.kiln", run)
    contents = {"train": ["r1", "r2"], "test": ["r5"]}
    write(task / "dataset_splits" / "1" / "dataset_split.kiln", {"split_contents": contents})
    scores = [{"name": "Right team", "instruction": "Is it the right team?", "type": "pass_fail"}]
    write(task / "evals" / "1" / "eval.kiln", {"name": "E", "output_scores": scores})
    check = {"properties": {"type": "contains", "substring": "team"}, "config_type": "v2"}
    write(task / "evals" / "1" / "configs" / "1" / "eval_config.kiln", check)
    code = {"properties": {"type": "code_eval", "code": "raise SystemExit"}}
    write(task / "evals" / "1" / "configs" / "2" / "eval_config.kiln", code)
    write(task / "prompts" / "1" / "prompt.kiln", {"name": "other"})
    return folder


def test_a_kiln_project(tmp_path: Path) -> None:
    found = made(kiln(tmp_path / "kiln"), tmp_path / "p")
    spec = found.file.spec
    assert spec.task.instruction == "Route the ticket."
    assert [(source.path, source.role) for source in spec.data] == [
        ("data/runs.jsonl", "train"),
        ("data/held-out.jsonl", "test"),
    ]
    rows = {row.id: row for row in found.rows()}
    assert set(rows) == {"r1", "r2", "r4", "r5"}
    assert rows["r4"].target == '{"team": "repaired"}'
    rejected = (tmp_path / "p" / "kept" / "rejected-runs.jsonl").read_text(encoding="utf-8")
    assert "Ticket r3" in rejected
    assert [each.question for each in spec.people.rubric] == [
        "Is it short?",
        "Is it the right team?",
    ]
    assert found.value("schema", '{"team": "x"}', rows["r1"]) == 1.0
    assert found.value("contains", "no such word", rows["r1"]) == 0.0
    assert "raise SystemExit" in (tmp_path / "p" / "kept" / "kiln-eval.py.txt").read_text("utf-8")
    assert found.line("prompt.kiln")[0] == "not carried over"
    assert found.line("task_run.kiln: usage")[0] == "not carried over"


def test_a_kiln_task_without_a_split_held_out_nothing(tmp_path: Path) -> None:
    folder = kiln(tmp_path / "kiln")
    (folder / "tasks" / "1 - Triage" / "dataset_splits" / "1" / "dataset_split.kiln").unlink()
    found = made(folder / "project.kiln", tmp_path / "p")
    assert any(HELD_OUT_NOTHING in note for note in found.result.notes)
    with pytest.raises(UserError, match="there are: Triage"):
        made(folder, tmp_path / "q", only="Other")


def chosen(*labels: str) -> list[dict[str, Any]]:
    """An annotation for each label, by annotators of their own."""
    return [
        {
            "completed_by": number,
            "result": [
                {
                    "type": "choices",
                    "from_name": "topic",
                    "to_name": "text",
                    "value": {"choices": [label]},
                }
            ],
        }
        for number, label in enumerate(labels)
    ]


def test_an_export_of_label_studio(tmp_path: Path) -> None:
    tasks = [
        {
            "id": 1,
            "data": {"text": "My bill", "region": "north"},
            "annotations": chosen("a", "a", "b"),
        },
        {"id": 2, "data": {"text": "No power"}, "annotations": chosen("b", "a")},
        {"id": 3, "data": {"text": "Moving"}, "annotations": chosen("b"), "predictions": [{}]},
        {"id": 4, "data": {"text": "Skipped"}, "annotations": []},
    ]
    found = made(write(tmp_path / "export.json", tasks), tmp_path / "p")
    rows = {row.id: row for row in found.rows()}
    assert {name: row.target for name, row in rows.items()} == {"1": "a", "3": "b"}
    assert rows["1"].tags["region"] == "north"
    assert found.file.spec.people.row_labels == ("a", "b")
    assert found.value("label", "B", rows["3"]) == 1.0
    kept = (tmp_path / "p" / "kept" / "without-answer.jsonl").read_text(encoding="utf-8")
    assert kept.count("\n") == 2
    assert found.line("predictions")[0] == "not carried over"
    assert any("evenly split" in note for note in found.result.notes)


def test_an_export_of_argilla(tmp_path: Path) -> None:
    records = [
        {
            "id": "a",
            "fields": {"prompt": "Write a reply.", "context": "The bill is late."},
            "responses": {
                "reply": [{"value": "Sorry for that, we look into it.", "status": "submitted"}]
            },
            "suggestions": {},
        },
        {
            "id": "b",
            "fields": {"prompt": "Write another."},
            "responses": [
                {
                    "user_id": "u",
                    "status": "submitted",
                    "values": {"reply": {"value": "We will call you back today."}},
                }
            ],
        },
    ]
    found = made(write(tmp_path / "records.json", records), tmp_path / "p")
    assert [row.target for row in found.rows()] == [
        "Sorry for that, we look into it.",
        "We will call you back today.",
    ]
    assert found.rows()[0].tags["context"] == "The bill is late."


def test_an_export_of_spans_alone_is_refused(tmp_path: Path) -> None:
    span = {"start": 0, "end": 2, "text": "My", "labels": ["who"]}
    result = [{"type": "labels", "from_name": "l", "to_name": "text", "value": span}]
    tasks = [{"id": 1, "data": {"text": "My bill"}, "annotations": [{"result": result}]}]
    with pytest.raises(DataError, match="1 mark passages") as caught:
        made(write(tmp_path / "export.json", tasks), tmp_path / "p")
    assert "tunewell annotate import" in caught.value.hint
