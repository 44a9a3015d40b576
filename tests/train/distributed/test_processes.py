"""The final run in real processes.

Two of them give what one gives, a killed one goes on, none outlives its master.
"""

from __future__ import annotations

import json
import os
import shutil
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
from tunewell.project import Project
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
from tunewell.model import load
from tunewell.task import Machine, TaskFile
from tunewell.train import train
from tunewell.types import Recipe
load.best_type = lambda _: torch.float32
recipe = Recipe.model_validate_json(sys.argv[2])
from tunewell.project import Project
dataset, split, file, store = make_project(Path(sys.argv[1]), make_examples(30), recipe)
machine = Machine(processes=int(sys.argv[3]))
file = TaskFile(spec=file.spec.model_copy(update={"machine": machine}), path=file.path)
print(train(dataset, split, Project(file, store)).model_dump_json())
"""


@pytest.fixture
def recipe(tiny: Any) -> Recipe:
    """Trained on to the end whatever the held-out loss says, so that there is time to kill it."""
    return Recipe(
        model=str(tiny.folder),
        rank=4,
        alpha=8,
        dropout=0.0,
        rate=2e-3,
        epochs=6,
        patience=6,
        replay=0.1,
        tokens_per_batch=128,
        fold_layers=1.0,
        backend="trl",
    )


def start(folder: Path, recipe: Recipe, processes: int) -> subprocess.Popen[str]:
    root = Path(__file__).parents[3]
    env = os.environ | {"PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), recipe.model_dump_json(), str(processes)],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        cwd=root,
    )


def finished(folder: Path, recipe: Recipe, processes: int) -> tuple[Trained, dict[str, Any]]:
    """Train to the end; the result and its adapter."""
    from safetensors.numpy import load_file

    out, errors = start(folder, recipe, processes).communicate(timeout=600)
    assert out, errors
    trained = Trained.model_validate_json(out)
    store = make_project(folder, make_examples(30), recipe)[3]
    return trained, load_file(store.files.open(trained.model.adapter) / "adapter_model.safetensors")


def workers(folder: Path, *, launcher: bool = True) -> list[int]:
    """Processes that train in a project, torch's launcher among them if wanted."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        mine = "tunewell.train.distributed.worker" in line and str(folder) in line
        if mine and (launcher or "torch.distributed.run" not in line):
            found.append(int(path.parent.name))
    return found


def ended(folder: Path) -> None:
    """Wait until no process trains there."""
    for _ in range(300):
        if not workers(folder):
            return
        time.sleep(0.1)
    pytest.fail(f"still training: {workers(folder)}")


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
    assert any(
        "2 processes on the processor, DDP" in n for n in two.notes
    )  # accelerate was asked, not believed
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
    ended(folder)  # nobody trains on when nobody waits
    (final,) = folder.glob(".tunewell/work/*/final")
    kept = sorted(
        int(p.parent.name.rpartition("-")[2]) for p in final.glob("checkpoint-*/done.json")
    )
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
    ended(folder)
    _, mixed = finished(folder, recipe, 1)
    _, alone = finished(tmp_path / "one", recipe, 1)
    assert far(alone, mixed) < 0.01


@pytest.mark.slow
def test_a_killed_process_is_one_clear_error(tmp_path: Path, recipe: Recipe) -> None:
    from tunewell.train import train

    dataset, split, file, store = make_project(tmp_path, make_examples(30), recipe)
    file = TaskFile(
        spec=file.spec.model_copy(update={"machine": Machine(processes=2)}), path=file.path
    )

    def kill(done: int, _: int) -> None:
        for pid in workers(tmp_path, launcher=False)[-1:]:
            if next(steps(tmp_path)):
                os.kill(pid, signal.SIGKILL)

    with pytest.raises(UserError, match=r"stopped: a process was killed by signal 9") as caught:
        train(dataset, split, Project(file, store), progress=kill)
    assert Path(caught.value.place).is_file()
    ended(tmp_path)


SHARDED = """
import sys
from pathlib import Path
import tunewell.train.distributed.trainer as sft
from tunewell.train.distributed import checkpoints as keeper
from tunewell.train.distributed import worker
plain_settings, plain_keeper = sft.settings, keeper.keeper_of

def settings(order, work, folder):
    found = plain_settings(order, work, folder)
    from accelerate.state import PartialState
    from accelerate.utils import DistributedType
    assert found.distributed_state.num_processes == 2
    # It shards on nothing else.
    PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
    found.activation_checkpointing = found.gradient_checkpointing = True
    return found

def keeper_of(order, work, folder):
    made = plain_keeper(order, work, folder)
    plain = type(made).on_train_begin
    def begin(self, args, state, control, model=None, **_):
        from torch.distributed.tensor import DTensor
        assert all(isinstance(p, DTensor) for p in model.parameters())
        shares = [p.to_local().numel() / p.numel() for p in model.parameters()]
        (folder / f"held-{args.process_index}").write_text(str(max(shares)))
        return plain(self, args, state, control)
    type(made).on_train_begin = begin
    return made

sft.settings, keeper.keeper_of = settings, keeper_of
worker.main(sys.argv[1:])
"""


@pytest.mark.slow
def test_sharded_it_gives_what_one_process_gives(
    tmp_path: Path, recipe: Recipe, network: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FSDP itself, between two processors: accelerate is told that they are GPUs.

    A killed run goes on sharded, too.
    """
    from safetensors.numpy import load_file, save_file

    from tunewell.train.distributed import launch as launching
    from tunewell.train.distributed.job_files import Order, SharedWork, Told
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job
    from tunewell.train.lora.rows import encode_rows

    recipe = recipe.model_copy(update={"label_smoothing": 0.1, "epochs": 3, "replay": 0.0})
    rows = encode_rows(make_examples(30), tokenizer, max_tokens=200).rows
    everything = np.ones((1, 30), np.bool_)
    job = Job(Adapted.begin(network, recipe, cut=0), rows, train=everything)
    steps = [b.rows[0] for e in range(3) for b in job.batches(e)]
    ends = tuple(len(job.batches(0)) * (e + 1) for e in range(3))
    (tmp_path / "sharded.py").write_text(SHARDED, encoding="utf-8")
    many = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    found = {}
    for name, processes in (("none", 1), ("fsdp", 2)):
        folder = tmp_path / name
        folder.mkdir()
        order = Order(
            base=recipe.model,
            recipe=recipe,
            cut=0,
            dtype="float32",
            device="cpu",
            processes=processes,
            sharding=name,
            pass_tokens=2048,
            horizon=ends[-1],
            epoch_ends=ends,
            checkpoint_s=600,
        )
        (folder / "job.json").write_text(order.model_dump_json(), encoding="utf-8")
        SharedWork.of(rows, steps).save(folder / "rows.safetensors")
        save_file(job.bank.tensors(0), folder / "start.safetensors")
        if processes > 1:
            script = [*many, str(tmp_path / "sharded.py")]
            monkeypatch.setattr(
                launching,
                "command",
                lambda folder, pipe, s=script, **_: [*s, str(folder), str(pipe)],
            )
        launching.launch(folder, processes=processes, threads=1, listen=lambda _: None)
        found[name] = load_file(folder / f"checkpoint-{ends[-1]}" / "adapter_model.safetensors")
    assert [(tmp_path / "fsdp" / f"held-{r}").read_text(encoding="utf-8") for r in (0, 1)] == [
        "0.5",
        "0.5",
    ]
    assert far(found["none"], found["fsdp"]) < 0.01
    shutil.rmtree(tmp_path / "fsdp" / f"checkpoint-{ends[-1]}")
    again: list[Told] = []
    (tmp_path / "fsdp" / "told").unlink()
    launching.launch(tmp_path / "fsdp", processes=2, threads=1, listen=again.append)
    assert again[0]["step"] == ends[1] + 1
    resumed = load_file(tmp_path / "fsdp" / f"checkpoint-{ends[-1]}" / "adapter_model.safetensors")
    assert far(found["fsdp"], resumed) < 1e-6
