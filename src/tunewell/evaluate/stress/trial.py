"""What becomes of held-out rows under stress: paired failure rates, and the rows that fail."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tunewell.evaluate.lookup import by_name, ids_of
from tunewell.evaluate.stress.label_preservation import discounted, preserved_share
from tunewell.evaluate.stress.perturbations import Perturbation
from tunewell.evaluate.stress.recordings import is_silent
from tunewell.evaluate.stress.result import Endured
from tunewell.evaluate.table import Table, table_of
from tunewell.metrics import Metric
from tunewell.stats import holm_adjusted
from tunewell.task import TaskFile
from tunewell.types import (
    Estimate,
    Example,
    Judgement,
    MetricInfo,
    Prediction,
    Score,
    Unscored,
    by_id,
)

FAILURE = MetricInfo(name="failure", title="failed", bigger_is_better=False)


@dataclass(frozen=True)
class Answered:
    """One answer, held against its row.

    Attributes:
        failed: 1 if it fails, 0 if not, NaN if unscored.
        value: Of the metric, NaN if unscored.
    """

    failed: float
    value: float


@dataclass(frozen=True)
class Trial:
    """The clean rows and what counts as a failure.

    Attributes:
        file: The definition.
        rows: The clean rows.
        families: Family of each.
        metric: Decides what a failure is.
        passing: Values below it (above, where smaller is better) are failures.
    """

    file: TaskFile
    rows: Sequence[Example]
    families: Sequence[str]
    metric: Metric
    passing: float

    @property
    def level(self) -> float:
        """The confidence that the project asks for."""
        return self.file.spec.evaluate.level

    @cached_property
    def family(self) -> Mapping[str, str]:
        """Id of a clean row to its family."""
        return dict(zip(ids_of(self.rows), self.families, strict=True))

    def perturb(self, kind: Perturbation, seed: int) -> dict[str, Example]:
        """Clean row to perturbed row, where the kind applies and the metric can measure it."""
        perturbed: dict[str, Example] = {}
        for row in self.rows:
            changed = kind(row, seed=seed)
            if changed is None:
                continue
            if is_silent(changed) or not self.metric.applies(changed):
                perturbed[row.id] = changed
        return perturbed

    def judge(
        self, prediction: Prediction, example: Example, guards: Sequence[str] = ()
    ) -> Answered:
        """Hold an answer against its row; one that holds a guard's text fails.

        Where nobody speaks, any word fails.
        """
        if is_silent(example):
            heard = bool(prediction.text.strip())
            worst = self.metric.info.low if self.metric.info.bigger_is_better else 1.0
            return Answered(float(heard), worst if heard else self.passing)
        said = prediction.text.casefold()
        if any(guard.casefold() in said for guard in guards):
            return Answered(1.0, self.metric.info.low)
        value = self.metric.score(prediction, example, task=self.file.spec).value
        if isinstance(value, Unscored):
            return Answered(math.nan, math.nan)
        if self.metric.info.bigger_is_better:
            return Answered(float(value < self.passing), value)
        return Answered(float(value > self.passing), value)

    def under(
        self,
        kind: Perturbation,
        perturbed: Mapping[str, Example],
        answers: Mapping[str, Prediction],
    ) -> Endurance:
        """One kind of stress against the clean rows.

        Args:
            kind: Of stress.
            perturbed: Clean row to perturbed row.
            answers: Of the clean and the perturbed rows, by id.
        """
        rows = by_id(self.rows)
        clean: dict[str, Answered] = {}
        stressed: dict[str, Answered] = {}
        for row, changed in perturbed.items():
            clean[row] = self.judge(answers[row], rows[row])
            stressed[row] = self.judge(answers[changed.id], changed, kind.guards)
        return Endurance(self, kind, perturbed, clean, stressed)


@dataclass(frozen=True)
class Endurance:
    """The same rows clean and under one kind of stress.

    Attributes:
        trial: What counts as a failure.
        kind: Of stress.
        perturbed: Clean row to perturbed row.
        clean: Clean row to its answer, judged.
        stressed: Clean row to the answer of its perturbed row, judged.
    """

    trial: Trial
    kind: Perturbation
    perturbed: Mapping[str, Example]
    clean: Mapping[str, Answered]
    stressed: Mapping[str, Answered]

    @cached_property
    def table(self) -> Table:
        """Failures of the rows, ``clean`` and ``stressed``."""
        scores = []
        for arm, answered in (("clean", self.clean), ("stressed", self.stressed)):
            scores += [_failure(row, arm, answered[row]) for row in self.perturbed]
        families = [self.trial.family[row] for row in self.perturbed]
        return table_of(
            scores,
            rows=list(self.perturbed),
            metrics=[FAILURE],
            clusters=families,
        )

    @cached_property
    def increase(self) -> Estimate | None:
        """Of the failure rate; None where it applies to fewer than two families."""
        if not self.perturbed:
            return None
        return self.table.compare("stressed", "clean", "failure", level=self.trial.level)

    @cached_property
    def broken(self) -> list[Example]:
        """The perturbed rows that fail while the clean row does not, worst loss first."""

        def loss(row: str) -> float:
            return abs(self.stressed[row].value - self.clean[row].value)

        broken = []
        for row in self.perturbed:
            if self.stressed[row].failed == 1.0 and self.clean[row].failed == 0.0:
                broken.append(row)
        broken.sort(key=loss, reverse=True)
        return [self.perturbed[row] for row in broken]

    def endured(self, increase: Estimate, said: Sequence[Judgement]) -> Endured:
        """The result, with what people say of the perturbed rows.

        Args:
            increase: Of the failure rate.
            said: Everybody's words on whether perturbed rows keep their answer.
        """
        level = self.trial.level
        families = {e.id: self.trial.family[row] for row, e in self.perturbed.items()}
        looked = [j for j in said if j.example in families]
        preserved, label = preserved_share(looked, families, level=level)
        if preserved is not None:
            increase = discounted(increase, preserved)

        clean = self.table.level("clean", "failure", level=level)
        stressed = self.table.level("stressed", "failure", level=level)
        assert clean is not None
        assert stressed is not None
        return Endured(
            name=self.kind.name,
            about=self.kind.about,
            effect=self.kind.effect,
            rows=len(self.perturbed),
            clean=clean,
            stressed=stressed,
            increase=increase,
            preserved=preserved,
            label=label,
            p_value=self.table.p_value("stressed", "clean", "failure"),
            worst=tuple(ids_of(self.broken)),
        )


def _failure(row: str, arm: str, answered: Answered) -> Score:
    value: float | Unscored = answered.failed
    if math.isnan(answered.failed):
        value = Unscored(reason="no value")
    return Score(
        example=row,
        arm=arm,
        metric="failure",
        value=value,
    )


def with_adjusted(found: Sequence[Endured]) -> tuple[Endured, ...]:
    """p-values corrected for the number of perturbations that count.

    None for those that do not keep the answer.
    """
    counted = [e for e in found if e.label != "not kept"]
    p_values = [1.0 if e.p_value is None else e.p_value for e in counted]
    adjusted = dict(zip(by_name(counted), holm_adjusted(p_values), strict=True))
    return tuple(e.model_copy(update={"adjusted": adjusted.get(e.name)}) for e in found)
