from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tunewell.train.diagnose.stopping import HeldOut, choose_length, memorises, stop_rule


@dataclass
class Read:
    losses: NDArray[Any]


def curves(
    truth: list[float], *, rows: int, noise: float, seed: int
) -> tuple[list[NDArray[Any]], HeldOut]:
    """Losses of rows that differ much.

    Moved by the truth and by the noise of each evaluation and row.
    """
    rng = np.random.default_rng(seed)
    level = rng.normal(2, 0.7, rows)
    losses = [(level + t + rng.normal(0, noise, rows))[None].astype(np.float32) for t in truth]
    return losses, HeldOut(
        np.ones((1, rows), np.bool_), rng.integers(5, 40, rows), [str(i) for i in range(rows)]
    )


def stopped_at(losses: list[NDArray[Any]], held_out: HeldOut, *, patience: int) -> int:
    rule = stop_rule(held_out, patience=patience)
    readings: list[Any] = [Read(x) for x in losses]
    for n in range(2, len(losses) + 1):
        if rule(readings[:n]):
            return n - 1
    return len(losses) - 1


def test_noise_is_not_called_overfitting() -> None:
    """Curves that fall and then stay: the peers' rule (any rise) calls most of them.

    At most 1 in 24 may be.
    """
    truth = [1.0, 0.3, 0.1, 0.05, 0.05, 0.05, 0.05]
    calls = naive = 0
    for seed in range(240):
        losses, held_out = curves(truth, rows=60, noise=0.25, seed=seed)
        calls += choose_length(losses, held_out).worse
        means = [held_out.mean(x).value for x in losses]
        naive += means[-1] > min(means[1:])
    assert calls / 240 <= 1 / 24
    assert naive / 240 > 0.5


def test_real_overfitting_is_called_and_the_run_ends() -> None:
    truth = [1.0, 0.2, 0.0, 0.15, 0.35, 0.6, 0.9]
    ends, lengths = [], []
    for seed in range(60):
        losses, held_out = curves(truth, rows=60, noise=0.25, seed=seed)
        assert choose_length(losses, held_out).worse
        ends.append(stopped_at(losses, held_out, patience=2))
        lengths.append(choose_length(losses, held_out).evaluation)
    assert np.mean(ends) <= 4.2
    assert set(lengths) == {2}


def test_of_lengths_that_cannot_be_told_apart_the_shortest_is_taken() -> None:
    losses, held_out = curves([1.0, 0.1, 0.1, 0.1, 0.1], rows=50, noise=0.2, seed=3)
    length = choose_length(losses, held_out)
    assert length.evaluation <= length.best
    picked = [
        choose_length(*curves([1.0, 0.1, 0.1, 0.1, 0.1], rows=50, noise=0.2, seed=s))
        for s in range(50)
    ]
    assert np.mean([p.evaluation for p in picked]) < np.mean([p.best for p in picked])


def test_it_never_chooses_no_training() -> None:
    losses, held_out = curves([0.0, 0.5, 0.9], rows=40, noise=0.1, seed=0)
    assert choose_length(losses, held_out).evaluation == 1


@pytest.mark.parametrize("patience", [1, 3])
def test_a_flat_curve_runs_on(patience: int) -> None:
    losses, held_out = curves([1.0, 0.1, 0.09, 0.08, 0.07, 0.06], rows=80, noise=0.01, seed=1)
    assert stopped_at(losses, held_out, patience=patience) == 5


def two_folds(
    truth: list[float], by_heart: list[float], *, rows: int = 120, seed: int = 0
) -> tuple[list[NDArray[Any]], HeldOut]:
    """Each row measured under the adapter that never saw it, and under the other.

    There it is lower by what is known by heart.
    """
    rng = np.random.default_rng(seed)
    level = rng.normal(2.5, 0.5, rows)
    where = (np.arange(rows) % 2)[None] == np.arange(2)[:, None]
    losses = [
        np.where(
            where,
            level + t + rng.normal(0, 0.05, (2, rows)),
            level + t - h + rng.normal(0, 0.05, (2, rows)),
        )
        for t, h in zip(truth, by_heart, strict=True)
    ]
    return [x.astype(np.float32) for x in losses], HeldOut(
        where, np.full(rows, 12), [str(i) for i in range(rows)]
    )


def test_a_run_that_only_learns_by_heart_ends() -> None:
    losses, held_out = two_folds([1.0, 0.2, 0.0, 0.0, 0.0, 0.0], [0.0, 0.1, 0.6, 1.0, 1.4, 1.6])
    assert not memorises(
        losses[:3], held_out
    )  # much is known by heart, but held-out rows still gain
    assert memorises(losses[:4], held_out)
    assert stopped_at(losses, held_out, patience=9) == 3


def test_a_flat_curve_without_memorisation_runs_on_in_two_folds() -> None:
    losses, held_out = two_folds([1.0, 0.2, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert stopped_at(losses, held_out, patience=9) == 5


def test_without_rows_that_were_trained_on_nothing_is_called_memorisation() -> None:
    losses, held_out = two_folds([1.0, 0.2, 0.0, 0.0], [0.0, 0.5, 1.0, 1.5])
    blind = [np.where(held_out.where, x, np.nan) for x in losses]
    assert not memorises(blind, held_out)


def test_memorisation_is_seldom_called_where_the_test_is_at_its_limit() -> None:
    """Rows trained on lie lower by just so much that three of four pairs can be told.

    At most 1 in 24 is called.
    """
    calls = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        where = (np.arange(80) % 2)[None] == np.arange(2)[:, None]
        start = np.full((2, 80), 3.0)
        gain = rng.normal(1.0, 0.1, (2, 80)) + np.where(
            where, 0.0, 0.0954
        )  # Phi(.0954 / (.1 sqrt 2)) = .75
        last = start * np.exp(-gain)
        held_out = HeldOut(where, np.full(80, 9), [str(i) for i in range(80)])
        calls += memorises([start, last, last], held_out)
    assert calls / 400 <= 1 / 24
