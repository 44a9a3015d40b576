"""Intervals that the checks of data rest on: each covers what it says, by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from tunewell.stats.against_random import against_random_subsets
from tunewell.stats.auc import auc
from tunewell.stats.diversity import effective_number, effective_number_of
from tunewell.stats.missed import most_present
from tunewell.stats.order import chance_of_order
from tunewell.stats.precision import observed_share, precision_from_mistakes
from tunewell.stats.shortfall import shortfalls

REPEATS = 400

# 95 % less three standard errors of the repetitions.
LEAST = 0.95 - 3 * np.sqrt(0.95 * 0.05 / REPEATS)


@pytest.mark.parametrize(("n", "m", "apart"), [(30, 40, 0.0), (60, 50, 1.0), (100, 100, 2.0)])
def test_the_area_under_the_curve_is_covered(n: int, m: int, apart: float) -> None:
    rng = np.random.default_rng(1)
    truth = norm.cdf(apart / np.sqrt(2))
    held = 0
    for _ in range(REPEATS):
        found = auc(rng.normal(apart, 1, n), rng.normal(0, 1, m))
        held += found.low <= truth <= found.high
    assert held / REPEATS >= LEAST


def test_the_area_counts_ties_half_and_mirrors() -> None:
    assert auc([1, 2], [1, 2]).value == 0.5
    assert auc([2, 3], [1, 2]).value == 1 - auc([1, 2], [2, 3]).value
    with pytest.raises(ValueError, match="'second' must hold at least one value"):
        auc([1.0], [])


@pytest.mark.parametrize("recall", [0.3, 0.7, 0.95])
@pytest.mark.parametrize("present", [0, 5, 40])
def test_what_was_missed_stays_below_the_bound(recall: float, present: int) -> None:
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(REPEATS):
        bound = most_present(
            int(rng.binomial(present, recall)),
            planted=200,
            planted_found=int(rng.binomial(200, recall)),
            limit=500,
        )
        held += bound >= present
    assert held / REPEATS >= LEAST


def test_the_bound_is_never_below_what_was_found_nor_above_the_limit() -> None:
    assert most_present(7, planted=50, planted_found=0, limit=3) == 7
    assert most_present(0, planted=50, planted_found=0, limit=30) == 30
    assert most_present(0, planted=200, planted_found=200, limit=1000) == 0


def test_the_rows_lacking_are_covered_in_all_groups_together() -> None:
    rng = np.random.default_rng(3)
    due_shares = np.array([0.4, 0.3, 0.2, 0.1])
    has_shares = np.array([0.55, 0.38, 0.04, 0.03])
    held = reported = 0
    for _ in range(REPEATS):
        has = rng.multinomial(500, has_shares)
        found = shortfalls(has.tolist(), rng.multinomial(300, due_shares).tolist())
        lacking = np.ceil((due_shares * 500 - has) / (1 - due_shares))
        fits = [e.low <= x <= e.high for e, x in zip(found, lacking, strict=True) if e is not None]
        held += all(fits)
        reported += len(fits)
    assert held / REPEATS >= LEAST
    assert reported > REPEATS / 2


def test_a_group_at_half_of_its_share_is_rarely_called_short() -> None:
    rng = np.random.default_rng(4)
    called = 0
    for _ in range(REPEATS):
        has = rng.multinomial(500, [0.6, 0.2, 0.1, 0.1])
        due = rng.multinomial(300, [0.4, 0.2, 0.2, 0.2])
        called += any(lack is not None for lack in shortfalls(has.tolist(), due.tolist()))
    assert called / REPEATS <= 0.05


def test_chance_alone_makes_no_gap() -> None:
    rng = np.random.default_rng(5)
    called = 0
    for _ in range(REPEATS):
        shares = rng.dirichlet(np.full(10, 2.0))
        has, due = (rng.multinomial(n, shares).tolist() for n in (500, 120))
        called += any(lack is not None for lack in shortfalls(has, due))
    assert called / REPEATS <= 0.05


def test_the_precision_is_no_lower_than_its_lower_end() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(REPEATS):
        called = 40 + int(rng.binomial(1000, 0.02))
        mistakes = observed_share(int(rng.binomial(400, 0.02)), 400)
        held += precision_from_mistakes(called, 1000, mistakes).low <= 40 / called
    assert held / REPEATS >= LEAST
    assert precision_from_mistakes(0, 1000, observed_share(0, 10)).high == 1.0


@pytest.mark.parametrize("rows", [100, 500])
def test_one_more_random_subset_lies_inside(rows: int) -> None:
    rng = np.random.default_rng(6)
    held = 0
    for _ in range(REPEATS):
        of_each_subset = rng.normal(0, 0.3, (31, 1))
        values = rng.normal(size=rows) + of_each_subset + rng.normal(0, 0.5, (31, rows))
        found = against_random_subsets(values[0], values[1:])
        held += found.low <= 0 <= found.high
    assert held / REPEATS >= LEAST


def test_one_random_subset_says_nothing_of_chance() -> None:
    with pytest.raises(ValueError, match="must hold two subsets or more"):
        against_random_subsets([1, 2], [[1, 2]])


@pytest.mark.parametrize(("kinds", "rows", "power"), [(4, 200, 0), (16, 1000, 1), (50, 5000, 1)])
def test_the_effective_number_of_kinds_is_covered(kinds: int, rows: int, power: int) -> None:
    rng = np.random.default_rng(7)
    shares = 1 / np.arange(1, kinds + 1) ** power
    shares /= shares.sum()
    truth = float(np.exp(-(shares * np.log(shares)).sum()))
    held = 0
    for _ in range(100):
        found = effective_number_of(rng.choice(kinds, rows, p=shares), kinds, rng)
        held += found.low <= truth + 1e-9 and truth - 1e-9 <= found.high
    assert held / 100 >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 100)


def test_one_kind_is_one_kind() -> None:
    assert effective_number(np.array([7, 0])) == 1.0


@pytest.mark.parametrize("astray", [0, 1, 2])
def test_chance_orders_values_no_more_often_than_the_bound(astray: int) -> None:
    rng = np.random.default_rng(8)
    values = np.repeat([False, True], 6)
    ordered = 0
    for _ in range(2000):
        drawn = rng.permutation(values)
        # Rows on the wrong side of each cut, for the value that is true coming last.
        wrong = [int(drawn[:cut].sum() + (~drawn[cut:]).sum()) for cut in range(13)]
        ordered += min(*wrong, 12 - max(wrong)) <= astray
    assert ordered / 2000 <= chance_of_order([6, 6], astray) + 0.01
