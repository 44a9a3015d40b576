from __future__ import annotations

import importlib

import numpy as np
import pytest
from numpy.typing import NDArray

from tunewell.stats.macro_f1 import macro_f1

Floats = NDArray[np.float64]
module = importlib.import_module("tunewell.stats.macro_f1")
PRIORS = {
    "even": {2: (0.5, 0.5), 4: (0.25,) * 4},
    "skewed": {2: (0.7, 0.3), 4: (0.4, 0.3, 0.2, 0.1)},
}
REDRAWS = 400
FLOOR = 0.94 - 2.3 * (0.94 * 0.06 / REDRAWS) ** 0.5
"""94 % less what chance allows a count of so many redraws."""


def table(classes: int, prior: str, right: float, errors: str) -> Floats:
    """Probability of each gold and named class."""
    out = np.zeros((classes, classes))
    for gold, weight in enumerate(PRIORS[prior][classes]):
        others = [c for c in range(classes) if c != gold]
        into = others if errors == "spread" else others[:1]
        out[gold, gold] = weight * right
        out[gold, into] += weight * (1 - right) / len(into)
    return out


def true_f1(p: Floats) -> float:
    return float((2 * np.diag(p) / (p.sum(0) + p.sum(1))).mean())


@pytest.mark.parametrize("errors", ["spread", "one"])
@pytest.mark.parametrize("prior", ["even", "skewed"])
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("rows", [20, 40, 100])
def test_the_interval_covers(
    monkeypatch: pytest.MonkeyPatch, rows: int, classes: int, prior: str, errors: str
) -> None:
    monkeypatch.setattr(module, "_MOST_DRAWS", 1000)
    rng = np.random.default_rng(rows)
    hits = 0
    for right in np.repeat((0.5, 0.8, 0.95, 1.0), REDRAWS // 4):
        p = table(classes, prior, float(right), errors)
        drawn = rng.choice(p.size, size=rows, p=p.ravel())
        known, gold = np.unique(drawn // classes, return_inverse=True)
        place = np.full(classes, -1)
        place[known] = np.arange(known.size)
        e = macro_f1(gold, place[drawn % classes])
        hits += e.low <= true_f1(p) <= e.high
        assert e.low < e.high
    assert hits / REDRAWS >= FLOOR


def test_rows_of_one_document_are_worth_less() -> None:
    """Documents of four rows that are all right or all wrong are as many as there are documents."""
    rng = np.random.default_rng(1)
    truth, hits = 0.8, 0
    for _ in range(REDRAWS):
        right = np.repeat(rng.random(30) < truth, 4)
        gold = rng.integers(0, 2, 120)
        documents = np.repeat(np.arange(30), 4).tolist()
        e = macro_f1(gold, np.where(right, gold, 1 - gold), clusters=documents)
        hits += e.low <= truth <= e.high
    assert hits / REDRAWS >= FLOOR


def test_a_missing_answer_widens_both_ways() -> None:
    gold = np.array([0, 1] * 20)
    missing = np.arange(40) < 4
    whole = macro_f1(gold, gold)
    gaps = macro_f1(gold, np.where(missing, -1, gold), missing=missing)
    assert gaps.value == 1.0
    assert gaps.low < whole.low
    assert gaps.high == 1.0


def test_the_value_is_that_of_scikit_learn() -> None:
    """sklearn.metrics.f1_score(average="macro") of these answers is 0.6555…"""
    e = macro_f1([0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, -1])
    assert e.value == pytest.approx((2 / 3 + 4 / 5 + 2 / 3) / 3)


def test_many_classes_take_no_minute() -> None:
    gold = np.arange(300) % 150
    assert macro_f1(gold, gold).low > 0.5


@pytest.mark.parametrize(
    ("gold", "named", "missing"), [([], [], None), ([0, 1], [0], None), ([0], [0], [True, False])]
)
def test_shapes_must_agree(gold: list[int], named: list[int], missing: list[bool] | None) -> None:
    with pytest.raises(ValueError, match="must hold"):
        macro_f1(gold, named, missing=missing)
