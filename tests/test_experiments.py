"""A test on traffic from its draft to its end: what is signed stays, and one runs at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tunewell.errors import UserError
from tunewell.experiment_design import TrafficExperiment
from tunewell.experiments import (
    ExperimentOutcome,
    close_experiment,
    closed_experiments,
    current_experiment,
    draft_experiment,
    experiment_named,
    experiments,
    open_step,
    sign_experiment,
    stop_experiment,
)
from tunewell.store import Store
from tunewell.task import GatewaySection

GIVEN = {
    "name": "spring",
    "candidate": "b",
    "control": "a",
    "outcome": {"kind": "event", "name": "solved"},
    "margin": 0.05,
}


def settings(**more: Any) -> GatewaySection:
    arms = [
        {"name": "a", "server": "s", "model": "m-a"},
        {"name": "b", "server": "s", "model": "m-b", "weight": 0},
        {"name": "a2", "server": "s", "model": "m-a"},
        {"name": "shadow", "server": "s", "model": "m-s"},
    ]
    server = {"name": "s", "url": "http://localhost:1/v1"}
    return GatewaySection.model_validate(
        {"servers": [server], "arms": arms, "shadow": "shadow", **more}
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


def draft(store: Store, **more: Any) -> TrafficExperiment:
    return draft_experiment(store, settings(), {**GIVEN, **more}, author="kim")


def outcome(name: str = "spring", **more: Any) -> ExperimentOutcome:
    given = {"name": name, "version": "v", "outcome": "GO", "why": "better", **more}
    return ExperimentOutcome.model_validate(given)


def test_a_test_lives_from_draft_to_close(store: Store) -> None:
    design = draft(store)
    assert current_experiment(store) is None
    with pytest.raises(UserError, match="not signed yet"):
        open_step(store, "spring", author="kim")
    signed = sign_experiment(store, "spring", author="olu")
    assert (signed.status, signed.signed_by, signed.author) == ("signed", "olu", "kim")
    assert signed.design == design

    for number in (1, 2, 3):
        record = open_step(store, "spring", author="olu")
        assert (record.step, record.status) == (number, "running")
    with pytest.raises(UserError, match="last step"):
        open_step(store, "spring", author="olu")
    running = current_experiment(store)
    assert running is not None
    assert (running.step, running.stopped) == (3, False)

    close_experiment(store, outcome(), author="olu")
    assert experiment_named(store, "spring").status == "closed"
    assert closed_experiments(store)["spring"].outcome == "GO"
    ended = current_experiment(store)
    assert ended is not None
    assert ended.stopped
    with pytest.raises(UserError, match="closed, not running"):
        close_experiment(store, outcome(), author="olu")


def test_a_draft_can_be_replaced_and_a_signed_design_cannot(store: Store) -> None:
    first = draft(store)
    second = draft(store, margin=0.1)
    assert first.version != second.version
    assert [each.design.margin for each in experiments(store)] == [0.1]
    sign_experiment(store, "spring", author="olu")
    with pytest.raises(UserError, match="signed before"):
        draft(store)
    with pytest.raises(UserError, match="signed before"):
        sign_experiment(store, "spring", author="olu")


def test_one_runs_at_a_time_and_a_stop_has_a_reason(store: Store) -> None:
    for name in ("spring", "autumn"):
        draft(store, name=name)
        sign_experiment(store, name, author="olu")
    open_step(store, "spring", author="olu")
    with pytest.raises(UserError, match="spring is running"):
        open_step(store, "autumn", author="olu")
    with pytest.raises(UserError, match="needs a reason"):
        stop_experiment(store, "spring", reason=" ", author="olu")
    stopped = stop_experiment(store, "spring", reason="complaints", author="olu")
    assert (stopped.status, stopped.stopped_why) == ("stopped", "complaints")
    with pytest.raises(UserError, match="stopped"):
        open_step(store, "spring", author="olu")
    open_step(store, "autumn", author="olu")
    running = current_experiment(store)
    assert running is not None
    assert running.design.name == "autumn"


def test_an_aa_test_that_has_to_come_first_is_waited_for(store: Store) -> None:
    draft(store, name="aa", control="a2", candidate="a", aa=True)
    draft(store, after="aa")
    with pytest.raises(UserError, match="has to be closed first"):
        sign_experiment(store, "spring", author="olu")
    sign_experiment(store, "aa", author="olu")
    open_step(store, "aa", author="olu")
    close_experiment(store, outcome("aa", outcome="NO-GO", aa=True), author="olu")
    with pytest.raises(UserError, match="between equal arms"):
        sign_experiment(store, "spring", author="olu")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"candidate": "z"}, "'z' is not an arm"),
        ({"candidate": "shadow"}, "'shadow' is not an arm"),
        ({"candidate": "a"}, "are one arm"),
        ({"candidate": "a2"}, "same model"),
        ({"aa": True}, "ask the same model of the same server"),
        ({"name": "Spring sale"}, "lower-case"),
        ({"margin": 1.0}, "whole range"),
        ({"outcome": {"kind": "event"}}, "event needs its name"),
        ({"outcome": {"kind": "thumb", "high": 5}}, "0 or 1"),
        ({"steps": [{"share": 0.5}, {"share": 0.2}]}, "must grow"),
        ({"guards": [{"metric": "latency", "limit": 0.5}]}, "is a ratio"),
        ({"guards": [{"metric": "errors", "limit": 5}]}, "is a share"),
        ({"guards": [{"metric": "event", "limit": 0.1}]}, "event's name"),
    ],
)
def test_impossible_designs_are_told(store: Store, given: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        draft(store, **given)


def test_a_test_that_is_not_there_names_those_that_are(store: Store) -> None:
    draft(store)
    with pytest.raises(UserError, match="no experiment 'autumn'") as told:
        experiment_named(store, "autumn")
    assert told.value.hint == "experiments: spring"
