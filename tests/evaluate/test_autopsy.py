from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from typer.testing import CliRunner

from tunewell.cli.main import app
from tunewell.errors import UserError
from tunewell.evaluate.autopsy import autopsy
from tunewell.evaluate.autopsy.training_log import History, stopped
from tunewell.types import Finding


def state(folder: Path, held_out: list[float], *, train: list[float] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    log: list[dict[str, float]] = [
        {"loss": v, "epoch": i / 4, "step": i} for i, v in enumerate(train or [2.0, 1.5])
    ]
    log += [{"eval_loss": v, "epoch": float(i + 1), "step": 10 * i} for i, v in enumerate(held_out)]
    (folder / "trainer_state.json").write_text(
        json.dumps({"log_history": log, "epoch": 3.0}), encoding="utf-8"
    )
    return folder


def adapter(folder: Path, *, fill: float = 0.1, rank: int = 8, module: str = "q_proj") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    config = {"peft_type": "LORA", "r": 8, "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    base = f"base_model.model.model.layers.0.self_attn.{module}"
    tensors = {
        f"{base}.lora_A.weight": np.ones((rank, 16), np.float32),
        f"{base}.lora_B.weight": np.full((16, rank), fill, np.float32),
    }
    save_file(tensors, str(folder / "adapter_model.safetensors"))
    return folder


def by_code(findings: list[Finding]) -> dict[str, Finding]:
    return {f.code: f for f in findings}


def test_no_evaluation_logged_is_found(tmp_path: Path) -> None:
    found = by_code(autopsy(state(tmp_path, [])))["T01"]
    assert (found.status, found.blocking) == ("found", True)
    assert "no evaluation" in found.why


@pytest.mark.parametrize(
    ("losses", "status", "words"),
    [
        ([2.4, 2.2, 2.1, 2.05, 2.01], "clear", "still falling"),
        ([2.4, 2.2, 2.1, 2.15, 2.3, 2.5, 2.8], "found", "stopped too late"),
        ([2.40, 2.31, 2.36, 2.29, 2.34, 2.30], "clear", "within its own noise"),
        ([2.0, 2.5], "unchecked", "too few"),
    ],
)
def test_the_end_of_training(tmp_path: Path, losses: list[float], status: str, words: str) -> None:
    found = by_code(autopsy(state(tmp_path, losses)))["T01"]
    assert found.status == status
    assert words in found.why


def test_a_rise_within_noise_is_seldom_called_late() -> None:
    """Flat curves with noise, of which the lowest of seven points is picked."""
    rng = np.random.default_rng(0)
    late = 0
    for _ in range(500):
        losses = (2.0 + rng.normal(0, 0.02, 7)).tolist()
        history = History(file="x", held_out=tuple((float(i), v) for i, v in enumerate(losses)))
        late += stopped(history).status == "found"
    assert late / 500 < 0.03


def test_learning_by_heart_is_hinted_at(tmp_path: Path) -> None:
    heart = state(tmp_path / "a", [2.5, 2.6], train=[2.0, 1.0, *[0.05, 0.06] * 10])
    assert by_code(autopsy(heart))["T02"].status == "found"
    fine = state(tmp_path / "b", [2.1, 2.0], train=[2.5, 2.2, *[1.9, 1.95] * 10])
    assert by_code(autopsy(fine))["T02"].status == "clear"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fill": 0.0}, "never trained"),
        ({"fill": float("nan")}, "NaN"),
        ({"rank": 4}, "rank 8"),
        ({"module": "v_proj"}, "no target module"),
        ({}, ""),
    ],
)
def test_adapter_files(tmp_path: Path, changes: dict[str, float], words: str) -> None:
    found = [f for f in autopsy(adapter(tmp_path, **changes)) if f.code == "T07"]  # type: ignore[arg-type]
    assert {f.status for f in found} == {"found" if words else "clear"}
    assert words in found[0].why


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    adapter(tmp_path)
    (tmp_path / "adapter_model.safetensors").unlink()
    (tmp_path / "adapter_model.bin").write_bytes(b"\x80\x04 never")
    assert "pickle" in by_code(autopsy(tmp_path))["T07"].why


def test_the_last_checkpoint_is_read(tmp_path: Path) -> None:
    state(tmp_path / "checkpoint-20", [2.0, 1.9])
    state(tmp_path / "checkpoint-100", [])
    assert by_code(autopsy(tmp_path))["T01"].status == "found"


def test_a_folder_without_anything_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither"):
        autopsy(tmp_path)
    with pytest.raises(UserError, match="no folder"):
        autopsy(tmp_path / "x")


def test_the_command_looks_at_the_data_too(tmp_path: Path) -> None:
    run = state(tmp_path / "run", [2.4, 2.2, 2.1, 2.05, 2.01])
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What of item number {i}?"},
                {"role": "assistant", "content": f"It costs {i} euros."},
            ]
        }
        for i in range(40)
    ]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "eval.jsonl").write_text("\n".join(map(json.dumps, rows[:5])), encoding="utf-8")
    args = [
        "autopsy",
        str(run),
        "--data",
        str(tmp_path / "train.jsonl"),
        "--eval",
        str(tmp_path / "eval.jsonl"),
    ]
    found = CliRunner().invoke(app, [*args, "--json"])
    said = json.loads(found.stdout)
    assert {"T01", "T05", "D11"} <= {f["code"] for f in said["result"]["findings"]}
    assert said["verdict"] == "NO-GO"
    assert found.exit_code == 3
