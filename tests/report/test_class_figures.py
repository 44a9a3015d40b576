from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report.pages import read
from tunewell.evaluate.calibration import Calibration
from tunewell.evaluate.classes import Classes, ClassFigure
from tunewell.project import Project
from tunewell.report import page
from tunewell.report.class_figures import FIRST, MOST, by_class
from tunewell.report.reliability import bin_kind, in_short, reliability, sureties
from tunewell.report.results import Results, gather
from tunewell.stats import reliability_curve
from tunewell.testing.factories import sample_project
from tunewell.types import Estimate, Evaluation

HOSTILE = '</table><script>alert("class")</script>\u202e'


def share(value: float) -> Estimate:
    low, high = max(value - 0.1, 0), min(value + 0.1, 1)
    return Estimate(
        value=value, low=low, high=high, level=0.99, n=30, method="Wilson", unit="share"
    )


def figure(label: str, f1: float, *, arm: str = "tuned") -> ClassFigure:
    return ClassFigure(
        arm=arm,
        metric="label",
        label=label,
        gold=30,
        named=28,
        precision=share(f1),
        recall=share(f1),
        f1=share(f1),
    )


def classes(count: int) -> Classes:
    found = [figure(f"class {i}", 1 - i / count) for i in range(count - 1)]
    worst = figure(HOSTILE, 0.0).model_copy(
        update={"precision": None, "confused": {HOSTILE: 20, "": 3}}
    )
    return Classes(figures=(figure("class 0", 0.5, arm="base"), *found, worst))


def surety(arm: str, *, gap: float, brier: Estimate | None = None) -> Calibration:
    rng = np.random.default_rng(3)
    sure = rng.uniform(0.5, 1, 400)
    made = Calibration(
        **dict(reliability_curve(sure, (rng.random(400) < sure - gap).astype(np.float64)))
    )
    return made.model_copy(update={"arm": arm, "metric": "brier", "brier": brier})


@pytest.fixture(scope="module")
def labelled(results: Results) -> Results:
    return replace(
        results,
        classes=classes(20),
        calibration=(surety("base", gap=0.0), surety("tuned", gap=0.3, brier=share(0.21))),
    )


def test_classes_of_the_tuned_arm_come_weakest_first_and_are_bounded(results: Results) -> None:
    (x,) = by_class(replace(results, classes=classes(MOST + 30)))
    assert x.arm == "tuned"
    assert x.first[0].label == HOSTILE
    known = [f.f1.value for f in (*x.first, *x.rest) if f.f1]
    assert known == sorted(known)
    assert (len(x.first), len(x.rest), x.left_out) == (FIRST, MOST - FIRST, 30)
    (alone,) = by_class(replace(results, classes=Classes(figures=(figure("a", 0.5, arm="base"),))))
    assert (alone.arm, alone.rest, alone.left_out) == ("base", (), 0)


def test_the_page_shows_both_and_hostile_names_stay_text(labelled: Results) -> None:
    html = page(labelled)
    parsed = read(html)
    assert parsed.faults == []
    assert not parsed.having("script")
    assert "\u202e" not in html
    assert "</table><script>alert" in parsed.text
    assert "8 more classes" in parsed.text
    assert "never named" in parsed.text
    assert "nothing 3 ×" in parsed.text
    assert len(parsed.of_class("reliability")) == 1
    assert "tuned is overconfident: calibration error (ECE)" in parsed.text
    assert parsed.text.count("Brier score, brier, tuned") == 1  # in the register; the base has none
    assert "Brier score, brier, base" not in parsed.text
    order = [
        parsed.text.index(t)
        for t in ("Is it better?", "By class label", "Does it know when it is right?")
    ]
    assert order == sorted(order)
    references = {a["href"] for a in parsed.of_class("ref")}
    assert references <= {
        "#" + a["id"] for _, a in parsed.tags if a.get("id", "").startswith("figure-")
    }


def test_neither_stands_where_it_was_not_measured(results: Results) -> None:
    assert results.classes is None
    assert by_class(results) == ()
    assert sureties(results) == ()
    text = read(page(results)).text
    assert "By class" not in text
    assert "Does it know when it is right?" not in text


def test_marks_tell_too_sure_from_not_sure_enough() -> None:
    boasts, shy = surety("tuned", gap=0.4), surety("tuned", gap=-0.25)
    assert in_short(boasts) == "overconfident"
    assert {bin_kind(b) for b in boasts.curve} == {"nogo"}
    assert in_short(shy) == "underconfident"
    assert "open" in {bin_kind(b) for b in shy.curve}
    drawn = read(str(reliability(boasts)))
    assert drawn.faults == []
    assert len(drawn.of_class("nogo")) == len(boasts.curve)
    assert all(
        0 <= float(v) <= 100 for v in re.findall(r'[xy]\d?="(-?[\d.]+)%"', str(reliability(shy)))
    )


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_equal_confidences_still_draw(value: float) -> None:
    made = Calibration(**dict(reliability_curve(np.full(40, value), np.tile([0.0, 1.0], 20))))
    drawn = str(reliability(made))
    assert "nan" not in drawn
    assert read(drawn).faults == []


def test_they_are_read_from_the_store_and_a_lost_artifact_is_no_crash(folder: Path) -> None:
    made = sample_project(folder, rows=150)
    run = made.store.runs(stage="evaluate")[-1]
    old = made.store.get_value(run.outputs["evaluation"], Evaluation)
    kept = [surety("tuned", gap=0.1)]
    known = {"classes": made.store.put_value(classes(4)), "calibration": made.store.put_value(kept)}
    lost = {"classes": "0" * 64, "calibration": "0" * 64}
    for digests in (known, lost):
        new = made.store.put_value(old.model_copy(update=digests))
        made.store.save_run(run.model_copy(update={"outputs": {**run.outputs, "evaluation": new}}))
        found = gather(Project(made.file, made.store))
        assert found.evaluation is not None
        assert (found.classes, found.calibration) == (
            (classes(4), tuple(kept)) if digests is known else (None, ())
        )
    made.store.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 360)])
def test_they_fit_and_read_in_a_browser(
    labelled: Results, folder: Path, browser: Any, scheme: str, width: int
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed"
    )
    folder.mkdir()
    path = folder / "page.html"
    path.write_text(page(labelled), encoding="utf-8")
    tab = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )
    tab.goto(path.as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    response = axe.Axe().run(
        tab,
        context="section[aria-labelledby=comparison]",
        options={"runOnly": ["wcag2a", "wcag2aa", "best-practice"]},
    )
    tab.close()
    assert response.violations_count == 0, response.generate_report()
