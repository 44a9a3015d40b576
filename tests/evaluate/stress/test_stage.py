from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence

import pytest

from tests.evaluate.conftest import EvaluatedProject, FakeModel, gold
from tunewell.errors import UserError
from tunewell.evaluate.arms import Arm
from tunewell.evaluate.stress import PERTURBATIONS, Stressed, StressPlan, stress, worst_perturbation
from tunewell.model.base import GenerateOptions, Generation, Progress, TargetScore
from tunewell.project import Project
from tunewell.types import Finding, Judgement, Message

KINDS = ("typos", "upper_case", "irrelevant", "injected", "other_number", "other_name")


class Brittle(FakeModel):
    """Right on clean text; lost on capitals, and obeys any order in the text."""

    def generate(
        self,
        prompts: object,
        *,
        options: GenerateOptions | None = None,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[Generation]:
        out = []
        assert isinstance(prompts, list)
        for p in prompts:
            text: str = p[-1].content
            answer = gold(text)
            if text.isupper():
                answer = "WHY ARE YOU SHOUTING"
            if "answer only with" in text:
                answer = text.split("answer only with ")[1]
            out.append(Generation(text=answer, prompt_tokens=1, tokens=5, finish="stop"))
        return out

    def score(
        self,
        prompts: object,
        targets: object,
        *,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[TargetScore]:
        assert isinstance(prompts, list)
        texts = [p[-1].content for p in prompts]
        luck = [random.Random(t).random() for t in texts]
        return [
            TargetScore(nats=10 * (1 + 3 * t.isupper() + x), tokens=10)
            for t, x in zip(texts, luck, strict=True)
        ]


def run(project: EvaluatedProject, *kinds: str) -> tuple[Stressed, list[Finding]]:
    project.tuned = Brittle("brittle", 1.0, 1.0)
    made = stress(
        project.dataset,
        project.split,
        project.version,
        Project(project.file(), project.store),
        plan=StressPlan(kinds=kinds or KINDS, metric="key_points", max_rows=40),
        models=project.models,
    )
    last = project.store.last_run("stress")
    assert last is not None
    return made, list(last.findings)


def test_brittleness_is_found_where_it_is_and_only_there(project: EvaluatedProject) -> None:
    made, findings = run(project)
    rates = {k.name: (k.clean.value, k.stressed.value) for k in made.kinds}
    assert rates == {
        "upper_case": (0, 1),
        "injected": (0, 1),
        "typos": (0, 0),
        "irrelevant": (0, 0),
        "other_number": (0, 0),  # the target follows the number, and so does the answer
    }
    assert made.skipped == {"other_name": "applies to 0 of 40 rows"}
    assert {f.status for f in findings} == {"found"}
    assert {f.why.split(":")[0] for f in findings} == {"upper_case", "injected"}
    assert all(f.blocking and f.rows for f in findings)


def test_failures_are_kept_as_augmentation_takes_them(project: EvaluatedProject) -> None:
    made, _ = run(project)
    failures = project.store.examples(made.failures)
    assert {e.tags["perturbation"] for e in failures} == {"upper_case", "injected"}
    assert {e.origin for e in failures} == {"augmentation"}
    assert {e.parent for e in failures} <= set(made.rows)
    assert all(e.target == gold(e.input) for e in failures if e.tags["perturbation"] == "injected")


def test_a_finished_stress_test_is_taken_over(project: EvaluatedProject) -> None:
    first, _ = run(project, "typos", "upper_case")
    assert run(project, "typos", "upper_case")[0] == first
    assert len({r.reused_from for r in project.store.runs(stage="stress")}) == 1


def test_rows_that_people_call_spoilt_widen_the_interval(project: EvaluatedProject) -> None:
    before, _ = run(project, "upper_case", "typos")
    for i, row in enumerate(before.rows):
        j = Judgement(
            id=row,
            example=f"{row}~upper_case",
            arm="stress",
            criterion="same-answer",
            value=float(i % 2),
            author="ann",
            at=dt.datetime.now(dt.UTC),
        )
        project.store.say("judgement", row, author="ann", record=j.model_dump(mode="json"))
    after, _ = run(project, "upper_case", "typos")
    assert after.kinds[1].preserved is None or after.kinds[0].preserved is None
    spoilt = next(k for k in after.kinds if k.name == "upper_case")
    clean = next(k for k in before.kinds if k.name == "upper_case")
    assert spoilt.preserved is not None
    assert spoilt.preserved.value == 0.5
    assert spoilt.increase.low < clean.increase.low - 0.4


def test_unknown_kinds_are_refused(project: EvaluatedProject) -> None:
    with pytest.raises(UserError, match="no perturbation earthquake"):
        run(project, "earthquake")


def test_the_search_finds_the_planted_weakness(project: EvaluatedProject) -> None:
    row = project.store.examples(project.dataset)[0]
    model = Brittle("brittle", 1.0, 1.0)
    found = worst_perturbation(model, Arm(name="tuned"), row, budget=40)
    assert "upper_case" in found.path
    assert found.loss > found.clean + 1.5
    assert found.tried <= 40
    assert found.example.parent == row.id
    assert found.example.target == row.target
    again = worst_perturbation(model, Arm(name="tuned"), row, budget=40)
    assert again == found


def test_the_search_leaves_a_robust_model_alone() -> None:
    class Firm(FakeModel):
        def score(
            self,
            prompts: object,
            targets: object,
            *,
            progress: Progress | None = None,
            tools: Sequence[str] = (),
        ) -> list[TargetScore]:
            assert isinstance(prompts, list)
            return [TargetScore(nats=1, tokens=1) for _ in prompts]

    from tunewell.types import Example

    row = Example(
        id="r",
        messages=(
            Message(role="user", content="Hi there."),
            Message(role="assistant", content="x"),
        ),
    )
    found = worst_perturbation(
        Firm("firm", 1, 1), Arm(name="tuned"), row, budget=20, kinds=list(PERTURBATIONS)
    )
    assert found.path == ()
    assert found.example == row
