"""Whether each arm's confidence can be believed: calibration error and the reliability_curve curve.

Beside the Brier score, which is an ordinary metric (`tunewell.metrics.brier`), so that arms
are compared by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from tunewell.evaluate.lookup import by_name, present
from tunewell.evaluate.metric_kinds import metrics_of_kind, options_of
from tunewell.evaluate.scored_arms import ScoredArms
from tunewell.metrics import Metric
from tunewell.metrics.brier import BrierOptions, confidence_of
from tunewell.stats.calibration import Reliability, reliability_curve
from tunewell.types import Estimate, Prediction, Unscored

FEWEST: Final = 30
"""Fewer answers than this show no calibration."""


class Calibration(Reliability):
    """One arm's confidence against how right it is.

    Attributes:
        arm: Who answered.
        metric: Name of the ``brier`` metric.
        brier: Mean squared distance.
        unknown: Answers whose confidence is not known (cut off, or not scored); they are left out
            of all but ``brier``.
    """

    arm: str = ""
    metric: str = ""
    brier: Estimate | None = None
    unknown: int = 0


def calibrations(measured: ScoredArms) -> Iterator[Calibration]:
    """The calibration of every arm by every ``brier`` metric of the task; nothing without one.

    Args:
        measured: The answers of all arms, with their ``nats``.
    """
    metrics = by_name(measured.metrics)
    for spec in metrics_of_kind(measured.file, "brier"):
        if spec.name not in metrics:
            continue
        options = BrierOptions.model_validate(options_of(spec))
        rater = _Rater(measured, options, rightness=metrics[options.of])
        yield from present(rater.calibration(arm, spec.name) for arm in measured.table.arms)


@dataclass(frozen=True)
class _Rater:
    """Pairs the confidence of answers with how right they are."""

    measured: ScoredArms
    options: BrierOptions
    rightness: Metric

    def calibration(self, arm: str, metric: str) -> Calibration | None:
        """One arm's; None with too few answers."""
        table = self.measured.table
        family = dict(zip(table.rows, table.families, strict=True))
        answers = self.measured.answers(arm)
        pairs: list[tuple[float, float]] = []
        groups: list[str] = []
        for row, answer in answers.items():
            pair = self._pair(answer)
            if pair is not None:
                pairs.append(pair)
                groups.append(family[row])
        if len(pairs) < FEWEST:
            return None

        sure, right = np.array(pairs).T
        found = reliability_curve(
            sure,
            right,
            clusters=groups,
            level=self.measured.level,
            seed=self.measured.file.spec.split.seed,
        )
        brier = None
        if table.has(arm, metric):
            brier = table.level(arm, metric, level=self.measured.level)
        return Calibration(
            **dict(found),
            arm=arm,
            metric=metric,
            brier=brier,
            unknown=len(answers) - len(pairs),
        )

    def _pair(self, answer: Prediction) -> tuple[float, float] | None:
        """(confidence, rightness); None where either is not known."""
        sure = confidence_of(answer, self.options.per)
        if isinstance(sure, Unscored):
            return None
        row = self.measured.examples[answer.example]
        right = self.rightness(answer.text, row, task=self.measured.file.spec)
        if isinstance(right, Unscored):
            return None
        return sure, right.value
