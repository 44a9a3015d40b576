"""What more rows would buy."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.train.project import opened_project
from tunewell.errors import DataError
from tunewell.train import learning_curve
from tunewell.train.studies.forecast import ShareLosses, forecast, too_few_rows
from tunewell.train.studies.learning_curve import nested
from tunewell.types import Example, Recipe

pytest.importorskip("torch")

Make = Callable[..., list[Example]]


def law(rows: Any, *, floor: float = 1.0, height: float = 6.0, a: float = 0.5) -> Any:
    return floor + height * np.asarray(rows, float) ** -a


def made(truth: Any, *, seed: int, n: int = 150, noise: float = 0.15) -> Any:
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 0.5, n)
    return np.stack([t + level + rng.normal(0, noise, n) for t in truth])


ROWS = [50, 100, 200, 400]


def shares(losses: Any) -> ShareLosses:
    return ShareLosses(losses, ROWS, np.full(150, 10), [str(i) for i in range(150)])


def test_the_forecast_covers_what_more_rows_bring() -> None:
    hits = 0
    for seed in range(60):
        a = (0.3, 0.5, 0.8)[seed % 3]
        losses = made(law(ROWS, a=a), seed=seed)
        curve = forecast(shares(losses), draws=150)
        gain = float(law(400, a=a) - law(800, a=a))
        hits += curve.gain.low <= gain <= curve.gain.high
    assert hits / 60 >= 0.9


def test_a_flat_curve_says_stop_and_a_steep_one_says_collect() -> None:
    flat = forecast(shares(made([2, 2, 2, 2], seed=1, noise=0.02)))
    assert too_few_rows(flat).status == "clear"
    assert "Stop collecting" in too_few_rows(flat).why
    steep = forecast(shares(made([4.0, 3.2, 2.5, 1.9], seed=1, noise=0.02)))
    assert too_few_rows(steep).status == "found"
    assert too_few_rows(steep).remedy == "collect about 400 more rows"


def test_shares_are_nested_and_every_fold_gives_its_part() -> None:
    fold = np.arange(50) % 5
    parts = [nested(fold, s, seed=1) for s in (0.125, 0.25, 0.5, 1.0)]
    for small, large in itertools.pairwise(parts):
        assert (large | ~small).all()
    assert all(len(np.unique(fold[p])) == 5 for p in parts)
    assert parts[-1].all()


@pytest.mark.slow
def test_the_curve_of_a_project_falls(tmp_path: Path, examples: Make, recipe: Recipe) -> None:
    project = opened_project(tmp_path, examples(62), recipe)
    curve = learning_curve(*project)
    losses = [p.loss.value for p in curve.measured]
    assert losses[-1] < losses[0]
    assert [p.rows for p in curve.measured] == sorted(p.rows for p in curve.measured)
    run = project[2].store.last_run("curve")
    assert run is not None
    assert [f.code for f in run.findings] == ["D12"]


def test_too_few_rows_for_shares_are_refused_before_anything_is_trained(
    tmp_path: Path, examples: Make, recipe: Recipe
) -> None:
    project = opened_project(tmp_path, examples(14), recipe)
    points: list[Any] = []
    with pytest.raises(DataError, match="too few to take an eighth"):
        learning_curve(*project, live=points.append)
    assert not points
