"""Tests on traffic in the app: owners sign, start, stop and close; others read or are refused."""

from __future__ import annotations

import re

import pytest

from tests.cli.test_experiment import fill
from tests.web.conftest import World
from tunewell.experiments import draft_experiment, experiment_named
from tunewell.task import GatewaySection

SETTINGS = GatewaySection.model_validate(
    {
        "servers": [{"name": "s", "url": "http://localhost:1/v1"}],
        "arms": [
            {"name": "current", "server": "s", "model": "m"},
            {"name": "candidate", "server": "s", "model": "m-b", "weight": 0},
        ],
    }
)
GIVEN = {
    "name": "spring",
    "candidate": "candidate",
    "control": "current",
    "outcome": {"kind": "thumb"},
    "margin": 0.1,
    "steps": [{"share": 0.5, "candidate": 0.4}, {"share": 1.0, "candidate": 0.4}],
}


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


@pytest.fixture
def drafted(world: World) -> World:
    draft_experiment(world.store, SETTINGS, GIVEN, author="kim")
    return world


def test_an_owner_takes_an_experiment_from_its_signature_to_its_end(drafted: World) -> None:
    owner = drafted.client("ann", "owner")
    assert "spring" in owner.client.get("/experiments").text
    before = words(owner.client.get("/experiments/spring").text)
    assert "Fixes everything above for good" in before
    assert "Verdict" not in before
    for what in ("sign", "step"):
        assert owner.post(f"/experiments/spring/{what}").status_code == 303
    assert experiment_named(drafted.store, "spring").opened[0][1] == "ann"
    fill(drafted.file.root, better=0.3, users=40)
    page = words(owner.client.get("/experiments/spring").text)
    assert "INCONCLUSIVE" in page
    assert "sample ratio" in page
    assert "arms as signed" in page

    refused = owner.post("/experiments/spring/stop", reason=" ")
    assert refused.status_code == 400
    assert "a stop needs a reason" in refused.text
    assert owner.post("/experiments/spring/stop", reason="<b>wrong</b>").status_code == 303
    stopped = owner.client.get("/experiments/spring").text
    assert "&lt;b&gt;wrong&lt;/b&gt;" in stopped
    assert owner.post("/experiments/spring/close").status_code == 303
    assert experiment_named(drafted.store, "spring").status == "closed"
    assert "experiment closed" in owner.client.get("/audit").text


def test_others_read_or_are_refused(drafted: World) -> None:
    engineer = drafted.client("eli", "engineer")
    page = engineer.client.get("/experiments/spring").text
    assert "csrf" not in page.split("<main")[1]
    assert engineer.post("/experiments/spring/sign").status_code == 403
    assert drafted.client("exa", "expert").client.get("/experiments").status_code == 403
    owner = drafted.client("ann", "owner")
    assert owner.client.get("/experiments/nothing").status_code == 404
    assert owner.post("/experiments/spring/explode").status_code == 404
    assert owner.post("/experiments/spring/step").status_code == 400
    assert owner.client.post("/experiments/spring/sign", data={"csrf": "x"}).status_code == 403
