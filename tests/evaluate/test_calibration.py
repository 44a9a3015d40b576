from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.evaluate.conftest import EvaluatedProject, FakeModel, gold
from tunewell.evaluate import evaluate
from tunewell.evaluate.calibration import Calibration
from tunewell.model.base import Progress, TargetScore
from tunewell.project import Project
from tunewell.types import Message, ModelVersion

BRIER = ["metrics=[{name: label, options: {pattern: '^\\[(.+?)\\]'}}, {name: brier}]", "gates=[]"]


class Sure(FakeModel):
    """Says with one probability, whatever it answers."""

    sure = 0.9

    def score(
        self,
        prompts: Sequence[tuple[Message, ...]],
        targets: Sequence[str],
        *,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[TargetScore]:
        return [TargetScore(nats=-math.log(self.sure), tokens=6) for _ in targets]


def test_every_arm_gets_brier_error_curve_and_overconfidence(project: EvaluatedProject) -> None:
    base, tuned = Sure("base", 0.3, 0.0), Sure("tuned", 0.9, 0.0)

    def models(version: ModelVersion | None) -> FakeModel:
        return tuned if version else base

    made = evaluate(
        project.dataset,
        project.split,
        project.version,
        Project(project.file(overrides=BRIER), project.store),
        models=models,
    )
    found = {c.arm: c for c in project.store.get_value(made.calibration, list[Calibration])}
    assert set(found) == {"base", "prompted", "tuned"}
    right = np.mean(
        [
            base._luck((Message(role="user", content=f"Customer #{i} asks about the usual."),))
            < 0.3
            for i in range(120)
        ]
    )
    assert found["base"].overconfidence.value == pytest.approx(0.9 - right)
    assert found["base"].overconfidence.low > 0.4
    assert found["base"].error.low > found["base"].chance
    assert found["tuned"].overconfidence.low < 0 < found["tuned"].overconfidence.high
    assert found["tuned"].error.low == 0
    assert len(found["base"].curve) == 1  # one confidence, one bin
    level = {(x.arm, x.metric): x.estimate for x in made.levels if not x.slice}
    assert level["base", "brier"].value == pytest.approx(right * 0.01 + (1 - right) * 0.81)
    brier = found["base"].brier
    assert brier is not None
    assert brier.value == level["base", "brier"].value
    difference = next(
        c for c in made.comparisons if (c.arm, c.against, c.metric) == ("tuned", "base", "brier")
    )
    assert difference.estimate.high < 0


def test_without_the_metric_nothing_is_asked_for(project: EvaluatedProject) -> None:
    made = evaluate(
        project.dataset,
        project.split,
        project.version,
        Project(project.file(), project.store),
        models=project.models,
    )
    assert made.calibration == ""
    assert gold("Customer #1 asks").startswith("[outage]")
