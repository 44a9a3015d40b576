from __future__ import annotations

import numpy as np
import pytest

from tunewell.stats.bursts import burst_limit, burst_p, lull_p, pooled_irregularity
from tunewell.stats.steps import (
    DAYS,
    YearlyMaximum,
    fit_quiet,
    quiet_series,
    running_sums,
    season_of,
    signed_root,
    step_threshold,
    surprises,
    without_season,
)


@pytest.mark.parametrize(
    ("expected", "irregular", "growth"), [(30.0, 1.0, 0.0), (200.0, 2.0, 0.3), (6.0, 1.3, 0.1)]
)
def test_quiet_years_keep_their_budget(expected: float, irregular: float, growth: float) -> None:
    """Each year is fitted by itself, and has gaps that the simulation of the threshold has not."""
    rng = np.random.default_rng(5)
    years = 50
    periods = 112 + 365
    places = np.arange(periods) % 7
    total = quiet_series(
        rng, (years, periods), expected=expected, irregular=irregular, growth=growth
    )
    base = (rng.random((years, periods)) > 0.02).astype(float)
    total = total * base
    alarms = 0
    for year in range(years):
        part = slice(0, 112)
        model = fit_quiet(total[year, part], base[year, part], places[part], kind="count")
        threshold = step_threshold(model, yearly=0.2)
        clean, exposure = without_season(total[year], base[year], places, model.season, "count")
        sums = running_sums(clean, exposure)
        ends = np.arange(112, periods)
        largest = max(
            float(
                np.abs(
                    surprises(sums, ends, window, kind="count").standardised(model, window)
                ).max()
            )
            for window in DAYS.windows
        )
        alarms += largest >= threshold
    # 10 of 50 are allowed; more than 17 has a probability of half a per cent.
    assert alarms <= 17


def test_a_step_stands_out_and_its_p_value_agrees_with_the_threshold() -> None:
    rng = np.random.default_rng(1)
    total = rng.poisson(30, size=200).astype(float)
    total[150:] = rng.poisson(60, size=50)
    base = np.ones(200)
    places = np.arange(200) % 7
    model = fit_quiet(total[:112], base[:112], places[:112], kind="count")
    maximum = YearlyMaximum(model)
    sums = running_sums(*without_season(total, base, places, model.season, "count"))
    found = surprises(sums, np.array([154]), 5, kind="count")
    z = float(found.standardised(model, 5)[0])
    threshold = maximum.threshold(0.01)
    assert z > threshold
    assert maximum.p_value(threshold) == pytest.approx(0.01, rel=1e-6)
    assert maximum.p_value(z) < 0.01
    assert found.expected[0] == pytest.approx(150, rel=0.1)


@pytest.mark.parametrize("kind", ["count", "share", "mean"])
def test_signed_roots_are_standard_normal_while_nothing_changes(kind: str) -> None:
    rng = np.random.default_rng(2)
    if kind == "count":
        seen = rng.poisson(50, size=20_000).astype(float)
        root = signed_root(seen, np.full(20_000, 50.0), np.ones(20_000), kind="count")
    elif kind == "share":
        seen = rng.binomial(80, 0.3, size=20_000).astype(float)
        root = signed_root(seen, np.full(20_000, 24.0), np.full(20_000, 80.0), kind="share")
    else:
        seen = rng.normal(size=(20_000, 9)).sum(1) * 2.0
        root = signed_root(seen, np.zeros(20_000), np.full(20_000, 9.0), kind="mean", spread=4.0)
    assert abs(float(root.mean())) < 0.05
    assert float(root.std()) == pytest.approx(1.0, abs=0.03)


def test_a_rare_value_that_missed_eight_saturdays_may_come_on_the_ninth() -> None:
    """Three a week on other days: eight Saturdays without one are no proof that none ever comes."""
    places = np.arange(56) % 7
    hits = np.where(places == 5, 0.0, 20 / 48)
    season = season_of(hits, np.full(56, 20.0), places, "share", 7)
    assert 0.3 < season[5] < 1 < season[0] < 1.2
    often = season_of(100 * hits, np.full(56, 2_000.0), places, "share", 7)
    assert often[5] < 0.06


def test_a_reference_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="28 observed periods"):
        fit_quiet(np.ones(20), np.ones(20), np.arange(20) % 7, kind="count")


def test_bursts_are_false_as_often_as_allowed() -> None:
    """Occurrences are thrown at random between window and reference: the conditional null."""
    rng = np.random.default_rng(3)
    totals = rng.geometric(0.03, size=4_000) + 3
    part = 0.01
    limit = burst_limit(totals, part, allowed=0.05)
    false = 0
    for _ in range(400):
        inside = rng.binomial(totals, part).astype(float)
        p = burst_p(inside, totals - inside, part)
        false += int((p <= limit).sum())
    assert false / 400 <= 0.05 + 3 * (0.05 / 400) ** 0.5
    assert false > 0


def test_tails_are_those_of_the_binomial() -> None:
    from scipy.stats import binom

    assert float(burst_p(7, 20, 0.1)) == pytest.approx(float(binom.sf(6, 27, 0.1)))
    assert float(lull_p(1, 40, 0.2)) == pytest.approx(float(binom.cdf(1, 41, 0.2)))


def test_irregular_things_are_known_as_such() -> None:
    rng = np.random.default_rng(4)
    even = rng.poisson(8, size=(200, 30)).astype(float)
    uneven = rng.poisson(8 * rng.gamma(2, 0.5, size=(200, 30))).astype(float)
    assert pooled_irregularity(even) < 1.15
    assert pooled_irregularity(uneven) > 2.5
