from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from tests.evaluate.conftest import EvaluatedProject
from tunewell.evaluate import decide
from tunewell.evaluate.judge_validation import judge_findings, validate_judge
from tunewell.project import Project
from tunewell.types import Evaluation, Judgement, MetricInfo, Score, Verdict

USEFUL = MetricInfo(name="useful", title="useful", own=True)


def pair(n: int, right: float, seed: int = 0) -> tuple[list[float], list[float]]:
    rng = np.random.default_rng(seed)
    human = (rng.random(n) < 0.6).astype(float)
    judge = np.where(rng.random(n) < right, human, 1 - human)
    return judge.tolist(), human.tolist()


@pytest.mark.parametrize(
    ("n", "right", "standing"),
    [(20, 1.0, "open"), (200, 0.95, "validated"), (400, 0.5, "refuted"), (40, 0.72, "open")],
)
def test_standing(n: int, right: float, standing: str) -> None:
    found = validate_judge(USEFUL, *pair(n, right))
    assert found.standing == standing
    assert bool(found.needs) == (standing == "open")


def test_an_unscored_verdict_is_a_wrong_one() -> None:
    judge, human = pair(200, 1.0)
    holed = [float("nan") if i % 2 else v for i, v in enumerate(judge)]
    found = validate_judge(USEFUL, holed, human)
    assert found.agreement is not None
    assert found.agreement.value == pytest.approx(0.5, abs=0.1)


def test_a_judge_that_is_often_silent_is_not_validated() -> None:
    judge, human = pair(400, 0.97)
    for every, standing in ((50, "validated"), (12, "open")):
        holed = [float("nan") if i % every == 0 else v for i, v in enumerate(judge)]
        found = validate_judge(USEFUL, holed, human)
        assert found.standing == standing, found
        (e02,) = judge_findings({"useful": found}, {"useful": "8 of 8: 429 quota"})
        assert "429 quota" in e02.why
        assert (e02.status == "clear") == (standing == "validated")


def test_grades_are_held_by_rank_correlation() -> None:
    rng = np.random.default_rng(0)
    human = rng.integers(1, 6, 150).astype(float)
    judge = np.clip(human + rng.integers(-1, 2, 150), 1, 5)
    info = MetricInfo(name="clarity", title="clarity", low=1, high=5)
    assert validate_judge(info, judge.tolist(), human.tolist()).standing == "validated"
    assert (
        validate_judge(info, rng.permutation(judge).tolist(), human.tolist()).standing == "refuted"
    )


# --- a gate on what a model judges ----------------------------------------------------------------

GATE = [
    "metrics=[{name: useful, options: {metric: judge, model: m}}]",
    "people={approve: [owner], raters: 1, rubric: [{name: useful, question: 'Is it useful?'}]}",
    "gates=[{metric: useful, kind: level, at_least: 0.6}]",
    "slices=[]",
]


def judged(project: EvaluatedProject, *, truth: float, lenient: float, spoken: int) -> Verdict:
    """A judge that passes some of what people fail.

    People have spoken on ``spoken`` of the rows.
    """
    file = project.file(overrides=GATE)
    project.approve(file)
    rows = project.split.ids("test")
    rng = np.random.default_rng(0)
    people = rng.random(len(rows)) < truth
    judge = people | (rng.random(len(rows)) < lenient)
    scores = [
        Score(example=r, arm="tuned", metric="useful", value=float(j))
        for r, j in zip(rows, judge, strict=True)
    ]
    made = Evaluation(
        arms=("tuned",),
        rows=rows,
        metrics=(USEFUL,),
        predictions="p" * 64,
        scores=project.store.put_value(scores),
        levels=(),
        comparisons=(),
    )
    for row, good in list(zip(rows, people, strict=True))[:spoken]:
        j = Judgement(
            id=row,
            example=row,
            arm="tuned",
            criterion="useful",
            value=float(good),
            author="ann",
            at=dt.datetime.now(dt.UTC),
        )
        project.store.say("judgement", row, author="ann", record=j.model_dump(mode="json"))
    return decide(made, Project(file, project.store), [])


def test_until_people_have_spoken_a_judge_opens_no_gate(project: EvaluatedProject) -> None:
    found = judged(project, truth=0.9, lenient=0.1, spoken=0)
    assert found.outcome == "INCONCLUSIVE"
    assert "not validated" in found.criteria[0].why
    assert "30 more outputs" in found.criteria[0].needs
    assert next(f for f in found.findings if f.code == "E02").status == "found"


def test_a_validated_judge_opens_it(project: EvaluatedProject) -> None:
    found = judged(project, truth=0.8, lenient=0.05, spoken=80)
    assert next(f for f in found.findings if f.code == "E02").status == "clear"
    assert found.outcome == "GO", found.why


def test_a_lenient_judge_is_corrected_by_people(project: EvaluatedProject) -> None:
    """The judge alone would say .75; people, who have spoken on two thirds, say .5."""
    found = judged(project, truth=0.5, lenient=0.4, spoken=100)
    (criterion,) = found.criteria
    assert found.outcome != "GO"
    if criterion.estimate is not None:
        assert criterion.estimate.value == pytest.approx(0.5, abs=0.1)
