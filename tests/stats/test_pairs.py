"""Win rates, strengths and position bias."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewell.stats import bradley_terry, position_bias, proportion, win_rate

# Agresti 1987: wins of the row's team over the column's; Milwaukee, Detroit, Toronto, New York,
# Boston, Cleveland, Baltimore.
BASEBALL = [
    [0, 7, 9, 7, 7, 9, 11],
    [6, 0, 7, 5, 11, 9, 9],
    [4, 6, 0, 7, 7, 8, 12],
    [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12],
    [4, 4, 5, 6, 6, 0, 6],
    [2, 4, 1, 3, 1, 7, 0],
]


def test_strengths_reproduce_agrestis_league() -> None:
    r = bradley_terry(BASEBALL, reference=6)
    assert [round(e.value, 3) for e in r.strengths] == [
        1.581,
        1.436,
        1.294,
        1.248,
        1.108,
        0.684,
        0.0,
    ]
    assert r.order == (0, 1, 2, 3, 4, 5, 6)
    assert r.strengths[6].low == r.strengths[6].high == 0


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_strengths_do_not_depend_on_the_order_of_the_items(seed: int) -> None:
    rng = np.random.default_rng(seed)
    w = rng.integers(1, 20, (5, 5)).astype(float)
    np.fill_diagonal(w, 0)
    p = rng.permutation(5)
    a, b = bradley_terry(w), bradley_terry(w[np.ix_(p, p)])
    assert [a.strengths[i].value for i in p] == pytest.approx(
        [e.value for e in b.strengths], abs=1e-8
    )


def test_strengths_cover() -> None:
    rng = np.random.default_rng(1)
    true = np.array([0.8, 0.3, 0.0, -0.4])
    hits = np.zeros(4)
    for _ in range(300):
        w = np.zeros((4, 4))
        for i in range(4):
            for j in range(i):
                w[i, j] = rng.binomial(25, 1 / (1 + np.exp(true[j] - true[i])))
                w[j, i] = 25 - w[i, j]
        r = bradley_terry(w, reference=2)
        hits += [e.low <= t <= e.high for e, t in zip(r.strengths, true, strict=True)]
    assert (hits[[0, 1, 3]] / 300 >= 0.92).all()


def test_a_model_that_never_lost_has_no_finite_strength() -> None:
    with pytest.raises(ValueError, match="infinite"):
        bradley_terry([[0, 5, 4], [0, 0, 3], [0, 2, 0]])


@given(wins=st.integers(0, 40), losses=st.integers(0, 40), ties=st.integers(0, 40))
def test_a_win_rate_mirrors(wins: int, losses: int, ties: int) -> None:
    if wins + losses + ties == 0:
        return
    a, b = win_rate(wins, losses, ties), win_rate(losses, wins, ties)
    assert (a.low, a.high) == pytest.approx((1 - b.high, 1 - b.low), abs=1e-9)


def test_without_ties_a_win_rate_is_wilsons() -> None:
    a, b = win_rate(60, 40), proportion(60, 100)
    assert (a.low, a.high) == pytest.approx((b.low, b.high), abs=1e-6)


def test_a_judge_that_follows_the_place_is_found_out() -> None:
    rng = np.random.default_rng(2)
    better = rng.random(300) < 0.5
    follows = rng.random(300) < 0.4
    first, swapped = np.where(follows, True, better), np.where(follows, True, ~better)
    b = position_bias(first.astype(float), swapped.astype(float))
    assert b.bias.low < 0.2 < b.bias.high
    assert b.bias.low > 0.1
    assert b.consistent.value == pytest.approx(0.6, abs=0.08)


def test_ties_in_a_position_test_are_kept() -> None:
    b = position_bias([1, 0.5, 0, 1, 0.5], [0, 0.5, 1, 0.5, 0])
    assert b.bias.n == 5
    assert b.consistent.value == pytest.approx(0.6)
