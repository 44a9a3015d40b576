"""Agreement: published values, real ratings, coverage at thirty items."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewell.stats import (
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    icc,
    krippendorff_alpha,
    pabak,
    raters_needed,
)
from tunewell.stats.icc import expected_width

X = np.nan
# Krippendorff 2011, section C: 4 observers × 12 units.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, X, X, X],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, X, 3],
    [X, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, X],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, X],
]
# The encyclopedia's 3 coders × 15 units.
CODERS = [
    [X, X, X, X, X, 3, 4, 1, 2, 1, 1, 3, 3, X, 3],
    [1, X, 2, 1, 3, 3, 4, 3, X, X, X, X, X, X, X],
    [X, X, 2, 1, 3, 4, 4, X, 2, 1, 1, 3, 3, X, 4],
]
# Fleiss' kappa, the encyclopedia's 10 subjects × 14 raters × 5 categories.
SUBJECTS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]
SHROUT_FLEISS = [
    [9, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
]


def _data(name: str) -> Any:
    for root in (
        os.environ.get("TUNEWELL_DATA"),
        Path(__file__).resolve().parents[3] / "shared" / "data",
    ):
        if root and (Path(root) / name).exists():
            return json.loads((Path(root) / name).read_text(encoding="utf-8"))
    pytest.skip(f"{name}: set TUNEWELL_DATA to the folder of the public data sets")


@pytest.mark.parametrize(
    ("scale", "value"),
    [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)],
)
def test_alpha_reproduces_krippendorff(scale: str, value: float) -> None:
    assert round(krippendorff_alpha(OBSERVERS, scale=scale).value, 3) == value  # type: ignore[arg-type]


@pytest.mark.parametrize(("scale", "value"), [("nominal", 0.691), ("interval", 0.811)])
def test_alpha_reproduces_the_encyclopedia(scale: str, value: float) -> None:
    assert round(krippendorff_alpha(CODERS, scale=scale).value, 3) == value  # type: ignore[arg-type]


def test_fleiss_kappa_reproduces_the_encyclopedia() -> None:
    assert round(fleiss_kappa(SUBJECTS).value, 3) == 0.210


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("ICC(1,1)", 0.17),
        ("ICC(2,1)", 0.29),
        ("ICC(3,1)", 0.71),
        ("ICC(1,k)", 0.44),
        ("ICC(2,k)", 0.62),
        ("ICC(3,k)", 0.91),
    ],
)
def test_icc_reproduces_shrout_and_fleiss(form: str, value: float) -> None:
    e = icc(SHROUT_FLEISS, form=form)  # type: ignore[arg-type]
    assert round(e.value, 2) == value
    assert e.low < e.value < e.high


def test_the_paradox_of_kappa() -> None:
    table = [[90, 5], [4, 1]]
    assert round(cohen_kappa(table).value, 2) == 0.13
    assert round(pabak(table).value, 2) == 0.82
    counts = [[2, 0]] * 90 + [[1, 1]] * 9 + [[0, 2]]
    assert gwet_ac1(counts).value > 0.85


@pytest.mark.parametrize(
    ("criterion", "value"),
    [("Informativeness", 0.284873), ("Relevance", 0.115121), ("Fluency", -0.015808)],
)
def test_alpha_of_the_newsroom_summaries(criterion: str, value: float) -> None:
    rows = _data("judge_bench/newsroom.json")["instances"]
    ratings = [r["annotations"][criterion]["individual_human_scores"] for r in rows]
    e = krippendorff_alpha(np.array(ratings, dtype=float).T, scale="ordinal")
    assert round(e.value, 6) == value


def test_agreement_of_pandalm() -> None:
    rows = _data("pandalm/testset-v1.json")
    ratings = np.array([[r[f"annotator{i}"] for i in (1, 2, 3)] for r in rows], dtype=float)
    assert round(krippendorff_alpha(ratings.T, scale="nominal").value, 4) == 0.8642
    assert round(float((np.ptp(ratings, axis=1) == 0).mean()), 3) == 0.880


def test_alpha_equals_evalica() -> None:
    pd = pytest.importorskip("pandas")
    from evalica import alpha

    rng = np.random.default_rng(0)
    ratings = rng.integers(1, 6, (4, 25)).astype(float)
    ratings[rng.random((4, 25)) < 0.15] = np.nan
    for scale in ("nominal", "ordinal", "interval", "ratio"):
        theirs = alpha(pd.DataFrame(ratings), distance=scale, solver="naive").alpha
        assert krippendorff_alpha(ratings, scale=scale).value == pytest.approx(theirs, abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from(["nominal", "ordinal", "interval"]))
def test_alpha_does_not_depend_on_the_order_of_raters_or_items(seed: int, scale: str) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 4, (3, 12)).astype(float)
    x[0, 0], x[0, 1] = 0, 1
    y = x[rng.permutation(3)][:, rng.permutation(12)]
    a, b = krippendorff_alpha(x, scale=scale), krippendorff_alpha(y, scale=scale)  # type: ignore[arg-type]
    assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high))


def test_perfect_agreement_of_few_items_is_not_certain() -> None:
    few = krippendorff_alpha([[1, 2] * 5] * 3, scale="nominal")
    many = krippendorff_alpha([[1, 2] * 100] * 3, scale="nominal")
    assert few.value == many.value == 1.0
    assert few.low < 0.6 < many.low < 1


def test_equal_ratings_leave_alpha_undefined() -> None:
    with pytest.raises(ValueError, match="undefined"):
        krippendorff_alpha([[1, 1, 1], [1, 1, 1]])


@pytest.mark.parametrize(
    ("share", "kind"), [(0.3, "interval"), (0.6, "interval"), (0.6, "nominal"), (0.85, "nominal")]
)
def test_alpha_covers_at_thirty_items_and_three_raters(share: float, kind: str) -> None:
    rng = np.random.default_rng(5)

    def draw(items: int) -> Any:
        x = np.sqrt(share) * rng.normal(size=(1, items)) + np.sqrt(1 - share) * rng.normal(
            size=(3, items)
        )
        return (x > 0).astype(float) if kind == "nominal" else x

    # The agreement of signs of normals with correlation r is 1/2 + arcsin(r)/pi (Sheppard).
    truth = 2 * np.arcsin(share) / np.pi if kind == "nominal" else share
    found = [krippendorff_alpha(draw(30), scale=kind) for _ in range(400)]  # type: ignore[arg-type]
    assert np.mean([e.low <= truth <= e.high for e in found]) >= 0.93


def test_icc_covers_at_thirty_items_and_three_raters() -> None:
    rng = np.random.default_rng(6)
    hits = 0
    for _ in range(500):
        x = (
            rng.normal(size=(30, 1))
            + 0.5 * rng.normal(size=(1, 3))
            + 0.7 * rng.normal(size=(30, 3))
        )
        e = icc(x)
        hits += e.low <= 1 / (1 + 0.25 + 0.49) <= e.high
    assert hits / 500 >= 0.93


def test_the_planned_width_is_the_simulated_one_within_a_tenth() -> None:
    rng = np.random.default_rng(7)
    widths = []
    for _ in range(200):
        x = np.sqrt(0.7) * rng.normal(size=(60, 1)) + np.sqrt(0.3) * rng.normal(size=(60, 3))
        e = icc(x, form="ICC(1,1)")
        widths.append(e.high - e.low)
    assert expected_width(60, 3, 0.7) == pytest.approx(np.mean(widths), rel=0.1)


def test_more_raters_are_asked_for_a_narrower_interval() -> None:
    wide, narrow = raters_needed(80, None, 0.25).value, raters_needed(80, None, 0.2).value
    assert wide < narrow
    with pytest.raises(ValueError, match="more items"):
        raters_needed(10, None, 0.05)


def test_the_interval_of_pabak_covers_at_every_share_of_thirty_items() -> None:
    from scipy.stats import binom

    ends = np.array([(e.low, e.high) for e in (pabak([[k, 30 - k], [0, 0]]) for k in range(31))])
    shares = np.linspace(0.02, 0.98, 500)
    held = (ends[:, 0] <= 2 * shares[:, None] - 1) & (2 * shares[:, None] - 1 <= ends[:, 1])
    assert (binom.pmf(np.arange(31), 30, shares[:, None]) * held).sum(1).min() >= 0.94
