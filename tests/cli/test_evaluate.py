from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from tunewell.cli.main import app, main
from tunewell.evaluate.calibration import Calibration
from tunewell.evaluate.classes import Classes, ClassFigure
from tunewell.run import Stages
from tunewell.stats import reliability_curve
from tunewell.testing.factories import sample_project
from tunewell.types import Evaluation


@pytest.mark.parametrize("measured", [True, False])
def test_the_stages_envelope_has_classes_and_calibration_beside_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: bool
) -> None:
    made = sample_project(tmp_path / "project", rows=150)
    run = made.store.runs(stage="evaluate")[-1]
    evaluation = made.store.get_value(run.outputs["evaluation"], Evaluation)
    if measured:
        classes = Classes(
            figures=(ClassFigure(arm="tuned", metric="label", label="<b>", gold=3, named=2),)
        )
        sure = 0.6 + np.arange(60) / 200
        surety = reliability_curve(sure, np.tile([1.0, 0.0], 30))
        curve = [Calibration(**dict(surety))]
        evaluation = evaluation.model_copy(
            update={
                "classes": made.store.put_value(classes),
                "calibration": made.store.put_value(curve),
            }
        )
    made.store.close()
    for stage in ("curate", "split", "train"):
        monkeypatch.setattr(f"tunewell.run.Stages.{stage}", lambda *_: SimpleNamespace(model=None))

    def finished(stages: Stages, *_: object) -> Evaluation:
        stages.records["evaluate"] = run
        stages.reused.append("evaluate")
        return evaluation

    monkeypatch.setattr("tunewell.run.Stages.evaluate", finished)
    found = CliRunner().invoke(app, ["evaluate", str(tmp_path / "project"), "--json"])
    assert found.exit_code == 0, found.output
    said = json.loads(found.stdout)["result"]
    record = run.model_dump(mode="json", by_alias=True)
    assert {name: said[name] for name in record} == record
    assert set(said) - set(record) == {"classes", "calibration"}
    if measured:
        assert said["classes"]["figures"][0]["label"] == "<b>"
        assert said["calibration"][0]["error"]["n"] == 60
    else:
        assert (said["classes"], said["calibration"]) == (None, [])


def test_status_names_every_finding_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = sample_project(tmp_path / "twice", rows=150)
    made.store.close()
    assert main(["status", str(tmp_path / "twice"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["result"]["found"]
    said = [(f["code"], f["slice"], f["why"]) for f in found]
    assert len(said) == len(set(said)) > 3
