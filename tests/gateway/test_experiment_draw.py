"""A test on traffic through the gateway: who is drawn, what is recorded, and how it is stopped."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.client import KEY, Client, chat, running, two_arms
from tunewell.compare.experiment import read_experiment
from tunewell.experiment_design import RunningExperiment, TrafficExperiment, arms_digest
from tunewell.experiments import draft_experiment, experiment_named, open_step, sign_experiment
from tunewell.gateway.control import read_state
from tunewell.gateway.drain import take_up
from tunewell.gateway.draw import Asker, Draw, Hasher, Placed
from tunewell.gateway.keep import traffic_ledger
from tunewell.gateway.state import GatewayState
from tunewell.gateway.tending import _Tending
from tunewell.store import Store
from tunewell.store.kept_traffic import read_interactions
from tunewell.task import GatewaySection, TaskFile, load_task
from tunewell.tending import guard
from tunewell.testing.model_server import SocketFault, SocketModelServer

HASHER = Hasher(b"salt")
DESIGN = {
    "name": "spring",
    "candidate": "b",
    "control": "a",
    "outcome": {"kind": "thumb"},
    "margin": 0.05,
    "steps": [{"share": 0.2, "candidate": 0.25}, {"share": 1.0, "candidate": 0.5}],
}
YAML = """
version: 1
task: {name: desk, about: answers questions, input: a question, output: an answer}
data: [{path: rows.jsonl}]
"""


def section(**more: Any) -> GatewaySection:
    return GatewaySection.model_validate({**two_arms("http://localhost:1/v1"), **more})


def started(settings: GatewaySection, *, step: int = 1, stopped: bool = False) -> RunningExperiment:
    design = TrafficExperiment.model_validate(DESIGN)
    signed = design.model_copy(update={"arms": arms_digest(settings, design)})
    return RunningExperiment(design=signed, step=step, stopped=stopped)


def drawn(settings: GatewaySection, test: RunningExperiment, users: int = 6_000) -> list[Placed]:
    draw = Draw(settings, HASHER)
    return [draw.place(Asker(f"u{n}", "c", True), test) for n in range(users)]


def test_a_step_opens_its_share_and_nobody_changes_arms() -> None:
    settings = section()
    first = drawn(settings, started(settings, step=1))
    later = drawn(settings, started(settings, step=2))
    inside = [each for each in first if each.experiment]
    assert abs(len(inside) / len(first) - 0.2) < 0.02
    assert abs(sum(each.arm == "b" for each in inside) / len(inside) - 0.25) < 0.04
    assert all(each.arm == "a" for each in first if not each.experiment)
    for before, after in zip(first, later, strict=True):
        assert after.experiment == "spring"
        if before.experiment:
            assert before == after
        else:
            assert after.step == 2


def test_a_stopped_test_holds_everybody_at_the_control_until_the_arms_change() -> None:
    settings = section()
    stopped = started(settings, stopped=True)
    assert {each.arm for each in drawn(settings, stopped, 200)} == {"a"}
    arms = [
        {"name": "a", "server": "s", "model": "m-a"},
        {"name": "b", "server": "s", "model": "m-new"},
    ]
    changed = section(arms=arms)
    assert {each.arm for each in drawn(changed, stopped, 200)} == {"a", "b"}


def test_listed_users_are_in_no_test_and_an_unknown_arm_ends_it() -> None:
    arms = [
        {"name": "a", "server": "s", "model": "m-a"},
        {"name": "b", "server": "s", "model": "m-b", "only": ["vip"]},
    ]
    settings = section(arms=arms)
    draw = Draw(settings, HASHER)
    vip = Asker(HASHER.user("vip"), "c", True)
    assert draw.place(vip, started(settings, step=2)) == Placed("b")
    other = section(arms=[{"name": "a", "server": "s", "model": "m"}])
    assert {d.experiment for d in drawn(other, started(settings, step=2), 50)} == {""}


def _project(folder: Path, url: str) -> TaskFile:
    (folder / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n', encoding="utf-8")
    gateway = (
        f"gateway:\n  servers: [{{name: s, url: '{url}'}}]\n"
        "  arms: [{name: a, server: s, model: m-a}, {name: b, server: s, model: m-b}]\n"
    )
    (folder / "tunewell.yaml").write_text(YAML + gateway, encoding="utf-8")
    return load_task(folder)


async def _ask(client: Client, users: int) -> None:
    for number in range(users):
        await client.post("/v1/chat/completions", chat(user=f"u{number}"))


def test_an_arm_that_fails_is_stopped_by_the_process_beside_the_gateway(tmp_path: Path) -> None:
    def fails(body: dict[str, Any]) -> SocketFault:
        return SocketFault(status=500 if body["model"] == "m-b" else 200)

    async def scenario() -> None:
        server = SocketModelServer(fault=fails)
        settings = GatewaySection.model_validate(two_arms("http://localhost:1/v1"))
        with Store(tmp_path) as store:
            given = {**DESIGN, "steps": [{"share": 1.0}]}
            draft_experiment(store, settings, given, author="kim")
            sign_experiment(store, "spring", author="olu")
            open_step(store, "spring", author="olu")
            state = read_state(store).model_copy(update={"keys": (KEY,)})
        async with running(tmp_path, server=server, state=state) as client:
            await _ask(client, 150)

    asyncio.run(scenario())
    file = _project(tmp_path, "http://localhost:1/v1")
    with Store(tmp_path) as store:
        take_up(store, tmp_path / "spool")
        rows = list(read_interactions(store))
        assert {row.experiment for row in rows} == {"spring"}
        assert {row.assigned for row in rows} == {"a", "b"}
        # The fallback answered for the arm that failed; the rows are counted where they were drawn.
        assert {row.served for row in rows} == {"a"}
        assert traffic_ledger(store).balances

        said = guard(store, file)
        assert "spring was stopped: " in said
        assert "errors: 1 [" in said
        record = experiment_named(store, "spring")
        assert (record.status, record.stopped_by) == ("stopped", "tunewell")
        assert guard(store, file) == ""
        state = read_state(store)
        assert state.experiment is not None
        assert state.experiment.stopped
        again = read_experiment(store, record, settings=file.spec.gateway)
        assert again.outcome == "NO-GO"
        served = next(each for each in again.checks if each.name == "served as assigned")
        assert served.status == "found"


def test_a_state_without_a_test_is_read_too() -> None:
    assert GatewayState.model_validate_json('{"keys": [], "off": false}').experiment is None


def test_the_process_that_answers_loads_no_database_and_no_statistics() -> None:
    code = (
        "import sys, tunewell.gateway.serving\n"
        "print([m for m in ('sqlalchemy', 'alembic', 'pyarrow', 'scipy') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    assert said.stdout.strip() == "[]"


def test_a_guard_that_fails_keeps_no_record_from_the_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(store: Store, file: TaskFile) -> str:
        raise RuntimeError("no such column")

    file = _project(tmp_path, "http://localhost:1/v1")
    carried = _Tending(file, url="", guard=broken)
    carried.once()
    carried.once()
    said = capsys.readouterr().out
    assert said.count("the experiment cannot be read (RuntimeError): no such column") == 1
    assert "ready" in said
