from __future__ import annotations

import numpy as np
import pytest

from tunewell.train.diagnose.slices import losses_by_slice, slice_losses, slices_of
from tunewell.train.diagnose.stopping import HeldOut
from tunewell.types import Assignment, Example, FoldTrace, Message, Split


def rows(kinds: str) -> list[Example]:
    turns = (Message(role="user", content="q"), Message(role="assistant", content="a"))
    return [Example(id=f"r{i}", messages=turns, kind=k, source="s") for i, k in enumerate(kinds)]


def test_slices_are_those_with_enough_rows_and_not_everything() -> None:
    found = slices_of(rows("a" * 9 + "b" * 6 + "c" * 2), ["kind", "source"])
    assert list(found) == ["kind=a", "kind=b"]  # c is too small, source=s is all rows
    assert found["kind=b"].tolist() == [False] * 9 + [True] * 6 + [False] * 2
    assert list(slices_of(rows("a" * 9 + "b" * 6), ["kind"], most=1)) == ["kind=a"]


def test_each_slice_gets_its_own_gain_the_smallest_first() -> None:
    rng = np.random.default_rng(0)
    n = 60
    slow = np.arange(n) < 30
    before = (3 + rng.normal(0, 0.3, n))[None]
    after = before - np.where(slow, 0.1, 1.0) + rng.normal(0, 0.05, (1, n))
    rule = HeldOut(np.ones((1, n), np.bool_), np.full(n, 10), [str(i) for i in range(n)])
    found = slice_losses(before, after, rule, {"k=fast": ~slow, "k=slow": slow})
    assert [s.slice for s in found] == ["k=slow", "k=fast"]
    assert found[0].gain.value == pytest.approx(0.1, abs=0.03)
    assert found[1].gain.low < 1.0 < found[1].gain.high
    assert found[0].held_out.level == pytest.approx(0.975)  # both intervals hold together


def test_all_intervals_hold_together_in_95_of_100() -> None:
    held = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        before = np.full((1, 80), 3.0)
        after = before - 0.5 + rng.normal(0, 0.3, (1, 80))
        slices = {f"k={k}": np.arange(80) % 4 == k for k in range(4)}
        rule = HeldOut(np.ones((1, 80), np.bool_), np.full(80, 10), [str(i) for i in range(80)])
        held += all(
            s.gain.low <= 0.5 <= s.gain.high for s in slice_losses(before, after, rule, slices)
        )
    assert held / 400 >= 0.93


def test_a_trace_is_read_by_the_definition_as_it_is_now() -> None:
    examples = rows("a" * 8 + "b" * 8)
    held = (np.arange(16) % 2)[None] == np.arange(2)[:, None]
    losses = np.stack(
        [np.full((2, 16), 3.0), np.where(np.arange(16)[None] < 8, 2.0, 2.5).repeat(2, 0)]
    )
    trace = FoldTrace(
        losses.astype(np.float32),
        np.full(16, 9),
        held,
        np.asarray([0.0, 2.0]),
        tuple(e.id for e in examples),
    )
    split = Split(
        dataset="d",
        folds=2,
        seed=0,
        assignments=tuple(
            Assignment(id=e.id, family=e.id, part=f"fold-{i % 2}") for i, e in enumerate(examples)
        ),
    )
    found = losses_by_slice(trace, examples, split, ["kind"], epoch=2.0)
    assert [(s.slice, s.rows, round(s.gain.value, 6)) for s in found] == [
        ("kind=b", 8, 0.5),
        ("kind=a", 8, 1.0),
    ]
    assert losses_by_slice(trace, examples, split, [], epoch=2.0) == ()
    assert (
        losses_by_slice(trace, examples[1:], split, ["kind"], epoch=2.0) == ()
    )  # a row was erased since
