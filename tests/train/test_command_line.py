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
train:
  {{model: {model}, rank: 2, epochs: 1, tokens_per_batch: 512, fold_layers: 0.5, max_tokens: 300}}
"""


@pytest.fixture
def folder(tmp_path: Path, tiny: Weights, examples: Callable[..., list[Example]]) -> Path:
    (tmp_path / "tunewell.yaml").write_text(TASK.format(model=tiny.folder), encoding="utf-8")
    rows = [
        {"q": e.input, "a": e.target, "s": "north" if i % 2 else "south"}
        for i, e in enumerate(examples(60))
    ]
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


@pytest.mark.slow
def test_recipes_are_compared_and_the_next_rows_forecast(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(folder), "--search", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["result"]
    assert len(found["candidates"]) == 8
    assert found["candidates"][0]["recipe"]["rank"] == 2
    assert 0 <= found["saved"] < 1
    assert main(["train", str(folder), "--search"]) == 0  # taken over
    shown = capsys.readouterr().out
    assert "chosen" in shown
    assert "of the folds' steps were not needed" in shown
    assert main(["train", str(folder), "--curve", "--json"]) == 0
    curve = json.loads(capsys.readouterr().out)["result"]
    assert [p["share"] for p in (*curve["measured"], *curve["forecast"])] == [
        0.125,
        0.25,
        0.5,
        1.0,
        2.0,
        4.0,
    ]
    assert main(["train", str(folder), "--curve"]) == 0
    shown = capsys.readouterr().out
    assert "forecast" in shown
    assert "D12" in shown


def test_a_trained_version_is_written_for_others(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from transformers import AutoModelForCausalLM

    at = ["--project", str(folder)]
    assert main(["export", "merged", str(tmp_path / "early"), *at]) == 1
    assert "no version has been trained yet" in capsys.readouterr().err
    assert main(["train", str(folder)]) == 0
    capsys.readouterr()
    assert main(["export", "adapter", str(tmp_path / "adapter"), *at]) == 0
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()
    assert main(["export", "merged", str(tmp_path / "merged"), *at, "--json"]) == 0
    assert '"format": "merged"' in capsys.readouterr().out
    assert "merged in" in (tmp_path / "merged" / "README.md").read_text(encoding="utf-8")
    AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    assert main(["export", "merged", str(tmp_path / "merged"), *at]) == 1
    monkeypatch.delenv("LLAMA_CPP", raising=False)
    monkeypatch.setenv("PATH", "")
    assert main(["export", "gguf", str(tmp_path / "model.gguf"), *at]) == 1
    assert "hint: clone llama.cpp" in capsys.readouterr().err


def test_training_says_its_notes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(folder)]) == 0
    assert (
        "note      On the held-out rows" in (said := capsys.readouterr().out)
        or "note      Depth pays" in said
    )
    assert main(["train", str(folder), "--json"]) == 0  # taken over; the envelope alone
    assert json.loads(capsys.readouterr().out)["command"] == "train"
