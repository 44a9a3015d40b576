"""Answers side by side: the most improved row, the one that fell most, others drawn by seed."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tunewell.report.arms import rival
from tunewell.report.grouping import grouped
from tunewell.report.results import Results
from tunewell.task import TaskSpec
from tunewell.types import Evaluation, Example, MetricInfo, Prediction, Score, Unscored
from tunewell.types.turns import named, with_conversations

COUNT: Final = 5
MISSING: Final = "missing: "
"""How the reason of a score begins that says what an answer does not name."""

_LONGEST_REASON: Final = 20_000


@dataclass(frozen=True)
class Answer:
    """One arm's answer with its scores.

    Attributes:
        arm: Whose.
        prediction: The answer; None if it is missing.
        scores: On the task's metrics.
        marks: Key points that the scores say it names.
    """

    arm: str
    prediction: Prediction | None
    scores: tuple[Score, ...]
    marks: tuple[str, ...]


@dataclass(frozen=True)
class Side:
    """One row with the answers of all arms.

    Attributes:
        title: Why it is shown: ``most improved``, ``fell most``, ``drawn at random``.
        example: Its id.
        row: The row; None if it is in no dataset.
        change: Difference of the metric, tuned minus rival; None if it was not scored.
        answers: One per arm.
        marks: The key points of the row.
    """

    title: str
    example: str
    row: Example | None
    change: float | None
    answers: tuple[Answer, ...]
    marks: tuple[str, ...]


@dataclass(frozen=True)
class _Said:
    """What the arms said to the rows that are shown, and how it was scored, by (row, arm).

    Attributes:
        predictions: The answers.
        scores: On every metric.
        own: Names of the task's own metrics.
    """

    predictions: Mapping[tuple[str, str], Prediction]
    scores: Mapping[tuple[str, str], Sequence[Score]]
    own: Collection[str]

    def answer(
        self,
        example: str,
        arm: str,
        *,
        points: Sequence[str],
    ) -> Answer:
        """One arm's answer to a row whose answer has to name these points."""
        place = (example, arm)
        every = self.scores.get(place, ())
        scores = [s for s in every if s.metric in self.own]
        named = _named(points, scores) if scores else []
        return Answer(
            arm=arm,
            prediction=self.predictions.get(place),
            scores=tuple(scores),
            marks=_writings(named),
        )


def chosen_metric(evaluation: Evaluation, gates: Iterable[str]) -> MetricInfo | None:
    """The metric that rows are ranked by.

    The first gated one of the task's own, else any own, else the first gated, else the first.
    """
    infos = {m.name: m for m in evaluation.metrics}
    gated = filter(None, map(infos.get, gates))
    candidates = [*gated, *evaluation.metrics]
    own_first = sorted(candidates, key=lambda m: not m.own)
    return own_first[0] if own_first else None


def side_by_side(results: Results, *, count: int = COUNT) -> tuple[Side, ...]:
    """The rows to show, with every arm's answer."""
    evaluation = results.evaluation
    if evaluation is None:
        return ()
    spec = results.file.spec
    scores = results.store.get_value(evaluation.scores, list[Score])
    metric = chosen_metric(evaluation, [g.metric for g in spec.gates])
    changes = _changes(evaluation, scores, metric) if metric else {}
    seed = results.split.seed if results.split else 0
    picked = _pick(evaluation, changes, count, seed=seed)

    said = _said(results, evaluation, scores, picked)
    rows = _rows(results, picked)
    sides = []
    for example, title in picked.items():
        row = rows.get(example)
        points = key_points_of(row, spec)
        answers = [said.answer(example, arm, points=points) for arm in evaluation.arms]
        sides.append(
            Side(
                title=title,
                example=example,
                row=row,
                change=changes.get(example),
                answers=tuple(answers),
                marks=_writings(points),
            )
        )
    return tuple(sides)


def _rows(results: Results, ids: Collection[str]) -> dict[str, Example]:
    if results.dataset is None:
        return {}
    examples = results.store.examples(results.dataset, ids=with_conversations(ids))
    return {example.id: example for example in named(examples, ids)}


def _said(
    results: Results,
    evaluation: Evaluation,
    scores: Iterable[Score],
    ids: Collection[str],
) -> _Said:
    predictions = results.store.get_value(evaluation.predictions, list[Prediction])
    shown_scores = [s for s in scores if s.example in ids]
    return _Said(
        predictions={(p.example, p.arm): p for p in predictions if p.example in ids},
        scores=grouped(shown_scores, by=lambda s: (s.example, s.arm)),
        own={m.name for m in evaluation.metrics if m.own},
    )


def _changes(
    evaluation: Evaluation,
    scores: Iterable[Score],
    metric: MetricInfo,
) -> dict[str, float]:
    """By how much each row got better, tuned against its rival; rows that both have a score on."""
    values: dict[tuple[str, str], float] = {}
    for score in scores:
        if score.metric == metric.name and not isinstance(score.value, Unscored):
            values[score.example, score.arm] = score.value

    against = rival(evaluation)
    direction = 1 if metric.bigger_is_better else -1
    changes = {}
    for row in evaluation.rows:
        after, before = (row, "tuned"), (row, against)
        if {after, before} <= values.keys():
            changes[row] = direction * (values[after] - values[before])
    return changes


def _pick(
    evaluation: Evaluation,
    changes: Mapping[str, float],
    count: int,
    *,
    seed: int,
) -> dict[str, str]:
    """Rows to show, and why."""
    picked: dict[str, str] = {}
    if changes:
        best = max(changes, key=lambda row: changes[row])
        worst = min(changes, key=lambda row: changes[row])
        picked[best] = "most improved"
        picked.setdefault(worst, "fell most" if changes[worst] < 0 else "gained least")
    rest = [row for row in evaluation.rows if row not in picked]
    left = min(count - len(picked), len(rest))
    drawn = random.Random(seed).sample(rest, left)
    return picked | dict.fromkeys(drawn, "drawn at random")


def _named(points: Iterable[str], scores: Iterable[Score]) -> list[str]:
    """The points that no score says are missing."""
    missing = set(map(str.casefold, missing_in(scores)))
    return [point for point in points if point.casefold() not in missing]


def key_points_of(row: Example | None, spec: TaskSpec) -> tuple[str, ...]:
    """The points that the definition and the row itself say a good answer names."""
    found: list[str] = []
    for metric in spec.metrics:
        if metric.name != "key_points":
            continue
        listed = metric.options.get("points", ())
        if isinstance(listed, list | tuple):
            found += map(str, listed)
        source = metric.options.get("from", "")
        if row and source:
            found += row.field(str(source)).split("|")
    return _without_blanks(found)


def missing_in(scores: Iterable[Score]) -> tuple[str, ...]:
    """What the reasons of scores say is missing.

    Example:
        >>> reason = "missing: 14:30; a crew"
        >>> score = Score(example="1", arm="a", metric="key_points", value=0.5, reason=reason)
        >>> missing_in([score])
        ('14:30', 'a crew')
    """
    found: list[str] = []
    for score in scores:
        if score.reason.startswith(MISSING):
            listed = score.reason[:_LONGEST_REASON].removeprefix(MISSING)
            found += map(str.strip, listed.split(";"))
    return tuple(found)


def _writings(points: Iterable[str]) -> tuple[str, ...]:
    """Every writing of points (``two weeks ~ 14 days``)."""
    return _without_blanks("~".join(points).split("~"))


def _without_blanks(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, texts)))
