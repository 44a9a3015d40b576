from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.report.pages import Page, read
from tunewell.errors import StoreError, UserError
from tunewell.project import Project
from tunewell.report import page, render
from tunewell.report.results import Results, earlier, gather
from tunewell.testing.factories import STAGES, SampleProject, sample_project
from tunewell.types import Dataset, Estimate, Outcome, Speed, Unscored


@pytest.fixture(scope="module")
def html(results: Results) -> str:
    return page(results, then=earlier(results))


@pytest.fixture(scope="module")
def shown(html: str) -> Page:
    return read(html)


def test_the_page_is_well_formed_and_needs_nothing_from_outside(html: str, shown: Page) -> None:
    assert shown.faults == []
    assert not shown.having("script")
    assert not shown.having("link")
    assert not shown.having("img")
    assert not re.search(r"(https?:)?//\w", html)
    assert "@import" not in html
    assert "url(" not in html
    assert not [a for _, a in shown.tags for name in a if name.startswith("on")]
    targets = [a[name] for _, a in shown.tags for name in ("href", "src") if name in a]
    assert targets
    assert all(t.startswith("#") for t in targets)


def test_how_fast_recordings_are_written_down_is_shown_for_each_arm(results: Results) -> None:
    factor = Estimate(value=0.125, low=0.1, high=0.15, n=16, method="ratio", unit="s/s")
    why = Unscored(reason="timed on 2 of the 3 recordings that it takes")
    speeds = (
        Speed(arm="base", real_time_factor=factor, machine="a desk, 2 threads"),
        Speed(arm="tuned", real_time_factor=why, machine="a desk, 2 threads"),
    )
    run = results.runs["evaluate"].model_copy(update={"speeds": speeds})
    found = replace(results, runs={**results.runs, "evaluate": run})
    timed, silent = read(page(found)), read(page(results))
    assert timed.faults == []
    for text in ("0.12 s/s", "16 recordings", "unchecked: timed on 2", "a desk, 2 threads"):
        assert text in timed.text
    assert "real-time factor" not in silent.text


def test_every_link_within_the_page_leads_somewhere_and_ids_are_unique(shown: Page) -> None:
    ids = [a["id"] for _, a in shown.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for _, a in shown.tags if "href" in a} <= set(ids)


def test_every_estimate_has_interval_n_and_method_as_tooltip_and_in_the_register(
    shown: Page,
) -> None:
    figures = [a for a in shown.of_class("est") if "none" not in a["class"].split()]
    assert len(figures) > 40
    for a in figures:
        assert re.search(r"(.+ to .+ at \d+ % confidence|exact), n = [\d,]+, \S+", a["title"])
    references = {a["href"] for a in shown.of_class("ref")}
    lines = {"#" + a["id"] for _, a in shown.tags if a.get("id", "").startswith("figure-")}
    assert references == lines


def test_every_chart_is_described_and_headings_come_in_order(shown: Page) -> None:
    charts = [a for a in shown.having("svg") if a.get("role") == "img"]
    assert len(charts) > 20
    assert all(len(a["aria-label"]) > 10 for a in charts)
    rest = [
        a
        for a in shown.having("svg")
        if a.get("role") != "img" and "viewbox" not in a and "x" not in a
    ]
    assert all(a.get("aria-hidden") == "true" for a in rest)
    levels = [int(tag[1]) for tag, _ in shown.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_the_verdict_and_its_reasons_come_first(shown: Page) -> None:
    order = [
        shown.text.index(text)
        for text in (
            "INCONCLUSIVE",
            "The conditions you set",
            "What would change this",
            "What happened to the data",
            "Every figure",
        )
    ]
    assert order == sorted(order)
    assert "tunewell.yaml:31" in shown.text
    assert "Nobody has judged an answer yet" in shown.text


def test_what_changed_since_the_last_version(
    shown: Page, results: Results, project: SampleProject
) -> None:
    first = project.store.runs(stage="verdict")[0]
    assert f"The verdict of {first.started:%d %B %Y}" in shown.text
    before, after = (
        set(project.store.get_table(r.dataset.examples, columns=["id"])["id"].to_pylist())
        for r in (earlier(results, since=first.id), results)
        if r and r.dataset
    )
    assert f"+{len(after - before)} added" in shown.text
    assert f"−{len(before - after)} removed" in shown.text


def test_an_unknown_earlier_verdict_is_the_users_error(project: SampleProject) -> None:
    with pytest.raises(UserError, match="no finished verdict has an id that begins with 'nope'"):
        render(Project(project.file, project.store), since="nope")


@pytest.mark.parametrize("count", range(len(STAGES)))
def test_what_has_not_run_is_said(folder: Path, count: int) -> None:
    made = sample_project(folder, rows=120, stages=STAGES[:count])
    shown = read(page(gather(Project(made.file, made.store))))
    made.store.close()
    assert shown.faults == []
    assert "NO VERDICT YET" in shown.text
    for stage in STAGES[count:]:
        assert f"The stage “{stage}” has not run yet." in shown.text


def test_a_failed_stage_is_told_with_its_reason(folder: Path) -> None:
    made = sample_project(folder, rows=120, stages=STAGES[:2])
    run = made.store.runs()[-1].model_copy(
        update={"id": "x", "stage": "train", "status": "failed", "error": "no memory"}
    )
    made.store.save_run(run)
    shown = read(page(gather(Project(made.file, made.store))))
    made.store.close()
    assert "The stage “train” failed on 16 November 2026, 09:30 UTC: no memory." in shown.text


def test_a_verdict_that_is_out_of_date_is_not_shown_as_the_verdict(folder: Path) -> None:
    made = sample_project(folder, rows=120)
    again = sample_project(folder, rows=150, stages=STAGES[:1])
    runs = again.store.runs(stage="curate")
    late = runs[-1].model_copy(update={"id": "z", "started": runs[-1].started.replace(month=12)})
    made.store.save_run(late)
    shown = gather(Project(made.file, made.store))
    assert shown.verdict is None
    assert "is out of date: a stage before it has run since" in shown.missing["verdict"]
    made.store.close()
    again.store.close()


@pytest.mark.parametrize("outcome", ["GO", "NO-GO", "INCONCLUSIVE"])
def test_the_file_is_named_after_date_and_verdict_and_latest_is_the_same(
    folder: Path, outcome: Outcome
) -> None:
    made = sample_project(folder, rows=600, outcome=outcome)
    path = render(Project(made.file, made.store))
    assert path.name == f"2026-11-17-1130-{outcome.lower()}.html"
    assert path.parent == made.store.reports
    assert (path.parent / "latest.html").read_bytes() == path.read_bytes()
    assert read(path.read_text(encoding="utf-8")).text.count(outcome)
    again = render(Project(made.file, made.store))
    assert again == path
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name, "latest.html"]
    made.store.close()


def test_the_same_results_give_the_same_bytes(project: SampleProject) -> None:
    first = render(Project(project.file, project.store)).read_bytes()
    assert render(Project(project.file, project.store)).read_bytes() == first


def test_a_folder_that_cannot_be_written_is_a_store_error(
    project: SampleProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tunewell.report.html_page.os.fsync", full)
    before = sorted(p.name for p in project.store.reports.iterdir())
    with pytest.raises(StoreError, match="the disk is full"):
        render(Project(project.file, project.store))
    assert sorted(p.name for p in project.store.reports.iterdir()) == before


def test_a_hundred_thousand_receipts_are_reported(folder: Path) -> None:
    made = sample_project(folder, rows=800)
    run = made.store.runs(stage="curate")[-1]
    dataset = made.store.get_value(run.outputs["dataset"], Dataset)
    small = made.store.get_table(dataset.receipts)
    many = pa.concat_tables(
        small.set_column(0, "row", pc.binary_join_element_wise(small["row"], str(i), "-"))
        for i in range(125)
    )
    assert many.num_rows > 100_000
    grown = dataset.model_copy(update={"receipts": made.store.put_table(many), "read": 100_000})
    made.store.save_run(
        run.model_copy(update={"outputs": {"dataset": made.store.put_value(grown)}})
    )
    path = render(Project(made.file, made.store))
    made.store.close()
    assert "100,000" in path.read_text(encoding="utf-8")
