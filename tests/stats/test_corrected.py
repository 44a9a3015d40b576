"""A judge corrected by people: coverage in the hardest cells, oracles, missing verdicts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tunewell.stats import (
    JudgedArm,
    corrected_difference,
    corrected_mean,
    corrected_rate,
    corrected_win_rate,
    icc,
    mean,
)
from tunewell.stats.stratified import Strata, effects, share_limits, verdict_icc

Floats = NDArray[np.float64]
# Rate, labels, sensitivity and specificity of the judge. The normal-theory interval covers 72 % in
# the first.
HARD = [
    (0.95, 30, 0.95, 0.80),
    (0.98, 30, 0.98, 0.95),
    (0.98, 200, 0.5, 0.5),
    (0.9, 50, 0.5, 0.5),
    (0.5, 30, 0.9, 0.8),
    (0.8, 100, 0.85, 0.7),
]


def _counts(p: float, n: int, hit: float, correct: float, repeats: int, seed: int) -> Strata:
    rng = np.random.default_rng(seed)
    cells = [p * hit, p * (1 - hit), (1 - p) * (1 - correct), (1 - p) * correct]
    c = rng.multinomial(n, cells, size=repeats).astype(float)
    passed = (c[:, 0] + c[:, 2] + rng.binomial(4000 - n, cells[0] + cells[2], size=repeats)) / 4000
    return Strata(
        successes=np.stack([c[:, 1], c[:, 0]], 1)[:, None],
        labels=np.stack([c[:, 1] + c[:, 3], c[:, 0] + c[:, 2]], 1)[:, None],
        shares=np.stack([1 - passed, passed], 1),
        share_variance=np.full(repeats, 1 / 4000),
        clustered=False,
    )


@pytest.mark.parametrize(("p", "n", "hit", "correct"), HARD)
def test_a_corrected_rate_covers_in_the_hard_cells(
    p: float, n: int, hit: float, correct: float
) -> None:
    _, low, high = share_limits(_counts(p, n, hit, correct, 8000, seed=1), 0.95)
    assert np.mean((low <= p) & (p <= high)) >= 0.94


@pytest.mark.parametrize(
    ("hit", "correct", "most"), [(0.9, 0.8, 0.62), (0.95, 0.9, 0.41), (0.5, 0.5, 1.02)]
)
def test_the_labels_saved_are_those_promised(hit: float, correct: float, most: float) -> None:
    from tunewell.stats.proportions import wilson

    _, low, high = share_limits(_counts(0.8, 100, hit, correct, 4000, seed=2), 0.95)
    x = np.random.default_rng(3).binomial(100, 0.8, size=20_000)
    alone = wilson(x, 100, 1.959963984540054)
    assert ((high - low).mean() / (alone[1] - alone[0]).mean()) ** 2 <= most


def _simulated(p: float, n: int, seed: int, rows: int = 1500) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    truth = rng.random(rows) < p
    judge = np.where(truth, rng.random(rows) < 0.9, rng.random(rows) < 0.2).astype(float)
    human = np.full(rows, np.nan)
    human[:n] = truth[:n]
    return judge, human


def test_the_public_function_runs_the_simulated_code() -> None:
    judge, human = _simulated(0.8, 100, 0)
    e = corrected_rate(judge=judge, human=human)
    seen = ~np.isnan(human)
    x = np.array([[human[seen & (judge == j)].sum() for j in (0, 1)]])
    t = np.array([[(seen & (judge == j)).sum() for j in (0, 1)]], dtype=float)
    shares = np.array([[(judge == j).mean() for j in (0, 1)]])
    value, low, high = share_limits(
        Strata(x[:, None], t[:, None], shares, np.array([1 / 1500]), False), 0.95
    )
    assert (e.value, e.low, e.high) == pytest.approx((value[0], low[0], high[0]), abs=1e-4)


def test_the_order_of_rows_and_the_names_of_verdicts_do_not_matter() -> None:
    judge, human = _simulated(0.8, 60, 4)
    order = np.random.default_rng(0).permutation(judge.size)
    a = corrected_rate(judge=judge, human=human)
    b = corrected_rate(judge=7 - 3 * judge[order], human=human[order])
    assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high))


def test_failing_instead_of_passing_mirrors_the_interval() -> None:
    judge, human = _simulated(0.8, 60, 5)
    a, b = corrected_rate(judge=judge, human=human), corrected_rate(judge=judge, human=1 - human)
    assert (a.low, a.high) == pytest.approx((1 - b.high, 1 - b.low), abs=1e-9)


def test_a_judge_that_is_always_wrong_is_as_good_as_one_that_is_right() -> None:
    judge, human = _simulated(0.8, 60, 6)
    assert corrected_rate(judge=1 - judge, human=human).value == pytest.approx(
        corrected_rate(judge=judge, human=human).value
    )


def test_unanswered_questions_widen_and_never_narrow() -> None:
    judge, human = _simulated(0.8, 100, 7)
    asked = ~np.isnan(human)
    whole = corrected_rate(judge=judge, human=human, asked=asked)
    human[:20] = np.nan
    gaps = corrected_rate(judge=judge, human=human, asked=asked)
    assert gaps.low < whole.low
    assert gaps.high > whole.high
    assert "20 unanswered" in gaps.method


def test_rows_without_a_verdict_of_the_judge_are_not_dropped() -> None:
    judge, human = _simulated(0.8, 200, 8)
    failed = human == 0
    unlabelled_share = 0.2
    judge[failed] = np.nan  # the judge breaks on exactly the bad answers
    judge[200 : 200 + int(unlabelled_share * 1300)] = np.nan
    e = corrected_rate(judge=judge, human=human)
    assert e.low < 0.81
    assert e.high < 0.95


def test_unequal_inclusion_is_weighted_back() -> None:
    hits = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        hard = rng.random(2000) < 0.3
        truth = rng.random(2000) < np.where(hard, 0.4, 0.9)
        p = np.where(hard, 0.12, 0.04)
        human = np.where(rng.random(2000) < p, truth.astype(float), np.nan)
        judge = (rng.random(2000) < np.where(truth, 0.8, 0.3)).astype(float)
        e = corrected_rate(judge=judge, human=human, inclusion=p)
        hits += e.low <= 0.75 <= e.high
    assert hits / 150 >= 0.91


def test_the_ceiling_is_printed_where_it_applies() -> None:
    rng = np.random.default_rng(9)
    truth = rng.random(3000) < 0.95
    human = np.where(np.arange(3000) < 200, truth.astype(float), np.nan)
    weak = np.where(rng.random(3000) < 0.8, truth, ~truth).astype(float)
    assert "at most half" in corrected_rate(judge=weak, human=human).method
    assert "at most half" not in corrected_rate(judge=truth.astype(float), human=human).method


def test_few_labels_are_named_as_not_simulated() -> None:
    judge, human = _simulated(0.8, 12, 10)
    assert "not simulated" in corrected_rate(judge=judge, human=human).method


def test_the_corrected_mean_is_that_of_ppi() -> None:
    rng = np.random.default_rng(11)
    y = rng.normal(2, 1, 40)
    f = y + rng.normal(0.3, 0.7, 40)
    rest = rng.normal(2.3, 1.2, 500)
    human = np.concatenate([y, np.full(500, np.nan)])
    for power in (0.0, 0.4, 1.0):
        e = corrected_mean(judge=np.concatenate([f, rest]), human=human, power=power)
        assert e.value == pytest.approx(power * rest.mean() + (y - power * f).mean(), abs=1e-12)
    people = mean(y)
    e = corrected_mean(judge=np.concatenate([f, rest]), human=human, power=0.0)
    assert (e.low, e.high) == pytest.approx((people.low, people.high), abs=1e-12)


def test_the_mean_saves_what_the_correlation_allows_and_covers() -> None:
    widths, alone, hits = [], [], 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        y = rng.normal(0, 1, 4000)
        f = 0.8 * y + 0.6 * rng.normal(0, 1, 4000)
        human = np.where(np.arange(4000) < 60, y, np.nan)
        e = corrected_mean(judge=f, human=human)
        widths.append(e.high - e.low)
        alone.append(mean(y[:60]).high - mean(y[:60]).low)
        hits += e.low <= 0 <= e.high
    assert hits / 300 >= 0.925
    assert (np.mean(widths) / np.mean(alone)) ** 2 < (1 - 0.64) * 1.15


@pytest.mark.parametrize(("n", "clustered"), [(60, False), (150, False), (90, True)])
def test_a_corrected_difference_covers(n: int, clustered: bool) -> None:
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        size = 3 if clustered else 1
        lift = np.repeat(rng.normal(0, 0.5, 1500 // size), size)
        a, b = rng.normal(0.84, 1, 1500) + lift > 0, rng.normal(0.52, 1, 1500) + lift > 0
        ja = np.where(rng.random(1500) < 0.85, a, ~a).astype(float)
        jb = np.where(rng.random(1500) < 0.85, b, ~b).astype(float)
        seen = np.arange(1500) < n
        e = corrected_difference(
            JudgedArm(ja, np.where(seen, a, np.nan)),
            JudgedArm(jb, np.where(seen, b, np.nan)),
            clusters=np.repeat(np.arange(1500 // size), size) if clustered else None,
        )
        from scipy.special import ndtr

        scale = np.sqrt(1.25)
        truth = ndtr(0.84 / scale) - ndtr(0.52 / scale)
        hits += e.low <= truth <= e.high
    assert hits / 200 >= 0.915


def test_swapping_the_arms_mirrors_the_corrected_difference() -> None:
    rng = np.random.default_rng(12)
    a, b = rng.integers(0, 2, (2, 600)).astype(float)
    ja, jb = rng.integers(0, 2, (2, 600)).astype(float)
    seen = np.arange(600) < 80
    first = JudgedArm(ja, np.where(seen, a, np.nan))
    second = JudgedArm(jb, np.where(seen, b, np.nan))
    ab = corrected_difference(first, second)
    ba = corrected_difference(second, first)
    assert (ab.low, ab.high) == pytest.approx((-ba.high, -ba.low), abs=1e-9)


def test_a_win_rate_without_ties_is_a_corrected_rate() -> None:
    judge, human = _simulated(0.6, 80, 13)
    assert corrected_win_rate(judge=judge, human=human) == corrected_rate(judge=judge, human=human)


@pytest.mark.parametrize("labels", [[np.nan] * 5, [1.0, *[np.nan] * 4], [0.3, 0.7, *[np.nan] * 3]])
def test_too_few_labels_or_other_values_are_refused(labels: list[float]) -> None:
    with pytest.raises(ValueError, match="human"):
        corrected_rate(judge=[1, 0, 1, 0, 1], human=labels)


def _clustered(
    p: float, hit: float, correct: float, likeness: float, seed: int, judge_icc: float | None
) -> Strata:
    """2,000 datasets of 20 labelled clusters of five; the judge's errors are independent."""
    rng = np.random.default_rng(seed)
    k = 1 / likeness - 1
    good = rng.binomial(5, rng.beta(p * k, (1 - p) * k, size=(2000, 20)))
    passed, missed = rng.binomial(good, hit), rng.binomial(5 - good, 1 - correct)
    q = p * hit + (1 - p) * (1 - correct)
    return Strata(
        successes=np.stack([good - passed, passed], -1).astype(float),
        labels=np.stack([5 - missed - passed, passed + missed], -1).astype(float),
        shares=np.tile([1 - q, q], (2000, 1)),
        share_variance=np.full(2000, 1 / 2000),
        clustered=True,
        judge_icc=None if judge_icc is None else np.full(2000, judge_icc),
    )


@pytest.mark.parametrize(("hit", "correct"), [(0.5, 0.5), (0.85, 0.7), (0.95, 0.8)])
def test_clusters_that_the_judge_hardly_shows_are_still_covered(hit: float, correct: float) -> None:
    p, likeness = 0.8, 0.3
    q = p * hit + (1 - p) * (1 - correct)
    shown = likeness * (hit + correct - 1) ** 2 * p * (1 - p) / (q * (1 - q))
    _, low, high = share_limits(_clustered(p, hit, correct, likeness, 21, shown), 0.95)
    assert np.mean((low <= p) & (p <= high)) >= 0.935


def test_a_judge_that_shows_no_clustering_narrows_the_interval() -> None:
    known, unknown = (_clustered(0.8, 0.95, 0.9, 1e-4, 22, shown) for shown in (0.0, None))
    assert effects(known)[0].mean() < effects(unknown)[0].mean()
    widths = [np.subtract(*share_limits(s, 0.95)[:0:-1]).mean() for s in (known, unknown)]
    assert widths[0] < 0.9 * widths[1]
    _, low, high = share_limits(known, 0.95)
    assert 0.94 <= np.mean((low <= 0.8) & (high >= 0.8)) <= 0.99


def test_the_clustering_of_verdicts_is_the_intraclass_correlation() -> None:
    x = (
        np.random.default_rng(23).random((60, 4)) < np.random.default_rng(24).random((60, 1))
    ).astype(float)
    passed = x.sum(1)
    found = verdict_icc(np.stack([4 - passed, passed], 1), np.full(60, 4.0))
    assert found == pytest.approx(icc(x, form="ICC(1,1)").value, abs=1e-12)
    assert np.isnan(verdict_icc(np.array([[0.0, 3.0]] * 50), np.full(50, 3.0)))
