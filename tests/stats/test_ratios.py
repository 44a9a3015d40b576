from __future__ import annotations

import numpy as np
import pytest

from tunewell.stats.ratios import ratio, ratio_change


@pytest.mark.parametrize("clusters", [4, 6, 20])
def test_the_interval_of_a_change_covers_it(clusters: int) -> None:
    rng = np.random.default_rng(clusters)
    names = np.repeat(np.arange(clusters), 8)
    covered = 0
    draws = 600
    for _ in range(draws):
        words = rng.integers(5, 15, len(names))
        own = rng.beta(2, 18, clusters)[names]
        harm = rng.beta(3, 9, clusters)[names]
        before = rng.binomial(words, own)
        after = before + rng.binomial(words, harm)
        found = ratio_change(before, after, words, clusters=names)
        covered += found.low <= 0.25 <= found.high
    assert 0.92 <= covered / draws <= 0.985


def test_a_change_is_paired_and_may_be_negative() -> None:
    before, after, words = [5, 9, 1, 7], [4, 8, 0, 6], [10, 10, 10, 10]
    found = ratio_change(before, after, words, clusters="abcd")
    assert found.value == pytest.approx(-0.1)
    assert found.high < 0
    apart = ratio(after, words, clusters="abcd")
    assert found.high - found.low < apart.high - apart.low
    assert found.n == 4


def test_two_clusters_are_too_few() -> None:
    with pytest.raises(ValueError, match="3 or more"):
        ratio_change([1, 2], [2, 2], [5, 5], clusters="ab")


def test_where_nothing_changes_few_clusters_leave_much_open() -> None:
    few = ratio_change([1, 2, 0, 1], [1, 2, 0, 1], [10] * 4, clusters="abcd")
    assert few.value == 0
    assert few.high == -few.low > 0.5
    many = ratio_change([1] * 60, [1] * 60, [10] * 60, clusters=range(60))
    assert 0.05 < many.high < 0.07
