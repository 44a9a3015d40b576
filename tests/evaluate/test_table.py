from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewell.evaluate.table import Table, table_of
from tunewell.types import MetricInfo, Score, Unscored

LABEL = MetricInfo(name="label", title="label")
NATS = MetricInfo(
    name="nats", title="loss", unit="nats/token", bigger_is_better=False, high=math.inf
)


def made(
    a: list[float], b: list[float], info: MetricInfo = LABEL, clusters: tuple[str, ...] = ()
) -> Table:
    rows = [f"r{i}" for i in range(len(a))]
    scores = [
        Score(
            example=r,
            arm=arm,
            metric=info.name,
            value=Unscored(reason="no") if math.isnan(v) else v,
        )
        for arm, values in (("tuned", a), ("base", b))
        for r, v in zip(rows, values, strict=True)
    ]
    return table_of(scores, rows=rows, metrics=[info], clusters=clusters)


ERRORS = MetricInfo(name="errors", title="errors", bigger_is_better=False, high=math.inf)


def test_a_change_of_errors_per_word_is_held_against_how_much_speakers_differ() -> None:
    """Five speakers tell little, but not nothing: no row stands for a speaker who was not heard."""
    scores = []
    speakers = []
    for number in range(30):
        speakers.append(f"s{number % 5}")
        for arm, more in (("base", 0.0), ("tuned", 0.04 + 0.01 * (number % 5))):
            errors = 0.1 * (number % 3) + more
            scores.append(
                Score(
                    example=f"r{number}",
                    arm=arm,
                    metric="errors",
                    value=errors,
                    weight=8 + number % 4,
                )
            )
    rows = [f"r{number}" for number in range(30)]
    table = table_of(scores, rows=rows, metrics=[ERRORS], clusters=speakers)
    found = table.compare("tuned", "base", "errors")
    assert found is not None
    assert found.n == 5
    assert found.value == pytest.approx(0.06, abs=0.002)
    assert 0.03 < found.low < found.high < 0.09
    p = table.p_value("tuned", "base", "errors")
    assert p is not None
    assert p < 0.01


@given(st.integers(0, 2**32 - 1), st.integers(4, 40), st.booleans())
def test_the_p_value_says_what_the_interval_says(seed: int, n: int, binary: bool) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random(n), rng.random(n)
    if binary:
        a, b = (a < 0.7).astype(float), (b < 0.5).astype(float)
    table = made(a.tolist(), b.tolist())
    estimate, p = table.compare("tuned", "base", "label"), table.p_value("tuned", "base", "label")
    assert estimate is not None
    assert p is not None
    shown = estimate.low > 0 or estimate.high < 0
    # Each end of the interval holds by itself: it never claims more than the paired test does.
    assert p <= 0.05 or not shown
    if binary:
        assert (p <= 0.05) == shown
    assert p == pytest.approx(table.p_value("base", "tuned", "label"), rel=5e-3)


def test_the_p_value_of_t_is_the_paired_t_test() -> None:
    from scipy.stats import ttest_rel

    rng = np.random.default_rng(0)
    a = rng.random(60)
    b = a - 0.05 + rng.normal(0, 0.15, 60)
    p = made(a.tolist(), np.clip(b, 0, 1).tolist()).p_value("tuned", "base", "label")
    assert p == pytest.approx(ttest_rel(a, np.clip(b, 0, 1)).pvalue, rel=5e-3)


def test_a_missing_loss_has_no_upper_bound() -> None:
    table = made([2.0, math.nan, 2.2, 2.1], [3.0, 3.1, 2.9, 3.0], NATS)
    level = table.level("tuned", "nats")
    assert level is not None
    assert level.high == math.inf
    assert level.value == pytest.approx(2.1)
    assert level.low <= 2.1
    difference = table.compare("tuned", "base", "nats")
    assert difference is not None
    assert (difference.low, difference.high) == (-math.inf, math.inf)
    assert table.p_value("tuned", "base", "nats") == 1.0


def test_families_count_once() -> None:
    a, b = [1.0] * 20 + [0.0] * 20, [0.0] * 40
    alone = made(a, b).compare("tuned", "base", "label")
    together = made(a, b, clusters=tuple(f"f{i // 10}" for i in range(40))).compare(
        "tuned", "base", "label"
    )
    assert alone is not None
    assert together is not None
    assert (alone.n, together.n) == (40, 4)
    assert together.high - together.low > alone.high - alone.low


def test_one_family_alone_is_not_compared() -> None:
    assert (
        made([1.0, 0.0], [0.0, 0.0], clusters=("f", "f")).compare("tuned", "base", "label") is None
    )
