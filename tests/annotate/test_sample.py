"""Samples beside random ones of the same size, and what a suggestion does."""

from __future__ import annotations

import datetime as dt
import random

import pytest

from tunewell.annotate import coverage, mixed, novel, suggestion_bias
from tunewell.people import Batch, Item, Said, Verdict
from tunewell.people.draw import Candidate, draw

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
BATCH = Batch(id="b", kind="annotate", title="t", created=NOW, author="o", gold=True)


def test_a_representative_sample_covers_more_than_a_random_one() -> None:
    luck = random.Random(2)
    rows = [Candidate(id=f"r{n}", strata=(f"kind {min(int(luck.expovariate(0.25)), 14)}",)) for n in range(600)]
    found = [coverage(rows, draw(rows, 60, seed=s), seed=s) for s in range(5)]
    for one in found:
        assert one is not None
        assert one.covered >= one.random.value
        assert one.error < one.error_random.low
    assert coverage([Candidate(id="a")], ["a"]) is None


def test_the_novel_are_unlike_everything_known() -> None:
    known = [f"the bill of {month} is wrong by {n} euro" for n, month in enumerate(["may", "june", "july"] * 9)]
    rows = {"a": "the bill of may is wrong", "b": "a heat pump hums at night", "c": "the bill of june"}
    assert novel(rows, known, count=1) == ["b"]
    assert mixed([["x", "y"], ["y", "z"]], count=9) == ["x", "y", "z"]


def words(shown: bool, lean: float, count: int, luck: random.Random) -> tuple[list[Item], list[Verdict]]:
    items, said = [], []
    for n in range(count):
        suggestion = f"Send form {n} within {n * 3} days to the office."
        item = Item(id=f"{shown}{n}", batch="b", number=n, example=f"{shown}{n}", source="s", suggestion=suggestion,
                    output=suggestion if shown else "")  # fmt: skip
        answer = suggestion if luck.random() < lean else f"Call us and ask for number {n}, please."
        items.append(item)
        said.append(Verdict(number=n, key=f"{n}", item=item.id, batch="b", account="ann", at=NOW,
                            seconds=10.0 + luck.random() if shown else 30.0 + luck.random(), version="v",
                            said=Said(answer=answer)))  # fmt: skip
    return items, said


@pytest.mark.parametrize(("with_it", "without", "leads"), [(0.9, 0.4, True), (0.5, 0.5, False)])
def test_the_bias_of_a_suggestion_is_seen_where_there_is_one(with_it: float, without: float, leads: bool) -> None:
    luck = random.Random(8)
    (a, b), (c, d) = words(True, with_it, 120, luck), words(False, without, 60, luck)
    found = suggestion_bias([*a, *c], [*b, *d], BATCH)
    assert found is not None
    assert (found.bias.low > 0) == leads
    assert found.seconds is not None
    assert found.seconds.low < 20 < found.seconds.high + 1
    assert suggestion_bias(a, b, BATCH) is None  # nothing to compare with
