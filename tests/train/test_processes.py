"""The final run in real processes: two of them give what one gives, a killed one goes on, none outlives its master."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.train.conftest import make_examples
from tests.train.project import make_project
from tunewell.errors import UserError
from tunewell.task import Machine, TaskFile
from tunewell.types import Recipe, Trained

pytest.importorskip("torch")
pytest.importorskip("trl")

SCRIPT = """
import sys, torch
from pathlib import Path
torch.set_num_threads(1)
from tests.train.project import make_project
from tests.train.conftest import make_examples
from tunewell.task import Machine, TaskFile
from tunewell.train import network, train
from tunewell.types import Recipe
network.best_type = lambda: torch.float32
recipe = Recipe.model_validate_json(sys.argv[2])
dataset, split, file, store = make_project(Path(sys.argv[1]), make_examples(30), recipe)
file = TaskFile(spec=file.spec.model_copy(update={"machine": Machine(processes=int(sys.argv[3]))}), path=file.path)
print(train(dataset, split, file, store).model_dump_json())
"""


@pytest.fixture
def recipe(tiny: Any) -> Recipe:
    """Trained on to the end whatever the held-out loss says, so that there is time to kill it."""
    return Recipe(model=str(tiny.folder), rank=4, alpha=8, dropout=0.0, rate=2e-3, epochs=6, patience=6, replay=0.1,
                  tokens_per_batch=128, fold_layers=1.0, backend="trl")  # fmt: skip


def start(folder: Path, recipe: Recipe, processes: int) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    env = os.environ | {"PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), recipe.model_dump_json(), str(processes)],
                            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=root)  # fmt: skip


def finished(folder: Path, recipe: Recipe, processes: int) -> tuple[Trained, dict[str, Any]]:
    """Train to the end; the result and its adapter."""
    from safetensors.numpy import load_file

    out, errors = start(folder, recipe, processes).communicate(timeout=600)
    assert out, errors
    trained = Trained.model_validate_json(out)
    store = make_project(folder, make_examples(30), recipe)[3]
    return trained, load_file(store.files.open(trained.model.adapter) / "adapter_model.safetensors")


def workers(folder: Path) -> list[int]:
    """Processes that train in a project."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if "tunewell.train.worker" in line and str(folder) in line:
            found.append(int(path.parent.name))
    return found


def steps(folder: Path) -> Iterator[int]:
    """Steps that a run under way tells of, as they come."""
    seen = 0
    for _ in range(6000):
        for file in folder.glob(".tunewell/work/*/final/told"):
            lines = file.read_text(encoding="utf-8").splitlines()
            for line in lines[seen:]:
                yield int(json.loads(line)["step"])
            seen = len(lines)
        time.sleep(0.02)


def far(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Distance of two adapters as a share of the first."""
    assert set(one) == set(other)
    apart = sum(float(np.square(one[n] - other[n]).sum()) for n in one)
    return float(np.sqrt(apart / sum(float(np.square(v).sum()) for v in one.values())))


@pytest.mark.slow
def test_two_processes_give_what_one_gives(tmp_path: Path, recipe: Recipe) -> None:
    one, alone = finished(tmp_path / "one", recipe, 1)
    two, together = finished(tmp_path / "two", recipe, 2)
    assert any("2 processes on the processor, DDP" in n for n in two.notes)  # accelerate was asked, not believed
    assert two.model.trained_on == one.model.trained_on
    assert far(alone, together) < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_killed_with_its_processes_it_goes_on_to_the_same_result(
    tmp_path: Path, recipe: Recipe, processes: int
) -> None:
    recipe = recipe.model_copy(update={"dropout": 0.1})
    folder = tmp_path / "killed"
    run = start(folder, recipe, processes)
    for step in steps(folder):
        if step > 8 and list(folder.glob(".tunewell/work/*/final/checkpoint-*/done.json")):
            break
    running = workers(folder)
    assert len(running) >= processes
    run.send_signal(signal.SIGKILL)
    run.communicate()
    deadline = time.monotonic() + 20
    while workers(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not workers(folder)  # nobody trains on when nobody waits
    (final,) = folder.glob(".tunewell/work/*/final")
    kept = sorted(int(p.parent.name.rpartition("-")[2]) for p in final.glob("checkpoint-*/done.json"))
    assert kept
    assert not list(final.glob("checkpoint-*/training_args.bin"))  # the Trainer's pickle

    (final / "told").unlink()
    again = start(folder, recipe, processes)
    first = next(s for s in steps(folder) if s > 0)
    out, errors = again.communicate(timeout=600)
    assert out, errors
    assert first == kept[-1] + 1  # what was kept is not trained again
    result = Trained.model_validate_json(out)
    whole, _ = finished(tmp_path / "whole", recipe, processes)
    assert result.model.adapter == whole.model.adapter  # to the byte, dropout included


@pytest.mark.slow
def test_another_number_of_processes_may_go_on(tmp_path: Path, recipe: Recipe) -> None:
    folder = tmp_path / "killed"
    run = start(folder, recipe, 2)
    for _ in steps(folder):
        if list(folder.glob(".tunewell/work/*/final/checkpoint-*/done.json")):
            break
    run.send_signal(signal.SIGKILL)
    run.communicate()
    while workers(folder):
        time.sleep(0.1)
    _, mixed = finished(folder, recipe, 1)
    _, alone = finished(tmp_path / "one", recipe, 1)
    assert far(alone, mixed) < 0.01


@pytest.mark.slow
def test_a_killed_process_is_one_clear_error(tmp_path: Path, recipe: Recipe) -> None:
    from tunewell.train import train

    dataset, split, file, store = make_project(tmp_path, make_examples(30), recipe)
    file = TaskFile(spec=file.spec.model_copy(update={"machine": Machine(processes=2)}), path=file.path)

    def kill(done: int, _: int) -> None:
        for pid in workers(tmp_path)[-1:]:
            if next(steps(tmp_path)):
                os.kill(pid, signal.SIGKILL)

    with pytest.raises(UserError, match=r"stopped: a process was killed by signal 9") as caught:
        train(dataset, split, file, store, progress=kill)
    assert Path(caught.value.place).is_file()
    assert not workers(tmp_path)
