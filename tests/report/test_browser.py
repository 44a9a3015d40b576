from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pypdf
import pytest

from tunewell.project import Project
from tunewell.report import render
from tunewell.testing.factories import SampleProject, sample_project
from tunewell.types import Finding, Outcome, Verdict


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def read_pages(pdf: bytes) -> list[str]:
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    return [page.extract_text() for page in reader.pages]


def printed(browser: Any, path: Path, *, everything: bool = False) -> bytes:
    tab = browser.new_page()
    tab.goto(path.as_uri())
    if everything:
        tab.check("#print-all")
    pdf: bytes = tab.pdf(prefer_css_page_size=True)
    tab.close()
    return pdf


@pytest.mark.parametrize("outcome", ["GO", "NO-GO", "INCONCLUSIVE"])
def test_the_owners_page_prints_to_two_pages_at_most(
    folder: Path, browser: Any, outcome: Outcome
) -> None:
    made = sample_project(folder, rows=300, outcome=outcome)
    path = render(Project(made.file, made.store))
    made.store.close()
    assert pages_of(printed(browser, path)) <= 2
    if outcome == "GO":
        assert pages_of(printed(browser, path, everything=True)) > 3


def test_a_crowded_verdict_prints_every_condition_whole_with_digest_and_page_numbers(
    folder: Path, browser: Any
) -> None:
    made = sample_project(folder, rows=200)
    run = made.store.runs(stage="verdict")[-1]
    verdict = made.store.get_value(run.outputs["verdict"], Verdict)
    long = "a reason that goes on and on, as reasons of machines do when nobody stops them " * 6
    long += "and here it ends"
    crowd = [
        c.model_copy(update={"why": long, "needs": long, "slice": f"region={i}"})
        for i, c in enumerate(verdict.criteria * 5)
    ]
    findings = [
        Finding(code=code, status="found", stage="x", why=long, blocking=True, remedy=long)
        for code in ("D01", "D07", "E06", "E09", "T05", "T06")
    ]
    crowded = verdict.model_copy(
        update={
            "why": long,
            "criteria": tuple(crowd),
            "would_change": (long,) * 9,
            "findings": tuple(findings),
        }
    )
    digest = made.store.put_value(crowded)
    made.store.save_run(run.model_copy(update={"outputs": {"verdict": digest}}))
    path = render(Project(made.file, made.store))
    made.store.close()
    pages = read_pages(printed(browser, path))
    text = " ".join(" ".join(pages).split())
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
        assert f"Verdict {digest[:16]}" in page
    # Reason and need of each of twenty conditions, to their last word.
    assert len(crowd) == 20
    assert text.count("and here it ends") >= 2 * len(crowd)
    assert "more characters" not in text
    for i in range(20):
        assert f"region={i}" in text


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1200), pytest.param("dark", 360, marks=pytest.mark.slow)]
)
def test_axe_finds_nothing_and_nothing_runs_over_the_edge(
    project: SampleProject, browser: Any, scheme: str, width: int
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed"
    )
    path = render(Project(project.file, project.store))
    tab = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )
    tab.goto(path.as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    over = tab.evaluate(
        """() => {
          const edge = document.querySelector('main').getBoundingClientRect().right + 1;
          return [...document.querySelectorAll('main *')]
            .filter(e => !e.closest('.scroll') && !e.closest('svg'))
            .filter(e => e.getBoundingClientRect().right > edge)
            .map(e => e.outerHTML.slice(0, 120)) }"""
    )
    assert over == []
    response = axe.Axe().run(
        tab, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
    )
    tab.close()
    assert response.violations_count == 0, response.generate_report()
