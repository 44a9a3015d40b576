"""Tests on traffic in the report: drawn where there are any, hostile words as text."""

from __future__ import annotations

from pathlib import Path

from tests.report.pages import read
from tunewell.experiments import CLOSED, ExperimentOutcome
from tunewell.project import Project
from tunewell.report import page
from tunewell.report.results import gather
from tunewell.testing.factories import sample_project
from tunewell.types import Estimate, Finding


def test_a_closed_experiment_is_drawn_with_its_effect_and_findings(tmp_path: Path) -> None:
    made = sample_project(tmp_path, rows=60)
    before = page(gather(Project(made.file, made.store)))
    assert "What came of it in use" not in before

    outcome = ExperimentOutcome(
        name="spring",
        version="abc",
        outcome="GO",
        why="<script>better</script>",
        effect=Estimate(value=0.1, low=0.02, high=0.18, n=900, method="any time", unit="share"),
        units=912,
        findings=(Finding(code="L02", status="clear", stage="compare", why="9 of 9 <b>"),),
    )
    record = outcome.model_dump(mode="json")
    made.store.say(CLOSED, "spring", author="olga", record=record)
    bare = outcome.model_copy(update={"name": "aa", "effect": None, "aa": True, "findings": ()})
    made.store.say(CLOSED, "aa", author="olga", record=bare.model_dump(mode="json"))
    html = page(gather(Project(made.file, made.store)))
    shown = read(html)
    assert shown.faults == []
    assert not shown.having("script")
    for words in ("What came of it in use", "912 units", "L02 clear", "A/A test"):
        assert words in html
    assert "tried" in {a["id"] for _, a in shown.tags if "id" in a}
    made.store.close()
