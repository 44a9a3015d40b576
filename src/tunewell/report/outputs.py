"""Five answers side by side: the most improved, the one that fell most, and others drawn by seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tunewell.report.arms import rival
from tunewell.report.results import Results
from tunewell.types import Evaluation, Example, MetricInfo, Prediction, Score, Unscored

COUNT: Final = 5


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


def chosen_metric(evaluation: Evaluation, gates: Iterable[str]) -> MetricInfo | None:
    """The metric that rows are ranked by: the first gated one of the task's own, else any own, else the first."""
    infos = {m.name: m for m in evaluation.metrics}
    gated = [infos[name] for name in gates if name in infos]
    for group in (
        [m for m in gated if m.own],
        [m for m in evaluation.metrics if m.own],
        gated,
        evaluation.metrics,
    ):
        if group:
            return group[0]
    return None


def side_by_side(results: Results, *, count: int = COUNT) -> tuple[Side, ...]:
    """The rows to show, with every arm's answer."""
    evaluation = results.evaluation
    if evaluation is None:
        return ()
    predictions = results.store.get_value(evaluation.predictions, list[Prediction])
    scores = results.store.get_value(evaluation.scores, list[Score])
    info = chosen_metric(evaluation, [g.metric for g in results.file.spec.gates])
    changes = _changes(evaluation, scores, info)
    picked = _pick(evaluation, changes, count, seed=results.split.seed if results.split else 0)
    ids = {example for _, example in picked}
    rows = (
        {e.id: e for e in results.store.examples(results.dataset, ids=sorted(ids))}
        if results.dataset
        else {}
    )
    said = {(p.example, p.arm): p for p in predictions if p.example in ids}
    scored: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        if score.example in ids:
            scored.setdefault((score.example, score.arm), []).append(score)
    return tuple(
        _side(title, i, rows.get(i), changes.get(i), results, evaluation, said, scored)
        for title, i in picked
    )


def _changes(
    evaluation: Evaluation, scores: Iterable[Score], info: MetricInfo | None
) -> dict[str, float]:
    if info is None:
        return {}
    against = rival(evaluation)
    values: dict[tuple[str, str], float] = {
        (s.example, s.arm): s.value
        for s in scores
        if s.metric == info.name and not isinstance(s.value, Unscored)
    }
    sign = 1 if info.bigger_is_better else -1
    rows = [i for i in evaluation.rows if (i, "tuned") in values and (i, against) in values]
    return {i: sign * (values[i, "tuned"] - values[i, against]) for i in rows}


def _pick(
    evaluation: Evaluation, changes: Mapping[str, float], count: int, *, seed: int
) -> list[tuple[str, str]]:
    picked: list[tuple[str, str]] = []
    if changes:
        picked.append(("most improved", max(changes, key=lambda i: changes[i])))
        worst = min(changes, key=lambda i: changes[i])
        if worst != picked[0][1]:
            picked.append(("fell most" if changes[worst] < 0 else "gained least", worst))
    rest = [i for i in evaluation.rows if i not in {name for _, name in picked}]
    drawn = random.Random(seed).sample(rest, min(count - len(picked), len(rest)))
    return picked + [("drawn at random", i) for i in drawn]


def _side(
    title: str,
    example: str,
    row: Example | None,
    change: float | None,
    results: Results,
    evaluation: Evaluation,
    said: Mapping[tuple[str, str], Prediction],
    scored: Mapping[tuple[str, str], list[Score]],
) -> Side:
    own = {m.name for m in evaluation.metrics if m.own}
    points = points_of(row, results)
    answers = []
    for arm in evaluation.arms:
        scores = tuple(s for s in scored.get((example, arm), ()) if s.metric in own)
        missing = {m.casefold() for m in missing_in(scores)}
        marks = _ways(p for p in points if p.casefold() not in missing) if scores else ()
        answers.append(Answer(arm, said.get((example, arm)), scores, marks))
    return Side(title, example, row, change, tuple(answers), _ways(points))


def points_of(row: Example | None, results: Results) -> tuple[str, ...]:
    """The points that the definition and the row itself say a good answer names."""
    found: list[str] = []
    for spec in results.file.spec.metrics:
        listed, source = spec.options.get("points", ()), spec.options.get("from", "")
        if spec.name == "key_points":
            found += [str(p) for p in listed] if isinstance(listed, list | tuple) else []
            found += row.field(str(source)).split("|") if row and source else []
    return tuple(p.strip() for p in found if p.strip())


def missing_in(scores: Iterable[Score]) -> tuple[str, ...]:
    """What the reasons of scores say is missing.

    Example:
        >>> score = Score(example="1", arm="tuned", metric="key_points", value=0.5, reason="missing: 14:30; a crew")
        >>> missing_in([score])
        ('14:30', 'a crew')
    """
    reasons = [s.reason[:20_000] for s in scores if s.reason.startswith("missing: ")]
    return tuple(
        part.strip() for reason in reasons for part in reason.removeprefix("missing: ").split(";")
    )


def _ways(points: Iterable[str]) -> tuple[str, ...]:
    """Every writing of points (``two weeks ~ 14 days``)."""
    return tuple(way.strip() for point in points for way in point.split("~") if way.strip())
