"""Designs are signed before they start; ratings are added, never changed; order is balanced."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from tests.compare.conftest import DESK, OLD, TUNED, Bench
from tunewell.compare import (
    ComparisonDesign,
    GuessSaid,
    SaidOfPair,
    close_and_record,
    sign_and_open,
)
from tunewell.errors import StoreError, UserError
from tunewell.people.compared import SIGNED


def test_a_signed_design_is_in_the_ledger_and_a_change_is_a_new_experiment(bench: Bench) -> None:
    opened = bench.open()
    event = bench.store.said(SIGNED, subject="spring")[0]
    assert event.author == "olga"
    assert event.record["version"] == opened.design.version
    with pytest.raises(UserError, match="a change is a new experiment"):
        bench.draft(each=5)
    with pytest.raises(UserError, match="signed before"):
        sign_and_open(bench.book, opened, author="olga")
    assert bench.store.check_ledger().faults == ()


def test_a_draft_may_be_drafted_anew(bench: Bench) -> None:
    bench.draft(each=4)
    again = bench.draft(each=5)
    assert len(bench.book.pairs(again)) == 30
    assert len(bench.book.comparisons()) == 1


@pytest.mark.parametrize("icc", [0.2, 0.5])
def test_six_raters_whose_verdicts_are_alike_are_refused_with_the_number_needed(
    bench: Bench, icc: float
) -> None:
    draft = bench.draft(each=33, win_rate=0.65, icc=icc)
    with pytest.raises(UserError, match=r"below 0\.8") as caught:
        sign_and_open(bench.book, draft, author="olga")
    assert f"--raters {draft.design.plan().needed}" in caught.value.hint
    assert sign_and_open(
        bench.book, bench.draft(each=33, win_rate=0.65, icc=0.0, name="other"), author="olga"
    )


def test_each_arm_stands_first_equally_often_for_every_rater(bench: Bench) -> None:
    draft = bench.draft(each=20)
    orders = set()
    for account in draft.raters:
        own = bench.book.pairs(draft, account=account)
        assert Counter(pair.first_is for pair in own) == {0: 10, 1: 10}
        assert len({pair.question.id for pair in own}) == 20
        orders.add(tuple(pair.question.id for pair in own))
    assert len(orders) == 6


def test_identical_answers_are_ties_that_nobody_sees(bench: Bench) -> None:
    answers = [("same", "same"), ("**same**", "same"), ("good", "weak"), ("good 2", "weak 2")]
    opened = bench.open(answers=answers)
    for account in opened.raters:
        states = Counter(p.status for p in bench.book.pairs(opened, account=account))
        assert states == {"tied": 2, "ready": 2}
    rated = bench.book.rated(opened)
    assert len(rated) == 12
    assert {said.value for said in rated} == {0.5}
    assert {said.how for said in rated} == {"tied"}


def test_a_key_counts_once_and_the_last_word_on_a_pair_holds(bench: Bench) -> None:
    opened = bench.open()
    pair = bench.book.pairs(opened, account="rater0")[0]
    said = SaidOfPair(preferred="first")
    assert bench.book.rate(opened, pair, said, key="a")
    assert not bench.book.rate(opened, pair, said, key="a")
    bench.rate(opened, "rater0", pair, 0.5)
    assert [rated.value for rated in bench.book.rated(opened)] == [0.5]
    rows = bench.store.rows(sa.text("SELECT * FROM ratings"))  # type: ignore[arg-type]
    assert len(list(rows)) == 2


def test_the_database_refuses_to_change_a_rating(bench: Bench) -> None:
    opened = bench.open()
    bench.rate_all(opened)
    for statement in ("UPDATE ratings SET record = 'x'", "DELETE FROM ratings"):
        with (
            pytest.raises(StoreError, match="append-only"),
            bench.store.connection(write=True) as connection,
        ):
            connection.execute(sa.text(statement))
    assert bench.store.check_ledger().faults == ()


def test_guesses_come_after_all_ratings_and_end_them(bench: Bench) -> None:
    opened = bench.open(guesses=3)
    own = bench.book.pairs(opened, account="rater0")
    for pair in own[:-1]:
        bench.rate(opened, "rater0", pair, 1.0)
    assert bench.book.to_guess(opened, "rater0") == []
    bench.rate(opened, "rater0", own[-1], 1.0)
    asked = bench.book.to_guess(opened, "rater0")
    assert {arm for _, arm in asked} == {0, 1}
    told = bench.book.own_pair(asked[0][0], "rater0")
    assert told is not None
    behind: Literal[0, 1] = 1 if asked[0][1] else 0
    assert bench.book.guess(opened, told, GuessSaid(arm=None, behind=behind), key="g1")
    assert len(bench.book.to_guess(opened, "rater0")) == 2
    with pytest.raises(UserError, match="not asked to guess"):
        bench.book.guess(opened, told, GuessSaid(arm=0, behind=behind), key="g2")
    with pytest.raises(UserError, match="begun to guess"):
        bench.rate(opened, "rater0", own[0], 0.0)


def test_a_closed_comparison_takes_nothing_more(bench: Bench) -> None:
    opened = bench.open()
    pair = bench.book.pairs(opened)[0]
    close_and_record(bench.book, opened, author="olga")
    closed = bench.book.named("spring")
    with pytest.raises(UserError, match="takes no ratings"):
        bench.rate(closed, pair.account, pair, 1.0)
    with pytest.raises(UserError, match="not open"):
        close_and_record(bench.book, closed, author="olga")


def test_an_aa_comparison_has_to_be_closed_first_where_it_is_asked_for(bench: Bench) -> None:
    twice = [TUNED, {**TUNED, "name": "tuned again"}]
    bench.draft(name="warm-up", arms=twice, aa=True)
    with pytest.raises(UserError, match="has to be closed first"):
        sign_and_open(bench.book, bench.draft(after="warm-up"), author="olga")
    trial = sign_and_open(bench.book, bench.book.named("warm-up"), author="olga")
    bench.rate_all(trial, 0.5)
    close_and_record(bench.book, trial, author="olga")
    assert sign_and_open(bench.book, bench.draft(after="warm-up"), author="olga")


def test_an_aa_comparison_that_finds_a_winner_stops_the_next_one(bench: Bench) -> None:
    twice = [TUNED, {**TUNED, "name": "tuned again"}]
    trial = bench.open(name="warm-up", arms=twice, aa=True)
    bench.rate_all(trial, 1.0)
    result = close_and_record(bench.book, trial, author="olga")
    assert any(f.code == "L02" and f.status == "found" for f in result.findings)
    with pytest.raises(UserError, match="the procedure is broken"):
        sign_and_open(bench.book, bench.draft(after="warm-up"), author="olga")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Spring!"}, "lower-case"),
        ({"arms": [TUNED, TUNED]}, "both arms are called"),
        ({"arms": [TUNED, {**TUNED, "name": "b"}]}, "--aa"),
        ({"aa": True}, "same arm twice"),
        ({"arms": [DESK, {**DESK, "name": "b"}]}, "only one arm can be people"),
        ({"win_rate": 0.5}, "greater than 0.5"),
        ({"ties": 0.95}, "leave no room"),
        ({"arms": [TUNED, {"name": "e", "kind": "endpoint"}]}, "needs a model and a url"),
    ],
)
def test_designs_that_cannot_be_are_refused(change: dict[str, object], message: str) -> None:
    given = {"name": "x", "arms": [TUNED, OLD], "raters": 6, "each": 4, **change}
    with pytest.raises(ValidationError, match=message):
        ComparisonDesign.model_validate(given)


def test_nobody_answers_and_rates(bench: Bench) -> None:
    design = ComparisonDesign.model_validate(
        {"name": "x", "arms": [TUNED, DESK], "raters": 1, "each": 1, "questions": "own"}
    )
    with pytest.raises(UserError, match="answer and rate"):
        bench.book.draft(design, author="o", raters=["ann"], agents=["ann"])
    with pytest.raises(UserError, match="nobody answers"):
        bench.book.draft(design, author="o", raters=["ann"])
    with pytest.raises(UserError, match="1 raters, 2 were named"):
        bench.book.draft(design, author="o", raters=["ann", "bob"], agents=["gus"])
