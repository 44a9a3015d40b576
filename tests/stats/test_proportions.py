"""Score intervals against published values, another package, and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewell.stats import mcnemar, proportion
from tunewell.stats.proportions import paired_score, unpaired_score, wilson

WILSON = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
]
CLOPPER = [
    (81, 263, 0.2527, 0.3676),
    (15, 148, 0.0578, 0.1617),
    (0, 20, 0.0, 0.1684),
    (1, 29, 0.0009, 0.1776),
]


@pytest.mark.parametrize(("x", "n", "low", "high"), WILSON)
def test_wilson_reproduces_the_published_intervals(x: int, n: int, low: float, high: float) -> None:
    e = proportion(x, n)
    assert (round(e.low, 4), round(e.high, 4)) == (low, high)


@pytest.mark.parametrize(("x", "n", "low", "high"), CLOPPER)
def test_clopper_pearson_reproduces_the_published_intervals(
    x: int, n: int, low: float, high: float
) -> None:
    e = proportion(x, n, method="clopper-pearson")
    assert (round(e.low, 4), round(e.high, 4)) == (low, high)


def test_jeffreys_equals_the_beta_quantiles_of_statsmodels() -> None:
    from statsmodels.stats.proportion import proportion_confint

    e = proportion(81, 263, method="jeffreys")
    assert (e.low, e.high) == pytest.approx(
        proportion_confint(81, 263, method="jeffreys"), abs=1e-9
    )


@settings(deadline=None)
@given(n=st.integers(1, 300), data=st.data())
def test_a_proportion_mirrors_and_narrows_with_more_trials(n: int, data: st.DataObject) -> None:
    x = data.draw(st.integers(0, n))
    e, mirrored, ten_times = proportion(x, n), proportion(n - x, n), proportion(10 * x, 10 * n)
    assert e.low == pytest.approx(1 - mirrored.high, abs=1e-9)
    assert e.high - e.low > ten_times.high - ten_times.low
    assert 0 <= e.low <= e.value <= e.high <= 1


def test_missing_verdicts_widen_by_whatever_they_might_have_been() -> None:
    seen, bounded = proportion(40, 50), proportion(40, 50, missing=10)
    assert bounded.low == pytest.approx(proportion(40, 60).low)
    assert bounded.high == pytest.approx(proportion(50, 60).high)
    assert bounded.value == seen.value


def test_mcnemar_reproduces_agrestis_table() -> None:
    t = mcnemar([[794, 86], [150, 570]], method="asymptotic")
    assert round(t.statistic, 2) == 17.36
    assert t.estimate.value == pytest.approx(-0.04)


def test_mcnemar_exact_and_mid_p_equal_the_binomial() -> None:
    from scipy.stats import binom
    from statsmodels.stats.contingency_tables import mcnemar as oracle

    table = [[20, 3], [9, 11]]
    exact, mid = mcnemar(table, method="exact").p_value, mcnemar(table).p_value
    assert exact == pytest.approx(oracle(table, exact=True).pvalue)
    assert mid == pytest.approx(exact - binom.pmf(3, 12, 0.5))


def test_mcnemar_without_discordant_pairs_sees_nothing() -> None:
    t = mcnemar([[30, 0], [0, 10]])
    assert t.p_value == 1.0
    assert t.estimate.low < 0 < t.estimate.high


@pytest.mark.parametrize(
    ("x1", "n1", "x2", "n2"), [(7, 20, 3, 25), (45, 50, 30, 50), (1, 30, 5, 40)]
)
def test_both_ends_of_the_unpaired_interval_lie_at_the_critical_score(
    x1: int, n1: int, x2: int, n2: int
) -> None:
    from scipy.optimize import minimize_scalar

    def score(delta: float) -> float:
        def loss(q: float) -> float:
            return -float(
                x1 * np.log(q)
                + (n1 - x1) * np.log(1 - q)
                + x2 * np.log(q - delta)
                + (n2 - x2) * np.log(1 - q + delta)
            )

        limits = (max(0, delta) + 1e-12, min(1, 1 + delta) - 1e-12)
        q = minimize_scalar(loss, bounds=limits, method="bounded", options={"xatol": 1e-12}).x
        variance = (
            (q * (1 - q) / n1 + (q - delta) * (1 - q + delta) / n2) * (n1 + n2) / (n1 + n2 - 1)
        )
        return float((x1 / n1 - x2 / n2 - delta) / np.sqrt(variance))

    low, high = unpaired_score(x1, n1, x2, n2, 1.96)
    assert (score(float(low)), score(float(high))) == pytest.approx((1.96, -1.96), abs=1e-5)


@pytest.mark.parametrize(("b", "c", "n"), [(1, 0, 44), (12, 5, 60), (3, 9, 20)])
def test_both_ends_of_the_paired_interval_lie_at_the_critical_score(b: int, c: int, n: int) -> None:
    from scipy.optimize import minimize_scalar

    def score(delta: float) -> float:
        def loss(q: float) -> float:
            return -float(
                b * np.log(q + delta) + c * np.log(q) + (n - b - c) * np.log(1 - 2 * q - delta)
            )

        limits = (max(0.0, -delta) + 1e-13, (1 - delta) / 2 - 1e-13)
        q = minimize_scalar(loss, bounds=limits, method="bounded", options={"xatol": 1e-13}).x
        return float((b - c - n * delta) / np.sqrt(n * (2 * q + delta - delta**2)))

    low, high = paired_score(b, c, n, 1.96)
    assert (score(float(low)), score(float(high))) == pytest.approx((1.96, -1.96), abs=1e-4)


@pytest.mark.parametrize("p", [0.5, 0.8, 0.95])
def test_wilson_covers(p: float) -> None:
    x = np.random.default_rng(1).binomial(100, p, size=20_000)
    low, high = wilson(x, 100, 1.959963984540054)
    assert 0.93 <= np.mean((low <= p) & (p <= high)) <= 0.985


@pytest.mark.parametrize(("p12", "p21"), [(0.1, 0.1), (0.2, 0.05), (0.02, 0.02)])
def test_tango_covers_at_fifty_pairs(p12: float, p21: float) -> None:
    counts = np.random.default_rng(2).multinomial(50, [p12, p21, 1 - p12 - p21], size=8000)
    low, high = paired_score(counts[:, 0], counts[:, 1], 50, 1.959963984540054)
    assert np.mean((low <= p12 - p21) & (p12 - p21 <= high)) >= 0.935


@pytest.mark.parametrize(("x", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_impossible_counts_are_refused(x: int, n: int) -> None:
    with pytest.raises(ValueError, match="successes"):
        proportion(x, n)
