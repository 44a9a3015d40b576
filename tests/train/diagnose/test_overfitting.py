from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.train.project import make_project
from tunewell.project import Project
from tunewell.store.traces import trace_from_bytes
from tunewell.train.diagnose.losses import clustered_mean
from tunewell.train.diagnose.overfitting import carried_share, overfitting
from tunewell.types import Example, FoldTrace, Recipe

Make = Callable[..., list[Example]]


def made_trace(
    gain_in: float, gain_out: float, *, rows: int = 60, noise: float = 0.1, seed: int = 0
) -> FoldTrace:
    rng = np.random.default_rng(seed)
    held_out = np.arange(rows)[None] % 3 == np.arange(3)[:, None]
    measured = held_out | (np.arange(rows)[None] % 3 == (np.arange(3)[:, None] - 1) % 3)
    start = np.broadcast_to(3 + rng.normal(0, 0.5, rows), (3, rows))
    end = start - np.where(held_out, gain_out, gain_in) + rng.normal(0, noise, (3, rows))
    losses = np.where(measured, np.stack([start, end]), np.nan).astype(np.float32)
    return FoldTrace(
        losses=losses,
        tokens=np.full(rows, 10),
        held_out=held_out,
        epochs=np.array([0.0, 1.0]),
        examples=tuple(f"r{i}" for i in range(rows)),
    )


@pytest.mark.parametrize(("gain_out", "status"), [(0.9, "clear"), (0.2, "found"), (-0.1, "found")])
def test_overfitting_is_what_does_not_carry_over(gain_out: float, status: str) -> None:
    finding = overfitting(made_trace(1.0, gain_out), 1, families={}, scope="over all folds")
    assert finding.status == status
    assert finding.estimate is not None
    assert finding.estimate.low <= finding.estimate.value <= finding.estimate.high
    assert abs(finding.estimate.value - gain_out) < 0.1


def test_with_too_few_rows_it_says_that_it_does_not_know() -> None:
    finding = overfitting(
        made_trace(1.0, 0.55, rows=6, noise=0.4), 1, families={}, scope="over all folds"
    )
    assert finding.status == "unchecked"
    assert "Too few rows" in finding.why


def test_the_interval_of_the_carried_share_covers_the_truth() -> None:
    hits = sum(
        (e := carried_share(made_trace(1.0, 0.5, rows=40, noise=0.5, seed=s), 1, families={})).low
        <= 0.5
        <= e.high
        for s in range(400)
    )
    assert 0.93 <= hits / 400 <= 0.985


def test_rows_of_one_family_count_once() -> None:
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(0, 1, 10), 8)
    names = [str(i // 8) for i in range(80)]
    together = clustered_mean(values, np.ones(80), names)
    apart = clustered_mean(values, np.ones(80), [str(i) for i in range(80)])
    assert together.n == 10
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_random_answers_are_not_learned_to_the_end(
    tmp_path: Path, examples: Make, recipe: Recipe
) -> None:
    pytest.importorskip("torch")
    from tunewell.train import train

    recipe = recipe.model_copy(update={"epochs": 8, "patience": 8, "dropout": 0.0, "rate": 2e-2})
    dataset, split, file, store = make_project(tmp_path, examples(38, learnable=False), recipe)
    result = train(dataset, split, Project(file, store))
    run = store.last_run("train")
    assert run is not None
    finding = next(f for f in run.findings if f.code == "T01")
    trace = trace_from_bytes(store.files.open(result.check).read_bytes())
    assert (
        len(trace.epochs) - 1 < 8
    )  # the run ends when it only learns by heart, before it is surely worse
    assert finding.status in {"found", "unchecked"}
    assert "Beyond that the held-out loss" in finding.why
    assert result.model.recipe.epochs < 8  # and the final adapter stops before it
