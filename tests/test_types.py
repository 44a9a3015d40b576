"""The nouns keep their invariants."""

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tunewell.types import (
    Assignment,
    Estimate,
    Example,
    FoldTrace,
    Message,
    Split,
    Threshold,
    digest,
)


def example(*turns: tuple[str, str], **fields: object) -> Example:
    return Example.model_validate(
        {"id": "x", "messages": [{"role": r, "content": c} for r, c in turns], **fields}
    )


def test_target_is_the_last_assistant_turn_only() -> None:
    row = example(
        ("system", "s"), ("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "a2")
    )
    assert row.target == "a2"
    assert row.input == "q1\n\na1\n\nq2"
    assert example(("user", "q")).target == ""
    assert example(("user", "q")).prompt == (Message(role="user", content="q"),)


def test_field_reads_columns_and_tags() -> None:
    row = example(("user", "q"), kind="bill", date=dt.date(2026, 1, 2), tags={"region": "north"})
    assert [row.field(n) for n in ("kind", "date", "region", "tags.region", "nothing")] == [
        "bill",
        "2026-01-02",
        "north",
        "north",
        "",
    ]


def test_values_are_frozen_and_refuse_unknown_fields() -> None:
    row = example(("user", "q"))
    with pytest.raises(ValidationError):
        row.id = "y"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Example.model_validate({"id": "x", "messages": [], "colour": "red"})


@pytest.mark.parametrize(
    ("value", "low", "high"), [(math.nan, 0, 1), (0, math.nan, 1), (0.5, 0.6, 0.4)]
)
def test_an_estimate_is_never_nan_and_ordered(value: float, low: float, high: float) -> None:
    with pytest.raises(ValidationError):
        Estimate(value=value, low=low, high=high, n=3, method="m")


def test_an_unbounded_estimate_survives_json() -> None:
    estimate = Estimate(value=0.0, low=-math.inf, high=math.inf, n=0, method="nothing known")
    assert Estimate.model_validate_json(estimate.model_dump_json()) == estimate


def test_threshold_is_written_with_the_word_from() -> None:
    threshold = Threshold(value=0.5, origin="tunewell.yaml:3")
    assert threshold.model_dump(by_alias=True) == {"value": 0.5, "from": "tunewell.yaml:3"}
    assert Threshold.model_validate({"value": 0.5, "from": "tunewell.yaml:3"}) == threshold


def test_split_never_trains_on_test_review_or_the_held_out_fold() -> None:
    parts = ["test", "review", "fold-0", "fold-1", "fold-2"]
    rows = tuple(Assignment(id=p, family=p, part=p) for p in parts)
    split = Split(dataset="d", folds=3, seed=0, assignments=rows)
    for fold in range(3):
        assert set(split.train_ids(fold)) == {"fold-0", "fold-1", "fold-2"} - {f"fold-{fold}"}
    with pytest.raises(ValidationError):
        Assignment(id="a", family="a", part="training")


def test_fold_trace_refuses_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="misfit"):
        FoldTrace(
            np.zeros((2, 3, 4), np.float32),
            np.zeros(4, np.int64),
            np.zeros((3, 5), np.bool_),
            np.zeros(2),
            ("a",) * 4,
        )


@given(st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.booleans()), max_size=5))
def test_digest_ignores_the_order_of_keys_and_sees_every_change(value: dict[str, object]) -> None:
    turned = dict(reversed(list(value.items())))
    assert digest(value) == digest(turned)
    assert digest(value) != digest({**value, "\x00new": 1})
