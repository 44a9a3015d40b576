"""Blinding indices reproduce published values, and their intervals cover."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multinomial

from tunewell.stats.blinding import bang_index, james_index, unblinded

CRISP = {"drug": [1] * 82 + [-1] * 25 + [0] * 170, "placebo": [1] * 29 + [-1] * 27 + [0] * 83}
"""Bang, Ni & Davis 2004, table 7: guesses in the Cholesterol Reduction in Seniors Program."""


def test_bang_index_of_the_published_trial() -> None:
    # The paper gives one-sided 95 % limits: 0.21 (0.15, 0.26) and 0.01 (-0.07, 0.10).
    drug = bang_index(CRISP["drug"], level=0.90)
    assert round(drug.value, 2) == 0.21
    assert (round(drug.low, 2), round(drug.high, 2)) == (0.15, 0.26)
    placebo = bang_index(CRISP["placebo"], level=0.90)
    assert round(placebo.value, 2) == 0.01
    assert placebo.low == pytest.approx(-0.07, abs=0.006)
    assert placebo.high == pytest.approx(0.10, abs=0.006)


def test_james_index_of_the_published_trial() -> None:
    guesses = CRISP["drug"] + CRISP["placebo"]
    arms = ["drug"] * 277 + ["placebo"] * 139
    found = james_index(guesses, arms)
    assert round(found.value, 2) == 0.75
    # The delta method's error is that of resampled guesses.
    shares = np.array([82, 25, 170, 29, 27, 83]) / 416
    rng = np.random.default_rng(0)
    draws = []
    for counts in rng.multinomial(416, shares, size=400):
        kinds = np.repeat([1, -1, 0, 1, -1, 0], counts)
        drawn = np.repeat(["drug"] * 3 + ["placebo"] * 3, counts)
        draws.append(james_index(kinds, drawn.tolist()).value)
    assert (found.high - found.low) / 2 / 1.96 == pytest.approx(np.std(draws), rel=0.1)


@pytest.mark.parametrize(
    ("guesses", "arms", "expected"),
    [
        ([0] * 10, ["a"] * 5 + ["b"] * 5, 1.0),
        ([1] * 10, ["a"] * 5 + ["b"] * 5, 0.0),
        ([1, -1] * 10, ["a"] * 10 + ["b"] * 10, 0.5),
    ],
)
def test_ends_of_james_index(guesses: list[int], arms: list[str], expected: float) -> None:
    found = james_index(guesses, arms)
    assert found.value == pytest.approx(expected)
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize(("right", "wrong"), [(0.3, 0.3), (0.5, 0.2), (0.7, 0.1), (0.1, 0.05)])
def test_bang_interval_covers_in_every_cell(right: float, wrong: float) -> None:
    n = 20
    covered = 0.0
    for named in range(n + 1):
        for missed in range(n + 1 - named):
            rest = n - named - missed
            shares = [right, wrong, 1 - right - wrong]
            e = bang_index([1] * named + [-1] * missed + [0] * rest)
            if e.low <= right - wrong <= e.high:
                covered += float(multinomial.pmf([named, missed, rest], n, shares))
    assert covered >= 0.94


def test_guesses_of_few_raters_are_worth_less_than_as_many_independent_ones() -> None:
    guesses = np.repeat([1, 1, 1, 1, -1, 1], 10)
    alone = bang_index(guesses)
    together = bang_index(guesses, raters=np.repeat(np.arange(6), 10))
    assert unblinded([alone])
    assert not unblinded([together])
    assert together.n == 6


def test_guesses_that_are_all_alike_have_an_interval_with_width() -> None:
    found = james_index([0] * 12, ["a", "b"] * 6, raters=np.repeat(np.arange(6), 2))
    assert found.value == 1.0
    assert found.low < 0.95


def test_what_is_no_guess_is_refused() -> None:
    with pytest.raises(ValueError, match="'guesses' must hold"):
        bang_index([2, 0])
    with pytest.raises(ValueError, match="two arms"):
        james_index([1, 0], ["a", "a"])
