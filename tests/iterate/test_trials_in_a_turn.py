"""A blind comparison and a test on traffic, from waiting for them to what they lead to."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest

from tests.cli.test_experiment import fill
from tests.compare.conftest import OLD, TUNED, Bench
from tests.iterate.loop_project import loop_project
from tests.iterate.test_loop import let_through, state, turn
from tests.iterate.test_use import draft, sign
from tunewell.experiments import open_step
from tunewell.iterate import Iteration
from tunewell.project import Project
from tunewell.releases import release, serving
from tunewell.testing.tiny import tiny_model_folder

GATES = (
    ", {compare: june, criterion: preference, at_least: 0.5, people: required}"
    ", {experiment: spring}"
)
ARMS = """\
gateway:
  servers: [{name: s, url: "http://127.0.0.1:9/v1"}]
  arms:
    - {name: current, server: s, model: m}
    - {name: candidate, server: s, place: canary, weight: 0}
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose first version is judged, and waits for what its gates ask for."""
    folder = tmp_path_factory.mktemp("judged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNEWELL_CACHE", str(folder / "cache"))
        model = tiny_model_folder(folder / "model")
        project = loop_project(folder / "project", model, more=ARMS, gates=GATES)
        made = turn(project)
    assert why(made, "comparison june").startswith("not drafted yet")
    assert why(made, "experiment spring").startswith("not drafted yet")
    let_through(project)
    project.store.close()
    return folder


def why(made: Iteration, name: str) -> str:
    return next(step.why for step in made.steps if step.name == name)


@pytest.mark.slow
@pytest.mark.parametrize("better", [0.3, -0.3])
def test_what_people_and_traffic_say_is_closed_and_acted_on(
    judged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, better: float
) -> None:
    monkeypatch.setenv("TUNEWELL_CACHE", str(judged / "cache"))
    shutil.copytree(judged / "project", tmp_path / "project")
    with Project.open(tmp_path / "project") as project:
        store = project.store
        run = store.last_run("iterate")
        assert run is not None
        version = store.get_value(run.outputs["iteration"], Iteration).version
        release(store, "canary", version, signed_by="ann")
        people = Bench(store)
        june = people.open(name="june", arms=[{**TUNED, "version": version}, OLD])
        draft(project)
        sign(project)
        open_step(store, "spring", author="olu")

        waits = turn(project)
        assert "24 of its pairs are still to be rated" in why(waits, "comparison june")
        assert state(waits, "experiment spring") == "waiting"
        assert (waits.outcome, waits.promoted) == ("INCONCLUSIVE", False)

        people.rate_all(june)
        every = dt.timedelta(microseconds=1)
        fill(project.file.root, better=better, version=version[:12], every=every)
        said = turn(project)
        assert why(said, "comparison june").startswith("closed with GO")
        assert state(said, "train") == "reused"
        now = serving(store, "production")
        if better > 0:
            assert why(said, "experiment spring").startswith("closed with GO")
            assert (said.outcome, said.promoted) == ("GO", True)
            assert now is not None
            assert now.version == version
            assert "experiment:spring" in now.evidence
        else:
            assert why(said, "experiment spring").startswith("closed with NO-GO")
            assert (said.outcome, said.promoted, now) == ("NO-GO", False, None)
