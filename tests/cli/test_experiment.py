"""``tunewell experiment`` as it is typed: from a draft to a verdict that a gate reads."""

from __future__ import annotations

import datetime as dt
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_gateway import YAML, project
from tunewell.cli.main import main
from tunewell.errors import EXIT_OK
from tunewell.experiments import closed_experiments, experiment_named
from tunewell.gateway.keep import feedback_line, interaction_line
from tunewell.store import Store
from tunewell.store.traffic_tables import feedback, interactions
from tunewell.types import Feedback, Interaction

ARMS = """
gateway:
  servers: [{name: s, url: "http://127.0.0.1:9/v1"}]
  arms:
    - {name: current, server: s, model: m}
    - {name: candidate, server: s, model: abcdef123456, weight: 0}
"""
DRAFT = (
    "experiment draft spring --candidate candidate --control current --outcome thumb --margin 0.1 "
    "--step 0.5:0.4 --step 1 --guard latency=1.5 --guard less:event:solved=0.2 --slice region "
    "--as kim"
)


def typed(line: str, folder: Path, *more: str) -> int:
    return main([*line.split(), "-p", str(folder), *more])


def fill(
    folder: Path,
    *,
    better: float,
    users: int = 600,
    version: str = "abcdef123456",
    every: dt.timedelta = dt.timedelta(seconds=1),
) -> list[dt.datetime]:
    """Requests and thumbs of a test that is running; gives the times of the thumbs."""
    draw = random.Random(5)
    times = []
    with Store(folder) as store:
        began = experiment_named(store, "spring").opened[0][0]
        rows, said = [], []
        for number in range(users):
            arm = "candidate" if draw.random() < 0.4 else "current"
            at = began + number * every
            row = Interaction(
                id=f"{number:05d}",
                at=at,
                user=f"u{number}",
                conversation=f"c{number}",
                assigned=arm,
                served=arm,
                version=version if arm == "candidate" else "m",
                experiment="spring",
                step=1,
                request={"metadata": {"region": "north"}},
                response="An answer.",
                total_s=1.0,
            )
            good = draw.random() < 0.5 + better * (arm == "candidate")
            thumb = Feedback(
                key=row.id, interaction=row.id, kind="thumb", value=good, at=at, received=at
            )
            rows.append(interaction_line(row))
            said.append(feedback_line(thumb))
            times.append(at)
        with store.connection(write=True) as connection:
            connection.execute(interactions.insert(), rows)
            connection.execute(feedback.insert(), said)
    return times


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_an_experiment_is_typed_from_draft_to_close(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tmp_path, text=YAML + ARMS)
    assert typed(DRAFT, tmp_path) == EXIT_OK
    assert "tunewell experiment sign spring fixes it" in capsys.readouterr().out
    assert typed("experiment step spring", tmp_path) == 1
    assert "hint: tunewell experiment sign spring" in capsys.readouterr().err
    assert typed("experiment sign spring --as olu", tmp_path) == EXIT_OK
    assert typed("experiment step spring", tmp_path) == EXIT_OK
    assert "step 1 of 2: 50 % of the users are in the experiment" in capsys.readouterr().out

    times = fill(tmp_path, better=0.3)
    later = times[-1] + dt.timedelta(seconds=1)
    early = times[150]
    assert typed("experiment show spring --json --at", tmp_path / "..", early.isoformat()) != 0
    capsys.readouterr()
    assert typed("experiment show spring --json", tmp_path, "--at", early.isoformat()) == EXIT_OK
    then = shown(capsys)["result"]
    assert sum(arm["units"] for arm in then["arms"]) == 151
    assert then["outcome"] == "INCONCLUSIVE"

    assert typed("experiment show spring", tmp_path, "--at", later.isoformat()) == EXIT_OK
    lines = capsys.readouterr().out
    assert lines.startswith("GO: thumb, candidate minus current: 0.")
    assert "sample ratio" in lines
    assert "region=north" in lines

    class Later(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Later:
            return cls.fromtimestamp(later.timestamp(), tz)

    monkeypatch.setattr("tunewell.compare.experiment.analyse.dt.datetime", Later)
    assert typed("experiment close spring --json --as olu", tmp_path) == EXIT_OK
    closed = shown(capsys)
    assert closed["command"] == "experiment close"
    assert closed["verdict"] == "GO"
    assert typed("experiment list", tmp_path) == EXIT_OK
    assert "spring: candidate against current, closed, GO" in capsys.readouterr().out
    with Store(tmp_path) as store:
        outcome = closed_experiments(store)["spring"]
    assert outcome.candidate == "abcdef123456"
    assert outcome.effect is not None
    assert outcome.effect.low > 0


def test_a_stop_is_recorded_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path, text=YAML + ARMS)
    for line in (DRAFT, "experiment sign spring", "experiment step spring"):
        assert typed(line, tmp_path) == EXIT_OK
    assert typed("experiment stop spring --json --reason complaints", tmp_path) == EXIT_OK
    capsys.readouterr()
    assert typed("experiment show spring", tmp_path) == EXIT_OK
    assert "complaints" in capsys.readouterr().out
    assert typed("experiment close spring", tmp_path) == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--guard latency=1.5", "--guard latency"), "is not METRIC=LIMIT"),
        (("--guard latency=1.5", "--guard latency=fast"), "no number where one belongs"),
        (("--step 1 ", "--step half "), "no number where one belongs"),
        (("--outcome thumb", "--outcome smile"), "Input should be 'thumb', 'rating' or 'event'"),
        (("--candidate candidate", "--candidate nobody"), "'nobody' is not an arm"),
    ],
)
def test_what_is_typed_wrongly_is_told(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: tuple[str, str],
    said: str,
) -> None:
    project(tmp_path, text=YAML + ARMS)
    assert typed(DRAFT.replace(*change), tmp_path) == 1
    told = capsys.readouterr().err
    assert said in told
    assert "hint:" in told
