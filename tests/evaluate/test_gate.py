from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest

from tests.evaluate.conftest import EvaluatedProject, FakeModel
from tunewell.evaluate import decide, evaluate
from tunewell.project import Project
from tunewell.types import Finding, Judgement, Verdict

RUBRIC = "people={approve: [owner], raters: 1, rubric: [{name: useful, question: 'Is it useful?'}]}"


def verdict(
    project: EvaluatedProject,
    *overrides: str,
    findings: Sequence[Finding] = (),
    approve: bool = True,
) -> Verdict:
    file = project.file(overrides=overrides)
    if approve:
        project.approve(file)
    found = evaluate(
        project.dataset,
        project.split,
        project.version,
        Project(file, project.store),
        models=project.models,
    )
    return decide(found, Project(file, project.store), findings)


def test_go_when_every_interval_is_on_the_good_side(project: EvaluatedProject) -> None:
    found = verdict(project)
    assert found.outcome == "GO", found.why
    assert [c.outcome for c in found.criteria] == ["GO", "GO"]
    assert found.criteria[0].threshold is not None
    assert found.criteria[0].threshold.origin.startswith("tunewell.yaml:")
    assert found.would_change == ()


def test_no_go_when_one_interval_is_on_the_bad_side(project: EvaluatedProject) -> None:
    project.tuned = FakeModel("tuned", 0.3, 2.0)
    found = verdict(project)
    assert found.outcome == "NO-GO"
    assert [c.outcome for c in found.criteria] == ["NO-GO", "GO"]
    assert "label" in found.why
    assert found.would_change


def test_astride_the_threshold_is_inconclusive_and_says_how_many_rows(
    project: EvaluatedProject,
) -> None:
    found = verdict(project, "gates.0.at_least=0.55")
    assert found.outcome == "INCONCLUSIVE"
    assert found.criteria[0].outcome == "INCONCLUSIVE"
    assert "more test rows" in found.criteria[0].needs
    assert any("more test rows" in s for s in found.would_change)


def test_no_gates_is_inconclusive(project: EvaluatedProject) -> None:
    found = verdict(project, "gates=[]")
    assert found.outcome == "INCONCLUSIVE"
    assert "names no gates" in found.why


def test_a_generic_metric_alone_never_gives_go(project: EvaluatedProject) -> None:
    generic = "gates=[{metric: nats, kind: no_worse, margin: 0.1, against: base}]"
    found = verdict(project, generic)
    assert [c.outcome for c in found.criteria] == ["GO"]
    assert found.outcome == "INCONCLUSIVE"
    assert "E01" in found.why
    project.store.say(
        "acceptance", "E01", author="owner", record={"reason": "we know", "until": "2999-01-01"}
    )
    accepted = verdict(project, generic)
    assert accepted.outcome == "INCONCLUSIVE"
    assert next(f for f in accepted.findings if f.code == "E01").status == "accepted"


def test_until_the_definition_is_approved_nothing_goes(project: EvaluatedProject) -> None:
    found = verdict(project, approve=False)
    assert found.outcome == "INCONCLUSIVE"
    assert "not been approved by owner" in found.why
    assert any("tunewell approve --as owner" in s for s in found.would_change)
    assert verdict(project).outcome == "GO"


@pytest.mark.parametrize(
    ("until", "status", "outcome"),
    [("2999-01-01", "accepted", "GO"), ("2020-01-01", "found", "NO-GO")],
)
def test_a_blocking_finding_stops_a_release_unless_accepted(
    project: EvaluatedProject, until: str, status: str, outcome: str
) -> None:
    leak = Finding(
        code="D11", status="found", stage="split", why="A test row was trained on.", blocking=True
    )
    assert verdict(project, findings=[leak]).outcome == "NO-GO"
    project.store.say(
        "acceptance",
        "D11",
        author="owner",
        record={"reason": "one row of no weight", "until": until},
    )
    found = verdict(project, findings=[leak])
    assert found.outcome == outcome
    assert next(f for f in found.findings if f.code == "D11").status == status


def unclean(*rows: str) -> Finding:
    return Finding(
        code="D09",
        status="found",
        stage="curate",
        why="9 of 150 rows still in the data: the rule only reports",
        rows=rows,
        blocking=True,
    )


def test_data_that_are_not_clean_hold_back_the_gates_until_somebody_accepts_them(
    project: EvaluatedProject,
) -> None:
    found = verdict(project, findings=[unclean("r0130", "r0001")])
    assert found.outcome == "INCONCLUSIVE"
    assert {c.outcome for c in found.criteria} == {"INCONCLUSIVE"}
    assert "D09" in found.why
    assert all("not clean: D09 contradictions" in c.why for c in found.criteria)
    assert any("D09 accepted in writing" in item for item in found.would_change)
    ways = [item for item in found.would_change if item.startswith("D09:")]
    assert any("tunewell accept D09 --reason '…' --until YYYY-MM-DD" in way for way in ways)
    project.store.say(
        "acceptance", "D09", author="owner", record={"reason": "known", "until": "2999-01-01"}
    )
    accepted = verdict(project, findings=[unclean("r0130", "r0001")])
    assert accepted.outcome == "GO"
    assert next(f for f in accepted.findings if f.code == "D09").acceptance is not None


def test_unclean_held_out_rows_touch_the_slices_that_hold_them_alone(
    project: EvaluatedProject,
) -> None:
    sliced = "gates.0.slices=region"
    # Rows with an even number of thirds are of the south.
    found = verdict(project, sliced, findings=[unclean("r0003")])
    by_slice = {c.slice: c.outcome for c in found.criteria if c.name.startswith("label")}
    assert by_slice == {
        "": "INCONCLUSIVE",
        "region=north": "GO",
        "region=south": "INCONCLUSIVE",
    }
    assert found.outcome == "INCONCLUSIVE"


def test_unclean_data_never_soften_a_no_go(project: EvaluatedProject) -> None:
    project.tuned = FakeModel("tuned", 0.3, 2.0)
    assert verdict(project, findings=[unclean("r0130")]).outcome == "NO-GO"


def test_findings_that_do_not_block_do_not_stop(project: EvaluatedProject) -> None:
    note = Finding(code="D13", status="found", stage="curate", why="Few sources.")
    assert verdict(project, findings=[note]).outcome == "GO"


def test_a_level_gate_holds_the_tuned_model_alone(project: EvaluatedProject) -> None:
    assert verdict(project, "gates=[{metric: label, kind: level, at_least: 0.7}]").outcome == "GO"
    assert (
        verdict(project, "gates=[{metric: label, kind: level, at_least: 0.99}]").outcome == "NO-GO"
    )
    assert (
        verdict(project, "gates=[{metric: nats, kind: level, at_most: 2.2}]").criteria[0].outcome
        == "GO"
    )


def test_slices_are_criteria_of_their_own(project: EvaluatedProject) -> None:
    found = verdict(project, "gates=[{metric: label, kind: level, at_least: 0.6, slices: region}]")
    assert [c.slice for c in found.criteria] == ["", "region=north", "region=south"]
    assert found.outcome == "GO"


def test_a_missing_arm_is_inconclusive(project: EvaluatedProject) -> None:
    found = verdict(
        project, "gates=[{metric: label, kind: gain, at_least: 0.1, against: production}]"
    )
    assert found.outcome == "INCONCLUSIVE"
    assert "production" in found.criteria[0].why


def judge(project: EvaluatedProject, *, right: int, of: int, arm: str = "tuned") -> None:
    for i, row in enumerate(project.split.ids("test")[:of]):
        j = Judgement(
            id=f"{row}-{arm}",
            example=row,
            arm=arm,
            criterion="useful",
            value=float(i < right),
            author="ann",
            at=dt.datetime.now(dt.UTC),
        )
        project.store.say("judgement", row, author="ann", record=j.model_dump(mode="json"))


def test_a_criterion_of_people_waits_for_them(project: EvaluatedProject) -> None:
    gate = "gates=[{metric: useful, kind: level, at_least: 0.8, people: required}]"
    found = verdict(project, RUBRIC, gate)
    assert found.outcome == "INCONCLUSIVE"
    assert "1 person" in found.criteria[0].needs
    judge(project, right=117, of=120)
    assert verdict(project, RUBRIC, gate).outcome == "GO"


def test_people_can_say_no(project: EvaluatedProject) -> None:
    judge(project, right=40, of=120)
    found = verdict(
        project, RUBRIC, "gates=[{metric: useful, kind: level, at_least: 0.8, people: required}]"
    )
    assert found.outcome == "NO-GO"


def test_a_metric_that_needs_people_as_well_waits(project: EvaluatedProject) -> None:
    gate = "gates=[{metric: label, kind: level, at_least: 0.7, people: required}]"
    found = verdict(project, RUBRIC, gate)
    assert found.outcome == "INCONCLUSIVE"
    assert "People have not spoken" in found.criteria[0].why
    judge(project, right=40, of=40)
    assert verdict(project, RUBRIC, gate).outcome == "GO"


def test_without_a_tuned_model_the_verdict_says_so(project: EvaluatedProject) -> None:
    file = project.file()
    project.approve(file)
    found = evaluate(
        project.dataset, project.split, None, Project(file, project.store), models=project.models
    )
    made = decide(found, Project(file, project.store), [])
    assert made.outcome == "INCONCLUSIVE"
    assert "neither a tuned model" in made.criteria[0].why


def test_a_difference_has_one_interval_wherever_it_is_shown(project: EvaluatedProject) -> None:
    file = project.file(overrides=["evaluate.level=0.9"])
    found = evaluate(
        project.dataset,
        project.split,
        project.version,
        Project(file, project.store),
        models=project.models,
    )
    run = project.store.last_run("evaluate")
    assert run is not None
    verdict = decide(found, Project(file, project.store), run.findings)
    criterion = verdict.criteria[0]
    (compared,) = [
        c.estimate
        for c in found.comparisons
        if (c.arm, c.against, c.metric, c.slice) == ("tuned", "prompted", "label", "")
    ]
    (no_gain,) = [f for f in verdict.findings if f.code == "T05"]
    assert criterion.estimate == compared == no_gain.estimate
    (trivial,) = [f for f in verdict.findings if f.code == "E10"]
    beside = [c.estimate for c in found.comparisons if c.metric == "label" and c.arm == "tuned"]
    assert trivial.estimate in beside


def test_more_rows_are_asked_for_with_what_they_would_probably_do(
    project: EvaluatedProject,
) -> None:
    up = verdict(project, "gates.0.at_least=0.55").criteria[0]
    assert up.outcome == "INCONCLUSIVE"
    assert up.needs.endswith("more test rows, which would probably make this GO")
    down = verdict(project, "gates.0.at_least=0.65").criteria[0]
    assert down.outcome == "INCONCLUSIVE"
    assert down.needs.endswith("which would probably make this NO-GO")
    assert ") on 60 independent rows spans the threshold of +65 points" in down.why
