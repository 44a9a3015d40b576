"""A made-up service that does decay, in a project of its own: found, weighed, retrained, repaired.

In spring the right answers of one topic change (`tunewell.testing.service`, kind ``fact``). Every
week people read some answers; every four weeks the detectors look; every week it is decided with
what was known by then. From the day of the retraining on, the simulator's answers know the fact.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tunewell.decide import QualityReading
from tunewell.demo.live_project import open_project, put_version
from tunewell.gateway.keep import feedback_line, interaction_line
from tunewell.iterate import decide_now
from tunewell.iterate.readings import keep_readings
from tunewell.monitor.kept_look import keep_look
from tunewell.plurals import plural
from tunewell.project import Project
from tunewell.stats import proportion
from tunewell.store import Store
from tunewell.store.traffic_tables import feedback, interactions
from tunewell.testing.service import (
    PlantedIncident,
    ServiceSettings,
    SimulatedService,
    simulate,
)
from tunewell.types import Alarm, Decision, Feedback, Interaction
from tunewell.watching import look_at_traffic
from tunewell.watching_traffic import traffic_of

WEEK: Final = dt.timedelta(days=7)
FACT_DAY: Final = 133
SETTINGS: Final = ServiceSettings(days=280, daily=30, reviewed=60, rated=0.0, holidays=False)
FIRST_LOOK: Final = 18
LOOK_WEEKS: Final = 4
SEED: Final = 6
REVIEW: Final = "review"

TASK: Final = """\
task:
  name: service
  about: Answers questions of customers.
  input: a question
  output: an answer
data: [{path: rows.jsonl}]
costs: {currency: EUR, wrong_answer: 1, retraining: 400}
decide: {answers_per_day: 30, fewest_rows: 20}
"""


@dataclass(frozen=True)
class RepairedService:
    """What came of the service.

    Attributes:
        weeks: Share of answers that people found wrong, by week.
        fact: When the right answers changed, UTC.
        alarms: Of the last look before the retraining.
        decisions: By week; the week's readings are known.
        retrained: When the new version began to serve, UTC; None if it never did.
    """

    weeks: tuple[QualityReading, ...]
    fact: dt.datetime
    alarms: tuple[Alarm, ...]
    decisions: tuple[tuple[dt.datetime, Decision], ...]
    retrained: dt.datetime | None


def simulate_repair(
    folder: Path,
    *,
    say: Callable[[str], None],
) -> RepairedService:
    """Let the service decay until it is decided to retrain, and go on with the new version.

    Args:
        folder: Of its project.
        say: Called with a line at every step.
    """
    start = dt.datetime.combine(SETTINGS.start, dt.time(), dt.UTC)
    # Of a run that was killed here nothing is worth keeping: all of it takes half a minute.
    shutil.rmtree(folder, ignore_errors=True)
    project = open_project(folder, TASK)
    with project.store as store:
        first = put_version(store, "first", at=start, rows=0)
        before = _Recorded(simulate(SETTINGS, [_fact(0)], seed=SEED), first)
        decisions, alarms = _weeks(project, before, start, say)
        retrained = next((at for at, made in decisions if made.action == "retrain"), None)
        weeks = before.weeks(start, until=retrained)
        if retrained is not None:
            second = put_version(store, "second", at=retrained, rows=len(before.rows))
            days = (retrained - start).days - FACT_DAY
            after = _Recorded(simulate(SETTINGS, [_fact(days)], seed=SEED), second)
            _put(store, after, retrained, start + dt.timedelta(days=SETTINGS.days))
            later = after.weeks(retrained)
            keep_readings(store, later, author="panel")
            weeks += later
    fact = start + dt.timedelta(days=FACT_DAY)
    return RepairedService(tuple(weeks), fact, alarms, decisions, retrained)


def _fact(days: int) -> PlantedIncident:
    return PlantedIncident(kind="fact", day=FACT_DAY, days=days, topic=0, size=0.6, announced=True)


class _Recorded:
    """What a service recorded, as answers of a version of the project."""

    def __init__(
        self,
        service: SimulatedService,
        version: str,
    ) -> None:
        named = {"version": version}
        self.version = version
        self.rows = [row.model_copy(update=named) for row in service.interactions()]
        self.said = service.feedback()
        self._at = {row.id: row.at for row in self.rows}

    def between(
        self,
        since: dt.datetime,
        until: dt.datetime,
    ) -> tuple[list[Interaction], list[Feedback]]:
        """What was asked in a time, and what came of it."""
        rows = [row for row in self.rows if since <= row.at < until]
        known = {row.id for row in rows}
        return rows, [said for said in self.said if said.interaction in known]

    def weeks(
        self,
        since: dt.datetime,
        *,
        until: dt.datetime | None = None,
    ) -> list[QualityReading]:
        """Share of the reviewed answers that people found wrong, by week."""
        end = until or max(self._at.values())
        found = []
        for number in range((end - since) // WEEK):
            begin = since + number * WEEK
            said = [each for each in self.said if self._is_reviewed(each, begin)]
            wrong = sum(each.value == 0 for each in said)
            if said:
                share = proportion(wrong, len(said), method="wilson")
                found.append(QualityReading(at=begin + WEEK / 2, version=self.version, wrong=share))
        return found

    def _is_reviewed(
        self,
        said: Feedback,
        begin: dt.datetime,
    ) -> bool:
        at = self._at.get(said.interaction)
        return said.name == REVIEW and at is not None and begin <= at < begin + WEEK


def _weeks(
    project: Project,
    recorded: _Recorded,
    start: dt.datetime,
    say: Callable[[str], None],
) -> tuple[tuple[tuple[dt.datetime, Decision], ...], tuple[Alarm, ...]]:
    """Decide every week from the first look on, until the decision is to retrain."""
    decisions: list[tuple[dt.datetime, Decision]] = []
    alarms: tuple[Alarm, ...] = ()
    known = start
    for week in range(FIRST_LOOK, SETTINGS.days // 7):
        at = start + week * WEEK
        _put(project.store, recorded, known, at)
        known = at
        keep_readings(project.store, recorded.weeks(start, until=at), author="panel")
        if (week - FIRST_LOOK) % LOOK_WEEKS == 0:
            alarms = _look(project, at)
        decision = decide_now(project, now=at).decision
        _tell(at, decisions, decision, say)
        decisions.append((at, decision))
        if decision.action == "retrain":
            break
    return tuple(decisions), alarms


def _look(
    project: Project,
    at: dt.datetime,
) -> tuple[Alarm, ...]:
    traffic = traffic_of(project, until=at)
    watched = look_at_traffic(project, traffic)
    keep_look(project.store, watched, records=len(traffic.records), now=at)
    return watched.alarms


def _tell(
    at: dt.datetime,
    before: Sequence[tuple[dt.datetime, Decision]],
    decision: Decision,
    say: Callable[[str], None],
) -> None:
    """Say a decision that differs from the week before's."""
    if not before or before[-1][1].action != decision.action:
        say(f"made-up service, {at:%-d %B %Y}: {decision.action.upper()}. {decision.why}")


def _put(
    store: Store,
    recorded: _Recorded,
    since: dt.datetime,
    until: dt.datetime,
) -> None:
    rows, said = recorded.between(since, until)
    lines = [interaction_line(row) for row in rows]
    about = [feedback_line(each) for each in said]
    with store.connection(write=True) as connection:
        for table, values in ((interactions, lines), (feedback, about)):
            if values:
                connection.execute(table.insert(), values)


def told_repair(service: RepairedService) -> str:
    """The story in a sentence."""
    if service.retrained is None:
        return "the made-up service was never retrained"
    before = [each for each in service.weeks if service.fact <= each.at < service.retrained]
    after = [each for each in service.weeks if each.at >= service.retrained]
    return (
        f"made-up service: {_wrong(before)} between the change and the retraining, "
        f"{_wrong(after)} after it"
    )


def _wrong(weeks: Sequence[QualityReading]) -> str:
    read = sum(each.wrong.n for each in weeks)
    wrong = round(sum(each.wrong.value * each.wrong.n for each in weeks))
    share = proportion(wrong, read, method="wilson") if read else None
    return f"{share} wrong of {plural(read, 'answer')} read"
