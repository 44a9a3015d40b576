"""Label accuracy class by class: precision, recall and F1 with intervals that hold together, and what was confused.

Every interval is at a level corrected for the number of classes (Bonferroni): with the confidence
of the project all of an arm's recalls hold at once, and so do its precisions and its F1s.
Differences between arms carry p-values that are corrected by Holm's method over the classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewell.evaluate.table import Table, holm_adjusted
from tunewell.metrics.label import LabelOptions
from tunewell.metrics.reasoning import is_only_reasoning
from tunewell.stats import macro_f1, mean
from tunewell.task import TaskFile
from tunewell.types import Estimate, Example, Prediction, Value, by_id

Floats = NDArray[np.float64]
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
    """Paired difference in recall of one class, with its p-value corrected for the number of classes (Holm)."""

    arm: str
    against: str
    metric: str
    label: str
    recall: Estimate
    p_value: float
    adjusted: float


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
        known = [
            (f.recall.high, f.recall.value, f)
            for f in self.figures
            if f.arm == arm and f.recall is not None
        ]
        return tuple(f for *_, f in sorted(known, key=lambda k: k[:2])[:most])


def label_metrics(file: TaskFile) -> dict[str, LabelOptions]:
    """The label metrics of a task with their options."""
    found: dict[str, LabelOptions] = {}
    for spec in file.spec.metrics:
        options = dict(spec.options)
        if str(options.pop("metric", spec.name)) == "label" and "python" not in options:
            found[spec.name] = LabelOptions.model_validate(options)
    return found


def class_figures(
    predictions: Sequence[Prediction],
    rows: Sequence[Example],
    table: Table,
    file: TaskFile,
    *,
    pairs: Sequence[tuple[str, str]] = (),
) -> Classes | None:
    """Precision, recall and F1 of every class for every arm; None if the task has no label metric.

    Args:
        predictions: Of all arms on ``rows``.
        rows: In the order of the table.
        table: The scores, with families.
        file: The definition.
        pairs: Which arms to compare, as (arm, against).
    """
    figures: list[ClassFigure] = []
    macro: list[tuple[str, str, Estimate]] = []
    changes: list[ClassChange] = []
    known = by_id(rows)
    for metric, options in label_metrics(file).items():
        if metric not in table.metrics:
            continue
        gold = np.array([options.label_of(known[r].target) or "" for r in table.rows], dtype=object)
        for arm in table.arms:
            if not table.has(arm, metric):
                continue
            said = {p.example: p for p in predictions if p.arm == arm}
            named = np.array([_named(said.get(r), options) for r in table.rows], dtype=object)
            one = _Arm(arm, metric, gold, named, table, file.spec.evaluate.level)
            figures += one.figures()
            macro += [(arm, metric, e) for e in one.macro()]
        changes += _changes(table, metric, gold, pairs, level=file.spec.evaluate.level)
    if not figures:
        return None
    return Classes(figures=tuple(figures), macro=tuple(macro), changes=tuple(changes))


def _named(prediction: Prediction | None, options: LabelOptions) -> str | None:
    """The label of an answer, empty if it has none; None if there is no answer."""
    if prediction is None or prediction.finish == "error" or is_only_reasoning(prediction.text):
        return None
    return options.label_of(prediction.text) or ""


class _Arm:
    """Labels of one arm beside the gold ones."""

    def __init__(
        self,
        arm: str,
        metric: str,
        gold: NDArray[np.object_],
        named: NDArray[np.object_],
        table: Table,
        level: float,
    ) -> None:
        self.arm, self.metric, self.gold, self.named = arm, metric, gold, named
        self.labels = sorted({g for g in gold if g})
        self.level, self.each = level, 1 - (1 - level) / max(1, len(self.labels))
        self.families = np.array(table.clusters or table.rows, dtype=object)

    def figures(self) -> Iterator[ClassFigure]:
        """One for each class of the gold answers."""
        missing = np.array([n is None for n in self.named])
        for label in self.labels:
            of, said = self.gold == label, self.named == label
            right = np.where(missing, np.nan, (self.gold == self.named).astype(np.float64))
            wrong = Counter(str(n) for n in self.named[of & ~said & ~missing])
            yield ClassFigure(
                arm=self.arm,
                metric=self.metric,
                label=label,
                gold=int(of.sum()),
                named=int(said.sum()),
                precision=self._share(right, said),
                recall=self._share(right, of),
                f1=_f1(self._share(right, of | said)),
                confused=dict(wrong.most_common(_MOST_CONFUSED)),
            )

    def _share(self, right: Floats, where: NDArray[np.bool_]) -> Estimate | None:
        if not where.any():
            return None
        made = mean(
            right[where], clusters=self.families[where].tolist(), level=self.each, low=0, high=1
        )
        note = f", one of {len(self.labels)} classes that hold together at {self.level:g}"
        return made.model_copy(update={"unit": "share", "method": made.method + note})

    def macro(self) -> Iterator[Estimate]:
        """F1 averaged over the classes of the gold answers; nothing with too few families."""
        keep = np.array([bool(label) for label in self.gold], dtype=np.bool_)
        groups = self.families[keep].tolist()
        if len(set(groups)) < _FEWEST_FAMILIES:
            return
        code = {label: i for i, label in enumerate(self.labels)}
        named = self.named[keep]
        yield macro_f1(
            [code[label] for label in self.gold[keep]],
            [code.get(label, -1) for label in named],
            missing=[label is None for label in named],
            clusters=groups,
            level=self.level,
        )


def _f1(jaccard: Estimate | None) -> Estimate | None:
    """F1 from the share of right rows among those that are of the class or are named so: F1 = 2J / (1 + J).

    The transformation is monotone, so the interval's ends are transformed alike.
    """
    if jaccard is None:
        return None
    ends = {
        k: 2 * getattr(jaccard, k) / (1 + getattr(jaccard, k)) for k in ("value", "low", "high")
    }
    return jaccard.model_copy(update={**ends, "method": f"{jaccard.method}, F1 = 2J / (1 + J)"})


def _changes(
    table: Table,
    metric: str,
    gold: NDArray[np.object_],
    pairs: Sequence[tuple[str, str]],
    *,
    level: float,
) -> Iterator[ClassChange]:
    labels = sorted({g for g in gold if g})
    each = 1 - (1 - level) / max(1, len(labels))
    for arm, against in pairs:
        if not (table.has(arm, metric) and table.has(against, metric)):
            continue
        found = []
        for label in labels:
            where = np.asarray(gold == label)
            estimate = table.compare(arm, against, metric, where=where, level=each)
            p = table.p_value(arm, against, metric, where=where)
            if estimate is not None and p is not None:
                found.append((label, estimate, p))
        for (label, estimate, p), adjusted in zip(
            found, holm_adjusted([p for *_, p in found]), strict=True
        ):
            yield ClassChange(
                arm=arm,
                against=against,
                metric=metric,
                label=label,
                recall=estimate,
                p_value=p,
                adjusted=adjusted,
            )
