"""People's verdicts feed the gates, and only for the very outputs that were judged."""

from __future__ import annotations

import pytest

from tests.evaluate.conftest import EvaluatedProject, FakeModel, project
from tunewell.evaluate import decide, evaluate
from tunewell.people import Item, Said, WorkStore
from tunewell.project import Project
from tunewell.review import ReviewPlan, open_review
from tunewell.types import Evaluation, Verdict

__all__ = ["project"]
RUBRIC = "people={approve: [owner], raters: 2, rubric: [{name: useful, question: 'Is it useful?'}]}"
GATE = "gates=[{metric: useful, kind: gain, at_least: 0.1, against: base, people: required}]"


def evaluated(project: EvaluatedProject) -> Evaluation:
    file = project.file(overrides=(RUBRIC, GATE))
    return evaluate(
        project.dataset,
        project.split,
        project.version,
        Project(file, project.store),
        models=project.models,
    )


def verdict(project: EvaluatedProject) -> Verdict:
    file = project.file(overrides=(RUBRIC, GATE))
    project.approve(file)
    return decide(evaluated(project), Project(file, project.store), [])


def judge(project: EvaluatedProject, *, rows: int, good: bool) -> None:
    """Two people judge: an answer with a label is useful, "I cannot say" is not (or vice versa)."""
    file = project.file(overrides=(RUBRIC, GATE))
    found = evaluated(project)
    examples = project.store.examples(project.dataset, ids=found.rows)
    plan = ReviewPlan(author="owner", arms=("base", "tuned"), rows=rows, title="t")
    batch = open_review(Project(file, project.store), found, examples, plan)
    book = WorkStore(project.store)
    book.share(batch, ["ann", "bob"])

    def useful(item: Item) -> float:
        return float(("cannot say" in item.output) != good)

    for person in ("ann", "bob"):
        for item in book.next_items(batch.id, person, limit=10_000):
            said = Said(scores={"useful": useful(item)})
            book.write(said, item=item, batch=batch, account=person, key=item.id)


@pytest.mark.parametrize(("good", "outcome"), [(True, "GO"), (False, "NO-GO")])
def test_people_decide_a_gate(project: EvaluatedProject, good: bool, outcome: str) -> None:
    assert verdict(project).outcome == "INCONCLUSIVE"
    judge(project, rows=100, good=good)
    found = verdict(project)
    assert found.criteria[0].outcome == outcome, found.why


def test_verdicts_on_other_outputs_do_not_count(project: EvaluatedProject) -> None:
    judge(project, rows=100, good=True)
    assert verdict(project).outcome == "GO"
    project.tuned = FakeModel("tuned", 0.31, 2.0)
    project.version = project.version.model_copy(update={"adapter": "0" * 64})
    assert verdict(project).criteria[0].outcome == "INCONCLUSIVE"
