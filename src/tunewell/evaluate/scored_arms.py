"""Everything that an evaluation has measured: the arms' answers to the same rows, scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tunewell.evaluate.lookup import ids_of
from tunewell.evaluate.table import Table, table_of
from tunewell.metrics import Metric
from tunewell.task import TaskFile
from tunewell.types import Example, MetricInfo, Prediction, Score, by_id


@dataclass(frozen=True)
class ScoredArms:
    """The answers of all arms to the same rows, with their scores.

    Attributes:
        file: The definition.
        metrics: Of the task.
        infos: What was measured; the loss of the gold answer (``nats``) may be among it.
        rows: The held-out rows.
        families: Family of each row; empty = every row stands alone.
        predictions: Of all arms on ``rows``.
        scores: Of all arms on ``rows``.
        baselines: Of the answers that cost nothing, on ``rows``.
        made_elsewhere: Whether the answers come from files rather than from models opened here.
    """

    file: TaskFile
    metrics: Sequence[Metric]
    infos: tuple[MetricInfo, ...]
    rows: Sequence[Example]
    families: Sequence[str]
    predictions: Sequence[Prediction]
    scores: Sequence[Score]
    baselines: Sequence[Score] = ()
    made_elsewhere: bool = False

    @property
    def level(self) -> float:
        """The confidence that the project asks for."""
        return self.file.spec.evaluate.level

    @cached_property
    def slices(self) -> dict[str, tuple[str, ...]]:
        """Slice field to its value for each row."""
        slices = self.file.spec.slices
        return {s.field: tuple(e.field(s.field) for e in self.rows) for s in slices}

    @cached_property
    def table(self) -> Table:
        """The scores as arrays."""
        return self._table_of(self.scores)

    @cached_property
    def with_baselines(self) -> Table:
        """The scores as arrays, those of answers that cost nothing among them."""
        return self._table_of([*self.scores, *self.baselines])

    def _table_of(self, scores: Sequence[Score]) -> Table:
        return table_of(
            scores,
            rows=ids_of(self.rows),
            metrics=self.infos,
            clusters=self.families,
            slices=self.slices,
        )

    @cached_property
    def examples(self) -> Mapping[str, Example]:
        """Id to row."""
        return by_id(self.rows)

    def answers(self, arm: str) -> dict[str, Prediction]:
        """Id of the row to what an arm answered."""
        return {p.example: p for p in self.predictions if p.arm == arm}


def score_all(
    predictions: Sequence[Prediction],
    rows: Sequence[Example],
    metrics: Sequence[Metric],
    file: TaskFile,
) -> list[Score]:
    """Every metric on every prediction.

    Rows that a metric cannot measure are left out for all arms alike.
    """
    known = by_id(rows)
    # All are prepared before any is asked: one metric may ask another.
    for metric in metrics:
        if metric.prepare:
            measurable = _measurable(metric, predictions, known)
            answered = [(p.text, row) for p, row in measurable if p.finish != "error"]
            metric.prepare(answered, file.spec)

    scores: list[Score] = []
    for metric in metrics:
        measurable = _measurable(metric, predictions, known)
        scores += [metric.score(p, row, task=file.spec) for p, row in measurable]
    return scores


def _measurable(
    metric: Metric,
    predictions: Sequence[Prediction],
    known: Mapping[str, Example],
) -> list[tuple[Prediction, Example]]:
    """The predictions whose row a metric can measure, each with its row."""
    found = []
    for prediction in predictions:
        row = known[prediction.example]
        if not metric.applies(row):
            found.append((prediction, row))
    return found
