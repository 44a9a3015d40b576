"""``kill -9`` at random moments of a turn of the loop: it ends with the same version."""

from __future__ import annotations

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

from tests.iterate.loop_project import asked_in_use, loop_project
from tunewell.iterate import Iteration, iterate
from tunewell.releases import release
from tunewell.store import Store
from tunewell.testing.tiny import tiny_model_folder


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose first version serves, with two corrections that wait; and its cache."""
    folder = tmp_path_factory.mktemp("begun")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNEWELL_CACHE", str(folder / "cache"))
        project = loop_project(folder / "project", tiny_model_folder(folder / "model"))
        with project.store.lock("test"):
            first = iterate(project, author="cron")
    release(project.store, "production", first.version, signed_by="ann")
    for number in (1, 2):
        asked_in_use(project.store, number, corrected=f"Counter {number} is in hall B.")
    project.store.close()
    return folder


def start(folder: Path, cache: Path) -> subprocess.Popen[str]:
    """A turn, as cron starts it."""
    environment = {**os.environ, "TUNEWELL_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tunewell.cli.main", "iterate", str(folder), "--json"]
    return subprocess.Popen(
        [*command, "--as", "cron"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def finish(folder: Path, cache: Path) -> Iteration:
    process = start(folder, cache)
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    found: dict[str, Any] = json.loads(out)
    return Iteration.model_validate(found["result"])


def kill(folder: Path, cache: Path, after_s: float) -> bool:
    """Whether the turn was still at work then; one that had ended was not killed."""
    process = start(folder, cache)
    time.sleep(after_s)
    at_work = process.poll() is None
    if at_work:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return at_work


def same(made: Iteration, wanted: Iteration) -> None:
    assert (made.version, made.dataset) == (wanted.version, wanted.dataset)
    assert made.difference == wanted.difference
    assert (made.outcome, made.looks) == (wanted.outcome, wanted.looks)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_four_kills_give_the_same_version(begun: Path, tmp_path: Path, seed: int) -> None:
    """Twenty kills in all; each part can be run by itself."""
    cache = tmp_path / "cache"
    shutil.copytree(begun / "cache", cache)
    clean = shutil.copytree(begun / "project", tmp_path / "clean")
    clock = time.monotonic()
    wanted = finish(clean, cache)
    seconds = time.monotonic() - clock
    assert wanted.difference is not None
    assert len(wanted.difference.added) == 2
    draw = random.Random(seed)
    folder = shutil.copytree(begun / "project", tmp_path / "killed 0")
    killed, tried, left = 0, 0, seconds
    while killed < 4:
        tried += 1
        assert tried <= 10, "it ends before it can be killed"
        after_s = draw.uniform(0.2, 0.9) * left
        if kill(folder, cache, after_s):
            killed += 1
            left = max(left - after_s / 2, seconds / 4)
        else:
            same(finish(folder, cache), wanted)
            folder = shutil.copytree(begun / "project", tmp_path / f"killed {tried}")
            left = seconds
    same(finish(folder, cache), wanted)
    with Store(folder) as store:
        assert not store.check_ledger().faults
    assert not list((folder / ".tunewell" / "artifacts" / "tmp").iterdir())
