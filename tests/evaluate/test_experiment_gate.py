"""A gate on a test on traffic: GO only when it was closed with GO, and of this model."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tunewell.evaluate.experiment_gate import experiment_criterion, experiment_findings
from tunewell.evaluate.gate import gate_name
from tunewell.evaluate.gate_checks import guards
from tunewell.experiments import ExperimentOutcome
from tunewell.task import Gate
from tunewell.types import Estimate, Finding

GATE = Gate(experiment="spring")
CANDIDATE = "abcdef123456" + "0" * 52


def outcome(**more: Any) -> ExperimentOutcome:
    given = {
        "name": "spring",
        "version": "v",
        "candidate": "abcdef123456",
        "outcome": "GO",
        "why": "better",
        "effect": Estimate(value=0.1, low=0.02, high=0.18, n=900, method="any time"),
        "findings": (Finding(code="L02", status="clear", stage="compare", why="fine"),),
        **more,
    }
    return ExperimentOutcome.model_validate(given)


@pytest.mark.parametrize(
    ("found", "candidate", "expected"),
    [
        (None, CANDIDATE, "INCONCLUSIVE"),
        (outcome(), CANDIDATE, "GO"),
        (outcome(), "", "GO"),
        (outcome(), "f" * 64, "INCONCLUSIVE"),
        (outcome(candidate=""), CANDIDATE, "INCONCLUSIVE"),
        (outcome(candidate="abc"), CANDIDATE, "INCONCLUSIVE"),
        (outcome(outcome="NO-GO"), CANDIDATE, "NO-GO"),
        (outcome(outcome="INCONCLUSIVE"), CANDIDATE, "INCONCLUSIVE"),
        (outcome(aa=True), CANDIDATE, "INCONCLUSIVE"),
    ],
)
def test_what_a_test_makes_of_its_gate(
    found: ExperimentOutcome | None, candidate: str, expected: str
) -> None:
    criterion = experiment_criterion(GATE, "tunewell.yaml:9", found, candidate)
    assert criterion.outcome == expected
    assert criterion.name == gate_name(GATE) == "experiment spring: GO"
    assert bool(criterion.needs) == (expected == "INCONCLUSIVE")


def test_its_findings_reach_the_verdict_of_its_model_alone() -> None:
    tried = {"spring": outcome(), "aa": outcome(aa=True)}
    assert [f.code for f in experiment_findings(tried, CANDIDATE)] == ["L02"]
    assert experiment_findings(tried, "f" * 64) == []


def test_such_a_gate_can_open_a_release_and_has_no_threshold_of_its_own() -> None:
    assert guards(GATE, {})
    for more in ({"metric": "label"}, {"compare": "x", "at_least": 0.5}, {"at_least": 0.5}):
        with pytest.raises(ValidationError):
            Gate.model_validate({"experiment": "spring", **more})
