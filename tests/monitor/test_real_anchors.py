"""Anchors run again through a real model: as it was, and after its weights were changed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tunewell.errors import UserError
from tunewell.model.base import GenerateOptions, Model
from tunewell.model.weights import Weights, resolve
from tunewell.monitor.anchors import (
    AnchorReading,
    AnchorSet,
    freeze_anchors,
    read_anchors,
    run_anchors,
)
from tunewell.monitor.cause import explain
from tunewell.monitor.watch import look
from tunewell.testing.service import PlantedIncident, ServiceSettings, simulate
from tunewell.testing.service.columns import dated_records
from tunewell.types import Alarm, Example, Message

pytestmark = pytest.mark.slow

SETTINGS = ServiceSettings(daily=80, days=168)
DAY = 147
CHANGED = 0.15
"""Noise that is added to each weight, in standard deviations of its map."""

THINGS = (
    "France, Italy, Spain, Japan, Egypt, Peru, Kenya, India, Chile, Norway, Greece, Cuba, "
    "Canada, China, Ireland, Poland, Turkey, Mexico, Brazil, Sweden, Austria, Vietnam, Ghana, Fiji"
).split(", ")
ROWS = [
    Example(
        id=thing,
        messages=(Message(role="user", content=f"Say one sentence about {thing}."),),
    )
    for thing in THINGS
]


@pytest.fixture(scope="module")
def weights() -> Weights:
    pytest.importorskip("torch")
    try:
        return resolve("smollm2-135m")
    except UserError as error:
        pytest.skip(f"no real weights here: {error.args[0]}")


def _moment(day: int) -> dt.datetime:
    return dt.datetime.combine(SETTINGS.start, dt.time(), dt.UTC) + dt.timedelta(days=day)


def _reading(anchors: AnchorSet, model: Model) -> AnchorReading:
    run = run_anchors(anchors, "d", now=_moment(DAY + 13), model=model)
    return read_anchors(anchors, run)


def _alarms(reading: AnchorReading) -> tuple[Alarm, ...]:
    """What is said of a service that answers otherwise since a day."""
    incident = PlantedIncident(kind="behaviour", day=DAY, size=0.25)
    records = dated_records(simulate(SETTINGS, [incident], seed=6), days=DAY + 14)
    alarms = explain(look(records), [records], anchors=[reading]).alarms
    assert alarms
    return alarms


def test_a_changed_model_is_named_and_one_that_did_not_change_is_not(weights: Weights) -> None:
    import torch

    from tunewell.model.local import LocalModel

    model = LocalModel(weights)
    options = GenerateOptions(max_new_tokens=16)
    anchors = freeze_anchors(ROWS, model, now=_moment(0), options=options)
    same = _reading(anchors, model)
    assert same.model is not None
    assert not same.model.is_change
    assert same.model.changed.value == 0

    torch.manual_seed(0)
    with torch.no_grad():
        network: Any = model._network.model
        for weight in network.parameters():
            weight += CHANGED * weight.std() * torch.randn_like(weight)
    other = _reading(anchors, model)
    assert other.model is not None
    assert other.model.is_change
    told = _alarms(other)
    assert {alarm.cause for alarm in told} == {"model"}
    assert all("anchors are answered differently" in alarm.cause_why for alarm in told)
    # Where the anchors are answered as before, what lies around the model changed.
    others = _alarms(same)
    assert not any("anchors are answered differently" in alarm.cause_why for alarm in others)
