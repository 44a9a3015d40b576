"""Corrections for many tests, and margins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewell.stats import benjamini_hochberg, equivalence, holm
from tunewell.types import Estimate

# Benjamini & Hochberg 1995, section 4: myocardial infarction trial.
PAPER = [
    0.0001,
    0.0004,
    0.0019,
    0.0095,
    0.0201,
    0.0278,
    0.0298,
    0.0344,
    0.0459,
    0.3240,
    0.4262,
    0.5719,
    0.6528,
]
PAPER += [0.7590, 1.0]


def test_benjamini_hochberg_rejects_four_of_the_papers_fifteen() -> None:
    assert benjamini_hochberg(PAPER, q=0.05).sum() == 4
    assert (np.array(PAPER) <= 0.05 / 15).sum() == 3
    assert holm(PAPER).sum() == 3


@settings(max_examples=15)  # the oracle collects garbage in every call: half a second each
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_both_agree_with_statsmodels_in_any_order(p: list[float], rng: object) -> None:
    from statsmodels.stats.multitest import multipletests

    rng.shuffle(p)  # type: ignore[attr-defined]
    assert benjamini_hochberg(p).tolist() == multipletests(p, method="fdr_bh")[0].tolist()
    strict = holm(p)
    assert strict.tolist() == multipletests(p, method="holm")[0].tolist()
    assert not (strict & ~benjamini_hochberg(p)).any()


def test_no_tests_give_no_rejections() -> None:
    assert benjamini_hochberg([]).size == holm([]).size == 0


@pytest.mark.parametrize(
    ("low", "high", "kind", "holds"),
    [
        (-0.02, 0.05, "non-inferiority", True),
        (-0.04, 0.05, "non-inferiority", None),
        (-0.09, -0.04, "non-inferiority", False),
        (-0.02, 0.02, "equivalence", True),
        (-0.02, 0.05, "equivalence", None),
        (0.04, 0.09, "equivalence", False),
    ],
)
def test_a_margin_is_kept_missed_or_open(
    low: float, high: float, kind: str, holds: bool | None
) -> None:
    e = Estimate(value=(low + high) / 2, low=low, high=high, n=100, method="t")
    assert equivalence(e, margin=0.03, kind=kind).holds is holds  # type: ignore[arg-type]
