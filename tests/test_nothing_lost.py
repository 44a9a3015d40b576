"""``kill -9`` at any moment loses nothing: the next run goes on and ends with the same result."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tunewell.run import STAGES
from tunewell.store import Store
from tunewell.testing.tiny import tiny_model_folder

KILLS_PER_STAGE = 5
"""Of the four long stages: 20 kills, and 2 more in the verdict."""

DEFINITION = """\
task:
  {{name: desk, about: Answers of a desk., input: question, output: text, must_not: [refund]}}
data: [{{path: rows.jsonl, format: prompt_completion}}]
metrics: [{{name: key_points, options: {{points: [form]}}}}, {{name: token_f1}}, {{name: must_not}}]
gates: [{{metric: key_points, kind: gain, at_least: 0.05}}]
split: {{folds: 3, test: 0.25, review: 0.1}}
train: {{model: "{model}", epochs: 2, rank: 4, max_tokens: 256, tokens_per_batch: 256}}
evaluate: {{shots: 1, max_new_tokens: 8}}
"""


def rows() -> str:
    """Sixty distinct little rows."""
    draw = random.Random(3)
    words = "meter bill move outage tariff form reading street letter payment winter house".split()
    lines = []
    for i in range(60):
        question = " ".join(draw.sample(words, 6)) + f" number {i}?"
        lines.append(
            json.dumps({"prompt": question, "completion": f"Use form {draw.choice(words)} {i}."})
        )
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model_folder(tmp_path_factory.mktemp("model") / "tiny")


def project(folder: Path, model: Path) -> Path:
    folder.mkdir()
    (folder / "tunewell.yaml").write_text(DEFINITION.format(model=model), encoding="utf-8")
    (folder / "rows.jsonl").write_text(rows(), encoding="utf-8")
    return folder


def start(folder: Path, cache: Path) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "TUNEWELL_CACHE": str(cache),
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "tunewell.cli.main", "run", str(folder), "--json"]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def finish(folder: Path, cache: Path) -> dict[str, Any]:
    process = start(folder, cache)
    out, err = process.communicate(timeout=600)
    assert process.returncode in {0, 3, 4}, err
    return dict(json.loads(out))


def outcome(folder: Path) -> dict[str, str]:
    """What has to be the same: the digest of every output of every stage.

    ``trained`` holds its own speed.
    """
    with Store(folder) as store:
        runs = {stage: store.last_run(stage) for stage in STAGES}
        assert all(runs.values())
        outputs = [
            (f"{stage}.{name}", d)
            for stage, run in runs.items()
            if run
            for name, d in run.outputs.items()
        ]
        return {name: digest for name, digest in outputs if name != "train.trained"}


def wait_for(store: Store, stage: str, process: subprocess.Popen[str]) -> None:
    """Until the stage has begun (or the process ended)."""
    while process.poll() is None and not store.runs(stage=stage):
        time.sleep(0.01)


def kill_and_go_on(folder: Path, cache: Path, stage: str, after_s: float) -> None:
    with Store(folder) as store:
        process = start(folder, cache)
        wait_for(store, stage, process)
        time.sleep(after_s)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        done = {s: run.id for s in STAGES if (run := store.last_run(s))}
    finish(folder, cache)
    with Store(folder) as store:
        for name, run_id in done.items():
            run = store.last_run(name)
            assert run is not None
            assert run_id in {run.id, run.reused_from}, (
                f"{name} was finished before the kill and was repeated"
            )


@pytest.mark.slow
def test_kill_at_random_moments_of_every_stage(tmp_path: Path, model: Path) -> None:
    cache = tmp_path / "cache"
    finish(project(tmp_path / "warm", model), cache)  # measures the speeds, fills the caches
    undisturbed = project(tmp_path / "undisturbed", model)
    finish(undisturbed, cache)
    wanted = outcome(undisturbed)
    with Store(undisturbed) as store:
        seconds = {stage: run.seconds for stage in STAGES if (run := store.last_run(stage))}
    draw = random.Random(11)
    for stage in STAGES:
        for i in range(2 if stage == "verdict" else KILLS_PER_STAGE):
            folder = project(tmp_path / f"{stage}-{i}", model)
            kill_and_go_on(folder, cache, stage, draw.uniform(0, seconds[stage]))
            assert outcome(folder) == wanted, f"killed in {stage}, try {i}"
            assert not list((folder / ".tunewell" / "artifacts" / "tmp").iterdir())


GROWING_DISK = """
import json, os, subprocess, sys
place, step = sys.argv[1], 110

def mount(size: int, *more: str) -> None:
    options = ",".join([*more, f"size={size}k"])
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tunewell", place], check=True)

size = 200
mount(size)
subprocess.run(["cp", "-r", sys.argv[2], f"{place}/desk"], check=True)
os.mkdir(f"{place}/tmp")
os.environ |= {"TMPDIR": f"{place}/tmp", "TUNEWELL_CACHE": f"{place}/cache"}
while True:
    command = [sys.executable, "-m", "tunewell.cli.main", "run", f"{place}/desk"]
    done = subprocess.run(command, capture_output=True, text=True)
    print(json.dumps([size, done.returncode, done.stderr]), flush=True)
    if done.returncode != 1 or size > 100_000:
        break
    size += step
    mount(size, "remount")
subprocess.run(["cp", "-r", f"{place}/desk", sys.argv[3]], check=True)
"""
"""Runs a project on a disk of a few kilobytes, which grows each time that a run has filled it."""


@pytest.mark.slow
def test_a_disk_that_is_full_at_ever_later_moments(tmp_path: Path, model: Path) -> None:
    """Each run ends in one line, and the next one goes on; the result is that of a large disk."""
    own_mounts = ["unshare", "-Urm"]
    if shutil.which("unshare") is None or subprocess.run([*own_mounts, "true"]).returncode:
        pytest.skip("this system lets nobody mount a small disk of their own")
    undisturbed = project(tmp_path / "undisturbed", model)
    finish(undisturbed, tmp_path / "cache")

    place = tmp_path / "place"
    place.mkdir()
    given, kept = project(tmp_path / "given", model), tmp_path / "kept"
    driver = [*own_mounts, sys.executable, "-c", GROWING_DISK, str(place), str(given), str(kept)]
    told = subprocess.run(
        driver,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    *full, last = [json.loads(line) for line in told.stdout.splitlines()]
    assert len(full) >= 5
    for size, code, said in full:
        errors = [line for line in said.splitlines() if line.startswith("error:")]
        assert code == 1, (size, said)
        assert len(errors) == 1, (size, said)
        assert "disk is full" in errors[0] or "disk is full" in said, (size, said)
        assert "Traceback" not in said, (size, said)
        assert "hint: free some space" in said, (size, said)
    assert last[1] in {0, 3, 4}, last
    assert outcome(kept) == outcome(undisturbed)


@pytest.mark.slow
def test_two_processes_on_one_project(tmp_path: Path, model: Path) -> None:
    cache = tmp_path / "cache"
    folder = project(tmp_path / "p", model)
    first = start(folder, cache)
    lock = folder / ".tunewell" / "lock"
    while not (lock.exists() and lock.read_text(encoding="utf-8")):
        assert first.poll() is None
        time.sleep(0.01)
    second = start(folder, cache)
    _, err = second.communicate(timeout=120)
    assert second.returncode == 1
    assert f"held by process {first.pid} (tunewell run)" in err
    first.communicate(timeout=600)
    assert first.returncode in {0, 3, 4}
