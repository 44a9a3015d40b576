"""A gate on a blind comparison: GO only when it was closed, valid, and of this model."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tunewell.evaluate.compared_gate import compared_criterion, comparison_findings
from tunewell.evaluate.gate import gate_name
from tunewell.evaluate.gate_checks import guards
from tunewell.people.compared import ComparisonOutcome
from tunewell.task import Gate
from tunewell.types import Estimate, Finding, digest

GATE = Gate(compare="spring", at_least=0.5, people="required")


def outcome(low: float, high: float, **more: Any) -> ComparisonOutcome:
    value = (low + high) / 2
    favours = "first" if low > 0.5 else "second" if high < 0.5 else ""
    found = {"first": "GO", "second": "NO-GO", "": "INCONCLUSIVE"}[favours]
    given = {
        "name": "spring",
        "version": "v",
        "arms": ("tuned", "production"),
        "candidate": "a1",
        "outcome": found,
        "preference": Estimate(value=value, low=low, high=high, n=6, method="t"),
        "verdicts": 198,
        "planned": 198,
        "raters": 6,
        "favours": favours,
        "why": "why",
        **more,
    }
    return ComparisonOutcome.model_validate(given)


@pytest.mark.parametrize(
    ("found", "candidate", "expected"),
    [
        (None, "a1", "INCONCLUSIVE"),
        (outcome(0.55, 0.8), "a1", "GO"),
        (outcome(0.55, 0.8), "", "GO"),
        (outcome(0.55, 0.8), "another", "INCONCLUSIVE"),
        (outcome(0.2, 0.4), "a1", "NO-GO"),
        (outcome(0.4, 0.7), "a1", "INCONCLUSIVE"),
        (outcome(0.55, 0.8, outcome="INCONCLUSIVE"), "a1", "INCONCLUSIVE"),
        (outcome(0.55, 0.8, aa=True), "a1", "INCONCLUSIVE"),
        (outcome(0.4, 0.7, preference=None), "a1", "INCONCLUSIVE"),
    ],
)
def test_what_a_comparison_makes_of_its_gate(
    found: ComparisonOutcome | None, candidate: str, expected: str
) -> None:
    criterion = compared_criterion(GATE, "tunewell.yaml:9", found, candidate)
    assert criterion.outcome == expected
    assert criterion.name == "comparison spring: preference >= 0.5"
    assert bool(criterion.needs) == (expected == "INCONCLUSIVE")


def test_a_gate_names_a_metric_or_a_comparison() -> None:
    assert gate_name(GATE) == "comparison spring: preference >= 0.5"
    assert guards(GATE, {})
    for given in (
        {"at_least": 0.5},
        {"metric": "nats", "compare": "spring", "at_least": 0.5},
        {"compare": "spring", "at_most": 0.5},
        {"compare": "spring", "at_least": 0.5, "slices": "region"},
    ):
        with pytest.raises(ValidationError):
            Gate.model_validate(given)


def test_findings_are_those_of_this_model() -> None:
    finding = Finding(code="L01", status="clear", stage="compare", why="done")
    ours = outcome(0.55, 0.8, findings=[finding])
    other = outcome(0.55, 0.8, name="old", candidate="b2", findings=[finding])
    assert comparison_findings({"spring": ours, "old": other}, "a1") == [finding]


def test_definitions_that_were_approved_stay_approved() -> None:
    from tunewell.task.spec import _gate_as_digested

    gate = Gate(metric="nats", kind="no_worse", margin=0.1)
    before = {
        "metric": "nats",
        "kind": "no_worse",
        "at_least": None,
        "at_most": None,
        "margin": 0.1,
        "against": "prompted",
        "slices": "",
        "people": "not needed",
    }
    assert digest(_gate_as_digested(gate)) == digest(before)
