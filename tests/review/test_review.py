"""Sessions, results, patterns, raters and corrections."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.review.conftest import Desk
from tunewell.errors import UserError
from tunewell.people import Item, Said
from tunewell.project import Project
from tunewell.review import (
    ReviewPlan,
    corrections,
    newest_evaluation,
    open_review,
    review_result,
)
from tunewell.review.error_patterns import patterns
from tunewell.review.open_batch import CalibrationRow
from tunewell.task import MetricSpec
from tunewell.types import Message, MetricInfo, Score


def good(item: Item) -> Said:
    """Tuned outputs are right, others are not (equal outputs are right for both)."""
    right = "tuned" in item.arms
    return Said(
        scores={"faithful": float(right), "helpful": 5 if right else 2},
        tags=() if right else ("rude",),
    )


def test_equal_outputs_are_read_once_and_count_for_both_arms(desk: Desk) -> None:
    batch = desk.review("ann", "bob")
    items = desk.book.items(batch.id)
    assert (
        sum(len(i.arms) == 2 for i in items) == 6
    )  # one question in four has the same answer from both
    assert len(items) == 42
    assert all(i.probability == 1 for i in items)
    for person in ("ann", "bob"):
        assert desk.judge(batch, person, good) == 42
    found = review_result(desk.book, batch)
    levels = found.criteria[0].levels
    assert levels["tuned"].value == 1
    assert levels["prompted"].value == pytest.approx(0.25)
    gain = found.criteria[0].gain
    assert gain is not None
    assert gain.value == pytest.approx(0.75)
    assert gain.low > 0.5
    assert gain.n == 24


def test_agreement_and_who_stands_apart(desk: Desk) -> None:
    batch = desk.review("ann", "bob", "eve", rows=24)
    raters = batch.model_copy(update={"raters": 3})
    desk.book.share(raters, ["ann", "bob", "eve"])

    def contrary(item: Item) -> Said:
        said = good(item)
        return said.model_copy(
            update={"scores": {"faithful": 1 - said.scores["faithful"], "helpful": 3}}
        )

    for person, word in (("ann", good), ("bob", good), ("eve", contrary)):
        desk.judge(batch, person, word)
    found = review_result(desk.book, batch)
    agreement = found.criteria[0].agreement
    assert agreement is not None
    assert agreement.alpha is not None
    assert agreement.alpha.value < 0.3
    apart = {r.account: r.apart.value for r in found.raters if r.apart}
    assert apart["eve"] > 0.75 > apart["ann"]


def test_patterns_of_error_by_arm_and_slice(desk: Desk) -> None:
    batch = desk.review("ann", "bob")
    desk.judge(batch, "ann", good)
    found = review_result(desk.book, batch).patterns
    shares = {(p.arm, p.slice): p.share for p in found if p.tag == "rude"}
    assert shares["prompted", ""].value == pytest.approx(18 / 24)
    assert {s for _, s in shares} == {
        "",
        "region=north",
        "region=south",
        "kind=billing",
        "kind=outage",
        "kind=meter",
    }  # nothing is wrong where somebody moves house: both arms say the same there
    assert shares["prompted", ""].low < 0.75 < shares["prompted", ""].high
    above = {p.slice for p in found if p.tag == "rude" and p.above}
    assert above <= {"kind=billing", "kind=outage", "kind=meter"}


def test_denials_and_comments_are_patterns_too(desk: Desk) -> None:
    batch = desk.review("ann", "bob")

    def comment(item: Item) -> Said:
        bad = "tuned" in item.arms and item.slices["region"] == "north"
        return Said(
            scores={"faithful": float(not bad), "helpful": 3},
            comment="The rate is last year's." if bad else "",
        )

    desk.judge(batch, "ann", comment)
    found = {
        (p.what, p.slice): p for p in review_result(desk.book, batch).patterns if p.arm == "tuned"
    }
    north, everywhere = found["criterion", "region=north"], found["criterion", ""]
    assert (north.tag, north.share.value, north.above) == ("not faithful", 1.0, True)
    assert everywhere.share.value == pytest.approx(0.5)
    assert ("criterion", "region=south") not in found
    assert found["comment", "region=north"].comments[0] == "The rate is last year's."
    assert len(north.comments) == 3


def test_rows_of_one_family_count_as_one(desk: Desk) -> None:
    batch = desk.review("ann", "bob")
    desk.judge(batch, "ann", good)
    said, items = desk.book.verdicts(batch.id), {i.id: i for i in desk.book.items(batch.id)}
    family = {
        e: "one" if n % 2 else e for n, e in enumerate(sorted({i.example for i in items.values()}))
    }
    shared = {k: i.model_copy(update={"family": family[i.example]}) for k, i in items.items()}
    narrow, wide = (
        next(p.share for p in patterns(batch, said, known) if p.tag == "rude" and not p.slice)
        for known in (items, shared)
    )
    assert wide.n < narrow.n
    assert wide.high - wide.low > narrow.high - narrow.low


def test_skipped_rows_are_counted_and_judge_nothing(desk: Desk) -> None:
    batch = desk.review("ann", "bob", rows=6)
    desk.judge(batch, "ann", lambda _: Said(skipped="not my field"))
    found = review_result(desk.book, batch)
    assert (found.verdicts, found.skipped) == (0, len(desk.book.items(batch.id)))
    assert found.criteria[0].levels == {}


def test_calibration_rows_measure_raters_and_nothing_else(desk: Desk) -> None:
    known = tuple(
        CalibrationRow(
            id=f"k{i}",
            messages=(Message(role="user", content="Is it?"),),
            output="No.",
            gold={"faithful": 0},
        )
        for i in range(4)
    )
    batch = desk.review("ann", "bob", rows=4, calibration=known)
    desk.judge(batch, "ann", lambda _: Said(scores={"faithful": 1, "helpful": 3}))
    found = review_result(desk.book, batch)
    (ann,) = [r for r in found.raters if r.account == "ann"]
    assert ann.known is not None
    assert (ann.known.value, ann.known.n) == (0, 4)
    assert found.criteria[0].levels["tuned"].n == 4


def test_corrections_keep_their_part_and_their_guideline(desk: Desk) -> None:
    batch = desk.review("ann", "bob", rows=3)

    def correct(item: Item) -> Said:
        return good(item).model_copy(update={"correction": "As it should be."})

    desk.judge(batch, "ann", correct)
    _, examples = newest_evaluation(desk.store)
    found = corrections(desk.book, batch, {e.id: e for e in examples})
    assert len(found) == 3
    for correction in found:
        assert correction.part == "test"
        assert correction.version == batch.version
        assert correction.example.target == "As it should be."
        assert correction.example.origin == "correction"
        assert correction.example.parent in {e.id for e in examples}


def test_what_cannot_be_reviewed_says_so(desk: Desk) -> None:
    evaluation, examples = newest_evaluation(desk.store)
    plan = ReviewPlan(author="o", arms=("production",), rows=3)
    with pytest.raises(UserError, match="no outputs of production"):
        open_review(Project(desk.file, desk.store), evaluation, examples, plan)
    bare = desk.file.spec.model_copy(
        update={"people": desk.file.spec.people.model_copy(update={"rubric": ()})}
    )
    file = type(desk.file)(spec=bare, path=desk.file.path, lines={}, origins={})
    plan = ReviewPlan(author="o", arms=("tuned",), rows=3)
    with pytest.raises(UserError, match="no rubric"):
        open_review(Project(file, desk.store), evaluation, examples, plan)


def test_rows_on_which_a_judge_is_unsure_get_their_share(desk: Desk) -> None:
    evaluation, examples = newest_evaluation(desk.store)
    doubtful = {e.id for n, e in enumerate(examples) if n % 4 == 0}
    scores = [
        Score(
            example=e.id,
            arm="tuned",
            metric="faithful",
            value=0.5 if e.id in doubtful else 1.0,
            scorer="judge",
        )
        for e in examples
    ]
    info = MetricInfo(name="faithful", title="Faithful?", low=0, high=1)
    judged = evaluation.model_copy(
        update={"scores": desk.store.put_value(scores), "metrics": (*evaluation.metrics, info)}
    )
    spec = desk.file.spec
    judge = MetricSpec(name="faithful", options={"metric": "judge"})
    file = replace(
        desk.file, spec=spec.model_copy(update={"metrics": (*spec.metrics, judge), "slices": ()})
    )
    for seed in range(4):
        plan = ReviewPlan(author="o", arms=("tuned",), rows=8, seed=seed)
        batch = open_review(Project(file, desk.store), judged, examples, plan)
        items = desk.book.items(batch.id)
        assert sum(i.example in doubtful for i in items) == 2
        assert {i.probability for i in items} == {8 / 24}
