"""The final run through TRL: the same steps, losses and gradients as our own, and what happens when it goes wrong."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.train.conftest import make_examples
from tests.train.project import make_project
from tests.train.test_whole import made
from tunewell.errors import MissingExtraError, ModelError, TaskError
from tunewell.task import Machine, TaskFile
from tunewell.train import backend, train
from tunewell.train.handover import DONE, Order, SharedWork
from tunewell.train.rows import encode_rows
from tunewell.types import Recipe, Trained

torch = pytest.importorskip("torch")
pytest.importorskip("trl")


def order_of(recipe: Recipe, *, cut: int, steps: int) -> Order:
    return Order(
        base=recipe.model,
        recipe=recipe,
        cut=cut,
        dtype="float32",
        device="cpu",
        processes=1,
        sharding="none",
        pass_tokens=100,
        horizon=steps,
        epoch_ends=(steps,),
        checkpoint_s=60.0,
    )


def step_is_ours(
    network: Any, tokenizer: Any, recipe: Recipe, base: Path, folder: Path, *, cut: int = 0
) -> None:
    """The first step of TRL's, from an adapter that is not zero, has our loss and our gradients."""
    from tunewell.train.loop import Job
    from tunewell.train.sft import build

    rows = encode_rows(make_examples(20), tokenizer, max_tokens=200).rows
    everything = np.ones((1, 20), np.bool_)
    job = Job(network, rows, recipe=recipe, cut=cut, train=everything, measure=everything)
    job.bank.values += 0.05 * torch.randn(
        job.bank.values.shape, generator=torch.Generator().manual_seed(1)
    )
    batches = job.batches(0)
    work = SharedWork.of(rows, [b.rows[0] for b in batches])
    start = {n: torch.from_numpy(t) for n, t in job.bank.tensors(0).items()}
    order = order_of(recipe, cut=cut, steps=len(batches)).model_copy(update={"base": str(base)})
    trainer = build(order, work, start, folder, [])
    assert trainer.args.gradient_accumulation_steps > 1
    loss, _ = job.loss(batches[0])
    job.backward(batches[0])
    own = job.bank.gradients()
    passes = iter(trainer.get_train_dataloader())
    trainer.create_optimizer()
    theirs, items = trainer.get_batch_samples(
        passes, trainer.args.gradient_accumulation_steps, torch.device("cpu")
    )
    total = sum(float(trainer.training_step(trainer.model, inputs, items)) for inputs in theirs)
    if not recipe.label_smoothing:  # ours reports the loss without it
        assert total == pytest.approx(float(loss.detach()), rel=1e-6)
    trained = [(n, p) for n, p in trainer.model.named_parameters() if p.requires_grad]
    gradients = {n.replace(".default", ""): p.grad.numpy() for n, p in trained}
    job.bank.values.copy_(own)
    expected = job.bank.tensors(0)
    assert set(gradients) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(gradients[name], value, rtol=1e-3, atol=2e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("cut", [0, 2])
def test_loss_and_gradients_of_a_step_are_ours(
    network: Any,
    tiny: Any,
    tokenizer: Any,
    recipe: Recipe,
    tmp_path: Path,
    cut: int,
    smoothing: float,
) -> None:
    recipe = recipe.model_copy(update={"dropout": 0.0, "label_smoothing": smoothing})
    step_is_ours(network, tokenizer, recipe, tiny.folder, tmp_path, cut=cut)


@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to False:UserWarning")
def test_so_they_are_where_layers_cannot_be_cut(
    tiny: Any, tokenizer: Any, recipe: Recipe, tmp_path: Path
) -> None:
    """GPT-2: other names, weights the other way round, and dropout of its own, which a frozen base does not get."""
    from tunewell.train.network import load_network

    base = tmp_path / "base"
    made("GPT2", base, vocabulary=len(tokenizer))
    for file in tiny.folder.glob("*token*"):
        shutil.copy(file, base)
    recipe = recipe.model_copy(update={"dropout": 0.0, "targets": ("no_such_map",)})
    step_is_ours(load_network(base, dtype=torch.float32), tokenizer, recipe, base, tmp_path)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_noise_is_on_the_input_of_the_first_trained_layer_in_training_alone(
    tiny: Any, tmp_path: Path, kind: str
) -> None:
    from transformers import AutoModelForCausalLM

    from tunewell.train.sft import add_noise

    llama = kind == "llama"
    model = (
        AutoModelForCausalLM.from_pretrained(tiny.folder)
        if llama
        else made("GPT2", tmp_path, embd_pdrop=0.0)
    )
    ids = torch.tensor([[3, 4, 5, 6]])
    seen: dict[str, Any] = {}

    def states(*, training: bool) -> list[Any]:
        model.train(training)(input_ids=ids)
        return [seen[n].detach().clone() for n in sorted(seen)]

    def look(name: str) -> Any:
        return lambda _, given, out=None: seen.update({name: given[0] if out is None else out})

    add_noise(model, 2, 5.0)
    if llama:
        for i in (1, 2):
            model.model.layers[i].register_forward_pre_hook(look(f"layer {i}"))
    else:
        model.get_input_embeddings().register_forward_hook(look("embeddings"))
    still, noisy = states(training=False), states(training=True)
    moved = (noisy[-1] - still[-1]).abs()
    assert 0.1 < float(moved.max()) * (4 * still[-1].shape[-1]) ** 0.5 / 5.0 <= 1.001
    if llama:
        torch.testing.assert_close(still[0], noisy[0])


def file_of(folder: Path, recipe: Recipe, **machine: Any) -> TaskFile:
    _, _, file, _ = make_project(folder, make_examples(4), recipe, folds=2)
    spec = file.spec.model_copy(update={"machine": Machine(**machine)})
    return TaskFile(spec=spec, path=file.path, lines={"machine": 7, "train": 3})


def test_every_part_of_a_recipe_is_carried_or_refused(
    tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        set(Recipe.model_fields) == backend.CARRIED
    )  # a new field: carry it out in sft.py, then add it
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


def test_adapters_elsewhere_than_ours_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    from tunewell.train.sft import build

    work = SharedWork(
        (np.arange(5, dtype=np.int32),), np.asarray([2], np.int32), (np.asarray([0]),)
    )
    start = {f"base_model.model.{n}.lora_A.weight": 0 for n in ("layers.0.mlp.up_proj", "no.such")}
    with pytest.raises(
        ModelError,
        match="has 2 adapter tensors in this model and our own network 2; they differ in 4",
    ):
        build(order_of(recipe, cut=0, steps=1), work, start, tmp_path, [])


def test_fewer_processes_than_ordered_is_an_error(
    recipe: Recipe, tmp_path: Path, network: Any
) -> None:
    """What `accelerate launch --cpu --num_processes 2` does without a word."""
    import torch

    from tunewell.train.bank import Bank
    from tunewell.train.sft import build

    work = SharedWork(
        (np.arange(5, dtype=np.int32),), np.asarray([2], np.int32), (np.asarray([0]),)
    )
    start = {
        n: torch.from_numpy(t)
        for n, t in Bank(
            network.sites(recipe.targets, 0), recipe=recipe, adapters=(0,), like=network.head
        )
        .tensors(0)
        .items()
    }
    order = order_of(recipe, cut=0, steps=1).model_copy(update={"processes": 2})
    with pytest.raises(
        ModelError,
        match=r"2 processes \(MULTI_CPU\) were ordered, accelerate came up with 1 \(NO\)",
    ):
        build(order, work, start, tmp_path, [])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Any) -> tuple[Trained, Any, Recipe]:
    """The whole way, the final run in a process of TRL's, in fp32 and without dropout: comparable with ours."""
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
        patch.setattr("tunewell.train.network.best_type", lambda: torch.float32)
        return train(dataset, split, file, store), store, recipe


def test_the_adapter_is_that_of_our_own_loop(trained: Any, network: Any, tokenizer: Any) -> None:
    from safetensors.numpy import load_file

    from tunewell.train.loop import Job, run_job
    from tunewell.train.replay import replay_rows

    result, store, recipe = trained
    rows = encode_rows(make_examples(30)[:28], tokenizer, max_tokens=1024).rows
    everything = np.ones((1, 28), np.bool_)
    job = Job(
        network,
        rows,
        recipe=recipe,
        cut=0,
        train=everything,
        measure=everything,
        replay=replay_rows(tokenizer),
    )
    start = job.bank.tensors(0)
    done = run_job(job, epochs=result.model.recipe.epochs, planned=2, read_every=False)
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
    np.testing.assert_allclose(job.evaluate(everything), own, atol=5e-3)


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

    from tunewell.train.setting import Setting

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
    setting = Setting(
        dataset, split, recipe, tiny, store, tmp_path / "work", progress=lambda d, _: told.append(d)
    )
    setting.meter.total = 10_000
    place = backend.Place(1, "cpu", "none")
    first = setting.bank(1).tensors(0)
    for _ in range(2):  # killed between the last step and the end of the stage
        done = backend.train_final(setting, place, cut=1, epochs=2)
        assert (done.tokens, done.tokens_per_s) == (900, 300)
        for name, value in done.bank.tensors(0).items():
            np.testing.assert_allclose(value, first[name] + 1)
    assert len(launched) == 1
    assert told == [225, 675, 1350]  # three of four layers
    (file,) = (tmp_path / "work" / "final").glob("checkpoint-*/adapter_model.safetensors")
    save_file({n: t * np.nan for n, t in load_file(file).items()}, file)
    with pytest.raises(ModelError, match="diverged"):
        backend.train_final(setting, place, cut=1, epochs=2)
