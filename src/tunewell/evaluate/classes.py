"""Label accuracy class by class: precision, recall and F1 with intervals that hold together.

Every interval is at a level corrected for the number of classes (Bonferroni): with the confidence
of the project all of an arm's recalls hold at once, and so do its precisions and its F1s.
Differences between arms carry p-values that are corrected by Holm's method over the classes.

A row with several right labels counts for the one that the answer names, else for the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewell.evaluate.comparisons import tested_together
from tunewell.evaluate.metric_kinds import metrics_of_kind, options_of
from tunewell.evaluate.metric_values import Mask
from tunewell.evaluate.scored_arms import ScoredArms
from tunewell.metrics.label import LabelOptions
from tunewell.metrics.reasoning import is_only_reasoning
from tunewell.stats import bonferroni_level, f1_of_overlap, macro_f1, mean
from tunewell.stats.macro_f1 import NO_CLASS
from tunewell.task import TaskFile
from tunewell.types import Estimate, Prediction, Value

Labels = NDArray[np.object_]
_MOST_CONFUSED: Final = 3
_FEWEST_FAMILIES: Final = 3


class ClassFigure(Value):
    """One class for one arm.

    Attributes:
        arm: Who answered.
        metric: Name of the label metric.
        label: The class.
        gold: How many rows are of it.
        named: How many answers name it.
        precision: Of the answers that name it, the share that is right; None if none does.
        recall: Of the rows that are of it, the share that is named so; None if there is none.
        f1: Their harmonic mean; None without rows and answers.
        confused: What its rows were called instead, commonest first (``""``: no label).
    """

    arm: str
    metric: str
    label: str
    gold: int
    named: int
    precision: Estimate | None = None
    recall: Estimate | None = None
    f1: Estimate | None = None
    confused: Mapping[str, int] = {}


class ClassChange(Value):
    """Paired difference in recall of one class.

    Its p-value is corrected for the number of classes (Holm).
    """

    arm: str
    against: str
    metric: str
    label: str
    recall: Estimate
    p_value: float
    adjusted: float


def _recall_at_best(figure: ClassFigure) -> tuple[float, float]:
    assert figure.recall is not None
    return figure.recall.high, figure.recall.value


class Classes(Value):
    """All classes of all arms.

    Attributes:
        figures: By arm and class.
        macro: F1 averaged over the classes, as (arm, metric, estimate).
        changes: Differences in recall between arms.
    """

    figures: tuple[ClassFigure, ...]
    macro: tuple[tuple[str, str, Estimate], ...] = ()
    changes: tuple[ClassChange, ...] = ()

    def worst(self, arm: str, *, most: int = 3) -> tuple[ClassFigure, ...]:
        """The classes of an arm whose recall is lowest, by the upper end of the interval."""
        known = [f for f in self.figures if f.arm == arm and f.recall is not None]
        return tuple(sorted(known, key=_recall_at_best)[:most])


def label_metrics(file: TaskFile) -> dict[str, LabelOptions]:
    """The label metrics of a task with their options."""
    found: dict[str, LabelOptions] = {}
    for spec in metrics_of_kind(file, "label"):
        options = options_of(spec)
        if "python" in options:
            continue
        found[spec.name] = LabelOptions.model_validate(options)
    return found


def class_figures(measured: ScoredArms, *, pairs: Sequence[tuple[str, str]] = ()) -> Classes | None:
    """Precision, recall and F1 of every class for every arm; None without a label metric.

    Args:
        measured: The answers of all arms.
        pairs: Which arms to compare, as (arm, against).
    """
    figures: list[ClassFigure] = []
    macro: list[tuple[str, str, Estimate]] = []
    changes: list[ClassChange] = []
    for metric, options in label_metrics(measured.file).items():
        if metric not in measured.table.metrics:
            continue
        labelled = _Labelled(measured, metric, options)
        for arm in measured.table.arms:
            if not measured.table.has(arm, metric):
                continue
            answers = labelled.answers(arm)
            figures += answers.figures()
            macro += [(arm, metric, average) for average in answers.macro()]
        for arm, against in pairs:
            changes += labelled.changes(arm, against)
    if not figures:
        return None
    return Classes(figures=tuple(figures), macro=tuple(macro), changes=tuple(changes))


@dataclass(frozen=True)
class _Labelled:
    """The rows' own labels by one label metric."""

    measured: ScoredArms
    metric: str
    options: LabelOptions

    @cached_property
    def right_labels(self) -> list[tuple[str, ...]]:
        """Of each row every label that is right, the gold answer's first; empty if it has none."""
        found = []
        for row in self.measured.rows:
            labels = dict.fromkeys(map(self._label, row.references))
            found.append(tuple(label for label in labels if label))
        return found

    @cached_property
    def gold(self) -> Labels:
        """Of each row the first right label, empty if it has none, shape (rows,)."""
        return np.array([labels[0] if labels else "" for labels in self.right_labels], dtype=object)

    @cached_property
    def labels(self) -> list[str]:
        """The classes that rows are of, or may be called, sorted."""
        return sorted({label for labels in self.right_labels for label in labels})

    def gold_for(self, named: Labels) -> Labels:
        """The class that each row counts for: of several right ones the one that was named."""
        found = self.gold.copy()
        for i, (label, right) in enumerate(zip(named, self.right_labels, strict=True)):
            if label in right:
                found[i] = label
        return found

    @property
    def level_of_each(self) -> float:
        """The level at which the intervals of all classes hold together."""
        return bonferroni_level(self.measured.level, len(self.labels))

    def answers(self, arm: str) -> _Answers:
        """What one arm named."""
        said = self.measured.answers(arm)
        labels = [self._named(said.get(e.id)) for e in self.measured.rows]
        named = np.array(labels, dtype=object)
        return _Answers(self, arm, named, self.gold_for(named))

    def _named(self, prediction: Prediction | None) -> str | None:
        """The label of an answer, empty if it has none; None if there is no answer."""
        if prediction is None or prediction.finish == "error":
            return None
        if is_only_reasoning(prediction.text):
            return None
        return self._label(prediction.text)

    def _label(self, text: str) -> str:
        return self.options.label_of(text) or ""

    def changes(self, arm: str, against: str) -> Iterator[ClassChange]:
        """Differences in recall between two arms; nothing where one has no scores."""
        table = self.measured.table
        if not table.have(arm, against, self.metric):
            return
        parts = [(label, np.asarray(self.gold == label)) for label in self.labels]
        pair = (arm, against)
        for found in tested_together(table, pair, self.metric, parts, level=self.level_of_each):
            yield ClassChange(
                arm=arm,
                against=against,
                metric=self.metric,
                label=found.name,
                recall=found.estimate,
                p_value=found.p_value,
                adjusted=found.adjusted,
            )


@dataclass(frozen=True)
class _Answers:
    """The labels that one arm named, beside the gold ones.

    Attributes:
        truth: The gold labels.
        arm: Who answered.
        named: Label of each answer, empty if it has none, None without an answer, shape (rows,).
        gold: The class that each row counts for, shape (rows,).
    """

    truth: _Labelled
    arm: str
    named: Labels
    gold: Labels

    @cached_property
    def missing(self) -> Mask:
        """Which rows have no answer, shape (rows,)."""
        return np.array([name is None for name in self.named])

    @cached_property
    def right(self) -> NDArray[np.float64]:
        """1 where the label is right, 0 where wrong, NaN without an answer, shape (rows,)."""
        same = (self.gold == self.named).astype(np.float64)
        return np.where(self.missing, np.nan, same)

    @cached_property
    def families(self) -> Labels:
        """Family of each row, shape (rows,)."""
        return np.array(self.truth.measured.table.families, dtype=object)

    def figures(self) -> Iterator[ClassFigure]:
        """One for each class of the gold answers."""
        for label in self.truth.labels:
            yield self._figure(label)

    def _figure(self, label: str) -> ClassFigure:
        of_class = np.asarray(self.gold == label)
        named_so = np.asarray(self.named == label)
        overlap = self._share_right(of_class | named_so)
        wrong = self.named[of_class & ~named_so & ~self.missing]
        return ClassFigure(
            arm=self.arm,
            metric=self.truth.metric,
            label=label,
            gold=int(of_class.sum()),
            named=int(named_so.sum()),
            precision=self._share_right(named_so),
            recall=self._share_right(of_class),
            f1=None if overlap is None else f1_of_overlap(overlap),
            confused=dict(Counter(map(str, wrong)).most_common(_MOST_CONFUSED)),
        )

    def _share_right(self, where: Mask) -> Estimate | None:
        if not where.any():
            return None
        found = mean(
            self.right[where],
            clusters=self.families[where].tolist(),
            level=self.truth.level_of_each,
            low=0,
            high=1,
        )
        classes, level = len(self.truth.labels), self.truth.measured.level
        note = f", one of {classes} classes that hold together at {level:g}"
        return found.model_copy(update={"unit": "share", "method": found.method + note})

    def macro(self) -> Iterator[Estimate]:
        """F1 averaged over the classes of the gold answers; nothing with too few families."""
        is_labelled = self.gold.astype(bool)
        families = self.families[is_labelled].tolist()
        if len(set(families)) < _FEWEST_FAMILIES:
            return
        gold = self.gold[is_labelled]
        code = {label: i for i, label in enumerate(sorted(set(gold.tolist())))}
        named = self.named[is_labelled]
        yield macro_f1(
            [code[label] for label in gold],
            [code.get(label, NO_CLASS) for label in named],
            missing=[label is None for label in named],
            clusters=families,
            level=self.truth.measured.level,
        )
