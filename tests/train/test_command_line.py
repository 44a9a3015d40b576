"""What ``tunewell train`` answers beside training, on a project of made-up rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tunewell.cli.main import main
from tunewell.model.weights import Weights
from tunewell.types import Example

pytest.importorskip("torch")

TASK = """\
task: {{name: desk, about: Answers customers of a supplier., input: a question, output: an answer}}
data: [{{path: rows.jsonl, fields: {{input: q, target: a, source: s}}, format: fields}}]
rules: {{near_duplicates: report, contradictions: report, broken: report, exact_duplicates: report}}
split: {{folds: 2, test: 0.1, review: 0.1}}
train: {{model: {model}, rank: 2, epochs: 1, tokens_per_batch: 512, fold_layers: 0.5, max_tokens: 300}}
"""


@pytest.fixture
def folder(tmp_path: Path, tiny: Weights, examples: Callable[..., list[Example]]) -> Path:
    (tmp_path / "tunewell.yaml").write_text(TASK.format(model=tiny.folder), encoding="utf-8")
    rows = [{"q": e.input, "a": e.target, "s": "north" if i % 2 else "south"} for i, e in enumerate(examples(60))]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return tmp_path


def test_it_answers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(folder), "--explain", "rows.jsonl:1"]) == 1
    assert "hint: tunewell curate" in capsys.readouterr().err
    assert main(["train", str(folder), "--leave-out", "source", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["result"]
    assert {g["group"] for g in found["groups"]} == {"north", "south"}
    assert main(["train", str(folder), "--leave-out", "source"]) == 0
    assert "T03" in capsys.readouterr().out
    assert main(["train", str(folder), "--explain", "rows.jsonl:1"]) == 0
    shown = capsys.readouterr().out
    assert "the loss is on the last" in shown
    assert main(["train", str(folder), "--explain", "no-such-row"]) == 1
    assert "hint: tunewell why no-such-row" in capsys.readouterr().err
