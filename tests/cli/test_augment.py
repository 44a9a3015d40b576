"""The verbs of augmentation, typed as a person types them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tunewell.cli.main import app, main
from tunewell.testing.faulty_endpoint import FaultyEndpoint
from tunewell.testing.made_up import made_up_rows

DEFINITION = """\
task:
  name: desk
  about: Answers what customers of an energy supplier ask its service desk.
  input: A message of a customer.
  output: The answer of the desk.
  language: la
data: [{path: rows.jsonl, fields: {id: id, input: question, target: answer, tags: [region]}}]
slices: [{field: region, target: {north: 0.5, south: 0.5}}]
split: {folds: 2, test: 0.2, review: 0.1}
augment:
  cells: [{name: pairs, rows: 4, kind: counterfactual, vary: [amounts]}]
"""


def project(folder: Path) -> Path:
    """Thirty rows in a made-up language, each with an amount that the answer repeats."""
    lines = []
    for i, made in enumerate(made_up_rows(30, words=30)):
        region = "south" if i % 10 == 0 else "north"
        row = {
            "id": made.id,
            "question": f"{made.input} It is {137 + 7 * i} euros.",
            "answer": f"{made.target} It is {137 + 7 * i} euros.",
            "region": region,
        }
        lines.append(json.dumps(row) + "\n")
    (folder / "rows.jsonl").write_text("".join(lines))
    (folder / "tunewell.yaml").write_text(DEFINITION)
    return folder


def other_amount(asked: Mapping[str, Any]) -> str:
    """The example with another amount wherever it stands."""
    example = asked["example"]
    (amount,) = re.findall(r"(\d+) euros", example["target"])
    more = str(int(amount) + 1000 + int(asked["ref"][1:5], 16) % 97)
    made = {name: text.replace(amount, more) for name, text in example.items()}
    return json.dumps({"ref": asked["ref"], **made})


@pytest.fixture
def served() -> Iterator[str]:
    with FaultyEndpoint(writes=other_amount).serving() as url:
        yield url


def ask(*words: str, code: int = 0) -> dict[str, Any]:
    found = CliRunner().invoke(app, [*words, "--json"])
    assert found.exit_code == code, (found.output, found.exception)
    return dict(json.loads(found.stdout.splitlines()[-1]))


def test_plan_run_show_and_take_up(
    tmp_path: Path, served: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project(tmp_path))
    planned = ask("augment", "plan", "--from", "gaps")["result"]
    assert [cell["name"] for cell in planned["cells"]] == ["pairs", "gap-region-south"]
    assert planned["estimate"]["rows"] == sum(cell["rows"] for cell in planned["cells"])

    ask("augment", "plan")
    made = ask("augment", "run", "--model", f"writer@{served}")["result"]
    (cell,) = made["cells"]
    assert (cell["accepted"], cell["stopped"]) == (4, "")
    assert made["unchecked"].keys() == {"facts", "judge", "unknown words"}

    out = tmp_path / "new.jsonl"
    assert main(["augment", "show", "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "4 of 4" in told
    assert "no expert has looked at a sample yet" in told
    assert "no trial yet: tunewell augment trial" in told
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == 4
    assert main(["augment", "show", "--reason", "moon"]) == 1
    assert "no candidate was left out for 'moon'" in capsys.readouterr().err


def test_mistakes_end_in_one_line_with_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project(tmp_path))
    assert main(["augment", "plan", "--from", "moon"]) == 2
    assert "'moon' is none of gaps, stress" in capsys.readouterr().err
    assert main(["augment", "run"]) == 1
    said = capsys.readouterr().err
    assert "no generator is configured: augment.generators is empty" in said
    assert "hint: tunewell augment run --model" in said
    assert main(["augment", "trial"]) == 1
    assert "no rows were accepted for this dataset" in capsys.readouterr().err
    assert main(["augment", "show"]) == 1
    assert "no rows were written yet" in capsys.readouterr().err
