"""The benchmark for a GPU, tried with a tiny model: it runs to its end and keeps nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.training.gpu", *arguments]
    environment = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *sys.path]),
    }
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )


def test_without_a_gpu_only_the_tiny_shape_runs() -> None:
    pytest.importorskip("torch")
    done = bench("--shape", "1.7b")
    assert done.returncode == 1
    assert "there is no GPU here" in done.stderr


@pytest.mark.slow
def test_a_try_measures_every_arm_of_ours_and_keeps_nothing() -> None:
    pytest.importorskip("torch")
    before = {p: p.stat().st_mtime for p in (ROOT / "bench" / "results").iterdir()}
    done = bench(
        "ours-1", "ours-0.25", "folds-0.25", "folds-1", "--shape", "tiny", "--tokens", "3000"
    )
    assert done.returncode == 0, done.stderr
    assert "failed" not in done.stdout
    rates = {
        n: float(r)
        for n, r in re.findall(r"^(\S+): .*'tokens_per_s': ([\d.]+)", done.stdout, re.MULTILINE)
    }
    assert set(rates) == {"ours-1", "ours-0.25", "folds-0.25", "folds-1"}
    assert all(rates.values())
    assert "no result is kept" in done.stdout
    assert {p: p.stat().st_mtime for p in (ROOT / "bench" / "results").iterdir()} == before
