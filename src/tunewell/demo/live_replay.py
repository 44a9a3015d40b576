"""A half year of real support questions, replayed: what is seen, what is decided, and why.

``python -m tunewell.demo.live_replay FOLDER [DATA]``

July to December 2023 of a public forum, or of a made-up service where the forum's data is not there
(`tunewell.demo.live_questions`). Every question goes through the real gateway; the answers of the
version in production are recorded and replayed, and the embedded model answers some of the later
ones anew. At four moments the replay stops: the detectors look at everything that was known by
then, quality is read from what askers chose, and the decision is made and recorded in a real
project, whose pages `tunewell serve` shows. Beside it stands a made-up service that does decay, and
that retraining puts right (`tunewell.demo.live_decay`).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from tunewell.decide.record import RecordedDecision
from tunewell.decide.wording import points, schedule_line
from tunewell.demo.areas import AreaModel, AreaQuestion
from tunewell.demo.live_decay import simulate_repair, told_repair
from tunewell.demo.live_gateway import EMBEDDED, GATEWAY, LiveGateway, Ports, served
from tunewell.demo.live_picture import draw_story
from tunewell.demo.live_project import PLACE, open_project, put_version
from tunewell.demo.live_questions import BEGIN, END, LiveQuestions, live_questions
from tunewell.demo.live_records import (
    ReplayedAnswer,
    replayed_answers,
    rows_learned_from_use,
    rows_to_watch,
    weekly_readings,
)
from tunewell.demo.live_story import LiveStory, Moment, TriedVersion
from tunewell.errors import EXIT_OK, EXIT_USER, UserError
from tunewell.gateway.keep import traffic_ledger
from tunewell.iterate import decide_now
from tunewell.iterate.readings import keep_readings
from tunewell.model.weights import resolve
from tunewell.monitor.cause import explain
from tunewell.monitor.kept_look import keep_look
from tunewell.monitor.read_records import read_rows
from tunewell.monitor.watch import look
from tunewell.project import Project
from tunewell.releases import serving
from tunewell.stats import mean
from tunewell.types import Alarm, Estimate

MOMENTS: Final = (
    dt.datetime(2023, 8, 7, tzinfo=dt.UTC),
    dt.datetime(2023, 10, 9, tzinfo=dt.UTC),
    dt.datetime(2023, 12, 11, tzinfo=dt.UTC),
    END,
)
RETRAINED: Final = MOMENTS[1]
"""Up to here the candidate has learned from use; later questions judge it."""

GENERATED: Final = 72
"""Later questions that the embedded model answers; at most 150."""

MOST_CHARACTERS: Final = 200
"""Of a question that the embedded model reads."""

TASK: Final = """\
task:
  name: areas
  about: Names the area of a support question.
  input: a question
  output: one of five areas
data: [{path: history.jsonl}]
costs: {currency: EUR, wrong_answer: 0.5, retraining: 400}
decide: {answers_per_day: 20, fewest_rows: 1}
"""

EMBEDDED_TASK: Final = """\
task: {name: embedded, about: Answers questions., input: a question, output: an answer}
data: [{path: none.jsonl}]
"""

STORY: Final = "story.html"
FINISHED: Final = "finished"

Say = Callable[[str], None]


def replay(folder: Path, data: Path, *, say: Say, generated: int = GENERATED) -> LiveStory:
    """Replay the half year into a project in a folder; a replay that was killed goes on.

    Args:
        folder: Where to; made if it is not there.
        data: Folder with ``thunderbird/questions.jsonl.gz``; made-up questions without.
        say: Called with a line at every step.
        generated: Questions that the embedded model answers, at most 150.
    """
    questions = live_questions(data)
    say(questions.source)
    say(f"{len(questions.history):,} to learn from, {len(questions.asked):,} to replay")
    ports = Ports.free()
    base = resolve("smollm2-135m").name
    definition = TASK + GATEWAY.format(recorded=ports.recorded, embedded=ports.embedded, base=base)
    project = open_project(folder, definition)
    (folder / "history.jsonl").touch()
    open_project(folder / "embedded", EMBEDDED_TASK).store.close()
    with project.store as store:
        run = _Replay(project, questions, ports, say)
        asyncio.run(run.ask())
        run.embedded(min(generated, 150), folder / "embedded")
        answers = replayed_answers(store, run.by_id)
        weeks = weekly_readings(answers, run.version)
        moments = tuple(_stop(project, at, questions, answers, weeks, say) for at in MOMENTS)
        tried = run.tried(answers)
        repaired = simulate_repair(folder / "service", say=say)
        say(told_repair(repaired))
        picture = folder / STORY
        story = LiveStory(questions.source, moments, tuple(weeks), tried, repaired, picture)
        picture.write_text(draw_story(story, _by_week(questions.every)), encoding="utf-8")
        # The last step: a replay that goes on before it decides about the first version still.
        asyncio.run(run.promote(tried[0]))
    (folder / FINISHED).touch()
    return story


class _Replay:
    """The replay of a half year under way."""

    def __init__(
        self,
        project: Project,
        questions: LiveQuestions,
        ports: Ports,
        say: Say,
    ) -> None:
        self.project = project
        self.store = project.store
        self.questions = questions
        self.ports = ports
        self.say = say
        self.by_id = {row.id: row for row in questions.every}
        history = questions.history
        self._answer = AreaModel.trained_on(history, questions.areas).answer
        self.version = put_version(
            self.store,
            f"areas, learned from {len(history)} questions",
            at=BEGIN,
            rows=len(history),
        )

    def _recorded(self, body: dict[str, Any]) -> str:
        """The recorded answer to a request."""
        return self._answer(body["messages"][-1]["content"])

    def gateway(self) -> LiveGateway:
        """The gateway, before the recorded answers."""
        return LiveGateway(self.store, self.ports, self._recorded)

    async def ask(self) -> None:
        """Ask every question that has not been asked yet."""
        done = {each.question.id for each in replayed_answers(self.store, self.by_id)}
        left = [row for row in self.questions.asked if row.id not in done]
        if not left:
            return
        accepted = traffic_ledger(self.store).accepted
        async with self.gateway() as gateway:
            await gateway.ask_all(left, self.questions.areas)
            await gateway.carried_over(accepted + len(left))
        ledger = traffic_ledger(self.store)
        self.say(
            f"the gateway accepted {ledger.accepted:,} = recorded {ledger.recorded:,} + "
            f"unconfirmed {ledger.unconfirmed:,} + refused {ledger.refused:,}"
        )

    def embedded(self, count: int, folder: Path) -> None:
        """Let the embedded model answer some of the later questions."""
        later = [row for row in self.questions.asked if row.at >= RETRAINED and row.area]
        chosen = later[:: max(len(later) // max(count, 1), 1)][:count]
        known = replayed_answers(self.store, self.by_id)
        done = {each.question.id for each in known if each.arm == EMBEDDED}
        left = [_shortened(row) for row in chosen if row.id not in done]
        if not left:
            return
        command = ["tunewell", "model", "serve", "-p", str(folder)]
        command += ["--port", str(self.ports.embedded)]
        with served(command, self.ports.embedded):
            asyncio.run(self._ask_embedded(left))

    async def _ask_embedded(self, rows: Sequence[AreaQuestion]) -> None:
        accepted = traffic_ledger(self.store).accepted
        async with self.gateway() as gateway:
            await gateway.ask_embedded(rows, self.questions.areas)
            await gateway.carried_over(accepted + len(rows))
        self.say(f"the embedded model answered {len(rows)} of the later questions")

    # --- versions that are tried ------------------------------------------------------------------

    def tried(self, answers: Sequence[ReplayedAnswer]) -> tuple[TriedVersion, ...]:
        """The retrained version and the embedded model, each against the one that serves."""
        learned = rows_learned_from_use(self.store, answers, until=RETRAINED)
        model = AreaModel.trained_on([*self.questions.history, *learned], self.questions.areas)
        serving_right = {}
        for each in answers:
            if each.arm != EMBEDDED and each.right is not None and each.question.at >= RETRAINED:
                serving_right[each.question.id] = each.right
        anew = {id: model.answer(self.by_id[id].text) for id in serving_right}
        embedded = {each.question.id: each.answer for each in answers if each.arm == EMBEDDED}
        found = (
            TriedVersion(
                name=f"retrained in October on {len(learned):,} more rows from use",
                gain=self._gain(anew, serving_right),
            ),
            TriedVersion(
                name="the embedded model, as it is",
                gain=self._gain(embedded, serving_right),
            ),
        )
        for version in found:
            self.say(f"{version.name}: {version.told}")
        self._retrained = model, len(self.questions.history) + len(learned)
        return found

    def _gain(self, said: dict[str, str], serving_right: dict[str, bool]) -> Estimate | None:
        """Right areas less those of the version that serves, on the same questions."""
        gained = []
        for id, answer in said.items():
            if id in serving_right:
                named = answer.strip().strip(".").lower()
                gained.append(float(named == self.by_id[id].area) - float(serving_right[id]))
        if len(gained) < 2:
            return None
        return mean(gained, low=-1.0, high=1.0).model_copy(update={"unit": "share"})

    async def promote(self, tried: TriedVersion) -> None:
        """Serve the retrained version if it has earned it, and ask it through the gateway."""
        if not tried.is_earned or tried.gain is None:
            return
        model, rows = self._retrained
        self._answer = model.answer
        before = serving(self.store, PLACE)
        evidence = (f"paired difference on {tried.gain.n} later questions: {points(tried.gain)}",)
        version = put_version(
            self.store,
            f"areas, learned from {rows} questions",
            at=RETRAINED,
            rows=rows,
            evidence=evidence,
        )
        if before is not None and before.version == version:
            return
        last = self.questions.asked[-20:]
        accepted = traffic_ledger(self.store).accepted
        async with self.gateway() as gateway:
            await gateway.ask_all([_again(row) for row in last], self.questions.areas)
            await gateway.carried_over(accepted + len(last))
        self.say(f"promoted: {version[:12]} serves in {PLACE}, and answers behind the gateway")


def _shortened(row: AreaQuestion) -> AreaQuestion:
    return AreaQuestion(row.id, row.at, row.text[:MOST_CHARACTERS], row.area)


def _again(row: AreaQuestion) -> AreaQuestion:
    """The question under another id: it is no question of the half year."""
    return AreaQuestion(f"again-{row.id}", row.at, row.text, row.area)


# --- the moments ----------------------------------------------------------------------------------


def _stop(
    project: Project,
    at: dt.datetime,
    questions: LiveQuestions,
    answers: Sequence[ReplayedAnswer],
    weeks: Sequence[Any],
    say: Say,
) -> Moment:
    """Look and decide with what was known at a moment."""
    store = project.store
    before = [row for row in questions.every if row.at < BEGIN]
    rows = rows_to_watch(before, answers, until=at)
    records, _ = read_rows(rows, "questions", time="created", until=at)
    watched = explain(look(records), [records])
    keep_look(store, watched, records=len(rows), now=at)
    keep_readings(store, [week for week in weeks if week.at < at], author="demo")
    decided = decide_now(project, now=at)
    _tell(at, decided, watched.alarms, say)
    return Moment(at=at, alarms=watched.alarms, decision=decided.decision)


def _tell(
    at: dt.datetime,
    decided: RecordedDecision,
    alarms: Sequence[Alarm],
    say: Say,
) -> None:
    decision = decided.decision
    say(f"\n{at:%-d %B %Y}: {decision.action.upper()}. {decision.why}")
    for alarm in alarms[-4:]:
        say(f"  since {alarm.since:%-d %B}: {alarm.channel} ({alarm.slice[:60]}), {alarm.cause}")
    if decision.schedule is not None and decision.gain is not None:
        say(f"  expected gain {points(decision.gain)}; {schedule_line(decision.schedule)}")


def _by_week(rows: Sequence[AreaQuestion]) -> list[tuple[dt.datetime, int]]:
    """Questions in each week of the replay."""
    week = dt.timedelta(days=7)
    found = []
    for number in range((END - BEGIN) // week):
        start = BEGIN + number * week
        found.append((start, sum(start <= row.at < start + week for row in rows)))
    return found


def main() -> int:
    """Replay into a folder; says what was decided and where the pages are."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".demo-live")
    given = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("TUNEWELL_DATA", "../shared/data")
    begun = time.monotonic()

    def say(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    if (folder / FINISHED).exists():
        say(f"this replay is finished; another one begins in another folder, or without {folder}")
        _tell_places(folder, say)
        return EXIT_OK
    try:
        replay(folder, Path(given), say=say)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return EXIT_USER
    own = resource.getrusage(resource.RUSAGE_SELF)
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = sum(each.ru_utime + each.ru_stime for each in (own, others))
    say(f"\ntook {time.monotonic() - begun:.0f} s, {used:.0f} processor seconds")
    _tell_places(folder, say)
    return EXIT_OK


def _tell_places(folder: Path, say: Say) -> None:
    say(f"the pictures: {folder / STORY}")
    say(f"the pages: tunewell serve {folder}, then Home, Decide and Watch")
    say(f"the service that was repaired: tunewell serve {folder / 'service'}")


if __name__ == "__main__":
    sys.exit(main())
