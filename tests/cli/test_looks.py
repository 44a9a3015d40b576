"""E09 through the command line: looks are counted, and too many call for fresh rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tunewell.cli.main import app
from tunewell.testing.tiny import tiny_model_folder

TASK = """
task: {name: desk, about: Answers customers of a supplier., input: a question, output: a label}
data: [{path: rows.jsonl}]
metrics: [{name: label}]
gates: [{metric: label, kind: level, at_least: 0.5}]
people: {approve: []}
split: {test: 0.3, review: 0.1, folds: 2}
train: {model: ./tiny, epochs: 1, max_tokens: 256, tokens_per_batch: 256}
evaluate: {shots: 1, max_new_tokens: 2, max_looks: 2}
"""


@pytest.mark.slow
def test_looks_are_counted_and_fresh_rows_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_model_folder(tmp_path / "tiny", hidden=32)
    (tmp_path / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    topics = ("bill", "outage", "meter", "move", "tariff", "contract", "refund", "solar")
    rows = [
        {
            "id": f"r{i}",
            "prompt": f"Customer {i * 7919} of street {i * 31} on {topics[i % 8]} no. {i * 104729}",
            "completion": topics[i % 8],
        }
        for i in range(60)
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    runner = CliRunner()

    def look(prompt: str, *extra: str) -> dict[str, Any]:
        found = runner.invoke(
            app, ["evaluate", ".", "--json", "--set", f"evaluate.prompt={prompt}", *extra]
        )
        assert found.exit_code == 0, (found.output, found.exception)
        run = json.loads(found.stdout)["result"]
        return next(f for f in run["findings"] if f["code"] == "E09")

    first = look("Name the topic.")
    assert (first["status"], first["estimate"]["value"]) == ("clear", 1)
    assert (
        look("Name the topic.")["estimate"]["value"] == 1
    )  # the same evaluation again is no new look
    assert look("Say the topic.")["status"] == "clear"
    worn = look("Which topic is it?")
    assert (worn["status"], worn["estimate"]["value"], worn["blocking"]) == ("found", 3, True)
    assert "split.seed" in worn["remedy"]
    verdict = runner.invoke(
        app, ["run", ".", "--json", "--set", "evaluate.prompt=Which topic is it?"]
    )
    said = json.loads(verdict.stdout)
    assert said["verdict"] in ("INCONCLUSIVE", "NO-GO")
    # Fresh rows: another draw of the test set begins at one look again.
    fresh = look("Which topic is it?", "--set", "split.seed=7")
    assert (fresh["status"], fresh["estimate"]["value"]) == ("clear", 1)
