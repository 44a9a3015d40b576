from __future__ import annotations

import numpy as np
import pytest

from tests.evaluate.conftest import KINDS, EvaluatedProject, gold
from tunewell.evaluate import evaluate
from tunewell.evaluate.classes import Classes, class_figures, label_metrics
from tunewell.evaluate.scored_arms import ScoredArms, score_all
from tunewell.metrics import build_metrics
from tunewell.project import Project
from tunewell.types import Example, Message, Prediction, Score, references_tag


def made(project: EvaluatedProject) -> Classes:
    # The tuned model calls every outage a bill.
    project.tuned._say = lambda a: a.replace("[outage]", "[billing]")
    project.tuned.right = 1.0
    found = evaluate(
        project.dataset,
        project.split,
        project.version,
        Project(project.file(), project.store),
        models=project.models,
    )
    return project.store.get_value(found.classes, Classes)


def test_every_class_of_every_arm_with_what_it_was_confused_with(project: EvaluatedProject) -> None:
    classes = made(project)
    by = {(f.arm, f.label): f for f in classes.figures}
    assert {label for _, label in by} == set(KINDS)
    outage, billing = by["tuned", "outage"], by["tuned", "billing"]
    assert outage.recall is not None
    assert outage.recall.value == 0
    assert outage.confused == {"billing": 30}
    assert (outage.named, outage.precision) == (0, None)
    assert billing.precision is not None
    assert billing.precision.value == 0.5
    assert billing.recall is not None
    assert billing.recall.value == 1
    assert "one of 4 classes" in billing.recall.method
    assert billing.recall.level == pytest.approx(1 - 0.05 / 4)
    assert classes.worst("tuned", most=1)[0].label == "outage"
    macro = {arm: e for arm, _, e in classes.macro}
    assert macro["tuned"].value == pytest.approx((2 / 3 + 0 + 1 + 1) / 4)
    assert macro["tuned"].low <= macro["tuned"].value <= macro["tuned"].high


def test_differences_by_class_are_corrected_for_their_number(project: EvaluatedProject) -> None:
    classes = made(project)
    changes = {c.label: c for c in classes.changes if (c.arm, c.against) == ("tuned", "base")}
    assert set(changes) == set(KINDS)
    assert changes["outage"].recall.high < 0  # the base names some of them
    assert changes["meter"].recall.low > 0
    for c in changes.values():
        assert c.p_value <= c.adjusted <= 1


def test_figures_are_those_of_the_contingency_table(project: EvaluatedProject) -> None:
    rng = np.random.default_rng(0)
    names = ["a", "b", "c"]
    truth, said = (rng.choice(names, 300) for _ in range(2))
    rows = [
        Example(
            id=f"{i}",
            messages=(Message(role="user", content="q"), Message(role="assistant", content=str(t))),
        )
        for i, t in enumerate(truth)
    ]
    file = project.file(overrides=["metrics=[{name: label}]", "gates=[]"])
    predictions = [Prediction(example=f"{i}", arm="tuned", text=str(s)) for i, s in enumerate(said)]
    scores = [
        Score(example=f"{i}", arm="tuned", metric="label", value=float(t == s))
        for i, (t, s) in enumerate(zip(truth, said, strict=True))
    ]
    metrics = build_metrics(file)
    answers = ScoredArms(
        file=file,
        metrics=metrics,
        infos=tuple(m.info for m in metrics),
        rows=rows,
        families=(),
        predictions=predictions,
        scores=scores,
    )
    found = class_figures(answers)
    assert found is not None
    counts = np.array([[int(((truth == a) & (said == b)).sum()) for b in names] for a in names])
    precision, recall = np.diag(counts) / counts.sum(0), np.diag(counts) / counts.sum(1)
    f1 = 2 * precision * recall / (precision + recall)
    for i, f in enumerate(found.figures):
        assert f.precision is not None
        assert f.recall is not None
        assert f.f1 is not None
        assert (f.precision.value, f.recall.value, f.f1.value) == pytest.approx(
            (precision[i], recall[i], f1[i])
        )
        assert f.f1.low <= f.f1.value <= f.f1.high
    assert found.macro[0][2].value == pytest.approx(float(np.mean(f1)))


def test_failed_answers_widen_recall_and_tasks_without_labels_have_no_classes(
    project: EvaluatedProject,
) -> None:
    file = project.file(overrides=["metrics=[{name: must_not}]", "gates=[]"])
    assert label_metrics(file) == {}
    found = evaluate(
        project.dataset, project.split, None, Project(file, project.store), models=project.models
    )
    assert found.classes == ""
    labels = project.file()
    rows = project.store.examples(project.dataset, ids=project.split.ids("test"))[:40]
    predictions = [
        Prediction(
            example=e.id, arm="base", text=gold(e.input), finish="error" if i < 8 else "stop"
        )
        for i, e in enumerate(rows)
    ]
    metrics = build_metrics(labels)
    answers = ScoredArms(
        file=labels,
        metrics=metrics,
        infos=tuple(m.info for m in metrics),
        rows=rows,
        families=(),
        predictions=predictions,
        scores=score_all(predictions, rows, metrics, labels),
    )
    figures = class_figures(answers)
    assert figures is not None
    recall = figures.figures[0].recall
    assert recall is not None
    assert recall.value == 1
    assert "missing bounded" in recall.method
    assert recall.low < 0.6


def test_a_row_with_several_right_labels_counts_for_the_one_that_was_named(
    project: EvaluatedProject,
) -> None:
    file = project.file(overrides=["metrics=[{name: label}]", "gates=[]"])
    right = [["billing", "payment"], ["billing", "payment"], ["billing"], ["outage"]] * 3
    said = ["payment", "Billing", "payment", "outage"] * 3
    rows = [
        Example(
            id=f"{i}",
            messages=(
                Message(role="user", content="q"),
                Message(role="assistant", content=labels[0]),
            ),
            tags=references_tag(labels),
        )
        for i, labels in enumerate(right)
    ]
    predictions = [Prediction(example=f"{i}", arm="tuned", text=t) for i, t in enumerate(said)]
    metrics = build_metrics(file)
    answers = ScoredArms(
        file=file,
        metrics=metrics,
        infos=tuple(m.info for m in metrics),
        rows=rows,
        families=(),
        predictions=predictions,
        scores=score_all(predictions, rows, metrics, file),
    )
    found = class_figures(answers)
    assert found is not None
    by = {f.label: f for f in found.figures}
    assert {label: f.gold for label, f in by.items()} == {"billing": 6, "outage": 3, "payment": 3}
    recalls = {label: f.recall.value for label, f in by.items() if f.recall}
    assert recalls == {"billing": 0.5, "outage": 1.0, "payment": 1.0}
    assert by["payment"].precision is not None
    assert by["payment"].precision.value == 0.5
    # Twelve rows, nine right: as many as the metric says.
    assert sum(score.value == 1.0 for score in answers.scores) == 9
    assert sum(f.gold * f.recall.value for f in by.values() if f.recall) == 9
    assert found.macro[0][2].value == pytest.approx((2 / 3 + 1 + 2 / 3) / 3)
