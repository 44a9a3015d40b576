from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.pages import read
from tunewell.project import Project
from tunewell.report.arms import measured
from tunewell.report.conditions import conditions, conditions_of
from tunewell.report.effort import effort
from tunewell.report.figures import Figures
from tunewell.report.interval_charts import scale_for, stream, strip
from tunewell.report.number_format import number_of
from tunewell.report.owner_page import sentence
from tunewell.report.raw_texts import texts_at
from tunewell.report.results import Results
from tunewell.report.row_flow import flow
from tunewell.report.side_by_side import side_by_side
from tunewell.report.training_charts import LossCurve, curves
from tunewell.report.training_curves import training
from tunewell.task import RubricCriterion
from tunewell.testing.factories import SampleProject, sample_project
from tunewell.types import (
    Criterion,
    Estimate,
    Evaluation,
    Outcome,
    Prediction,
    Score,
    Threshold,
    Unscored,
    Verdict,
)

finite = st.floats(-1e6, 1e6)


def test_the_flow_accounts_for_every_row(results: Results) -> None:
    found = flow(results)
    assert found is not None
    assert found.read - found.dropped == found.kept
    for step, after in zip(found.steps, found.steps[1:], strict=False):
        assert step.after == after.before
    assert sum(r.rows for r in found.rules if r.action == "dropped") == found.dropped


def test_steps_stand_in_the_order_in_which_rows_met_them(results: Results) -> None:
    found = flow(results)
    assert found is not None
    names = [s.name for s in found.steps]
    assert results.dataset is not None
    met: dict[str, list[int]] = {}
    for r in results.store.receipts(results.dataset):
        if r.action != "kept":
            met.setdefault(r.row, []).append(names.index(r.step))
    assert any(len(steps) > 1 for steps in met.values())
    assert all(steps == sorted(steps) for steps in met.values())


def test_examples_of_a_rule_are_rows_of_that_rule_with_their_text(
    results: Results, project: SampleProject
) -> None:
    found = flow(results)
    assert found is not None
    stale = next(r for r in found.rules if r.code == "D06")
    assert len(stale.examples) == 3
    assert stale.cites == project.file.where("rules.max_age.days")
    for e in stale.examples:
        assert "valid from 14 March 2022" in e.text
        assert e.receipt.code == "D06"
    masked = next(r for r in found.rules if r.code == "D07")
    assert all(
        project.rows[e.receipt.row].question in e.text
        for e in masked.examples
        if e.receipt.row in project.rows
    )


def test_raw_texts_are_read_only_inside_the_project_and_only_if_unchanged(
    project: SampleProject, tmp_path: Path
) -> None:
    outside = tmp_path / "secret.txt"
    outside.write_text("a secret\n", encoding="utf-8")
    up = "/".join([".."] * 30) + str(outside)
    assert (
        texts_at(
            [f"{outside}:1", f"{up}:1", "data/desk.jsonl", "data/none.jsonl:1", ":3"], project.file
        )
        == {}
    )
    place = "data/desk.jsonl:3"
    assert texts_at([place], project.file)[place]
    assert texts_at([place], project.file, digests={"data/desk.jsonl": "0" * 64}) == {}


def test_a_pretty_printed_object_is_shown_whole(project: SampleProject) -> None:
    rows = {
        "a1": {"clause": "you may not copy", "summary": "no copies"},
        "a2": {"clause": "pay", "summary": "you pay"},
    }
    path = project.file.root / "data" / "pretty.json"
    path.write_text(json.dumps(rows, indent=2), encoding="utf-8")
    shown = texts_at(["data/pretty.json:2", "data/pretty.json:6"], project.file)
    assert "you may not copy" in shown["data/pretty.json:2"]
    assert "no copies" in shown["data/pretty.json:2"]
    assert "you pay" in shown["data/pretty.json:6"]
    assert "copy" not in shown["data/pretty.json:6"]


def test_levels_and_differences_are_those_of_the_evaluation(results: Results) -> None:
    assert results.evaluation is not None
    shown = measured(results.evaluation)
    assert [m.info.own for m in shown] == sorted((m.info.own for m in shown), reverse=True)
    for m in shown:
        assert {x.arm for x in m.levels} == set(results.evaluation.arms)
        values = [s.comparison.estimate.value for s in m.slices if s.comparison]
        assert values == sorted(values, reverse=not m.info.bigger_is_better)


def test_curves_are_token_weighted_means_over_the_folds(results: Results) -> None:
    shown, trace = training(results), results.trace
    assert shown is not None
    assert trace is not None
    fold = [
        np.average(trace.losses[-1, k][trace.held_out[k]], weights=trace.tokens[trace.held_out[k]])
        for k in range(trace.held_out.shape[0])
    ]
    assert shown.held_out.mean[-1] == pytest.approx(np.mean(fold), rel=1e-5)
    assert shown.held_out.high[-1] == pytest.approx(np.max(fold), rel=1e-5)
    assert shown.train.mean[-1] < shown.held_out.mean[-1]


def test_the_best_and_the_worst_change_are_shown_and_the_rest_is_drawn_by_seed(
    results: Results,
) -> None:
    sides = side_by_side(results)
    assert len(sides) == 5
    assert len({s.example for s in sides}) == 5
    assert results.evaluation is not None
    scores = {
        (s.example, s.arm): s.value
        for s in results.store.get_value(results.evaluation.scores, list[Score])
        if s.metric == "key_points" and not isinstance(s.value, Unscored)
    }
    changes = {e: v - scores[e, "prompted"] for (e, arm), v in scores.items() if arm == "tuned"}
    assert sides[0].change == max(changes.values())
    assert sides[1].change == min(changes.values())
    assert [s.example for s in sides] == [s.example for s in side_by_side(results)]


def test_marked_passages_are_the_points_that_the_scores_found(results: Results) -> None:
    for side in side_by_side(results):
        for answer in side.answers:
            reason = "; ".join(s.reason for s in answer.scores)
            assert not [m for m in answer.marks if m in reason]
            assert set(answer.marks) <= set(side.marks)


def test_effort_adds_up(tmp_path: Path) -> None:
    made = sample_project(tmp_path, rows=150, outcome="GO")
    from tunewell.report.results import gather

    found = effort(gather(Project(made.file, made.store)))
    made.store.close()
    assert found is not None
    assert found.machine_s == pytest.approx(11.8 + 0.9 + 291 + 168 + 0.2)
    assert found.people_min == pytest.approx(48)
    assert found.money == pytest.approx(found.machine_s / 3600 * 0.35 + 48 / 60 * 48)
    assert found.days == pytest.approx(27 / 24, abs=0.001)


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        (["GO", "GO"], "All 2 conditions that you set hold."),
        (
            ["NO-GO", "GO"],
            "Key points named misses what you asked for: 40 % (30 to 50), at least 60 % needed.",
        ),
        (["INCONCLUSIVE", "GO"], "1 of 2 conditions holds. Still open: “Key points named”."),
    ],
)
def test_the_sentence_of_a_verdict_is_made_of_its_conditions(
    results: Results, outcomes: list[Outcome], said: str
) -> None:
    e = Estimate(value=0.4, low=0.3, high=0.5, n=50, method="x", unit="share")
    limit = Threshold(value=0.6, origin="tunewell.yaml:1")
    criteria = [
        Criterion(name="key_points: tuned >= 0.6", outcome=o, estimate=e, threshold=limit, why="w")
        for o in outcomes
    ]
    verdict = Verdict(outcome=outcomes[0], why="own words", criteria=tuple(criteria))
    assert sentence(conditions_of(verdict, results.evaluation), verdict) == said


def test_a_verdict_without_criteria_speaks_for_itself() -> None:
    verdict = Verdict(outcome="NO-GO", why="own words", criteria=())
    assert sentence((), verdict) == ""


def test_conditions_know_their_side(results: Results) -> None:
    above = {c.criterion.name.split(":")[0]: (c.above, c.signed) for c in conditions(results)}
    assert above.pop("key_points") == (True, True)
    assert above.pop("must_not") == (True, False)
    assert above == {"nats": (False, True), "helpful": (True, False)}


@given(st.lists(finite, min_size=1, max_size=8))
def test_a_scale_holds_everything_it_was_made_for(values: list[float]) -> None:
    scale = scale_for(values)
    assert all(scale.holds(v) and 0 <= scale.at(v) <= 100 for v in values)


@given(
    finite,
    st.floats(0, 1e5),
    st.floats(0, 1e5),
    st.one_of(st.none(), finite),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["GO", "NO-GO", "INCONCLUSIVE"]),
    st.sampled_from(["share", "", "nats/token", "<b>"]),
)
def test_any_strip_is_drawn_and_described(
    value: float,
    below: float,
    over: float,
    threshold: float | None,
    above: bool,
    signed: bool,
    outcome: Outcome,
    unit: str,
) -> None:
    e = Estimate(
        value=value, low=value - below, high=value + over, n=3, method="<i>m</i>", unit=unit
    )
    drawn = read(str(strip(e, threshold, outcome, above=above, signed=signed)))
    assert drawn.faults == []
    assert "nan" not in str(drawn.tags)
    label = drawn.having("svg")[0]["aria-label"]
    assert label.startswith(outcome)
    assert "n = 3" in label


def test_an_open_end_and_a_missing_figure_are_drawn() -> None:
    e = Estimate(value=0.0, low=-math.inf, high=math.inf, n=0, method="none")
    assert "∞" in str(strip(e, 0.5, "INCONCLUSIVE"))
    assert "not measured yet" in str(strip(None, 0.5, "INCONCLUSIVE", unit="share"))
    assert read(str(stream(1.0, 0.0))).faults == []
    hole = LossCurve("x", *(np.array([np.nan, 1.0, 2.0]) for _ in range(3)))
    assert "nan" not in str(curves(np.array([0.0, 1.0, 2.0]), [hole], best=None, label="x"))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.0, "share", "100"),
        (0.05, "share", "5"),
        (0.3041, "share", "30.4"),
        (1.7, "nats", "1.70"),
        (0.0, "", "0"),
        (-0.498, "nats", "−0.50"),
        (0.0042, "", "0.0042"),
        (1234.5, "", "1,234"),
        (-1e-12, "share", "0"),
    ],
)
def test_numbers_as_people_read_them(value: float, unit: str, text: str) -> None:
    assert number_of(value, unit) == text


def test_a_figure_shown_twice_has_one_line_in_the_register() -> None:
    figures = Figures()
    e = Estimate(value=0.5, low=0.4, high=0.6, n=9, method="x", unit="share")
    assert figures.show(e, "a") == figures.show(e, "a")
    figures.show(e, "b")
    assert [f.name for f in figures.rows] == ["a", "b"]


def test_the_factory_makes_what_the_stages_promise(results: Results) -> None:
    assert isinstance(results.evaluation, Evaluation)
    predictions = results.store.get_value(results.evaluation.predictions, list[Prediction])
    assert len(predictions) == len(results.evaluation.arms) * len(results.evaluation.rows)
    assert results.split is not None
    assert set(results.evaluation.rows) == set(results.split.ids("test"))
    assert not results.missing


def test_minutes_that_people_spent_on_verdicts_are_counted(tmp_path: Path) -> None:
    from tunewell.people import Batch, Item, Said, WorkStore
    from tunewell.report.results import gather

    made = sample_project(tmp_path, rows=120)
    question = RubricCriterion(name="helpful", question="?")
    batch = Batch(
        id="b",
        kind="review",
        title="t",
        created=dt.datetime(2026, 11, 20, tzinfo=dt.UTC),
        author="a",
        raters=1,
        minutes=2.0,
        rubric=(question,),
    )
    items = [
        Item(
            id=f"i{n}",
            batch="b",
            number=n,
            example=f"e{n}",
            arms=("tuned",),
            part="test",
            source="s",
        )
        for n in range(2)
    ]
    book = WorkStore(made.store)
    book.open_batch(batch, items)
    book.share(batch, ["ann"])
    for item, seconds in zip(items, (90.0, 0.0), strict=True):
        book.write(
            Said(scores={"helpful": 1.0}),
            item=item,
            batch=batch,
            account="ann",
            key=item.id,
            seconds=seconds,
        )
    found = effort(gather(Project(made.file, made.store)))
    made.store.close()
    assert found is not None
    assert found.people_min == pytest.approx(1.5 + 2.0)
    assert "estimated where no time was recorded" in found.people_how
