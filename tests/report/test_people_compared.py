"""Blind comparisons in the report: drawn where there are any, hostile words as text."""

from __future__ import annotations

from pathlib import Path

from tests.report.pages import read
from tunewell.people.compared import ComparisonOutcome, write_outcome
from tunewell.project import Project
from tunewell.report import page
from tunewell.report.results import gather
from tunewell.testing.factories import sample_project
from tunewell.types import Estimate, Finding


def test_a_comparison_is_drawn_with_its_figures_and_findings(tmp_path: Path) -> None:
    made = sample_project(tmp_path, rows=60)
    before = page(gather(Project(made.file, made.store)))
    assert "What people preferred" not in before

    finding = Finding(code="L01", status="clear", stage="compare", why="Compared <b>blind</b>.")
    outcome = ComparisonOutcome(
        name="spring",
        version="abc",
        arms=("<script>tuned</script>", "production"),
        outcome="GO",
        preference=Estimate(value=0.7, low=0.6, high=0.8, n=6, method="repeated", unit="share"),
        adjusted=Estimate(value=0.65, low=0.5, high=0.78, n=6, method="logistic", unit="share"),
        verdicts=198,
        planned=198,
        raters=6,
        favours="first",
        why="70 % prefer tuned.",
        findings=(finding,),
        signed_by="olga",
    )
    write_outcome(made.store, outcome, author="olga")
    html = page(gather(Project(made.file, made.store)))
    shown = read(html)
    assert shown.faults == []
    assert not shown.having("script")
    for words in ("What people preferred", "198 planned verdicts", "signed by olga", "L01 clear"):
        assert words in html
    ids = {a["id"] for _, a in shown.tags if "id" in a}
    assert "compared" in ids
    made.store.close()
