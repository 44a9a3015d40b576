"""General rows in the mix: how many, which, and that they do what they are for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.train.project import opened_project
from tunewell.project import Project
from tunewell.task import TaskFile
from tunewell.train import fit
from tunewell.train.forgetting.finding import forgetting
from tunewell.train.forgetting.general_rows import general_rows, replay_rows
from tunewell.train.forgetting.losses import general_losses
from tunewell.train.lora.batches import draw_replay
from tunewell.train.lora.rows import encode_rows
from tunewell.types import Example, Recipe

pytest.importorskip("torch")
Make = Callable[..., list[Example]]


def test_what_is_replayed_is_not_what_forgetting_is_measured_on(tokenizer: Any) -> None:
    mixed, measured = replay_rows(tokenizer), general_rows(tokenizer)
    texts = [{tokenizer.decode(r.ids.tolist()) for r in rows} for rows in (mixed, measured)]
    assert not texts[0] & texts[1]
    assert len({r.id for r in (*mixed, *measured)}) == len(mixed) + len(measured)
    assert len(mixed) == 128


@pytest.mark.parametrize("share", [0.02, 0.05, 0.2])
def test_an_epoch_takes_its_share_of_general_tokens(tokenizer: Any, share: float) -> None:
    rows = replay_rows(tokenizer)
    sizes = np.asarray([len(r.ids) for r in rows])
    taken = draw_replay(rows, tokens=10_000, share=share, seed=(0, 1))
    assert len(set(taken.tolist())) == len(taken)
    assert abs(sizes[taken].sum() / (10_000 + sizes[taken].sum()) - share) <= sizes.max() / 10_000
    assert taken.tolist() != draw_replay(rows, tokens=10_000, share=share, seed=(0, 2)).tolist()
    assert draw_replay(rows, tokens=10_000, share=0, seed=(0, 1)).tolist() == []


@pytest.mark.parametrize("cut", [0, 2])
def test_every_adapter_trains_on_general_rows_and_none_is_measured_on_them(
    network: Any, tokenizer: Any, examples: Make, recipe: Recipe, tmp_path: Path, cut: int
) -> None:
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job
    from tunewell.train.lora.run import Schedule, run_job
    from tunewell.train.lora.trunk import Trunk

    rows, general = (
        encode_rows(examples(24), tokenizer, max_tokens=200).rows,
        replay_rows(tokenizer),
    )
    every = (*rows, *general)
    trunk = Trunk(tmp_path / "trunk", network, every, cut=cut)
    trunk.fill()
    train = np.arange(24)[None] % 2 != np.arange(2)[:, None]
    mixed = recipe.model_copy(update={"replay": 0.2})
    adapted = Adapted.begin(network, mixed, cut=cut, adapters=(0, 1))
    job = Job(adapted, rows, train=train, states=trunk if cut else None, replay=general)
    seen = [{int(r) for b in job.batches(0) for r in b.rows[a] if r >= 0} for a in (0, 1)]
    for a in (0, 1):
        assert {r for r in seen[a] if r < 24} == set(np.flatnonzero(train[a]).tolist())
        assert any(r >= 24 for r in seen[a])
    done = run_job(job, Schedule(1), measure=~train)
    assert done.readings[-1].losses.shape == (2, 24)
    assert done.tokens > job.epoch_tokens


def test_replay_keeps_what_was_general(
    tiny: Any, network: Any, tokenizer: Any, examples: Make
) -> None:
    """A rate that destroys a model, with and without a fifth of general rows."""
    recipe = Recipe(
        model=str(tiny.folder), rank=4, alpha=8, rate=2e-2, epochs=6, tokens_per_batch=256
    )
    rows, general = (
        encode_rows(examples(30), tokenizer, max_tokens=200).rows,
        general_rows(tokenizer),
    )
    change = {}
    for share in (0.0, 0.2):
        from tunewell.train.lora.adapted import Adapted
        from tunewell.train.lora.job import Job
        from tunewell.train.lora.run import Schedule, run_job

        adapted = Adapted.begin(network, recipe.model_copy(update={"replay": share}), cut=0)
        everything = np.ones((1, len(rows)), np.bool_)
        mixed = replay_rows(tokenizer) if share else ()
        run_job(Job(adapted, rows, train=everything, replay=mixed), Schedule(6))
        estimate = forgetting(general_losses(adapted, general), general).estimate
        assert estimate is not None
        change[share] = estimate.value
    assert change[0.2] < change[0.0] - 0.05


def test_a_fit_takes_general_rows_too(tiny: Any, examples: Make, recipe: Recipe) -> None:
    plain, mixed = (
        fit(examples(10), recipe=recipe.model_copy(update={"replay": r}), weights=tiny)
        for r in (0.0, 0.3)
    )
    assert mixed.tokens > plain.tokens


def test_the_trunk_of_one_run_serves_the_next(
    tmp_path: Path, examples: Make, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training, then a search and a curve: the frozen layers are computed once for all of them."""
    from tunewell.train import learning_curve, search, train
    from tunewell.train.lora import trunk as module
    from tunewell.train.lora.fast import FastDecoder

    below: list[int] = []
    run = FastDecoder.run

    def counted(
        self: Any, hidden: Any, *, first: int, last: int, bank: Any = None, wanted: Any = None
    ) -> Any:
        if bank is None:
            below.append(hidden.shape[1] * hidden.shape[2])
        return run(self, hidden, first=first, last=last, bank=bank, wanted=wanted)

    monkeypatch.setattr(FastDecoder, "run", counted)
    project = opened_project(
        tmp_path, examples(20), recipe.model_copy(update={"epochs": 1, "layers": 0.5})
    )
    train(*project)
    trunks = list((tmp_path / ".tunewell" / "cache").glob("trunk-*.json")) or list(
        (project[2].store.root / "cache").glob("trunk-*.json")
    )
    assert len(trunks) == 1
    filled = len(below)
    assert filled > 0
    own = project[2].spec.train
    search(*project, recipes=(own, own.model_copy(update={"rate": 1e-3})))
    learning_curve(*project)
    assert len(below) == filled
    assert module.BUDGET  # the batching is part of the key
    changed = own.model_copy(update={"max_tokens": own.max_tokens, "fold_layers": 0.25})
    spec = project[2].spec.model_copy(update={"train": changed})
    learning_curve(
        project[0],
        project[1],
        Project(TaskFile(spec=spec, path=project[2].file.path), project[2].store),
    )
    assert len(below) > filled  # another cut is another trunk
