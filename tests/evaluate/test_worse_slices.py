"""E06 beside a gate that gives a slice a margin."""

from __future__ import annotations

import math

import pytest

from tunewell.evaluate.findings.worse_slices import _is_allowed
from tunewell.evaluate.table import table_of
from tunewell.task import Gate
from tunewell.types import Comparison, Estimate, MetricInfo

ERRORS = MetricInfo(name="errors", title="errors", bigger_is_better=False, high=math.inf)
RIGHT = MetricInfo(name="right", title="right")
TABLE = table_of([], rows=["a"], metrics=[ERRORS, RIGHT])


def lost(metric: str, low: float, high: float) -> Comparison:
    middle = (low + high) / 2
    change = Estimate(value=middle, low=low, high=high, n=9, method="t")
    return Comparison(
        arm="tuned",
        against="base",
        metric=metric,
        slice="kind=general",
        estimate=change,
        p_value=0.001,
        adjusted=0.002,
    )


@pytest.mark.parametrize(
    ("metric", "low", "high", "margin", "allowed"),
    [
        ("errors", 0.01, 0.03, 0.05, True),
        ("errors", 0.01, 0.06, 0.05, False),
        ("errors", 0.01, 0.03, 0.0, False),
        ("right", -0.03, -0.01, 0.05, True),
        ("right", -0.06, -0.01, 0.05, False),
    ],
)
def test_a_loss_within_the_margin_of_its_gate_is_none(
    metric: str, low: float, high: float, margin: float, allowed: bool
) -> None:
    gate = Gate(metric=metric, kind="no_worse", margin=margin, against="base", slices="kind")
    assert _is_allowed(lost(metric, low, high), TABLE, [gate]) == allowed


def test_a_gate_of_another_slice_or_rival_allows_nothing() -> None:
    change = lost("errors", 0.01, 0.02)
    for other in ({"slices": "region"}, {"slices": ""}, {"against": "prompted"}):
        values = {"metric": "errors", "kind": "no_worse", "margin": 0.05, "against": "base"}
        gate = Gate.model_validate({**values, "slices": "kind", **other})
        assert not _is_allowed(change, TABLE, [gate])
