from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest

from tunewell.errors import UserError
from tunewell.model.base import GenerateOptions
from tunewell.model.fake import FakeModel
from tunewell.monitor.anchors import freeze_anchors, read_anchors, run_anchors, sign_test
from tunewell.testing.service import PlantedIncident, ServiceSettings, simulate
from tunewell.testing.service.anchored import anchors_on, simulated_anchors
from tunewell.testing.service.incidents import IncidentKind
from tunewell.types import Example, Message

NOW = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)
ROWS = [
    Example(id=str(i), messages=(Message(role="user", content=f"question {i}"),)) for i in range(40)
]


def _strict(pairs: Sequence[tuple[str, Example]]) -> list[float | None]:
    return [float(int(row.id) % 4 == 0) for _, row in pairs]


def _mild(pairs: Sequence[tuple[str, Example]]) -> list[float | None]:
    return [float(int(row.id) % 4 != 1) for _, row in pairs]


def test_a_model_and_a_judge_that_did_not_change_show_no_change() -> None:
    anchors = freeze_anchors(ROWS, FakeModel(), now=NOW, score=_strict, judge="helpful")
    run = run_anchors(anchors, "d", now=NOW, model=FakeModel(), score=_strict)
    reading = read_anchors(anchors, run)
    assert reading.model is not None
    assert reading.judge is not None
    assert not reading.model.is_change
    assert not reading.judge.is_change
    assert reading.model.changed.value == 0


def test_another_model_is_seen_while_the_judge_is_not_accused() -> None:
    anchors = freeze_anchors(ROWS, FakeModel(), now=NOW, score=_strict)
    other = FakeModel(lambda prompt: f"No idea about {prompt[-1].content}.")
    reading = read_anchors(anchors, run_anchors(anchors, "d", now=NOW, model=other, score=_strict))
    assert reading.model is not None
    assert reading.model.is_change
    assert reading.judge is not None
    assert not reading.judge.is_change


def test_a_milder_judge_is_seen_on_the_frozen_answers() -> None:
    anchors = freeze_anchors(ROWS, FakeModel(), now=NOW, score=_strict)
    reading = read_anchors(anchors, run_anchors(anchors, "d", now=NOW, score=_mild))
    assert reading.model is None
    assert reading.judge is not None
    assert reading.judge.is_change
    assert "milder" in reading.judge.what


def test_too_few_answered_anchors_are_refused() -> None:
    broken = FakeModel(failures=lambda prompt: "away" if len(prompt[-1].text) > 10 else None)
    with pytest.raises(UserError, match="10 anchors were answered, and 20 are needed"):
        freeze_anchors(ROWS, broken, now=NOW, options=GenerateOptions())


def test_the_exact_sign_test() -> None:
    assert sign_test(8, 1) == pytest.approx(0.0390625)
    assert sign_test(0, 0) == 1.0


SETTINGS = ServiceSettings(days=60, daily=20)


@pytest.mark.parametrize(("kind", "size"), [("behaviour", 0.15), ("judge", 0.2)])
def test_anchors_of_the_simulated_service_tell_model_and_judge_apart(
    kind: IncidentKind, size: float
) -> None:
    service = simulate(SETTINGS, [PlantedIncident(kind=kind, day=30, size=size)], seed=2)
    reading = anchors_on(service, simulated_anchors(service), 45)
    assert reading is not None
    assert reading.model is not None
    assert reading.judge is not None
    assert reading.model.is_change == (kind == "behaviour")
    assert reading.judge.is_change == (kind == "judge")


def test_anchors_of_quiet_services_hardly_ever_show_a_change() -> None:
    false = 0
    for seed in range(60):
        service = simulate(SETTINGS, seed=seed)
        reading = anchors_on(service, simulated_anchors(service), 45)
        assert reading is not None
        for test in (reading.model, reading.judge):
            assert test is not None
            false += test.is_change
    assert false <= 4
