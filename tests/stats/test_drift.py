"""Two-sample tests keep their level at unequal sizes and find shifts."""

from __future__ import annotations

import numpy as np
import pytest

from tunewell.stats import two_sample


@pytest.mark.parametrize("test", ["mmd", "ks", "chi2"])
def test_samples_of_one_distribution_are_seldom_called_different(test: str) -> None:
    rng = np.random.default_rng(0)
    p = []
    for seed in range(120):
        if test == "chi2":
            a, b = rng.multinomial(40, [0.7, 0.25, 0.05]), rng.multinomial(90, [0.7, 0.25, 0.05])
        else:
            a, b = rng.normal(size=60), rng.normal(size=30)  # type: ignore[assignment]
        p.append(two_sample(a, b, test=test, permutations=99, seed=seed).p_value)  # type: ignore[arg-type]
    assert np.mean(np.array(p) <= 0.05) <= 0.11
    assert min(p) > 0


@pytest.mark.parametrize("test", ["mmd", "ks", "chi2"])
def test_a_shift_is_found_and_its_distance_is_not_zero(test: str) -> None:
    rng = np.random.default_rng(1)
    if test == "chi2":
        a, b = rng.multinomial(400, [0.7, 0.25, 0.05]), rng.multinomial(300, [0.4, 0.3, 0.3])
    else:
        a, b = rng.normal(size=300), rng.normal(size=200) + 1.0  # type: ignore[assignment]
    t = two_sample(a, b, test=test, permutations=199)  # type: ignore[arg-type]
    assert t.p_value <= 0.005
    assert t.estimate.low > 0
    swapped = two_sample(b, a, test=test, permutations=199)  # type: ignore[arg-type]
    assert swapped.estimate.value == pytest.approx(t.estimate.value)


def test_the_discrepancy_is_that_of_its_definition() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(7, 2)), rng.normal(size=(5, 2)) + 0.3
    z = np.concatenate([x, y])
    d = ((z[:, None] - z[None]) ** 2).sum(-1)
    k = np.exp(-d / np.median(d[np.triu_indices(12, 1)]))
    xx = (k[:7, :7].sum() - 7) / 42
    yy = (k[7:, 7:].sum() - 5) / 20
    assert two_sample(x, y, permutations=19).estimate.value == pytest.approx(
        xx + yy - 2 * k[:7, 7:].mean()
    )


def test_chi_square_equals_scipy() -> None:
    from scipy.stats import chi2_contingency

    a, b = [40, 30, 30], [55, 60, 35]
    t = two_sample(a, b, test="chi2")
    theirs = chi2_contingency([a, b], correction=False)
    assert (t.statistic, t.p_value) == pytest.approx((theirs.statistic, theirs.pvalue))


def test_the_interval_of_the_distance_covers() -> None:
    rng = np.random.default_rng(3)
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.3, 0.3, 0.4])
    hits = 0
    for seed in range(150):
        e = two_sample(
            rng.multinomial(150, p), rng.multinomial(200, q), test="chi2", seed=seed
        ).estimate
        hits += e.low <= 0.2 <= e.high
    assert hits / 150 >= 0.9
