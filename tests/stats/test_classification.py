"""Figures of a classifier: values from the contingency table, coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from tunewell.stats import balanced_accuracy, f1_of_overlap, macro_f1, mean, proportion
from tunewell.stats.macro_f1 import NO_CLASS
from tunewell.types import Estimate

Ints = np.ndarray


def answers(rng: np.random.Generator, n: int, right: float = 0.8) -> tuple[Ints, Ints]:
    gold = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    other = (gold + rng.integers(1, 3, n)) % 3
    return gold, np.where(rng.random(n) < right, gold, other)


def overlap(gold: Ints, named: Ints, label: int) -> Estimate:
    either = (gold == label) | (named == label)
    return mean((gold == named)[either], low=0, high=1)


def f1_by_hand(gold: Ints, named: Ints, label: int) -> float:
    hits = ((gold == label) & (named == label)).sum()
    return float(2 * hits / ((gold == label).sum() + (named == label).sum()))


def test_values_are_those_of_the_contingency_table() -> None:
    gold, named = answers(np.random.default_rng(0), 300)
    each = [f1_by_hand(gold, named, label) for label in range(3)]
    assert macro_f1(gold, named).value == pytest.approx(np.mean(each))
    assert f1_of_overlap(overlap(gold, named, 1)).value == pytest.approx(each[1])


def test_balanced_accuracy_is_the_mean_of_both_rates() -> None:
    found = balanced_accuracy(proportion(9, 10), proportion(35, 50), n=60)
    assert found.value == pytest.approx((0.9 + 0.7) / 2)
    assert found.low < found.value < found.high
    perfect = balanced_accuracy(proportion(10, 10), proportion(50, 50), n=60)
    assert (perfect.value, perfect.high) == (1.0, 1.0)


def test_answers_without_a_class_are_wrong() -> None:
    gold = np.array([0, 1, 0, 1])
    found = macro_f1(gold, np.array([0, NO_CLASS, 0, NO_CLASS]))
    assert found.value == 0.5


def test_macro_f1_covers_the_true_one() -> None:
    rng = np.random.default_rng(1)
    gold, named = answers(rng, 400_000)
    truth = np.mean([f1_by_hand(gold, named, label) for label in range(3)])
    draws, held = 80, 0
    for _ in range(draws):
        e = macro_f1(*answers(rng, 150))
        held += int(e.low <= truth <= e.high)
    assert held >= binom.ppf(0.001, draws, 0.95)


@pytest.mark.parametrize("n", [60, 300])
def test_f1_of_a_class_covers_the_true_one(n: int) -> None:
    rng = np.random.default_rng(n)
    truth = f1_by_hand(*answers(rng, 400_000), 1)
    draws, held = 600, 0
    for _ in range(draws):
        e = f1_of_overlap(overlap(*answers(rng, n), 1))
        held += int(e.low <= truth <= e.high)
    assert held >= binom.ppf(0.001, draws, 0.95)


@pytest.mark.parametrize(("n", "sensitivity", "specificity"), [(30, 0.9, 0.7), (100, 0.95, 0.9)])
def test_balanced_accuracy_covers_the_true_one(
    n: int, sensitivity: float, specificity: float
) -> None:
    rng = np.random.default_rng(n)
    truth = (sensitivity + specificity) / 2
    draws, held = 1000, 0
    for _ in range(draws):
        found = proportion(int(rng.binomial(n, sensitivity)), n)
        left = proportion(int(rng.binomial(n, specificity)), n)
        e = balanced_accuracy(found, left, n=2 * n)
        held += int(e.low <= truth <= e.high)
    assert held >= binom.ppf(0.001, draws, 0.95)
