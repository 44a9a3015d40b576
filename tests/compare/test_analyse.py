"""What a comparison says, and what takes it back."""

from __future__ import annotations

import numpy as np
import pytest

from tests.compare.conftest import Bench
from tunewell.compare import BlindComparison, GuessSaid, analyse, close_and_record
from tunewell.people.compared import compared
from tunewell.stats.preference import preference_looks


def rated_at_random(bench: Bench, comparison: BlindComparison, rate: float, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    for position in range(comparison.design.each):
        for account in comparison.raters:
            pair = bench.book.pairs(comparison, account=account)[position]
            bench.rate(comparison, account, pair, float(rng.random() < rate))


def guessed(bench: Bench, comparison: BlindComparison, *, right: bool) -> None:
    for account in comparison.raters:
        for pair_id, arm in bench.book.to_guess(comparison, account):
            pair = bench.book.own_pair(pair_id, account)
            assert pair is not None
            said = arm if right else None
            guess = GuessSaid.model_validate({"arm": said, "behind": arm})
            bench.book.guess(comparison, pair, guess, key=bench.key())


def test_a_clear_preference_is_go_and_gates_read_it(bench: Bench) -> None:
    comparison = bench.open()
    rated_at_random(bench, comparison, 1.0)
    guessed(bench, comparison, right=False)
    result = close_and_record(bench.book, comparison, author="olga")
    assert result.outcome == "GO"
    assert result.standing_favours == "a"
    kept = compared(bench.store)["spring"]
    assert kept.outcome == "GO"
    assert kept.favours == "first"
    assert kept.signed_by == "olga"
    assert {f.code: f.status for f in kept.findings} == {"L01": "clear", "L02": "clear"}


def test_the_second_arm_preferred_is_no_go(bench: Bench) -> None:
    comparison = bench.open()
    rated_at_random(bench, comparison, 0.0)
    assert analyse(bench.book, comparison).outcome == "NO-GO"


def test_nothing_is_said_before_there_is_anything(bench: Bench) -> None:
    result = analyse(bench.book, bench.open())
    assert result.outcome == "INCONCLUSIVE"
    assert result.looks == ()
    assert "0 of 24 verdicts" in result.why
    assert {f.code: f.status for f in result.findings} == {"L02": "unchecked"}


def test_raters_who_can_tell_the_arms_take_the_verdict_back(bench: Bench) -> None:
    comparison = bench.open(each=12)
    rated_at_random(bench, comparison, 1.0)
    guessed(bench, comparison, right=True)
    result = analyse(bench.book, comparison)
    assert result.standing_favours == "a"
    assert result.outcome == "INCONCLUSIVE"
    assert "could tell" in result.why
    assert result.james is not None
    assert result.james.value == pytest.approx(0.0)
    found = next(f for f in result.findings if f.code == "L02")
    assert found.status == "found"
    assert "Bang's index" in found.why


def test_the_page_figure_is_that_of_the_statistics(bench: Bench) -> None:
    comparison = bench.open(each=20, win_rate=0.9)
    rated_at_random(bench, comparison, 0.7, seed=4)
    result = analyse(bench.book, comparison)
    rated = bench.book.rated(comparison)
    alone = preference_looks(
        [said.value for said in rated],
        raters=[said.account for said in rated],
        questions=[said.question for said in rated],
        planned=120,
    )
    assert result.looks[-1] == alone[-1]
    assert set(result.by_slice) == {"region=north", "region=south"}
    assert result.position is not None
    assert result.position.low <= 0 <= result.position.high


def test_a_hostile_rater_is_named_and_the_verdict_given_without(bench: Bench) -> None:
    comparison = bench.open(each=20, win_rate=0.9, raters=7)
    rng = np.random.default_rng(1)
    for position in range(20):
        for account in comparison.raters:
            pair = bench.book.pairs(comparison, account=account)[position]
            value = float(rng.random() < 0.9)
            if account == "rater6":
                # Always the answer that stands first.
                value = 1.0 if pair.first_is == 0 else 0.0
            bench.rate(comparison, account, pair, value)
    result = analyse(bench.book, comparison)
    assert [rater.account for rater in result.careless] == ["rater6"]
    assert result.careless[0].habit.habit == "always the first shown"
    assert result.without is not None
    assert result.standing is not None
    assert result.without.estimate.value > result.standing.estimate.value


def test_a_judge_is_corrected_by_these_ratings(bench: Bench) -> None:
    comparison = bench.open(each=20, win_rate=0.9)
    rated_at_random(bench, comparison, 0.8)
    # The judge has scored five times as many rows, and always likes the first arm.
    judge = {f"r{n}": 1.0 for n in range(100)}
    result = analyse(bench.book, comparison, judge=judge)
    assert result.judged is not None
    assert result.judged.value < 1.0


def test_agreement_and_reasons(bench: Bench) -> None:
    comparison = bench.open(each=10, win_rate=0.9)
    for account in comparison.raters:
        for pair in bench.book.pairs(comparison, account=account):
            value = 1.0 if pair.question.row in ("r1", "r2", "r3") else 0.0
            bench.rate(comparison, account, pair, value)
    result = analyse(bench.book, comparison)
    assert result.agreement is not None
    assert result.agreement.value == pytest.approx(1.0)
    assert result.reasons == {}
