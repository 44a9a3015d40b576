"""The final run through TRL: the same steps, losses and gradients as our own.

And what happens when it goes wrong.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.train.conftest import make_examples
from tests.train.lora.test_whole import made
from tunewell.errors import ModelError
from tunewell.train.distributed.job_files import Order, SharedWork
from tunewell.train.lora.rows import encode_rows
from tunewell.types import Recipe

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
    from tunewell.train.distributed.trainer import build
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job

    rows = encode_rows(make_examples(20), tokenizer, max_tokens=200).rows
    everything = np.ones((1, 20), np.bool_)
    job = Job(Adapted.begin(network, recipe, cut=cut), rows, train=everything)
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
    """GPT-2: other names, weights the other way round, and dropout of its own.

    A frozen base does not get that.
    """
    from tunewell.train.lora.load import load_network

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

    from tunewell.train.distributed.trainer import add_noise

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


def test_adapters_elsewhere_than_ours_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    from tunewell.train.distributed.trainer import build

    work = SharedWork((np.arange(5, dtype=np.int32),), np.asarray([[0, 2, 5]]), (np.asarray([0]),))
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

    from tunewell.train.distributed.trainer import build
    from tunewell.train.lora.adapted import Adapted

    work = SharedWork((np.arange(5, dtype=np.int32),), np.asarray([[0, 2, 5]]), (np.asarray([0]),))
    tensors = Adapted.begin(network, recipe, cut=0).bank.tensors(0)
    start = {n: torch.from_numpy(t) for n, t in tensors.items()}
    order = order_of(recipe, cut=0, steps=1).model_copy(update={"processes": 2})
    with pytest.raises(
        ModelError,
        match=r"2 processes \(MULTI_CPU\) were ordered, accelerate came up with 1 \(NO\)",
    ):
        build(order, work, start, tmp_path, [])
