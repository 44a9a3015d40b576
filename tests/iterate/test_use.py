"""What people read of answers in use reaches decisions and the next version's rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.decide.case import evidence, steady
from tunewell.decide import TrialState, decide_next
from tunewell.decide.evidence import CandidateState, EarlierVersion
from tunewell.experiments import (
    CLOSED,
    ExperimentOutcome,
    draft_experiment,
    open_step,
    sign_experiment,
    stop_experiment,
)
from tunewell.gateway.settings import gateway_settings
from tunewell.iterate import review_readings
from tunewell.iterate.look import look_at_use, traffic_mark
from tunewell.iterate.trials import settle_trials, trials_of
from tunewell.iterate.versions import newest_version
from tunewell.monitor.reading_batch import reading_batches
from tunewell.monitor.standing_review import PURPOSE
from tunewell.people import Accounts, Said, WorkStore
from tunewell.people.rows_from_use import rows_from_use, take_up_from_use
from tunewell.project import Project
from tunewell.run import decide_again
from tunewell.task import load_task
from tunewell.testing.factories import sample_project
from tunewell.testing.service import ServiceSettings, simulate
from tunewell.testing.service.in_store import put_traffic
from tunewell.types import Estimate
from tunewell.watching import open_weekly_review
from tunewell.watching_traffic import traffic_of

TASK = """\
task: {name: desk, about: Answers of a desk., input: A question., output: An answer.}
data: [{path: rows.jsonl}]
slices: [{field: region}]
gates: [{experiment: spring}]
people:
  rubric: [{name: right, question: "Is it right?"}]
watch:
  review: {rows: 40}
gateway:
  servers: [{name: s, url: "http://127.0.0.1:9/v1"}]
  arms:
    - {name: current, server: s, place: production}
    - {name: candidate, server: s, model: abcdef123456, weight: 0}
"""

NOW = dt.datetime(2026, 5, 26, 9, tzinfo=dt.UTC)
VERSIONS = ("model-1" + 57 * "0", "model-2" + 57 * "0")
NEW = "abcdef123456" + 52 * "0"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    (tmp_path / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    with Project.open(tmp_path) as opened:
        yield opened


def in_use(project: Project) -> None:
    """Twenty weeks of traffic, and somebody who reads."""
    settings = ServiceSettings(days=140, daily=20, reviewed=0, rated=0.0)
    put_traffic(project.store, simulate(settings, seed=8))
    Accounts(project.store).create("bob", role="expert")


def read_all(project: Project) -> list[str]:
    """Bob finds every fourth answer wrong, and writes what is right; gives their interactions."""
    work = WorkStore(project.store)
    (batch,) = reading_batches(project.store, PURPOSE)
    (bob,) = (account.id for account in Accounts(project.store).all())
    corrected = []
    for number, item in enumerate(work.items(batch.id)):
        is_wrong = number % 4 == 0
        text = f"Right answer {number}." if is_wrong else ""
        said = Said(scores={"right": float(not is_wrong)}, correction=text)
        work.write(said, item=item, batch=batch, account=bob, key=item.id)
        if is_wrong:
            corrected.append(item.example)
    return corrected


def test_what_nobody_read_or_nobody_trained_gives_no_reading(project: Project) -> None:
    assert traffic_mark(project.store) == ""
    assert look_at_use(project, now=NOW).state == "skipped"
    in_use(project)
    assert traffic_mark(project.store) == traffic_mark(project.store) != ""
    found = look_at_use(project, now=NOW)
    assert found.state == "done"
    assert "40 seats assigned" in found.why
    assert review_readings(project.store, VERSIONS) == (), "nobody has read yet"
    read_all(project)

    assert review_readings(project.store, ["another"]) == ()
    short = {version[:8]: version for version in VERSIONS}
    assert review_readings(project.store, short) == (), "the records name too little of it"


def test_readings_are_of_the_version_that_answered(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunewell.iterate.standing_readings.SHORTEST_VERSION", 7)
    in_use(project)
    open_weekly_review(project, traffic_of(project), NOW)
    corrected = read_all(project)
    (reading,) = review_readings(project.store, VERSIONS)
    assert (reading.version, reading.by) == (VERSIONS[0], "people")
    assert reading.at == dt.datetime(2026, 5, 21, 12, tzinfo=dt.UTC)
    assert reading.wrong.value == pytest.approx(0.25)
    assert 0.1 < reading.wrong.low < 0.25 < reading.wrong.high < 0.5

    before = len(rows_from_use(project.store).rows)
    taken = take_up_from_use(project.store, author="cron", slices=["region"])
    by_id = {row.id: row for row in taken.rows}
    assert len(taken.rows) == before
    for name in corrected:
        row = by_id[f"use-{name}"]
        assert row.target.startswith("Right answer")
        assert row.tags["region"]


# --- tests on traffic -----------------------------------------------------------------------------

GIVEN = {
    "name": "spring",
    "candidate": "candidate",
    "control": "current",
    "outcome": {"kind": "thumb"},
    "margin": 0.1,
    "steps": [{"share": 1.0}],
}


def draft(project: Project) -> None:
    draft_experiment(project.store, gateway_settings(project.file), GIVEN, author="kim")


def sign(project: Project) -> None:
    sign_experiment(project.store, "spring", author="olu")


def close(
    project: Project,
    outcome: str,
    low: float,
    high: float,
    *,
    version: str = NEW,
) -> None:
    effect = Estimate(value=(low + high) / 2, low=low, high=high, n=900, method="m")
    closed = ExperimentOutcome.model_validate(
        {
            "name": "spring",
            "version": "any",
            "candidate": version[:12],
            "outcome": outcome,
            "why": "Thumbs said so.",
            "effect": effect,
        }
    )
    project.store.say(CLOSED, "spring", author="olu", record=closed.model_dump(mode="json"))


def waits(project: Project) -> str:
    (step,) = settle_trials(project, NEW, author="cron")
    assert step.state == "waiting"
    return step.why


def test_an_experiment_is_waited_for_until_it_has_spoken(project: Project) -> None:
    assert "draft" in waits(project)
    assert trials_of(project, NEW) == ()
    draft(project)
    assert "sign spring" in waits(project)
    assert trials_of(project, NEW) == (), "a draft binds nobody"
    sign(project)
    assert "step spring" in waits(project)
    open_step(project.store, "spring", author="olu")
    assert "units of the candidate" in waits(project)
    (running,) = trials_of(project, NEW)
    assert (running.state, running.is_open) == ("running", True)
    (other,) = settle_trials(project, "f" * 64, author="cron")
    assert "another version" in other.why
    assert trials_of(project, "f" * 64) == ()

    stop_experiment(project.store, "spring", reason="complaints", author="olu")
    (stopped,) = trials_of(project, NEW)
    assert stopped.has_failed
    (step,) = settle_trials(project, NEW, author="cron")
    assert step.state == "done"
    assert "INCONCLUSIVE" in step.why
    (step,) = settle_trials(project, NEW, author="cron")
    assert step.state == "reused"
    assert len(project.store.said(CLOSED)) == 1


def test_a_verdict_is_taken_again_once_its_experiment_is_closed(tmp_path: Path) -> None:
    made = sample_project(tmp_path, rows=240, outcome="GO")
    newest = newest_version(made.store)
    assert newest is not None
    text = made.file.path.read_text(encoding="utf-8")
    text = text.replace("gates:\n", "gates:\n  - {experiment: spring}\n", 1)
    text += TASK[TASK.index("gateway:") :].replace("abcdef123456", newest.model.adapter[:12])
    made.file.path.write_text(text, encoding="utf-8")
    project = Project(load_task(tmp_path), made.store)

    def outcome() -> str:
        verdict = decide_again(project)
        assert verdict is not None
        return next(c.outcome for c in verdict.criteria if "spring" in c.name)

    assert outcome() == "INCONCLUSIVE"
    draft(project)
    sign(project)
    open_step(project.store, "spring", author="olu")
    close(project, "GO", 0.02, 0.1, version=newest.model.adapter)
    assert outcome() == "GO"
    (step,) = settle_trials(project, newest.model.adapter, author="cron")
    assert (step.name, step.state) == ("experiment spring", "reused")
    made.store.close()


def test_what_an_experiment_finds_decides(project: Project) -> None:
    draft(project)
    sign(project)
    open_step(project.store, "spring", author="olu")
    close(project, "NO-GO", -0.2, -0.05)
    (trial,) = trials_of(project, NEW)
    assert trial.does_harm

    candidate = CandidateState(version=NEW, outcome="GO", trials=(trial,))
    held = decide_next(evidence(8, steady(8), candidate=candidate))
    assert held.action == "hold"
    assert "spring does not bear it out" in held.why
    assert "experiment:spring" in held.evidence

    good = TrialState(name="spring", state="closed", outcome="GO", why="Better.")
    promoted = decide_next(
        evidence(8, steady(8), candidate=candidate.model_copy(update={"trials": (good,)}))
    )
    assert promoted.action == "promote"
    assert "experiment:spring GO" in promoted.evidence

    earlier = EarlierVersion(version="old", since=NOW, trial=trial)
    undone = decide_next(evidence(8, steady(8), earlier=earlier))
    assert undone.action == "roll back"
    assert "spring" in undone.why
