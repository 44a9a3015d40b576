"""Where a final run goes, and what it gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.train.conftest import make_examples
from tests.train.project import make_project
from tunewell.errors import MissingExtraError, ModelError, TaskError
from tunewell.project import Project
from tunewell.task import Machine, TaskFile
from tunewell.train import train
from tunewell.train.distributed import run as backend
from tunewell.train.distributed.job_files import DONE, Order
from tunewell.train.lora.rows import encode_rows
from tunewell.types import Recipe, Trained

torch = pytest.importorskip("torch")
pytest.importorskip("trl")


def file_of(folder: Path, recipe: Recipe, **machine: Any) -> TaskFile:
    _, _, file, _ = make_project(folder, make_examples(4), recipe, folds=2)
    spec = file.spec.model_copy(update={"machine": Machine(**machine)})
    return TaskFile(spec=spec, path=file.path, lines={"machine": 7, "train": 3})


def test_every_part_of_a_recipe_is_carried_or_refused(
    tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A new field: carry it out in trainer.py, then add it. Rows that are heard never go to TRL.
    assert set(Recipe.model_fields) - {"replay_kinds"} == backend.CARRIED
    file = file_of(tmp_path, recipe.model_copy(update={"backend": "trl", "noise": 5.0}))
    monkeypatch.setattr(backend, "CARRIED", backend.CARRIED - {"noise", "replay"})
    with pytest.raises(
        TaskError, match=r"tunewell\.yaml:3: train\.noise: a final run through TRL cannot"
    ):
        backend.placed(file)


def test_what_the_machine_cannot_do_is_said_before_anything_else(
    tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        backend.placed(file_of(tmp_path, recipe, processes=3, sharding="fsdp")) is None
    )  # our own: not asked
    other = recipe.model_copy(update={"backend": "trl"})
    monkeypatch.setattr(backend, "_gpus", lambda: 0)
    assert str(backend.placed(file_of(tmp_path, other))) == "1 process on the processor, unsharded"
    with pytest.raises(TaskError, match=r"tunewell\.yaml:7: machine\.sharding: fsdp needs GPUs"):
        backend.placed(file_of(tmp_path, other, processes=2, sharding="fsdp"))
    monkeypatch.setattr(backend, "_gpus", lambda: 4)
    assert (
        str(backend.placed(file_of(tmp_path, other, sharding="fsdp")))
        == "4 processes on GPUs, FSDP"
    )
    with pytest.raises(TaskError, match="8 processes for 4 GPUs"):
        backend.placed(file_of(tmp_path, other, processes=8))
    with pytest.raises(TaskError, match="two processes or more"):
        backend.placed(file_of(tmp_path, other, processes=1, sharding="fsdp"))
    monkeypatch.setattr(backend, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="'trl'"):
        backend.placed(file_of(tmp_path, other))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Any) -> tuple[Trained, Any, Recipe]:
    """The whole way, the final run in a process of TRL's.

    In fp32 and without dropout: comparable with ours.
    """
    recipe = Recipe(
        model=str(tiny.folder),
        rank=4,
        alpha=8,
        dropout=0.0,
        rate=1e-2,
        epochs=2,
        tokens_per_batch=256,
        fold_layers=0.5,
        replay=0.1,
        label_smoothing=0.1,
        weight_decay=0.1,
        backend="trl",
    )
    dataset, split, file, store = make_project(
        tmp_path_factory.mktemp("trl"), make_examples(30), recipe
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tunewell.model.load.best_type", lambda _: torch.float32)
        return train(dataset, split, Project(file, store)), store, recipe


def test_the_adapter_is_that_of_our_own_loop(trained: Any, network: Any, tokenizer: Any) -> None:
    from safetensors.numpy import load_file

    from tunewell.train.forgetting.general_rows import replay_rows
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job
    from tunewell.train.lora.run import Schedule, run_job

    result, store, recipe = trained
    rows = encode_rows(make_examples(30)[:28], tokenizer, max_tokens=1024).rows
    everything = np.ones((1, 28), np.bool_)
    adapted = Adapted.begin(network, recipe, cut=0)
    job = Job(adapted, rows, train=everything, replay=replay_rows(tokenizer))
    start = job.bank.tensors(0)
    schedule = Schedule(result.model.recipe.epochs, planned=2, read_every=False)
    done = run_job(job, schedule, measure=everything)
    theirs = load_file(store.files.open(result.model.adapter) / "adapter_model.safetensors")
    assert set(theirs) == set(start)
    for name, value in job.bank.tensors(0).items():
        moved = np.linalg.norm(value - start[name])
        assert moved > 0
        assert (
            np.linalg.norm(theirs[name] - value) < 0.02 * moved
        )  # Adam makes much of the last digits of a gradient
    own = done.readings[-1].losses
    job.bank.put(0, theirs)
    np.testing.assert_allclose(adapted.measure(rows), own, atol=5e-3)


def test_it_is_a_version_like_any_other(trained: Any, tiny: Any) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    result, store, _ = trained
    run = store.last_run("train")
    assert [f.code for f in run.findings] == ["T07", "T01", "T02", "D10", "T06", "T04"]
    assert {"trl", "accelerate"} <= set(run.packages)
    assert result.tokens_per_s > 0
    assert any("trained by trl 1." in n and "1 process on the processor" in n for n in result.notes)
    folder = store.files.open(result.model.adapter)
    assert sorted(p.name for p in folder.iterdir()) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    assert "| final run | trl 1." in (folder / "README.md").read_text(encoding="utf-8")
    PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny.folder), str(folder))
    assert not any((store.root / "work").iterdir())


def test_what_is_finished_is_not_launched_again_and_what_diverged_is_refused(
    tmp_path: Path, recipe: Recipe, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.numpy import load_file, save_file

    from tunewell.train.session import TrainingSession

    launched: list[Path] = []

    def launch(folder: Path, *, listen: Any, **_: Any) -> None:
        launched.append(folder)
        total = Order.model_validate_json((folder / "job.json").read_bytes()).epoch_ends[-1]
        result = folder / f"checkpoint-{total}"
        result.mkdir()
        start = load_file(folder / "start.safetensors")
        save_file({n: t + 1 for n, t in start.items()}, result / "adapter_model.safetensors")
        listen({"step": 1, "tokens": 300, "seconds": 2.0})
        (result / DONE).write_text('{"step": 9, "tokens": 900, "seconds": 3.0}', encoding="utf-8")

    monkeypatch.setattr(backend, "launch", launch)
    dataset, split, _, store = make_project(tmp_path, make_examples(12), recipe, folds=2)
    told: list[int] = []
    session = TrainingSession(
        dataset, split, recipe, tiny, store, tmp_path / "work", progress=lambda d, _: told.append(d)
    )
    session.meter.total = 10_000
    place = backend.Place(1, "cpu", "none")
    first = session.adapted(1).bank.tensors(0)
    for _ in range(2):  # killed between the last step and the end of the stage
        done = backend.train_final(session, place, cut=1, epochs=2)
        assert (done.tokens, done.tokens_per_s) == (900, 300)
        for name, value in done.adapted.bank.tensors(0).items():
            np.testing.assert_allclose(value, first[name] + 1)
    assert len(launched) == 1
    assert told == [225, 675, 1350]  # three of four layers
    (file,) = (tmp_path / "work" / "final").glob("checkpoint-*/adapter_model.safetensors")
    save_file({n: t * np.nan for n, t in load_file(file).items()}, file)
    with pytest.raises(ModelError, match="diverged"):
        backend.train_final(session, place, cut=1, epochs=2)
