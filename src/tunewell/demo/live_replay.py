"""A half year of real support questions, replayed: what is seen, what is decided, and why.

``python -m tunewell.demo.live_replay FOLDER [DATA]``

July to December 2023 of a public forum (see `tunewell.demo.areas`). At four moments the replay
stops: the detectors look at everything that was known by then, quality is read from what askers
chose, and the decision is made and recorded in a real project, whose pages `tunewell serve` shows.
Beside it stands a simulated service that does decay, and that retraining puts right.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tunewell.decide import DecisionEvidence, Prices, QualityReading, Waiting, decide_next
from tunewell.decide.record import RecordedDecision
from tunewell.decide.wording import points, schedule_line
from tunewell.demo.areas import AreaModel, AreaQuestion, read_questions
from tunewell.demo.live_picture import Moment, draw_story
from tunewell.gateway.keep import interaction_line
from tunewell.iterate import decide_now
from tunewell.iterate.alarms import alarms_of_newest_look
from tunewell.iterate.readings import keep_readings
from tunewell.lineage import record
from tunewell.monitor.cause import explain
from tunewell.monitor.kept_look import keep_look
from tunewell.monitor.read_records import read_rows
from tunewell.monitor.watch import look
from tunewell.project import Project
from tunewell.releases import release
from tunewell.stats import mean, proportion
from tunewell.store import Store
from tunewell.store.traffic_tables import interactions
from tunewell.task import parse_task
from tunewell.types import (
    Decision,
    Estimate,
    Interaction,
    ModelVersion,
    Recipe,
    Trained,
    digest,
)

WEEK: Final = dt.timedelta(days=7)
BEGIN: Final = dt.datetime(2023, 7, 1, tzinfo=dt.UTC)
END: Final = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
MOMENTS: Final = (
    dt.datetime(2023, 8, 7, tzinfo=dt.UTC),
    dt.datetime(2023, 10, 9, tzinfo=dt.UTC),
    dt.datetime(2023, 12, 11, tzinfo=dt.UTC),
    END,
)

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

Say = Callable[[str], None]


@dataclass(frozen=True)
class LiveStory:
    """What the replay came to.

    Attributes:
        moments: Where it stopped, with what was seen and decided.
        weeks: Share of wrong answers in each week of the replay.
        gain: Of a version retrained on all that was known in October, on later questions.
        decaying: Decisions on the simulated service, by week.
        picture: The page that shows all of it.
    """

    moments: tuple[Moment, ...]
    weeks: tuple[QualityReading, ...]
    gain: Estimate
    decaying: tuple[tuple[int, Decision], ...]
    picture: Path


def replay(folder: Path, data: Path, *, say: Say) -> LiveStory:
    """Replay the half year into a project in a folder.

    Args:
        folder: Where to; made if it is not there.
        data: Folder with ``thunderbird/questions.jsonl.gz``.
        say: Called with a line at every step.
    """
    every = read_questions(data / "thunderbird" / "questions.jsonl.gz", until=END)
    history = [row for row in every if row.at < BEGIN and row.area]
    asked = [row for row in every if row.at >= BEGIN and row.area]
    say(f"{len(history):,} questions of five areas to train on, {len(asked):,} to replay")
    model = AreaModel.trained_on(history)
    said = {row.id: model.answer(row.text) for row in asked}

    project = _project(folder)
    with project.store as store:
        version = _put_version(store, model, history)
        _put_traffic(store, asked, said, version)
        weeks = _readings(asked, said, version)
        moments = tuple(_stop(project, at, every, weeks, say) for at in MOMENTS)

    gain = _retrained(every, asked, said)
    say(f"retrained on all questions up to October: {points(gain)} on later ones; {_earned(gain)}")
    decaying = _simulated()
    for week, decision in decaying:
        if decision.action == "retrain":
            say(f"simulated service, week {week}: RETRAIN, {decision.why}")
    picture = folder / "story.html"
    picture.write_text(draw_story(moments, weeks, gain, decaying), encoding="utf-8")
    return LiveStory(moments, weeks, gain, decaying, picture)


def _earned(gain: Estimate) -> str:
    """Whether a version has earned its promotion by its difference to the one that serves."""
    return "promotion earned" if gain.low > 0 else "promotion refused: not clearly better"


# --- the project ----------------------------------------------------------------------------------


def _project(folder: Path) -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tunewell.yaml"
    path.write_text(TASK, encoding="utf-8")
    (folder / "history.jsonl").touch()
    return Project(parse_task(TASK, path=path, environment={}), Store(folder))


def _put_version(store: Store, model: AreaModel, history: Sequence[AreaQuestion]) -> str:
    """The version whose answers are replayed, trained when the replay begins, and in production."""
    weights = digest(model.weight.round(9).tolist())
    adapter = store.files.put_folder({"areas.txt": weights.encode()})
    nothing = Estimate.exact(0.0, n=0, unit="nats/token")
    trained = Trained(
        model=ModelVersion(
            id=adapter[:12],
            base="recorded answers",
            adapter=adapter,
            recipe=Recipe(),
            dataset=digest([row.id for row in history]),
            split="",
            trained_on=len(history),
        ),
        trace="",
        best_epoch=0.0,
        held_out_loss=nothing,
        train_loss=nothing,
    )
    if store.last_run("train") is None:
        with record(store, "train", inputs={}, parameters={"replayed": True}) as run:
            run.outputs["trained"] = store.put_value(trained)
        last = store.last_run("train")
        if last is not None:
            store.save_run(last.model_copy(update={"started": BEGIN}))
        release(store, "production", adapter, signed_by="demo", reason="the replay begins")
    return adapter


def _put_traffic(
    store: Store,
    asked: Sequence[AreaQuestion],
    said: dict[str, str],
    version: str,
) -> None:
    known = set(store.values(interactions.select().with_only_columns(interactions.c.id)))
    lines = []
    for row in asked:
        made = Interaction(
            id=f"q{row.id}",
            at=row.at,
            version=version,
            request={"messages": [{"role": "user", "content": row.text}]},
            response=said[row.id],
            source="replay",
        )
        if made.id not in known:
            lines.append(interaction_line(made))
    if lines:
        with store.connection(write=True) as connection:
            connection.execute(interactions.insert(), lines)


def _readings(
    asked: Sequence[AreaQuestion],
    said: dict[str, str],
    version: str,
) -> tuple[QualityReading, ...]:
    """Share of wrong areas, week by week: what the asker chose is right."""
    found = []
    for number in range(int((END - BEGIN) / WEEK)):
        start = BEGIN + number * WEEK
        rows = [row for row in asked if start <= row.at < start + WEEK]
        wrong = sum(said[row.id] != row.area for row in rows)
        found.append(
            QualityReading(
                at=start + WEEK / 2,
                version=version,
                wrong=proportion(wrong, len(rows), method="wilson"),
                by="labels",
            )
        )
    return tuple(found)


# --- the moments ----------------------------------------------------------------------------------


def _stop(
    project: Project,
    at: dt.datetime,
    every: Sequence[AreaQuestion],
    weeks: Sequence[QualityReading],
    say: Say,
) -> Moment:
    """Look and decide with what was known at a moment."""
    store = project.store
    rows = [
        {"id": row.id, "created": row.at, "question": row.text, "area": row.area or "other"}
        for row in every
        if row.at < at
    ]
    records, _ = read_rows(rows, "questions", time="created", until=at)
    watched = explain(look(records), [records])
    keep_look(store, watched, records=len(rows), now=at)
    keep_readings(store, [week for week in weeks if week.at < at], author="demo")
    decided = decide_now(project, now=at)
    _tell(at, decided, store, say)
    return Moment(at=at, alarms=watched.alarms, decision=decided.decision)


def _tell(at: dt.datetime, decided: RecordedDecision, store: Store, say: Say) -> None:
    decision = decided.decision
    say(f"\n{at:%-d %B %Y}: {decision.action.upper()}. {decision.why}")
    for alarm in alarms_of_newest_look(store)[-4:]:
        say(f"  since {alarm.since:%-d %B}: {alarm.channel} ({alarm.slice[:60]}), {alarm.cause}")
    if decision.schedule is not None and decision.gain is not None:
        say(f"  expected gain {points(decision.gain)}; {schedule_line(decision.schedule)}")


def _retrained(
    every: Sequence[AreaQuestion],
    asked: Sequence[AreaQuestion],
    said: dict[str, str],
) -> Estimate:
    """Right areas of a version retrained up to October less those of the frozen one, paired."""
    cut = MOMENTS[1]
    newer = AreaModel.trained_on([row for row in every if row.at < cut and row.area])
    later = [row for row in asked if row.at >= cut]
    gained = [
        float(newer.answer(row.text) == row.area) - float(said[row.id] == row.area) for row in later
    ]
    return mean(gained, low=-1.0, high=1.0).model_copy(update={"unit": "share"})


# --- the service that decays ----------------------------------------------------------------------


def _simulated() -> tuple[tuple[int, Decision], ...]:
    """A service that loses four points of a hundred in five weeks, until it is retrained."""
    rng = np.random.default_rng(3)
    trained, name = 0, "first"
    dates = {name: BEGIN}
    readings: list[QualityReading] = []
    found = []
    for week in range(40):
        share = 0.12 + 0.008 * (week - trained)
        wrong = int(rng.binomial(200, share))
        readings.append(
            QualityReading(
                at=BEGIN + (week + 0.5) * WEEK,
                version=name,
                wrong=proportion(wrong, 200, method="wilson"),
            )
        )
        decision = decide_next(
            DecisionEvidence(
                now=BEGIN + (week + 1) * WEEK,
                serving=name,
                trained=dates,
                readings=tuple(readings),
                waiting=Waiting(source=300),
                prices=Prices(wrong_answer=0.5, retraining=400),
                answers_per_day=100,
            )
        )
        found.append((week, decision))
        if decision.action == "retrain":
            trained, name = week + 1, f"after week {week}"
            dates = {**dates, name: BEGIN + (week + 1) * WEEK}
    return tuple(found)


def main() -> None:
    """Replay into a folder; says what was decided and where the pages are."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".demo-live")
    given = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("TUNEWELL_DATA", "../shared/data")
    data = Path(given)
    if not (data / "thunderbird").is_dir():
        raise SystemExit(f"no thunderbird data in {data}\n\nhint: set TUNEWELL_DATA")

    def say(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    story = replay(folder, data, say=say)
    say(f"\nthe picture: {story.picture}")
    say(f"the pages: tunewell serve {folder}, then Home and Decide")


if __name__ == "__main__":
    main()
