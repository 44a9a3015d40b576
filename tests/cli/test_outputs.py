from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from tests.evaluate.conftest import TASK
from tunewell.cli.main import app

runner = CliRunner()


def test_anybodys_outputs_are_judged(tmp_path: Path) -> None:
    (tmp_path / "tunewell.yaml").write_text(
        TASK.replace("against: prompted", "against: base"), encoding="utf-8"
    )
    for arm, right in (("base", 5), ("tuned", 38)):
        rows = [
            {
                "id": str(i),
                "input": f"q{i}",
                "target": "[billing] x",
                "output": "[billing] y" if i < right else "no",
            }
            for i in range(40)
        ]
        (tmp_path / f"{arm}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    options = [f"--predictions={arm}={tmp_path / f'{arm}.jsonl'}" for arm in ("base", "tuned")]
    found = runner.invoke(app, ["evaluate", str(tmp_path), "--json", *options])
    assert found.exit_code == 4, found.output  # as `tunewell run` tells it
    said = json.loads(found.stdout)
    assert said["verdict"] == "INCONCLUSIVE"  # nobody has approved, and nats cannot be measured
    level = {
        (x["arm"], x["metric"]): x["estimate"]["value"]
        for x in said["result"]["evaluation"]["levels"]
    }
    assert level["tuned", "label"] == 0.95
    plain = runner.invoke(app, ["evaluate", str(tmp_path), *options])
    assert "tuned - base" in plain.stdout


def test_stress_needs_held_out_rows(tmp_path: Path) -> None:
    (tmp_path / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    found = runner.invoke(app, ["stress", str(tmp_path)])
    assert found.exit_code != 0
    assert "no held-out rows" in str(found.exception)
