"""The made-up service's model and judge, asked the same questions on other days."""

from __future__ import annotations

import datetime as dt

import numpy as np
from numpy.typing import NDArray

from tunewell.monitor.anchors import (
    AnchorReading,
    AnchorRow,
    AnchorRun,
    AnchorSet,
    read_anchors,
)
from tunewell.testing.service.incidents import IncidentKind
from tunewell.testing.service.service import SimulatedService
from tunewell.types import Example, Message

REFUSAL = "I am sorry, but I cannot help you with that."
REWORDED = 0.3
"""Share of the anchors that a model answers in slightly other words when it is asked again."""

WAVERS = 0.04
"""Share of the verdicts that a judge does not repeat."""


def simulated_anchors(
    service: SimulatedService,
    *,
    rows: int = 100,
    day: int = 0,
) -> AnchorSet:
    """Anchors frozen on a day of a service's time.

    Args:
        service: The service.
        rows: How many anchors.
        day: The day.
    """
    first = _outputs(
        service,
        rows,
        day,
        run=0,
    )
    second = _outputs(
        service,
        rows,
        day,
        run=1,
    )
    verdicts = [_verdicts(service, rows, day, run=run) for run in (0, 1)]
    made = []
    for i in range(rows):
        question = Message(role="user", content=f"anchor question {i}")
        example = Example(id=f"anchor-{i}", messages=(question,))
        pair = (verdicts[0][i], verdicts[1][i])
        made.append(AnchorRow(example=example, first=first[i], second=second[i], verdicts=pair))
    return AnchorSet(frozen=_moment(service, day), model="desk", judge="judge", rows=tuple(made))


def anchors_on(
    service: SimulatedService,
    anchors: AnchorSet,
    day: int,
) -> AnchorReading | None:
    """What the anchors show on a day; None where neither model nor judge can be asked."""
    settings = service.settings
    if not (settings.model_follows or settings.judge_follows):
        return None
    rows = len(anchors.rows)
    run = AnchorRun(
        at=_moment(service, day),
        anchors="simulated",
        outputs=tuple(_outputs(service, rows, day, run=2)) if settings.model_follows else (),
        verdicts=tuple(_verdicts(service, rows, day, run=2)) if settings.judge_follows else (),
    )
    return read_anchors(anchors, run)


def _outputs(
    service: SimulatedService,
    rows: int,
    day: int,
    *,
    run: int,
) -> list[str]:
    """The model's answers to the anchors."""
    worse = _size(service, "behaviour", day)
    fixed = np.random.default_rng([service.recorder.seed, 41])
    usual = fixed.integers(
        25,
        70,
        rows,
    )
    places = fixed.integers(5_000, size=rows)
    luck = np.random.default_rng([service.recorder.seed, 42, day, run])
    made = []
    for i in range(rows):
        length = int(usual[i] * float(np.clip(1 - 1.5 * worse, 0.3, 3.0)))
        words = service.recorder.words.answer(int(places[i]), length).split()
        if luck.random() < REWORDED:
            words[int(luck.integers(len(words)))] = "instead"
        refuses = luck.random() < 0.25 * abs(worse)
        made.append(REFUSAL if refuses else " ".join(words) + ".")
    return made


def _verdicts(
    service: SimulatedService,
    rows: int,
    day: int,
    *,
    run: int,
) -> list[float | None]:
    """The judge's verdicts on the answers that were frozen."""
    stricter = _size(service, "judge", day)
    fixed = np.random.default_rng([service.recorder.seed, 43])
    doubt = fixed.random(rows)
    passes: NDArray[np.bool_] = doubt < service.settings.right - stricter
    luck = np.random.default_rng([service.recorder.seed, 44, day, run])
    wavers = luck.random(rows) < WAVERS
    return [float(value) for value in passes ^ wavers]


def _size(
    service: SimulatedService,
    kind: IncidentKind,
    day: int,
) -> float:
    found = 0.0
    for incident in service.incidents:
        if incident.kind == kind:
            found += incident.size * float(incident.strength(service.settings.days)[day])
    return found


def _moment(service: SimulatedService, day: int) -> dt.datetime:
    start = dt.datetime.combine(service.settings.start, dt.time(), dt.UTC)
    return start + dt.timedelta(days=day, hours=20)
