"""Samples beside random ones of the same size, and what a suggestion does."""

from __future__ import annotations

import datetime as dt
import random

import numpy as np
import pytest

from tunewell.annotate import coverage, mixed, novel, suggestion_bias
from tunewell.errors import UserError
from tunewell.people import Batch, Item, RaterVerdict, Said
from tunewell.people.sample import SampleCandidate, draw, draw_unequal

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
BATCH = Batch(id="b", kind="annotate", title="t", created=NOW, author="o", gold=True)


def test_a_representative_sample_covers_more_than_a_random_one() -> None:
    luck = random.Random(2)
    rows = [
        SampleCandidate(id=f"r{n}", strata=(f"kind {min(int(luck.expovariate(0.25)), 14)}",))
        for n in range(600)
    ]
    found = [coverage(rows, draw(rows, 60, seed=s), seed=s) for s in range(5)]
    for one in found:
        assert one is not None
        assert one.covered >= one.random.value
        assert one.error < one.error_random.low
    assert coverage([SampleCandidate(id="a")], ["a"]) is None


def test_the_novel_are_unlike_everything_known() -> None:
    known = [
        f"the bill of {month} is wrong by {n} euro"
        for n, month in enumerate(["may", "june", "july"] * 9)
    ]
    rows = {
        "a": "the bill of may is wrong",
        "b": "a heat pump hums at night",
        "c": "the bill of june",
    }
    assert novel(rows, known, count=1) == ["b"]
    assert mixed([["x", "y"], ["y", "z"]], count=9) == ["x", "y", "z"]


def test_the_uncertain_are_drawn_more_often_and_estimates_stay_honest() -> None:
    luck = random.Random(5)
    rows = [SampleCandidate(id=f"r{n}", strata=(f"kind {n % 4}",)) for n in range(300)]
    doubts = {r.id: luck.random() ** 4 for r in rows[:250]}  # the last have never been measured
    wrong = {r.id: float(luck.random() < doubts.get(r.id, 0.2)) for r in rows}
    truth = sum(wrong.values()) / len(rows)
    estimates, seen, hits = [], [], dict.fromkeys(wrong, 0)
    chance: dict[str, float] = {}
    for seed in range(400):
        drawn = draw_unequal(rows, 40, sizes=doubts, share=0.6, seed=seed)
        assert len(drawn) == 40
        chance |= drawn
        for name in drawn:
            hits[name] += 1
        estimates.append(sum(wrong[name] / p for name, p in drawn.items()) / len(rows))
        seen.append(sum(wrong[name] for name in drawn) / 40)
    error = float(np.std(estimates) / 20)
    assert abs(np.mean(estimates) - truth) < 4 * error
    assert np.mean(seen) > 1.5 * truth
    assert min(chance.values()) == pytest.approx(0.4 * 40 / 300)
    for name, p in chance.items():
        assert abs(hits[name] / 400 - p) < 5 * (p * (1 - p) / 400) ** 0.5 + 1e-9


@pytest.mark.parametrize(
    ("count", "sizes"), [(5, {}), (5, {"r1": 9.0}), (20, {"r0": 1.0}), (99, {"r0": 1.0})]
)
def test_probabilities_of_an_unequal_draw_are_probabilities(
    count: int, sizes: dict[str, float]
) -> None:
    rows = [SampleCandidate(id=f"r{n}") for n in range(20)]
    drawn = draw_unequal(rows, count, sizes=sizes, share=0.5, seed=3)
    assert len(drawn) == min(count, 20)
    assert all(0 < p <= 1 for p in drawn.values())
    assert set(sizes) <= set(drawn) or not sizes
    with pytest.raises(UserError, match="below 1"):
        draw_unequal(rows, count, sizes=sizes, share=1.0)
    with pytest.raises(UserError, match="at least one"):
        draw_unequal(rows, 0, sizes=sizes, share=0.5)


def test_shares_are_weighted_where_probabilities_differ() -> None:
    rows = [
        SampleCandidate(id=str(n), strata=("rare" if n < 10 else "common",)) for n in range(100)
    ]
    chances = {str(n): 1.0 if n < 10 else 0.1 for n in [*range(10), *range(10, 100, 10)]}
    plain, weighted = (
        coverage(rows, list(chances)),
        coverage(rows, list(chances), probabilities=chances),
    )
    assert plain is not None
    assert weighted is not None
    assert weighted.error == pytest.approx(0.0, abs=1e-12)
    assert plain.error > 0.1


def words(
    shown: bool, lean: float, count: int, luck: random.Random
) -> tuple[list[Item], list[RaterVerdict]]:
    items, said = [], []
    for n in range(count):
        suggestion = f"Send form {n} within {n * 3} days to the office."
        item = Item(
            id=f"{shown}{n}",
            batch="b",
            number=n,
            example=f"{shown}{n}",
            source="s",
            suggestion=suggestion,
            output=suggestion if shown else "",
        )
        answer = suggestion if luck.random() < lean else f"Call us and ask for number {n}, please."
        items.append(item)
        said.append(
            RaterVerdict(
                number=n,
                key=f"{n}",
                item=item.id,
                batch="b",
                account="ann",
                at=NOW,
                seconds=10.0 + luck.random() if shown else 30.0 + luck.random(),
                version="v",
                said=Said(answer=answer),
            )
        )
    return items, said


@pytest.mark.parametrize(("with_it", "without", "leads"), [(0.9, 0.4, True), (0.5, 0.5, False)])
def test_the_bias_of_a_suggestion_is_seen_where_there_is_one(
    with_it: float, without: float, leads: bool
) -> None:
    luck = random.Random(8)
    (a, b), (c, d) = words(True, with_it, 120, luck), words(False, without, 60, luck)
    found = suggestion_bias([*a, *c], [*b, *d], BATCH)
    assert found is not None
    assert (found.bias.low > 0) == leads
    assert found.seconds is not None
    assert found.seconds.low < 20 < found.seconds.high + 1
    assert suggestion_bias(a, b, BATCH) is None  # nothing to compare with
