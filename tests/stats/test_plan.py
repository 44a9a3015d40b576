"""Sample sizes against published values and against the tests that they plan."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tunewell.stats import (
    detectable_difference,
    proportion,
    sample_size_corrected,
    sample_size_difference,
    sample_size_equivalence,
    sample_size_mcnemar,
    sample_size_proportion,
    sample_size_share_against,
)


def test_two_samples_reproduce_cohens_sizes() -> None:
    assert round(sample_size_difference(0.5, sd=1).value, 2) == 63.77
    assert round(sample_size_difference(0.2, sd=1).value, 1) == 393.4


@pytest.mark.parametrize(("delta", "rows"), [(0.03, 969), (0.05, 349)])
def test_a_paired_difference_reproduces_miller(delta: float, rows: int) -> None:
    n = sample_size_difference(delta, sd=math.sqrt(1 / 9), paired=True, test="z").value
    assert math.ceil(round(n, 2)) == rows


def test_an_unpaired_difference_reproduces_the_errorbars_tool() -> None:
    assert math.ceil(sample_size_difference(0.03, sd=0.5, test="z").value) == 4361
    assert round(detectable_difference(500, sd=0.5, test="z").value, 3) == 0.089


def test_a_win_rate_of_sixty_percent_needs_194_ratings() -> None:
    assert math.ceil(sample_size_share_against(0.6).value) == 194


@pytest.mark.parametrize("test", ["t", "z"])
@pytest.mark.parametrize("paired", [True, False])
def test_size_and_detectable_difference_are_inverse(test: str, paired: bool) -> None:
    n = sample_size_difference(0.3, sd=1.2, paired=paired, test=test, design_effect=1.4).value  # type: ignore[arg-type]
    back = detectable_difference(n, sd=1.2, paired=paired, test=test, design_effect=1.4)  # type: ignore[arg-type]
    assert back.value == pytest.approx(0.3, abs=1e-6)


def test_the_planned_width_is_met_and_one_fewer_misses_it() -> None:
    n = int(sample_size_proportion(0.5, width=0.1).value)
    met, missed = proportion(n / 2, n), proportion((n - 1) / 2, n - 1)
    assert met.high - met.low <= 0.1 < missed.high - missed.low


def test_the_planned_power_is_reached() -> None:
    from tunewell.stats import difference

    n = math.ceil(sample_size_difference(0.8, sd=1).value)
    rng = np.random.default_rng(0)
    found = [
        difference(rng.normal(0.8, 1, n), rng.normal(0, 1, n), paired=False).low > 0
        for _ in range(1500)
    ]
    assert 0.77 <= np.mean(found) <= 0.83


def test_mcnemar_reaches_the_planned_power() -> None:
    from tunewell.stats.proportions import paired_score

    n = math.ceil(sample_size_mcnemar(0.15, 0.05).value)
    counts = np.random.default_rng(1).multinomial(n, [0.15, 0.05, 0.8], size=4000)
    low, _ = paired_score(counts[:, 0], counts[:, 1], n, 1.959963984540054)
    assert 0.76 <= (low > 0).mean() <= 0.85


def test_a_margin_asks_for_as_many_rows_as_a_difference_of_its_size() -> None:
    a = sample_size_equivalence(0.05, sd=1 / 3).value
    assert a == pytest.approx(sample_size_difference(0.05, sd=1 / 3, paired=True, test="z").value)
    assert sample_size_equivalence(0.05, sd=1 / 3, difference=-0.02).value > a


def test_a_judge_asks_for_fewer_labels_the_better_it_is() -> None:
    needed = [
        sample_size_corrected(0.8, hit=h, correct=c, width=0.1).value
        for h, c in ((0.5, 0.5), (0.85, 0.7), (0.9, 0.8), (0.95, 0.9))
    ]
    assert needed == sorted(needed, reverse=True)
    alone = sample_size_proportion(0.8, width=0.1).value
    assert needed[0] / alone == pytest.approx(1.0, abs=0.04)
    with pytest.raises(ValueError, match="judged"):
        sample_size_corrected(0.8, hit=0.5, correct=0.5, width=0.01, judged=500)
