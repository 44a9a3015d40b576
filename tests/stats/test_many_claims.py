"""Several claims at once: Holm's p-values by their oracle, Bonferroni's promise by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from statsmodels.stats.multitest import multipletests

from tunewell.stats import bonferroni_level, holm_adjusted, mean


@settings(max_examples=15)  # the oracle collects garbage in every call: half a second each
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_agrees_with_statsmodels(p: list[float]) -> None:
    assert holm_adjusted(p) == pytest.approx(list(multipletests(p, method="holm")[1]))


def test_intervals_at_the_shared_level_hold_together() -> None:
    rng = np.random.default_rng(0)
    draws, claims = 400, 5
    level = bonferroni_level(0.95, claims)
    together = 0
    for _ in range(draws):
        found = [mean(rng.normal(size=40), level=level) for _ in range(claims)]
        together += all(e.low <= 0 <= e.high for e in found)
    assert together >= binom.ppf(0.001, draws, 0.95)


def test_no_claims_leave_the_level_alone() -> None:
    assert bonferroni_level(0.9, 0) == pytest.approx(0.9)
    assert holm_adjusted([]) == []
