from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.evaluate.conftest import EvaluatedProject, FakeModel
from tunewell.errors import DataError, TaskError
from tunewell.evaluate import evaluate
from tunewell.evaluate.arms import Arm, instruction_of
from tunewell.metrics.judge.lazy_model import LazyModel
from tunewell.model.budget import RequestPolicy
from tunewell.model.endpoint import EndpointModel
from tunewell.model.fake import FakeModel as AnyFake
from tunewell.project import Project
from tunewell.testing.server import BASE_URL, FakeServer, ServerFault
from tunewell.types import Dataset, Evaluation, Finding, Prediction, Score, Unscored


def run(project: EvaluatedProject, *overrides: str) -> Evaluation:
    file = project.file(overrides=overrides)
    return evaluate(
        project.dataset,
        project.split,
        project.version,
        Project(file, project.store),
        models=project.models,
    )


def findings(project: EvaluatedProject) -> dict[str, Finding]:
    last = project.store.last_run("evaluate")
    assert last is not None
    return {f.code: f for f in last.findings}


def test_all_arms_answer_the_same_held_out_rows(project: EvaluatedProject) -> None:
    result = run(project)
    assert result.arms == ("base", "prompted", "tuned")
    assert result.rows == project.split.ids("test")
    predictions = project.store.get_value(result.predictions, list[Prediction])
    for arm in result.arms:
        assert [p.example for p in predictions if p.arm == arm] == list(result.rows)
    scores = project.store.get_value(result.scores, list[Score])
    assert {s.metric for s in scores} == {"label", "key_points", "must_not", "support", "nats"}
    assert len(scores) == 5 * 3 * len(result.rows)


def test_levels_and_paired_differences_show_the_planted_effect(project: EvaluatedProject) -> None:
    result = run(project)
    level = {(x.arm, x.metric): x.estimate for x in result.levels if not x.slice}
    assert level["base", "label"].value < 0.45
    assert level["tuned", "label"].value > 0.8
    assert level["tuned", "nats"].value == pytest.approx(2.0, abs=0.05)
    gain = next(
        c
        for c in result.comparisons
        if c.metric == "label" and c.against == "prompted" and not c.slice
    )
    assert gain.estimate.low > 0.3
    assert gain.estimate.n == 60  # families of two, not 120 rows
    assert gain.p_value is not None
    assert gain.p_value < 1e-4
    slices = [
        c for c in result.comparisons if c.slice and c.metric == "label" and c.against == "base"
    ]
    assert {c.slice for c in slices if c.arm == "tuned"} == {"region=north", "region=south"}
    assert all(
        c.adjusted is not None and c.p_value is not None and c.adjusted >= c.p_value for c in slices
    )


def test_shots_come_from_training_rows_and_are_shown_to_the_prompted_arm_alone(
    project: EvaluatedProject,
) -> None:
    result = run(project)
    shown = [p for p in project.base.prompts if len(p) > 1]
    assert len(shown) == len(result.rows)
    train = set(project.split.all_folds)
    examples = {e.messages[0].content: e.id for e in project.store.examples(project.dataset)}
    for turn in shown[0][1:-1:2]:
        assert examples[turn.content] in train
    assert "[" in result.prompts["prompted"]
    assert set(result.prompts) == {"prompted"}
    assert all(len(p) == 1 for p in project.tuned.prompts)


def test_the_rows_own_system_turn_is_kept_and_the_tasks_instruction_replaced(
    project: EvaluatedProject,
) -> None:
    file = project.file(overrides=["task.instruction=Be brief."])
    row = project.store.examples(project.dataset)[0]
    row = row.model_copy(
        update={"messages": (row.messages[0].model_copy(update={"role": "system"}), *row.messages)}
    )
    arm = Arm(name="prompted", instruction="Do it well.", replaces=file.spec.task.instruction)
    assert arm.prompt(row)[0].content == f"Do it well.\n\n{row.messages[0].content}"
    assert "Answer with" in instruction_of(file.spec)


def test_a_finished_evaluation_is_taken_over_and_is_one_look(project: EvaluatedProject) -> None:
    first = run(project)
    calls = project.base.calls
    assert run(project) == first
    assert project.base.calls == calls
    assert first.looks == 1
    assert run(project, "evaluate.max_new_tokens=50").looks == 2


def test_what_was_done_before_a_kill_is_not_done_again(project: EvaluatedProject) -> None:
    undisturbed = EvaluatedProject(project.root / "other")
    wanted = run(undisturbed)
    generate = project.tuned.generate

    def killed(*_: object, **__: object) -> list[object]:
        raise KeyboardInterrupt

    project.tuned.generate = killed  # type: ignore[assignment,method-assign]
    with pytest.raises(KeyboardInterrupt):
        run(project)
    work = next((project.root / ".tunewell" / "work").iterdir())
    chunk = sorted(work.glob("base-generate-*.json"))[0]
    chunk.write_text(chunk.read_text()[:50])  # half written: made again
    (work / "base-score-00000.json").write_text(json.dumps({"ids": ["x"], "items": []}))
    before = project.base.calls
    project.tuned.generate = generate  # type: ignore[method-assign]
    result = run(project)
    assert project.base.calls == before + 2
    assert (result.predictions, result.scores) == (wanted.predictions, wanted.scores)
    assert result.levels == wanted.levels
    assert result.looks == 1
    assert not work.exists()
    undisturbed.store.close()


def test_failed_outputs_are_unscored_and_widen_the_interval(tmp_path: Path) -> None:
    whole, holed = EvaluatedProject(tmp_path / "a"), EvaluatedProject(tmp_path / "b", fails=12)
    a, b = run(whole), run(holed)
    scores = holed.store.get_value(b.scores, list[Score])
    missing = [s for s in scores if isinstance(s.value, Unscored)]
    assert {s.value.reason for s in missing if isinstance(s.value, Unscored)} == {
        "no output: too long"
    }
    one = next(x for x in a.levels if (x.arm, x.metric, x.slice) == ("tuned", "label", ""))
    two = next(x for x in b.levels if (x.arm, x.metric, x.slice) == ("tuned", "label", ""))
    assert (one.missing, two.missing) == (0, 12)
    assert two.estimate.high - two.estimate.low > one.estimate.high - one.estimate.low + 0.05
    whole.store.close()
    holed.store.close()


def test_max_rows_is_a_draw_by_seed(project: EvaluatedProject) -> None:
    few = run(project, "evaluate.max_rows=20")
    assert len(few.rows) == 20
    assert few.rows == tuple(sorted(few.rows))
    assert few.rows != project.split.ids("test")[:20]


def test_without_a_tuned_model_base_and_prompt_are_compared(project: EvaluatedProject) -> None:
    file = project.file()
    result = evaluate(
        project.dataset, project.split, None, Project(file, project.store), models=project.models
    )
    assert result.arms == ("base", "prompted")
    assert findings(project)["T05"].status == "unchecked"


def test_no_held_out_rows_is_an_error_with_its_place(project: EvaluatedProject) -> None:
    empty = Dataset(id="e" * 64, rows=0, examples=project.store.put_examples([]), receipts="")
    with pytest.raises(DataError, match="no held-out rows"):
        evaluate(
            empty,
            project.split,
            None,
            Project(project.file(), project.store),
            models=project.models,
        )


def test_gates_that_no_model_could_be_held_to_are_refused_first(project: EvaluatedProject) -> None:
    with pytest.raises(TaskError, match="nats is better when smaller"):
        run(project, "gates=[{metric: nats, kind: gain, at_least: 0.1}]")
    with pytest.raises(TaskError, match="between 0 and 1"):
        run(project, "gates=[{metric: label, kind: level, at_least: 80}]")
    with pytest.raises(TaskError, match="not among the slices"):
        run(project, "gates=[{metric: label, kind: level, at_least: 0.8, slices: town}]")
    assert project.base.calls == 0


def test_progress_ends_at_its_total(project: EvaluatedProject) -> None:
    seen: list[tuple[int, int]] = []
    evaluate(
        project.dataset,
        project.split,
        project.version,
        Project(project.file(), project.store),
        models=project.models,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (720, 720)
    assert [d for d, _ in seen] == sorted(d for d, _ in seen)


# --- findings -------------------------------------------------------------------------------------


def test_findings_of_a_good_model(project: EvaluatedProject) -> None:
    run(project)
    found = findings(project)
    assert set(found) == {"E01", "E03", "E06", "E07", "E08", "E09", "E10", "E11", "T05"}
    assert {c: f.status for c, f in found.items()} == {
        "E01": "found",
        "T05": "clear",
        "E03": "clear",
        "E06": "clear",
        "E07": "clear",
        "E08": "unchecked",
        "E09": "clear",
        "E10": "clear",
        "E11": "clear",
    }
    assert "owner" in found["E01"].why


def test_no_gain_over_the_prompt_is_found(project: EvaluatedProject) -> None:
    project.tuned = FakeModel("tuned", 0.3, 3.0)
    run(project)
    assert findings(project)["T05"].status == "found"
    assert not findings(project)["T05"].blocking


def test_a_model_worse_than_its_prompt_blocks(project: EvaluatedProject) -> None:
    project.base = FakeModel("base", 0.9, 2.0)
    project.tuned = FakeModel("tuned", 0.2, 3.0)
    run(project)
    assert findings(project)["T05"].blocking
    slices = [f for f in findings_all(project) if f.code == "E06"]
    assert {f.slice for f in slices} == {"region=north", "region=south"}
    assert all(f.blocking and f.rows for f in slices)


def findings_all(project: EvaluatedProject) -> list[Finding]:
    last = project.store.last_run("evaluate")
    assert last is not None
    return list(last.findings)


def test_invented_numbers_are_found_with_their_spans(project: EvaluatedProject) -> None:
    project.tuned = FakeModel("tuned", 0.9, 2.0, say=lambda answer: f"{answer} Call 555777.")
    run(project)
    found = findings(project)["E07"]
    assert found.status == "found"
    assert found.spans
    assert found.spans[0]["type"] == "number"
    assert found.estimate is not None
    assert found.estimate.value == 1.0


def test_outdated_values_are_found(project: EvaluatedProject) -> None:
    (project.root / "facts.yaml").write_text(
        "facts: [{entity: the usual, attribute: number, value: 555 kWh}]", encoding="utf-8"
    )
    file = project.file(
        overrides=[
            "metrics=[{name: label}, {name: currency, options: {date: tags.day}}]",
            "gates=[]",
            "slices=[]",
        ]
    )
    rows = [
        e.model_copy(update={"tags": {"day": "2026-03-01"}})
        for e in project.store.examples(project.dataset)
    ]
    dataset = project.dataset.model_copy(update={"examples": project.store.put_examples(rows)})
    project.tuned = FakeModel(
        "tuned", 0.5, 2.0, say=lambda a: "The number is 556 kWh." if "cannot" in a else a
    )
    evaluate(
        dataset, project.split, project.version, Project(file, project.store), models=project.models
    )
    found = findings(project)["E08"]
    assert found.status == "found"
    assert 30 < len(found.rows) < 90
    assert found.estimate is not None
    assert found.estimate.value == pytest.approx(len(found.rows) / 120)


def test_a_worn_out_test_set_is_found(project: EvaluatedProject) -> None:
    for n in (40, 41, 42):
        run(project, "evaluate.max_looks=2", f"evaluate.max_new_tokens={n}")
    assert findings(project)["E09"].status == "found"
    assert findings(project)["E09"].blocking


def test_a_sample_too_small_says_how_many_rows_are_missing(tmp_path: Path) -> None:
    project = EvaluatedProject(tmp_path, test=16)
    run(project, "gates.0.at_least=0.4")
    small = [f for f in findings_all(project) if f.code == "E03"]
    assert small
    assert small[0].status == "found"
    assert "more held-out rows" in small[0].remedy
    project.store.close()


def test_a_judge_without_quota_leaves_the_rest_to_the_next_run(
    project: EvaluatedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fastapi")
    left = 50

    def fault(number: int, body: object) -> ServerFault | None:
        return None if number < left else ServerFault(429, code="insufficient_quota")

    server = FakeServer(AnyFake(lambda prompt: '{"reason": "", "verdict": "yes"}'), fault=fault)

    def opened(lazy: LazyModel) -> EndpointModel:
        policy = RequestPolicy(in_flight=1)
        client = server.client()
        return EndpointModel("judge", base_url=BASE_URL, policy=policy, http_client=client)

    monkeypatch.setattr(LazyModel, "_open", opened)
    settings = [
        "metrics=[{name: label}, {name: useful, options: "
        "{metric: judge, model: m, question: 'Is it?'}}]",
        "gates=[]",
    ]

    def judged() -> tuple[int, int]:
        scores = project.store.get_value(run(project, *settings).scores, list[Score])
        values = [s.value for s in scores if s.metric == "useful"]
        return len(values), sum(isinstance(value, Unscored) for value in values)

    # Arms that say the same of a row share a verdict.
    rows, unscored = judged()
    assert rows == 360
    assert 100 < unscored <= 360 - left
    generated = project.tuned.calls
    left = 10_000
    assert judged() == (360, 0)
    assert project.tuned.calls == generated
    # Now it is whole, and taken over as it is; it was one look at the test set.
    asked = len(server.requests)
    assert judged() == (360, 0)
    assert len(server.requests) == asked
    assert findings(project)["E09"].status == "clear"
