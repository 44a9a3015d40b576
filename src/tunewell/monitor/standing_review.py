"""The standing review: every week people read a random sample of the answers in use, by itself.

Drawn with known probabilities, so that what people say is an honest estimate for all of the week's
answers; it feeds the channels, corrects the judge, and its corrections become rows.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import (
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from statistics import fmean
from typing import Final

import numpy as np

from tunewell.monitor.channel import DAY_S, Channel
from tunewell.monitor.periods import Grid
from tunewell.monitor.reading_batch import (
    OpenedReading,
    ReadingPlan,
    open_reading,
    reading_batches,
)
from tunewell.monitor.served import ServedAnswer
from tunewell.people import Batch, WorkStore
from tunewell.people.sample import SampleCandidate, draw
from tunewell.project import Project
from tunewell.stats import corrected_mean, mean
from tunewell.store import Store
from tunewell.types import (
    Estimate,
    Example,
    Value,
)

PURPOSE: Final = "review"
FEWEST_TO_CORRECT: Final = 30
"""Answers that people have read before the judge's figure is corrected by them."""


class ReviewPeriod(Value):
    """The days of which a sample is read.

    Attributes:
        name: ``2026-W48`` for a week; its first day for other lengths.
        start: First moment, UTC.
        end: First moment after it, UTC.
    """

    name: str
    start: dt.datetime
    end: dt.datetime

    def has(self, at: dt.datetime) -> bool:
        """Whether a moment belongs to it."""
        return self.start <= at < self.end


def last_period(
    now: dt.datetime,
    *,
    every_days: int = 7,
) -> ReviewPeriod:
    """The last period that is over; weeks begin on Mondays.

    Args:
        now: The time.
        every_days: Length of a period.

    Example:
        >>> last_period(dt.datetime(2026, 11, 30, 9, tzinfo=dt.UTC)).name
        '2026-W48'
    """
    monday = dt.date(
        2024,
        1,
        1,
    )
    passed = (now.astimezone(dt.UTC).date() - monday).days
    first = monday + dt.timedelta(days=passed // every_days * every_days - every_days)
    start = dt.datetime.combine(first, dt.time(), dt.UTC)
    year, week, _ = first.isocalendar()
    name = f"{year}-W{week:02}" if every_days == 7 else first.isoformat()
    return ReviewPeriod(name=name, start=start, end=start + dt.timedelta(days=every_days))


@dataclass(frozen=True)
class StandingPlan:
    """How the standing review goes.

    Attributes:
        rows: Answers a period.
        panel: Ids of the accounts that read.
        raters: People per answer.
        author: Who opens it.
    """

    rows: int
    panel: tuple[str, ...]
    raters: int = 1
    author: str = "tunewell watch"


def open_standing_review(
    project: Project,
    answers: Iterable[ServedAnswer],
    period: ReviewPeriod,
    plan: StandingPlan,
) -> OpenedReading | None:
    """Open the standing review of a period, unless it is there; None where nothing was answered.

    Every answer of the period has the same probability, and slices are mirrored; the draw follows
    from the period, so that asking twice draws the same.

    Args:
        project: The project.
        answers: Served answers; those of other times are left out.
        period: Whose.
        plan: How.
    """
    pool = {answer.id: answer for answer in answers if period.has(answer.at)}
    if not pool:
        return None
    rows = [
        SampleCandidate(
            id=answer.id,
            strata=(answer.arm, *sorted(answer.slices.values())),
            family=answer.conversation,
        )
        for answer in pool.values()
    ]
    seed = int(period.start.timestamp()) // DAY_S
    names = draw(
        rows,
        plan.rows,
        seed=seed,
    )
    probability = len(names) / len(rows)
    reading = ReadingPlan(
        purpose=PURPOSE,
        period=period.name,
        title=f"Answers in use, {period.name}",
        author=plan.author,
        panel=plan.panel,
        raters=plan.raters,
        record={
            "start": period.start.isoformat(),
            "end": period.end.isoformat(),
            "pool": len(rows),
        },
    )
    return open_reading(project, reading, [(pool[name], probability) for name in names])


# --- what comes of it -----------------------------------------------------------------------------


class ReadAnswer(Value):
    """What people said of one answer on one criterion.

    Attributes:
        interaction: Its id.
        value: Mean over those who read it, from 0 to 1.
        probability: With which it was drawn.
        conversation: Mark of its conversation.
        said: When the last of them did, UTC.
    """

    interaction: str
    value: float
    probability: float
    conversation: str
    said: dt.datetime


def read_answers(
    store: Store,
    criterion: str,
    *,
    purpose: str = PURPOSE,
) -> list[ReadAnswer]:
    """What people said of the answers in use, oldest batch first."""
    work = WorkStore(store)
    found = []
    for batch in reading_batches(store, purpose):
        found += _of_batch(work, batch, criterion)
    return found


def _of_batch(
    work: WorkStore,
    batch: Batch,
    criterion: str,
) -> list[ReadAnswer]:
    scale = next((each.scale for each in batch.rubric if each.name == criterion), None)
    if scale is None:
        return []
    values: dict[str, list[float]] = defaultdict(list)
    said: dict[str, dt.datetime] = {}
    for verdict in work.verdicts(batch.id):
        score = verdict.said.scores.get(criterion)
        if score is None or verdict.said.skipped:
            continue
        values[verdict.item].append(score if scale == "yes/no" else (score - 1) / 4)
        said[verdict.item] = max(said.get(verdict.item, verdict.at), verdict.at)
    return [
        ReadAnswer(
            interaction=item.example,
            value=fmean(values[item.id]),
            probability=item.probability,
            conversation=item.family or item.example,
            said=said[item.id],
        )
        for item in work.items(batch.id)
        if item.id in values
    ]


def corrected_judge(
    read: Sequence[ReadAnswer],
    judge: Mapping[str, float],
    *,
    level: float = 0.95,
) -> Estimate | None:
    """The judge's mean over all answers as people would have it; None with too few people's words.

    Args:
        read: What people said, drawn with known probabilities.
        judge: The judge's score, from 0 to 1, by interaction: of all answers of the time.
        level: Of the interval.
    """
    by_id = {each.interaction: each for each in read if each.interaction in judge}
    if len(by_id) < FEWEST_TO_CORRECT:
        return None
    ids = list(judge)
    drawn = fmean(each.probability for each in by_id.values())
    return corrected_mean(
        judge=[judge[id] for id in ids],
        human=[by_id[id].value if id in by_id else np.nan for id in ids],
        inclusion=[by_id[id].probability if id in by_id else drawn for id in ids],
        level=level,
        low=0.0,
        high=1.0,
    )


def people_alone(
    read: Sequence[ReadAnswer],
    *,
    level: float = 0.95,
) -> Estimate | None:
    """What people say of the answers in use, without a judge; None where nobody has read two."""
    if len(read) < 2:
        return None
    return mean(
        [each.value for each in read],
        clusters=[each.conversation for each in read],
        level=level,
        low=0.0,
        high=1.0,
    )


def review_channel(
    read: Sequence[ReadAnswer],
    times: Mapping[str, dt.datetime],
    *,
    grid: Grid,
    as_of: dt.datetime,
    criterion: str,
    stream: str = "traffic",
) -> Channel:
    """People's verdicts as a channel, by the time of the answer and not of the verdict.

    Args:
        read: What people said.
        times: When each answer was given, by interaction.
        grid: The periods.
        as_of: Until when answers could be drawn and have been read.
        criterion: Of the rubric.
        stream: Of the records that the answers belong to.
    """
    total = np.zeros(grid.periods)
    weight = np.zeros(grid.periods)
    squares = np.zeros(grid.periods)
    for each in read:
        at = times.get(each.interaction)
        if at is None:
            continue
        place = grid.number_of(at)
        if 0 <= place < grid.periods:
            total[place] += each.value
            weight[place] += 1
            squares[place] += each.value**2
    return Channel(
        name=f"people: {criterion}",
        kind="mean",
        unit="share",
        first=grid.first,
        total=total,
        weight=weight,
        squares=squares,
        as_of=as_of,
        topic="quality",
        stream=stream,
        period_s=grid.period_s,
        edges=grid.edges,
    )


def corrected_rows(
    store: Store,
    answers: Mapping[str, ServedAnswer],
) -> list[Example]:
    """The rows that people's corrections of answers in use become, one an answer, the newest.

    Args:
        store: Of the project.
        answers: Served answers by interaction.
    """
    work = WorkStore(store)
    found: dict[str, Example] = {}
    for purpose in (PURPOSE, "queue"):
        for batch in reading_batches(store, purpose):
            items = {item.id: item for item in work.items(batch.id)}
            for verdict in work.verdicts(batch.id):
                text = verdict.said.correction.strip()
                answer = answers.get(items[verdict.item].example)
                if text and answer is not None:
                    found[answer.id] = answer.as_row(text)
    return list(found.values())
