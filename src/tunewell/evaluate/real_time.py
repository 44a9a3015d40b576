"""How fast each arm writes recordings down: the real-time factor, measured beside the evaluation.

Seconds differ from run to run and between machines, so they are no part of an `Evaluation`, whose
digest is to be the same whenever the same rows are evaluated, and no gate rests on them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol, Self, runtime_checkable

from tunewell.evaluate.arms import Arm, Models
from tunewell.evaluate.predict import PassMeter
from tunewell.model.base import GenerateOptions, Model
from tunewell.stats.ratios import FEWEST_CLUSTERS, ratio
from tunewell.store import Store
from tunewell.types import Estimate, Example, Speed, Unscored

CLIPS: Final = 16
"""Recordings that each arm is timed on, drawn by seed."""

WARM_UP: Final = 1
"""Recordings before them whose time does not count: the first call is slower."""


@runtime_checkable
class TimedModel(Model, Protocol):
    """A model that can start anew, with nothing kept of what it has heard."""

    @property
    def runs_on(self) -> str:
        """The device."""
        ...

    def afresh(self) -> Self:
        """The same model without what it has encoded."""
        ...


class _Timed(NamedTuple):
    """The work on one recording, in seconds, and how long it is."""

    work_s: float
    audio_s: float


def timed_rows(
    rows: Sequence[Example],
    *,
    seed: int,
) -> list[Example]:
    """Some of the rows that are heard, drawn by seed; none where all are read."""
    heard = sorted((row for row in rows if row.audio), key=lambda row: row.id)
    return random.Random(seed).sample(heard, min(len(heard), CLIPS + WARM_UP))


def real_time_factors(
    arms: Sequence[Arm],
    rows: Sequence[Example],
    models: Models,
    store: Store,
    *,
    options: GenerateOptions,
    meter: PassMeter,
) -> list[Speed]:
    """The real-time factor of every arm that hears, on the same recordings.

    Arms take turns on each recording, so that whatever else the machine does slows all of them.

    Args:
        arms: Who is evaluated.
        rows: As `timed_rows` draws them; without any nothing is measured.
        models: Opens the models.
        store: Holds the recordings.
        options: As in the evaluation.
        meter: Told of every row.
    """
    lengths = {row.id: _seconds_of(row, store) for row in rows}
    drawn = [row for row in rows if lengths[row.id] > 0]
    if not drawn:
        return []

    hearing: dict[str, TimedModel] = {}
    for arm in arms:
        model = arm.model(models)
        if isinstance(model, TimedModel):
            hearing[arm.name] = model
    times: dict[str, list[_Timed]] = {name: [] for name in hearing}
    for number, row in enumerate(drawn):
        for name, model in hearing.items():
            work_s = _work_on(row, model, options)
            if number >= WARM_UP and work_s > 0:
                times[name].append(_Timed(work_s, lengths[row.id]))
            meter.passed(1)
    return [
        Speed(arm=name, real_time_factor=_factor(times[name]), machine=model.runs_on)
        for name, model in hearing.items()
    ]


def _seconds_of(row: Example, store: Store) -> float:
    """How long a row's recording is; 0 if it cannot be heard."""
    # Projects whose rows are read import nothing that only recordings need.
    from tunewell.audio.clips import UnreadableClip, read_clip

    try:
        return read_clip(store.files.open(row.audio[-1])).seconds
    except (UnreadableClip, OSError):
        return 0.0


def _work_on(row: Example, model: TimedModel, options: GenerateOptions) -> float:
    """Seconds from the file of a recording to its words; 0 if the model failed."""
    fresh = model.afresh()
    began = time.perf_counter()
    [made] = fresh.generate([row.prompt], options=options)
    took = time.perf_counter() - began
    return 0.0 if made.finish == "error" else took


def _factor(times: Iterable[_Timed]) -> Estimate | Unscored:
    """Work over sound, summed; the interval is over recordings."""
    found = list(times)
    if len(found) < FEWEST_CLUSTERS:
        return Unscored(
            reason=f"timed on {len(found)} of the {FEWEST_CLUSTERS} recordings that it takes"
        )
    return ratio(
        [each.work_s for each in found],
        [each.audio_s for each in found],
        clusters=range(len(found)),
        unit="s/s",
    )
