"""Means and differences: coverage by simulation, symmetry, bounds for missing values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewell.stats import bootstrap, difference, mean

VALUES = st.lists(st.floats(-100, 100).map(lambda v: round(v, 3)), min_size=3, max_size=30)


def test_a_mean_of_independent_values_is_students_interval() -> None:
    from scipy.stats import t

    x = np.random.default_rng(0).normal(size=12)
    low, high = t.interval(0.95, 11, loc=x.mean(), scale=x.std(ddof=1) / np.sqrt(12))
    e = mean(x)
    assert (e.low, e.high) == pytest.approx((low, high))


def test_a_clustered_mean_equals_the_cr2_of_equal_clusters() -> None:
    x = np.random.default_rng(0).normal(size=(10, 3)) + np.random.default_rng(1).normal(
        size=(10, 1)
    )
    e = mean(x.ravel(), clusters=np.repeat(np.arange(10), 3))
    plain = mean(x.mean(axis=1))
    assert (e.low, e.high) == pytest.approx((plain.low, plain.high))
    assert e.n == 10


@settings(deadline=None)
@given(VALUES, st.randoms(use_true_random=False))
def test_a_mean_does_not_depend_on_the_order(values: list[float], rng: object) -> None:
    shuffled = values.copy()
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    a, b = mean(values), mean(shuffled)
    assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=60),
    st.booleans(),
)
def test_swapping_the_arms_mirrors_the_difference(
    rows: list[tuple[int, int]], paired: bool
) -> None:
    a, b = [r[0] for r in rows], [r[1] for r in rows]
    ab, ba = difference(a, b, paired=paired), difference(b, a, paired=paired)
    assert (ab.low, ab.value, ab.high) == pytest.approx((-ba.high, -ba.value, -ba.low), abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.integers(0, 5))
def test_missing_values_never_narrow_an_interval(values: list[float], missing: int) -> None:
    whole = [*values, *[0.5] * missing]
    gaps = [*values, *[float("nan")] * missing]
    a, b = mean(whole, low=0, high=1), mean(gaps, low=0, high=1)
    if missing:
        worst, best = (
            mean([*values, *[0.0] * missing], low=0, high=1),
            mean([*values, *[1.0] * missing], low=0, high=1),
        )
        assert b.low <= worst.low + 1e-9
        assert b.high >= best.high - 1e-9
    else:
        assert (a.low, a.high) == (b.low, b.high)


def test_a_missing_value_without_a_range_is_refused() -> None:
    with pytest.raises(ValueError, match="2 missing"):
        mean([0.1, float("nan"), float("nan")])
    with pytest.raises(ValueError, match="1 missing"):
        difference([0.1, float("nan")], [0.1, 0.2], paired=True)


def test_a_missing_answer_counts_against_and_for_the_arm_that_lost_it() -> None:
    b = np.tile([0.0, 1.0], 50)
    a = b.copy()
    a[:10] = np.nan
    e = difference(a, b, paired=True, low=0, high=1)
    assert e.low < -0.05
    assert e.high > 0.05
    assert "10 missing" in e.method


def test_equal_outputs_do_not_give_a_certain_zero() -> None:
    scores = np.linspace(0.2, 0.9, 12)
    e = difference(scores, scores, paired=True)
    assert e.value == 0
    assert e.low < -0.02
    assert e.high > 0.02


def test_values_that_never_vary_leave_the_mean_open() -> None:
    assert mean([0.7] * 6).high == float("inf")
    bounded = mean([0.7] * 30, low=0, high=1)
    assert 0.5 < bounded.low < 0.7 < bounded.high < 0.9


@pytest.mark.parametrize("p", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("icc", [0.0, 0.3])
def test_a_clustered_binary_mean_covers(p: float, icc: float) -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(400):
        rate = (
            rng.beta(p * (1 / icc - 1), (1 - p) * (1 / icc - 1), size=40) if icc else np.full(40, p)
        )
        x = (rng.random((40, 3)) < rate[:, None]).astype(float).ravel()
        e = mean(x, clusters=np.repeat(np.arange(40), 3))
        hits += e.low <= p <= e.high
    assert hits / 400 >= 0.93


@pytest.mark.parametrize("paired", [True, False])
def test_a_clustered_difference_covers(paired: bool) -> None:
    rng = np.random.default_rng(4)
    hits = 0
    clusters = np.repeat(np.arange(15), 4)
    for _ in range(400):
        shared = rng.normal(size=(2, 15, 1))
        a = (rng.normal(size=(15, 4)) + shared[0] + 0.3).ravel()
        b = (rng.normal(size=(15, 4)) + shared[1]).ravel()
        groups = clusters if paired else np.concatenate([clusters, clusters + 15])
        e = difference(a, b, paired=paired, clusters=groups)
        hits += e.low <= 0.3 <= e.high
    assert hits / 400 >= 0.925


def test_arms_that_share_clusters_are_not_taken_for_independent() -> None:
    rng = np.random.default_rng(5)
    shared = rng.normal(size=(20, 1)) * 3
    a, b = (shared + rng.normal(size=(20, 2))).ravel(), (shared + rng.normal(size=(20, 2))).ravel()
    groups = np.tile(np.repeat(np.arange(20), 2), 2)
    joined, apart = difference(a, b, paired=False, clusters=groups), difference(a, b, paired=False)
    assert joined.high - joined.low < apart.high - apart.low


def test_bca_equals_scipy_within_the_noise_of_resampling() -> None:
    from scipy.stats import bootstrap as oracle

    x = np.random.default_rng(6).exponential(size=80)
    ours = bootstrap(x, lambda v: float(np.mean(v)), repeats=4000)
    theirs = oracle(
        (x,), np.mean, n_resamples=4000, rng=np.random.default_rng(0)
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03)


def test_a_scale_of_one_to_five_with_two_values_seen_is_still_binary() -> None:
    e = mean([1, 5, 5, 5, 5, 1, 5, 5], low=1, high=5)
    share = mean([0, 1, 1, 1, 1, 0, 1, 1])
    assert (e.low, e.high) == pytest.approx((1 + 4 * share.low, 1 + 4 * share.high))


def test_values_outside_their_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        mean([0.5, 1.5], low=0, high=1)
