"""Everything that training and answering compute, on a pretend accelerator.

Nothing mixes devices, little waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunewell.model.base import GenerateOptions
from tunewell.model.local import LocalModel
from tunewell.model.weights import Weights
from tunewell.train.lora.rows import TrainRow, encode_rows
from tunewell.types import Example, Message, Recipe

torch = pytest.importorskip("torch")

from tests.train.accelerator import DEVICE, Accelerator, Far, MixedDevicesError, accelerator  # noqa: E402


@pytest.fixture
def rows(examples: Callable[..., list[Example]], tokenizer: Any) -> tuple[TrainRow, ...]:
    return encode_rows(examples(15), tokenizer, max_tokens=300).rows


@pytest.fixture
def there() -> Iterator[Accelerator]:
    with accelerator() as mode:
        yield mode


def make_job(
    weights: Weights, rows: Any, recipe: Recipe, device: str, *, cut: int, folder: Path, **more: Any
) -> Any:
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job
    from tunewell.train.lora.load import load_network
    from tunewell.train.lora.trunk import Trunk

    network = load_network(weights.folder, dtype=torch.float32, device=device, **more)
    fold = np.arange(len(rows))[None] % 3
    train = fold != np.arange(3)[:, None]
    trunk = None
    if cut:
        trunk = Trunk(folder / f"states-{device}", network, rows, cut=cut)
        trunk.fill()
    adapted = Adapted.begin(network, recipe, cut=cut, adapters=range(3))
    return Job(adapted, rows, train=train, states=trunk)


def measured(job: Any) -> tuple[Any, Any, Any]:
    """Losses, runs said by heart, and the losses of the base; of rows not trained on."""
    how = {"which": ~job.train, "states": job.states}
    adapted = job.adapted
    return (
        adapted.measure(job.rows, **how),
        adapted.longest_runs(job.rows, **how),
        adapted.measure_untrained(job.rows, **how),
    )


def steps(job: Any, count: int) -> None:
    for i, batch in enumerate(job.batches(0)[:count]):
        job.backward(batch, step=i)
        job.bank.step(rate=1e-3, weight_decay=0.01)


def test_the_pretend_accelerator_refuses_what_cuda_refuses(there: Accelerator) -> None:
    x = torch.arange(6.0).view(2, 3).to(DEVICE)
    assert isinstance(x, Far)
    assert x.device.type == DEVICE
    with pytest.raises(MixedDevicesError):
        x @ torch.ones(3, 2)
    with pytest.raises((RuntimeError, TypeError)):
        x.numpy()
    assert not there.waits
    assert (x @ x.T).cpu().numpy().tolist() == [[5, 14], [14, 50]]
    assert float(x.sum()) == 15
    assert there.waits == {"copy": 1, "_local_scalar_dense": 1}
    w = torch.ones(3, device=DEVICE, requires_grad=True)
    (x @ w).sum().backward()
    assert isinstance(w.grad, Far)
    assert w.grad.tolist() == [3, 5, 7]


@pytest.mark.parametrize(("cut", "fast"), [(0, True), (2, True), (2, False)])
def test_folds_train_there_as_here_without_waiting(
    tiny: Weights, rows: Any, recipe: Recipe, tmp_path: Path, cut: int, fast: bool
) -> None:
    """Trunk, dropout, noise, label smoothing, clipping, AdamW.

    Then losses, runs said by heart, and the adapters.
    """
    recipe = recipe.model_copy(update={"noise": 0.5, "label_smoothing": 0.1, "dropout": 0.2})
    here = make_job(tiny, rows, recipe, "cpu", cut=cut, folder=tmp_path, fast=fast)
    steps(here, 3)
    with accelerator() as mode:
        job = make_job(tiny, rows, recipe, DEVICE, cut=cut, folder=tmp_path, fast=fast)
        assert isinstance(job.bank.values, Far)
        job.batches(0)
        mode.waits.clear()
        steps(job, 3)
        assert not mode.waits
        losses, runs, base = measured(job)
        assert mode.waits["copy"] <= 3 * len(rows)
        assert sum(mode.waits.values()) == mode.waits["copy"]
        tensors, state = job.bank.tensors(1), job.bank.state()
        job.bank.restore(state, steps=3)
        steps(job, 1)
    own_losses, own_runs, own_base = measured(here)
    np.testing.assert_allclose(losses, own_losses, atol=1e-4)
    np.testing.assert_array_equal(runs, own_runs)
    np.testing.assert_allclose(base, own_base, atol=1e-4)
    for name, values in here.bank.tensors(1).items():
        np.testing.assert_allclose(tensors[name], values, atol=2e-5)


def test_attention_and_norms_there_are_pytorchs_own(
    tiny: Weights,
    rows: Any,
    recipe: Recipe,
    tmp_path: Path,
    there: Accelerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is written by hand for the processor would be slow on a GPU.

    Its own kernels have their gradients.
    """
    from tunewell.train.lora import attention, kernels

    monkeypatch.delattr(attention, "_Attention")
    for name in ("_Norm", "_FusedNorm"):
        monkeypatch.delattr(kernels, name)
    steps(make_job(tiny, rows, recipe, DEVICE, cut=2, folder=tmp_path), 2)


def test_states_are_kept_there_where_they_fit(
    tiny: Weights,
    rows: Any,
    recipe: Recipe,
    tmp_path: Path,
    there: Accelerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tunewell.train.lora import trunk as module

    kept = make_job(tiny, rows, recipe, DEVICE, cut=2, folder=tmp_path)
    monkeypatch.setattr(module, "free_bytes", lambda _: 0.0)
    on_disk = make_job(tiny, rows, recipe, DEVICE, cut=2, folder=tmp_path)
    places = np.asarray([[0, 4, -1], [7, 14, 3]])
    length = int(kept.lengths[[0, 4, 7, 14, 3]].max())
    found, read = (job.states.take(places, length) for job in (kept, on_disk))
    assert isinstance(found, Far)
    assert not isinstance(read, Far)
    torch.testing.assert_close(found.cpu(), read, rtol=0, atol=0)
    assert float(read[0, 2].abs().max()) == 0
    ends = [row.start for row in rows]
    np.testing.assert_array_equal(kept.states.means(ends), on_disk.states.means(ends))


def test_a_whole_run_with_its_questions(
    tiny: Weights, rows: Any, recipe: Recipe, tmp_path: Path
) -> None:
    """Epochs, readings, checkpoint and resumption; then forgetting over the same network."""
    from tunewell.train.forgetting.losses import general_losses
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.checkpoint import Checkpoint
    from tunewell.train.lora.run import Schedule, run_job

    recipe = recipe.model_copy(update={"epochs": 1})
    with accelerator():
        job = make_job(tiny, rows, recipe, DEVICE, cut=2, folder=tmp_path)
        kept, held_out = Checkpoint(tmp_path / "state.safetensors"), ~job.train
        first = run_job(job, Schedule(1), measure=held_out, checkpoint=kept)
        again = make_job(tiny, rows, recipe, DEVICE, cut=2, folder=tmp_path)
        second = run_job(again, Schedule(1), measure=held_out, checkpoint=kept)
        final = Adapted.begin(job.adapted.network, recipe, cut=2)
        final.bank.values.copy_(job.bank.values[:1])
        general = general_losses(final, rows[:4])
    assert first.steps == second.steps
    np.testing.assert_array_equal(first.readings[-1].losses, second.readings[-1].losses)
    assert np.nanmean(first.readings[-1].losses) < np.nanmean(first.readings[0].losses)
    assert np.isfinite(general).all()


def test_answers_and_scores_come_out_there_as_here(tiny: Weights, there: Accelerator) -> None:
    """One wait for each token of a batch, however many rows it has."""
    prompts = [(Message(role="user", content="meter " * n),) for n in (1, 2, 5, 9, 9, 3)]
    model = LocalModel(tiny, dtype="float32", device=DEVICE)
    here = LocalModel(tiny, dtype="float32", device="cpu")
    for options in (
        GenerateOptions(max_new_tokens=6),
        GenerateOptions(max_new_tokens=6, temperature=1.0, top_p=0.9),
    ):
        there.waits.clear()
        answers = model.generate(prompts, options=options)
        assert there.waits["copy"] <= 6
        assert [a.text for a in answers] == [
            a.text for a in here.generate(prompts, options=options)
        ]
    targets = ["bill"] * len(prompts)
    nats = [s.nats for s in model.score(prompts, targets)]
    assert nats == pytest.approx([s.nats for s in here.score(prompts, targets)], abs=1e-4)


@pytest.mark.slow
def test_the_whole_stage_and_its_questions(
    tmp_path: Path,
    examples: Callable[..., list[Example]],
    recipe: Recipe,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Folds, check, final, findings and forgetting as a user starts them.

    Then the curve, groups and recipes.
    """
    from tests.train.project import opened_project
    from tunewell.train import learning_curve, leave_groups_out, search, train

    rows = [
        e.model_copy(update={"source": "north" if i % 2 else "south"})
        for i, e in enumerate(examples(32))
    ]
    recipe = recipe.model_copy(update={"epochs": 1, "replay": 0.05, "noise": 0.5})
    monkeypatch.setattr("tunewell.model.load.best_device", lambda: torch.device(DEVICE))
    project = opened_project(tmp_path, rows, recipe)
    with accelerator() as mode:
        trained = train(*project)
        curve = learning_curve(*project)
        groups = leave_groups_out(*project, field="source")
        found = search(
            *project, recipes=(recipe, recipe.model_copy(update={"rank": 2, "alpha": 4.0}))
        )
    assert set(mode.waits) == {"copy"}
    assert mode.waits["copy"] < mode.sent
    assert trained.held_out_loss.value < 8
    assert len(curve.measured) == 4
    assert {g.group for g in groups.groups} == {"north", "south"}
    assert len(found.candidates) == 2


@pytest.mark.parametrize("kind", ["Bloom", "Qwen3", "Gemma2", "Phi3"])
def test_other_decoders_run_there_too(kind: str, tmp_path: Path, there: Accelerator) -> None:
    from tests.train.lora.test_whole import made

    size = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
    }
    made(kind, tmp_path, **({} if kind == "Bloom" else size))
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job
    from tunewell.train.lora.load import load_network

    rng = np.random.default_rng(0)
    rows = [
        TrainRow(str(i), rng.integers(3, 64, 12 + i).astype(np.int32), start=6) for i in range(6)
    ]
    train = np.arange(6)[None] % 2 != np.arange(2)[:, None]
    network = load_network(tmp_path, dtype=torch.float32, device=DEVICE)
    recipe = Recipe(model="x", tokens_per_batch=64)
    adapted = Adapted.begin(network, recipe, cut=0, adapters=range(2))
    job = Job(adapted, rows, train=train)
    before = np.nanmean(adapted.measure(rows, which=train))
    for epoch in range(3):
        for i, batch in enumerate(job.batches(epoch)):
            job.backward(batch, step=i)
            job.bank.step(rate=1e-2, weight_decay=0.0)
    assert np.nanmean(adapted.measure(rows, which=train)) < before
