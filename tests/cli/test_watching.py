"""The verbs below ``tunewell watch``, as they are typed, on the traffic of a made-up service."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.web.test_mail import Sink
from tunewell.cli.main import main
from tunewell.monitor.anchors import AnchorSet
from tunewell.monitor.kept_anchors import keep_anchors
from tunewell.project import Project
from tunewell.testing.service import PlantedIncident, ServiceSettings, simulate
from tunewell.testing.service.anchored import simulated_anchors
from tunewell.testing.service.in_store import put_traffic

SETTINGS = ServiceSettings(days=126, daily=30, topics=3, escalated=0.5)

TASK = """\
version: 1
task: {name: desk, about: Answers of a service desk., input: A question., output: An answer.}
data: [{path: rows.jsonl}]
people:
  rubric: [{name: right, question: "Is it right?"}]
watch:
  review: {rows: 10}
  digest: {to: [ann@example.org], webhook: "http://127.0.0.1:PORT/hook"}
"""


class Hook(BaseHTTPRequestHandler):
    """Takes what is posted and keeps it."""

    bodies: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        size = int(self.headers["content-length"])
        Hook.bodies.append(json.loads(self.rfile.read(size)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def hook() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, hook: int) -> Path:
    """A project whose traffic ends yesterday and got worse a month ago."""
    root = tmp_path_factory.mktemp("watched")
    (root / "tunewell.yaml").write_text(TASK.replace("PORT", str(hook)), encoding="utf-8")
    service = simulate(SETTINGS, [PlantedIncident(kind="behaviour", day=96, size=0.4)], seed=2)
    today = dt.datetime.now(dt.UTC).date()
    shifted = today - SETTINGS.start - dt.timedelta(days=SETTINGS.days)
    with Project.open(root) as project:
        put_traffic(project.store, service, shifted=dt.timedelta(days=shifted.days))
    assert main(["watch", "-p", str(root)]) == 0
    return root


def _envelope(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    out: dict[str, Any] = json.loads(capsys.readouterr().out)["result"]
    return out


def test_the_look_names_causes_and_opens_the_review(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", "review", "-p", str(folder), "--json"]) == 0
    opened = _envelope(capsys)
    assert opened["new"] is False
    with Project.open(folder) as project:
        run = project.store.last_run("watch")
    assert run is not None
    assert run.counts["alarms"] >= 1


def test_impact_names_the_effect_and_bad_controls_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    day = (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=30)).isoformat()
    asked = ["watch", "impact", "-p", str(folder), "--kpi", "escalated", "--release", day]
    assert main([*asked, "--json"]) == 0
    found = _envelope(capsys)
    assert found["impact"]["outcome"] == "higher"
    assert found["finding"]["code"] == "L08"
    assert main([*asked, "--control", "region"]) == 1
    assert "--control must be a field and its value" in capsys.readouterr().err
    assert main(["watch", "impact", "-p", str(folder), "--kpi", "escalated"]) == 1
    assert "nothing was released in 'production'" in capsys.readouterr().err


def test_alarms_are_acknowledged_by_the_beginning_of_their_id(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", "acknowledge", "zz", "-p", str(folder), "--reason", "seen"]) == 1
    assert "no alarm of the newest look begins with 'zz'" in capsys.readouterr().err


def test_a_queue_needs_to_know_how_much_people_can_read(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", "queue", "-p", str(folder)]) == 1
    assert "--budget 100" in capsys.readouterr().err
    assert main(["watch", "queue", "-p", str(folder), "--budget", "10"]) == 0
    assert "0 of 10 answers read" in capsys.readouterr().out


def test_the_digest_is_sent_once_by_mail_and_to_the_webhook(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Sink()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"smtp://127.0.0.1:{server.server_address[1]}"
    asked = ["watch", "digest", "-p", str(folder), "--send", "--smtp", address]
    try:
        assert main(asked) == 0
        assert main(asked) == 0
    finally:
        server.shutdown()
        server.server_close()
    assert len(server.messages) == 1
    assert "text/html" in server.messages[0]
    assert len(Hook.bodies) == 1
    assert Hook.bodies[0]["title"].startswith("desk: ")
    assert "sent to ann@example.org" in capsys.readouterr().err


def test_a_digest_that_cannot_be_sent_is_an_error_and_is_tried_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["watch", "digest", "-p", str(folder), "--send", "--again"]
    assert main(asked) == 1
    assert "no mail server is named" in capsys.readouterr().err


def test_anchors_have_to_be_frozen_before_they_are_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", "anchors", "run", "-p", str(folder)]) == 1
    assert "tunewell watch anchors freeze" in capsys.readouterr().err
    assert main(["watch", "anchors", "freeze", "-p", str(folder)]) == 1
    assert "there is no split to take anchors from" in capsys.readouterr().err


def test_frozen_anchors_are_versions_and_the_last_is_in_force(folder: Path) -> None:
    from tunewell.monitor.kept_anchors import anchors_in_force

    service = simulate(SETTINGS, seed=2)
    first: AnchorSet = simulated_anchors(service, rows=20)
    second = first.model_copy(update={"model": "another"})
    with Project.open(folder) as project:
        keep_anchors(project.store, first, author="ann")
        digest = keep_anchors(project.store, second, author="ann")
        kept, in_force = anchors_in_force(project.store)
    assert in_force == digest
    assert kept == second
