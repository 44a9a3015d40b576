from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tunewell.train.lora.rows import encode_rows
from tunewell.types import Example, Recipe

torch = pytest.importorskip("torch")


@pytest.fixture
def rows(examples: Callable[..., list[Example]], tokenizer: Any) -> Any:
    return encode_rows(examples(24), tokenizer, max_tokens=200).rows


def make_job(
    network: Any, rows: Any, recipe: Recipe, *, cut: int, adapters: tuple[int, ...]
) -> Any:
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job

    train = np.arange(len(rows))[None] % 3 != np.asarray(adapters)[:, None]
    return Job(Adapted.begin(network, recipe, cut=cut, adapters=adapters), rows, train=train)


def spread(job: Any, *, seed: int) -> None:
    """Adapters that are not at their start, the same for the same adapter whoever is beside it."""
    for i, adapter in enumerate(job.bank.adapters):
        rng = np.random.default_rng([seed, adapter])
        noise = rng.normal(0, 0.05, job.bank.values.shape[1]).astype(np.float32)
        job.bank.values[i] += torch.from_numpy(noise)
    job.bank.refresh()


@pytest.mark.parametrize("cut", [0, 2])
@pytest.mark.parametrize("fast", [True, False])
def test_gradients_of_the_bank_are_those_of_separate_runs(
    tiny: Any, rows: Any, recipe: Recipe, cut: int, fast: bool
) -> None:
    from tunewell.train.lora.load import load_network

    network = load_network(tiny.folder, dtype=torch.float32, fast=fast)
    recipe = recipe.model_copy(update={"label_smoothing": 0.1})
    bank = make_job(network, rows, recipe, cut=cut, adapters=(0, 1, 2))
    spread(bank, seed=1)
    batch = bank.batches(0)[0]
    bank.loss(batch, step=3)[0].backward()
    together = bank.bank.gradients()
    assert float(together.abs().max()) > 1e-3
    for adapter in range(3):
        alone = make_job(network, rows, recipe, cut=cut, adapters=(adapter,))
        spread(alone, seed=1)
        own = type(batch)(rows=batch.rows[adapter : adapter + 1], length=batch.length)
        alone.loss(own, step=3)[0].backward()
        torch.testing.assert_close(alone.bank.gradients()[0], together[adapter], rtol=0, atol=1e-6)


@pytest.mark.parametrize("budget", [1, 150, 400])
def test_a_step_in_several_passes_has_the_same_gradients(
    network: Any, rows: Any, recipe: Recipe, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With dropout and label smoothing; the memory of a step no longer grows with its tokens."""
    from tunewell.train.lora import device

    monkeypatch.setattr(device, "PROCESSOR_TOKENS", budget)
    recipe = recipe.model_copy(update={"label_smoothing": 0.1, "dropout": 0.3})
    whole, split = (make_job(network, rows, recipe, cut=2, adapters=(0, 1, 2)) for _ in range(2))
    for job in (whole, split):
        spread(job, seed=4)
    batch = max(whole.batches(0), key=lambda b: b.rows.shape[1])
    assert batch.rows.shape[1] > 2
    whole.loss(batch, step=3)[0].backward()
    split.backward(batch, step=3)
    theirs = whole.bank.gradients()
    assert float(theirs.abs().max()) > 1e-3
    torch.testing.assert_close(split.bank.gradients(), theirs, rtol=0, atol=1e-6)


def test_dropout_is_drawn_for_every_row_and_step(network: Any, rows: Any, recipe: Recipe) -> None:
    """By hand: x times its row's mask, then A and B.

    About the wanted share is zero, the rest is scaled up.
    """
    from tunewell.train.lora.kernels import lora

    bank = make_job(
        network, rows, recipe.model_copy(update={"dropout": 0.4}), cut=2, adapters=(0, 1)
    ).bank
    bank.refresh(step=5, rows=3)
    group = bank.groups[0]
    mask = group.mask
    assert mask.shape == (2, 3, group.sites[0].inputs)
    assert 0.3 < float((mask == 0).float().mean()) < 0.5
    torch.testing.assert_close(mask[mask > 0], torch.full_like(mask[mask > 0], 1 / 0.6))
    assert not torch.equal(mask[0, 0], mask[0, 1])
    x = torch.randn(2, 12, group.sites[0].inputs)
    weight = torch.randn(group.outputs, x.shape[2])
    group.b.data.normal_()
    by_hand = x @ weight.T + (x * mask.repeat_interleave(4, 1)) @ group.a.transpose(1, 2) @ group.b
    torch.testing.assert_close(
        lora(x, weight, None, group.a, group.b, mask), by_hand, rtol=1e-4, atol=1e-4
    )
    bank.refresh(step=6, rows=3)
    assert not torch.equal(mask, bank.groups[0].mask)
    bank.refresh()
    assert bank.groups[0].mask is None


@pytest.mark.parametrize("fast", [True, False])
def test_gradients_are_those_of_autograd_through_peft(
    tiny: Any, rows: Any, recipe: Recipe, fast: bool
) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from tunewell.train.lora.load import load_network

    recipe = recipe.model_copy(update={"dropout": 0.0})
    network = load_network(tiny.folder, dtype=torch.float32, fast=fast)
    job = make_job(network, rows, recipe, cut=0, adapters=(0,))
    spread(job, seed=2)
    batch = job.batches(0)[0]
    job.loss(batch)[0].backward()
    grads = job.bank.gradients()
    job.bank.values.copy_(grads)  # to read them by name
    ours = job.bank.tensors(0)

    model = AutoModelForCausalLM.from_pretrained(tiny.folder, dtype=torch.float32)
    peft = get_peft_model(
        model,
        LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules=list(recipe.targets)),
    )
    again = make_job(network, rows, recipe, cut=0, adapters=(0,))
    spread(again, seed=2)
    theirs = dict(peft.named_parameters())
    with torch.no_grad():
        for name, value in again.bank.tensors(0).items():
            theirs[name.replace(".weight", ".default.weight")].copy_(torch.from_numpy(value))
    total = torch.zeros(())
    count = 0
    for r in batch.rows[0]:
        row = rows[r]
        ids = torch.from_numpy(row.ids.astype(np.int64))[None]
        labels = ids.clone()
        labels[:, : row.start] = -100
        loss = peft(input_ids=ids, labels=labels).loss * row.targets
        total = total + loss
        count += row.targets
    (total / count).backward()
    for name, value in ours.items():
        grad = theirs[name.replace(".weight", ".default.weight")].grad
        torch.testing.assert_close(torch.from_numpy(value), grad, rtol=1e-3, atol=1e-5)


def test_an_adapter_begins_the_same_whoever_is_beside_it(
    network: Any, rows: Any, recipe: Recipe
) -> None:
    both = make_job(network, rows, recipe, cut=2, adapters=(0, 1)).bank
    alone = make_job(network, rows, recipe, cut=2, adapters=(1,)).bank
    np.testing.assert_array_equal(both.values[1].numpy(), alone.values[0].numpy())
    assert not np.array_equal(both.values[0].numpy(), both.values[1].numpy())


def test_label_smoothing_moves_mass_off_the_label() -> None:
    from tunewell.train.lora.vocabulary import cross_entropy

    torch.manual_seed(0)
    hidden = torch.randn(5, 8, requires_grad=True)
    head, labels, weights = (
        torch.randn(30, 8),
        torch.tensor([1, 4, 29, 0, 7]),
        torch.full((5,), 0.2),
    )
    total, nats = cross_entropy(hidden, head, labels, weights, smoothing=0.1)
    total.backward()
    theirs = hidden.detach().clone().requires_grad_()
    smooth = torch.nn.functional.cross_entropy(theirs @ head.T, labels, label_smoothing=0.1)
    smooth.backward()
    torch.testing.assert_close(hidden.grad, theirs.grad, rtol=1e-3, atol=1e-5)
    plain = torch.nn.functional.cross_entropy(hidden.detach() @ head.T, labels, reduction="none")
    torch.testing.assert_close(nats, plain, rtol=1e-5, atol=1e-5)


def test_padding_and_prompt_carry_no_loss(network: Any, rows: Any, recipe: Recipe) -> None:
    job = make_job(network, rows, recipe.model_copy(update={"dropout": 0.0}), cut=0, adapters=(0,))
    batch = job.batches(0)[0]
    labels = job.labels(batch)
    at, flat = labels.wanted.flatten()[labels.at], labels.owner
    for i, r in enumerate(batch.rows[0]):
        mine = flat == i
        assert (
            labels.tokens[torch.from_numpy(mine)].tolist() == rows[r].ids[rows[r].start :].tolist()
        )
        places = at[torch.from_numpy(mine)].numpy() - i * batch.length
        assert places.min() == rows[r].start - 1
        assert places.max() == len(rows[r].ids) - 2
    wider = type(batch)(rows=batch.rows, length=batch.length + 37)
    torch.testing.assert_close(job.loss(wider)[0], job.loss(batch)[0], rtol=1e-5, atol=1e-6)
