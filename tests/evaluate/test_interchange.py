from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from tests.evaluate.conftest import EvaluatedProject, gold
from tunewell.errors import DataError
from tunewell.evaluate import decide, evaluate, evaluate_outputs, inspect_log, read_predictions
from tunewell.project import Project
from tunewell.types import Finding, Prediction, Score, Unscored


def write(path: Path, rows: list[object]) -> Path:
    path.write_text(
        "\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows), encoding="utf-8"
    )
    return path


def test_plain_rows_of_any_spelling_are_read_and_bad_ones_told(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.jsonl",
        [
            {"id": "a", "output": "x"},
            {"row": 7, "response": "y", "model": "m"},
            "not json",
            {"id": "c"},
            [1],
            {"id": "a", "output": "again"},
            {"id": "d", "question": "q", "gold": "t", "answer": "z"},
        ],
    )
    found = read_predictions(path)
    assert [(p.example, p.arm, p.text, p.reason) for p in found.predictions] == [
        ("a", "candidate", "x", "doubled: two different outputs"),
        ("7", "m", "y", "no gold answer"),
        ("c", "candidate", "", "missing: the record has no output"),
        ("d", "candidate", "z", ""),
    ]
    assert [place for place, _ in found.rejects] == ["p.jsonl:3", "p.jsonl:5"]
    assert ("d", "q", "t") in [(e.id, e.input, e.target) for e in found.examples]
    assert len(found.examples) == 6  # whatever a file says of a row, the row counts
    assert {p.arm for p in read_predictions(path, arm="mine").predictions} == {"mine"}


def test_lm_eval_samples_are_read(tmp_path: Path) -> None:
    row = {
        "doc_id": 3,
        "doc": {"question": "2+2?", "answer": "4"},
        "target": "4",
        "arguments": {"gen_args_0": {"arg_0": "Q: 2+2?\nA:", "arg_1": {"until": ["\n"]}}},
        "resps": [[" 4"]],
        "filtered_resps": ["4"],
        "doc_hash": "x",
        "exact_match": 1.0,
    }
    found = read_predictions(
        write(tmp_path / "samples_x.jsonl", [row, {**row, "doc_id": 4, "filtered_resps": ["5"]}])
    )
    assert found.source == "lm-eval"
    assert [(p.example, p.text) for p in found.predictions] == [("3", "4"), ("4", "5")]
    assert (found.examples[0].input, found.examples[0].target) == ("Q: 2+2?\nA:", "4")


def test_our_inspect_log_is_read_back(project: EvaluatedProject, tmp_path: Path) -> None:
    made = evaluate(
        project.dataset,
        project.split,
        project.version,
        Project(project.file(), project.store),
        models=project.models,
    )
    predictions = project.store.get_value(made.predictions, list[Prediction])
    log = inspect_log(
        made,
        "tuned",
        examples=project.store.examples(project.dataset, ids=made.rows),
        predictions=predictions,
        scores=project.store.get_value(made.scores, list[Score]),
        task="desk",
        created=dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
    )
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log, allow_nan=False), encoding="utf-8")
    found = read_predictions(path)
    assert found.source == "inspect_ai"
    assert [p.text for p in found.predictions] == [p.text for p in predictions if p.arm == "tuned"]
    assert {p.arm for p in found.predictions} == {"tuned"}
    assert [e.target for e in found.examples] == [gold(e.input) for e in found.examples]


def test_unreadable_files_say_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of output.*--output|none of output"):
        read_predictions(write(tmp_path / "x.jsonl", [{"id": "a"}]))
    with pytest.raises(DataError, match="cannot be read"):
        read_predictions(tmp_path / "missing.jsonl")


# --- judging them ---------------------------------------------------------------------------------


def outputs(project: EvaluatedProject, name: str, share: float, *, skip: int = 0) -> Path:
    rows = project.store.examples(project.dataset, ids=project.split.ids("test"))[skip:]
    right = int(share * len(rows))
    made = [
        {"id": e.id, "output": e.target if i < right else "no idea"} for i, e in enumerate(rows)
    ]
    return write(project.root / f"{name}.jsonl", list(made))


def test_outputs_made_elsewhere_get_levels_differences_findings_and_a_verdict(
    project: EvaluatedProject,
) -> None:
    file = project.file(
        overrides=["gates=[{metric: label, kind: gain, at_least: 0.1, against: base}]"]
    )
    project.approve(file)
    rows = project.store.examples(project.dataset, ids=project.split.ids("test"))
    files = {"base": outputs(project, "base", 0.3), "tuned": outputs(project, "tuned", 0.9)}
    made = evaluate_outputs(files, Project(file, project.store), rows=rows, split=project.split)
    assert made.arms == ("base", "tuned")
    level = {(x.arm, x.metric): x for x in made.levels if not x.slice}
    assert level["tuned", "label"].estimate.value == 0.9
    assert ("tuned", "nats") not in level
    gain = next(c for c in made.comparisons if c.metric == "label" and not c.slice)
    assert (gain.arm, gain.against) == ("tuned", "base")
    assert gain.estimate.n == 60
    assert decide(made, Project(file, project.store), []).outcome == "GO"
    last = project.store.last_run("outputs")
    assert last is not None
    codes: dict[str, Finding] = {f.code: f for f in last.findings}
    assert codes["E09"].status == "unchecked"
    assert codes["E01"].status == "clear"


def test_rows_that_an_arm_left_out_are_missing_not_dropped(project: EvaluatedProject) -> None:
    file = project.file()
    rows = project.store.examples(project.dataset, ids=project.split.ids("test"))
    files = {
        "base": outputs(project, "base", 1.0),
        "tuned": outputs(project, "tuned", 1.0, skip=30),
    }
    made = evaluate_outputs(files, Project(file, project.store), rows=rows, split=project.split)
    level = {(x.arm, x.metric): x for x in made.levels if not x.slice}
    assert (level["base", "label"].missing, level["tuned", "label"].missing) == (0, 30)
    assert level["tuned", "label"].estimate.low < 0.75
    scores = project.store.get_value(made.scores, list[Score])
    assert sum(isinstance(s.value, Unscored) for s in scores if s.metric == "label") == 30


def test_rows_may_come_with_the_file(project: EvaluatedProject) -> None:
    path = write(
        project.root / "own.jsonl",
        [{"input": f"q{i}", "target": "[a] x", "output": "[a] y"} for i in range(9)],
    )
    made = evaluate_outputs({"": path}, Project(project.file(), project.store))
    assert made.arms == ("candidate",)
    assert next(x for x in made.levels if x.metric == "label").estimate.value == 1


def test_outputs_of_other_rows_are_refused(project: EvaluatedProject) -> None:
    path = write(project.root / "x.jsonl", [{"id": "nobody", "output": "x"}])
    with pytest.raises(DataError, match="'nobody'"):
        evaluate_outputs(
            {"tuned": path},
            Project(project.file(), project.store),
            rows=project.store.examples(project.dataset),
        )
