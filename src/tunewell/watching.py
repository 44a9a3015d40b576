"""Watching put together: the look at the traffic, its causes, and what people are given to read.

No stage knows another: the gateway holds the traffic, reviews mark what should be looked up, and
monitoring judges. `tunewell watch` goes through here; it may be run by hand or from cron as often
as one likes, and does each thing once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tunewell.monitor.anomaly import (
    AnswerQueue,
    QueuedAnswer,
    QueueResult,
    queue_answers,
    queue_result,
)
from tunewell.monitor.cause import explain
from tunewell.monitor.channel import Channel
from tunewell.monitor.feedback_bounds import feedback_bounds
from tunewell.monitor.feedback_table import orphan_channel, response_channel
from tunewell.monitor.kept_anchors import anchor_readings
from tunewell.monitor.kept_blocks import keep_years, recall_years
from tunewell.monitor.kept_look import KeptLook, keep_look
from tunewell.monitor.orphans import orphan_evidence
from tunewell.monitor.reading_batch import (
    OpenedReading,
    ReadingPlan,
    open_reading,
    reading_batches,
)
from tunewell.monitor.served import ServedAnswer
from tunewell.monitor.standing_review import (
    ReviewPeriod,
    StandingPlan,
    last_period,
    open_standing_review,
    read_answers,
    review_channel,
)
from tunewell.monitor.suspicion import Signals
from tunewell.monitor.told_causes import ToldCauses
from tunewell.monitor.watch import Watched, look, watched_grid
from tunewell.people import (
    Accounts,
    Batch,
    Mark,
    WorkStore,
)
from tunewell.people.guide import conversation
from tunewell.people.nearest_texts import Near
from tunewell.platforms import processors
from tunewell.plurals import plural
from tunewell.project import Project
from tunewell.review.automatic_flags import marker
from tunewell.store import Store
from tunewell.store.edited_traffic import edit_notes
from tunewell.types import Feedback
from tunewell.watching_traffic import MANY_ROWS, SeenTraffic, Traffic

QUEUE: Final = "queue"

MOST_REVIEWED: Final = 5_000
"""Reviewed texts that new ones are compared with, the newest."""

BAD_EVENTS: Final = ("escalated", "complaint", "contacted")
"""Names of events that say that an answer did not help."""


# --- the look -------------------------------------------------------------------------------------


def look_at_traffic(
    project: Project,
    traffic: Traffic,
    *,
    reference: tuple[dt.datetime, dt.datetime] | None = None,
    yearly: float | None = None,
    holidays: bool | None = None,
    every: int | None = None,
) -> Watched:
    """Look at the traffic and explain what was found.

    Args:
        project: The project.
        traffic: Its traffic.
        reference: Of the first reference; the first sixteen weeks if None.
        yearly: Probability of any false alarm in a year; the definition's if None.
        holidays: Whether few requests at Christmas and Easter are usual; the definition's if None.
        every: Requests in a period, 0 for days; the definition's if None.
    """
    asked = project.spec.watch
    records_each = asked.every_records if every is None else every
    # What is kept is held against the usual reference, day by day.
    seen = traffic.anew if reference is not None or records_each else traffic.seen
    if records_each:
        grid = watched_grid([seen.records], seen.records.as_of, records_each)
        seen = replace(seen, grid=grid)
    if seen.files:
        recall_years(seen.files)
    watched = look(
        [seen.records],
        reference=reference,
        yearly=asked.yearly if yearly is None else yearly,
        extra=_further_channels(project, traffic, seen),
        holidays=asked.holidays if holidays is None else holidays,
        kept={seen.records.name: seen.terms} if seen.terms else None,
        workers=processors() if len(seen.records) >= MANY_ROWS else 1,
        every=records_each,
    )
    watched = replace(
        watched,
        unchecked=(*watched.unchecked, *traffic.checks.unchecked),
        notes=(*watched.notes, *edit_notes(project.store)),
        bounds=tuple(feedback_bounds(seen.records)),
    )
    anchors = anchor_readings(project.store)
    known = list(orphan_evidence(seen.said, seen.records.name))
    if seen.files is None:
        return explain(watched, [seen.records], anchors=anchors, known=known)
    settled = ToldCauses(seen.files, watched, anchors, known)
    explained = explain(watched, [seen.records], anchors=anchors, known=known, settled=settled)
    keep_years(seen.files)
    seen.files.tidy()
    return explained


def _further_channels(
    project: Project,
    traffic: Traffic,
    seen: SeenTraffic,
) -> list[Channel]:
    """Whether users respond, and what people say in the standing review."""
    grid = seen.grid
    found = []
    if len(seen.said):
        found.append(response_channel(seen.records, seen.said, grid))
        found.append(orphan_channel(seen.records, seen.said, grid))
    for criterion in project.spec.people.rubric:
        read = read_answers(project.store, criterion.name)
        if read:
            made = review_channel(
                read,
                traffic.times([each.interaction for each in read]),
                grid=grid,
                as_of=max(each.said for each in read),
                criterion=criterion.name,
                stream=seen.records.name,
            )
            found.append(made)
    return found


def keep_the_look(
    project: Project, traffic: Traffic, watched: Watched, now: dt.datetime
) -> KeptLook:
    """Keep a look for pages and digests."""
    return keep_look(project.store, watched, records=len(traffic.records), now=now)


# --- what people read -----------------------------------------------------------------------------


def panel_of(project: Project) -> tuple[str, ...]:
    """Ids of the accounts that read answers in use: as named, else all experts and engineers."""
    accounts = Accounts(project.store)
    named = project.spec.watch.review.panel
    if named:
        found = [accounts.by_name(name) for name in named]
        return tuple(account.id for account in found if account is not None and account.active)
    roles = ("expert", "engineer")
    return tuple(
        account.id for account in accounts.all() if account.active and account.role in roles
    )


def open_weekly_review(
    project: Project, traffic: Traffic, now: dt.datetime
) -> OpenedReading | None:
    """Open the standing review of the last period, if one is asked for and answers were given."""
    asked = project.spec.watch.review
    if not asked.rows:
        return None
    period = last_period(now, every_days=asked.every_days)
    plan = StandingPlan(rows=asked.rows, panel=panel_of(project), raters=asked.raters)
    answers = traffic.answered(period.start, period.end)
    return open_standing_review(project, answers, period, plan)


def open_weekly_queue(
    project: Project,
    traffic: Traffic,
    now: dt.datetime,
    *,
    rows: int = 0,
    author: str = "tunewell watch",
) -> OpenedReading | None:
    """Queue the suspicious answers of the last period, if that is asked for and answers were given.

    Args:
        project: The project.
        traffic: Its traffic.
        now: The time.
        rows: How many people can read; the definition's if 0.
        author: Who opens it.
    """
    asked = project.spec.watch.suspicious
    budget = rows or asked.rows
    if not budget:
        return None
    period = last_period(now, every_days=project.spec.watch.review.every_days)
    plan = ReadingPlan(
        purpose=QUEUE,
        period=period.name,
        title=f"Answers to check, {period.name}",
        author=author,
        panel=panel_of(project),
    )
    known = WorkStore(project.store).batch(plan.batch_id)
    if known is not None:
        return open_reading(project, plan, [])
    pool = traffic.answered(period.start, period.end)
    if not pool:
        return None
    marks = _marks(project, pool)
    signals = signals_of(
        project,
        traffic,
        pool,
        marks,
    )
    queue = queue_answers(
        signals,
        budget=budget,
        audit=asked.audit,
        seed=int(period.start.timestamp()),
    )
    by_id = {answer.id: answer for answer in pool}
    return open_reading(
        project,
        _with_queue(plan, queue, marks, period),
        [(by_id[each.interaction], each.probability) for each in queue.answers],
    )


def _with_queue(
    plan: ReadingPlan,
    queue: AnswerQueue,
    marks: Mapping[str, tuple[Mark, ...]],
    period: ReviewPeriod,
) -> ReadingPlan:
    """The plan with what is kept of a queue: who is the audit is not on any page of a reader."""
    return ReadingPlan(
        purpose=plan.purpose,
        period=plan.period,
        title=plan.title,
        author=plan.author,
        panel=plan.panel,
        record={
            "start": period.start.isoformat(),
            "end": period.end.isoformat(),
            "queue": queue.model_dump(mode="json"),
        },
        marks=marks,
    )


def _marks(
    project: Project,
    pool: Sequence[ServedAnswer],
) -> dict[str, tuple[Mark, ...]]:
    mark = marker(project.file)
    return {answer.id: mark(answer.output, answer.example) for answer in pool}


def signals_of(
    project: Project,
    traffic: Traffic,
    pool: Sequence[ServedAnswer],
    marks: Mapping[str, tuple[Mark, ...]],
) -> list[Signals]:
    """What can be seen of each answer without a person."""
    doubts = _doubts(traffic.feedback, project.spec.watch.judge)
    complaints = _complaints(traffic.feedback, project.spec.watch.judge)
    reviewed = _reviewed_texts(project.store)
    near = Near(reviewed) if reviewed else None
    found = []
    for answer in pool:
        kinds = [mark.kind for mark in marks.get(answer.id, ())]
        unsupported = kinds.count("unsupported")
        found.append(
            Signals(
                interaction=answer.id,
                doubt=doubts.get(answer.id),
                novelty=_novelty(near, answer),
                unsupported=unsupported,
                outdated=len(kinds) - unsupported,
                complaint=answer.id in complaints,
            )
        )
    return found


def _doubts(
    feedback: Sequence[Feedback],
    judge: str,
) -> dict[str, float]:
    """How little the judge thinks of each answer, on its own scale, from 0 to 1."""
    said = [each for each in feedback if each.name == judge and each.value is not None]
    if not said:
        return {}
    values = {each.interaction: float(each.value or 0.0) for each in said}
    low, high = min(values.values()), max(values.values())
    if low == high:
        return {}
    return {id: (high - value) / (high - low) for id, value in values.items()}


def _complaints(
    feedback: Sequence[Feedback],
    judge: str,
) -> set[str]:
    """Interactions that a user complained of: a low vote, a correction, or an event."""
    highest: dict[str, float] = {}
    for each in feedback:
        if each.value is not None:
            highest[each.name] = max(highest.get(each.name, each.value), each.value)
    found = set()
    for each in feedback:
        is_low = each.value is not None and each.value <= 0.4 * highest.get(each.name, 0.0)
        is_vote = each.kind in ("rating", "thumb") and each.name != judge
        is_event = each.kind == "event" and each.name in BAD_EVENTS
        if each.kind == "correction" or is_event or (is_vote and is_low):
            found.add(each.interaction)
    return found


def _reviewed_texts(store: Store) -> list[str]:
    """What people were shown in reviews so far."""
    work = WorkStore(store)
    texts: list[str] = []
    for batch in work.batches(kind="review"):
        texts += [item.source for item in work.items(batch.id)]
        if len(texts) >= MOST_REVIEWED:
            break
    return list(dict.fromkeys(texts))[:MOST_REVIEWED]


def _novelty(
    near: Near | None,
    answer: ServedAnswer,
) -> float | None:
    """How unlike anything reviewed a question is; None where nothing was reviewed."""
    if near is None:
        return None
    closest = near.to(conversation(answer.example), count=1)
    likeness = closest[0][1] if closest else 0.0
    return min(max(1.0 - likeness, 0.0), 1.0)


# --- what reading showed --------------------------------------------------------------------------


def queue_so_far(
    store: Store,
    *,
    last: int = 13,
) -> QueueResult | None:
    """What reading the queues showed, the last ones taken together; None without a queue.

    Args:
        store: Of the project.
        last: How many queues.
    """
    batches = reading_batches(store, QUEUE)[-last:]
    if not batches:
        return None
    queues = []
    said: dict[str, bool] = {}
    records = {event.subject: event.record for event in store.said("watch-batch")}
    for batch in batches:
        kept = records[batch.id].get("queue")
        if kept:
            queues.append(AnswerQueue.model_validate(kept))
            said |= found_bad(WorkStore(store), batch)
    return queue_result(_together(queues), said) if queues else None


def _together(queues: Sequence[AnswerQueue]) -> AnswerQueue:
    """Several queues as one: their audits were drawn with about the same probability."""
    answers: list[QueuedAnswer] = []
    for queue in queues:
        answers += queue.answers
    return AnswerQueue(
        answers=tuple(answers),
        pool=sum(queue.pool for queue in queues),
        queued=sum(queue.queued for queue in queues),
        audited=sum(queue.audited for queue in queues),
    )


def found_bad(
    work: WorkStore,
    batch: Batch,
) -> dict[str, bool]:
    """Whether people found each answer of a batch bad: below the middle on any criterion."""
    items = {item.id: item for item in work.items(batch.id)}
    scales = {criterion.name: criterion.scale for criterion in batch.rubric}
    values: dict[tuple[str, str], list[float]] = {}
    for verdict in work.verdicts(batch.id):
        if verdict.said.skipped:
            continue
        for name, score in verdict.said.scores.items():
            share = score if scales.get(name) == "yes/no" else (score - 1) / 4
            values.setdefault((items[verdict.item].example, name), []).append(share)
    found: dict[str, bool] = {}
    for (example, _), shares in values.items():
        bad = sum(shares) / len(shares) < 0.5
        found[example] = found.get(example, False) or bad
    return found


# --- all of it ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WatchDay:
    """What one run of `tunewell watch` did.

    Attributes:
        watched: What the look found.
        review: The standing review, if it is asked for.
        queue: The queue of suspicious answers, if it is asked for.
    """

    watched: Watched
    review: OpenedReading | None
    queue: OpenedReading | None

    @property
    def said(self) -> list[str]:
        """What people were given just now, in words."""
        lines = []
        for opened in (self.review, self.queue):
            if opened is not None and (opened.is_new or opened.seats):
                lines.append(f"{opened.batch.title}: {plural(opened.seats, 'seat')} assigned")
        return lines


def watch_day(
    project: Project,
    traffic: Traffic,
    *,
    now: dt.datetime,
    reference: tuple[dt.datetime, dt.datetime] | None = None,
    yearly: float | None = None,
    holidays: bool | None = None,
    every: int | None = None,
) -> WatchDay:
    """Look, keep what was found, and give people what they should read; each thing once.

    Args:
        project: The project.
        traffic: Its traffic.
        now: The time.
        reference: As in `look_at_traffic`.
        yearly: As there.
        holidays: As there.
        every: As there.
    """
    review = open_weekly_review(
        project,
        traffic,
        now,
    )
    queue = open_weekly_queue(
        project,
        traffic,
        now,
    )
    watched = look_at_traffic(
        project,
        traffic,
        reference=reference,
        yearly=yearly,
        holidays=holidays,
        every=every,
    )
    keep_the_look(
        project,
        traffic,
        watched,
        now,
    )
    return WatchDay(
        watched,
        review,
        queue,
    )
