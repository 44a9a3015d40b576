"""The made-up service as a whole: what one fetches from it on a given day, and what was planted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunewell.testing.service.answers import Strengths, draw_answers
from tunewell.testing.service.incidents import PlantedIncident
from tunewell.testing.service.load import draw_requests
from tunewell.testing.service.people import draw_outcomes
from tunewell.testing.service.recorded import Recorder, lost_rows
from tunewell.testing.service.settings import ServiceSettings
from tunewell.testing.service.words import vocabulary
from tunewell.types import (
    Cause,
    Feedback,
    Interaction,
    Value,
)


class PlantedTruth(Value):
    """What was planted, as a monitor should say it.

    Attributes:
        what: The kind of incident.
        since: Its first day.
        until: Its last day; None where it lasts.
        slice: What moved, as ``topic=name``; empty for everything.
        causes: The causes that are right.
    """

    what: str
    since: dt.date
    until: dt.date | None
    slice: str
    causes: tuple[Cause, ...]


@dataclass(frozen=True)
class SimulatedService:
    """A service's whole time.

    Attributes:
        settings: Of the service.
        incidents: What was planted.
        recorder: What was written down.
    """

    settings: ServiceSettings
    incidents: tuple[PlantedIncident, ...]
    recorder: Recorder

    @property
    def truth(self) -> tuple[PlantedTruth, ...]:
        """What was planted, in a monitor's words."""
        return tuple(map(self._truth, self.incidents))

    def interactions(
        self,
        *,
        fetched: dt.date | None = None,
    ) -> list[Interaction]:
        """The interactions as somebody has them who fetches all of them after a day.

        Args:
            fetched: The day; the last one if None. Topics that were renamed backwards in time are
                so from the day of that incident on.
        """
        day = fetched or self.settings.last
        number = (day - self.settings.start).days
        relabelled = any(
            incident.kind == "relabelled" and incident.day <= number for incident in self.incidents
        )
        rows = self.recorder.interactions(relabelled=relabelled)
        end = _end_of(day)
        return [row for row in rows if row.at < end]

    def feedback(
        self,
        *,
        fetched: dt.date | None = None,
    ) -> list[Feedback]:
        """What had come of them by the end of a day; the last one if None."""
        end = _end_of(fetched or self.settings.last)
        return [said for said in self.recorder.feedback() if said.received < end]

    def write(self, folder: Path) -> None:
        """Write ``interactions.jsonl``, ``feedback.jsonl`` and ``truth.json`` to a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        interactions = [row.model_dump_json() for row in self.interactions()]
        feedback = [said.model_dump_json() for said in self.feedback()]
        truth = ",\n".join(known.model_dump_json() for known in self.truth)
        _write(folder / "interactions.jsonl", "\n".join(interactions))
        _write(folder / "feedback.jsonl", "\n".join(feedback))
        _write(folder / "truth.json", f"[{truth}]")

    def _truth(self, incident: PlantedIncident) -> PlantedTruth:
        since = self.settings.start + dt.timedelta(days=incident.day)
        until = since + dt.timedelta(days=incident.days - 1) if incident.days else None
        words = self.recorder.words
        place = ""
        if incident.topic >= 0:
            place = f"topic={words.topics[incident.topic]}"
        elif incident.region >= 0:
            place = f"region={words.regions[incident.region]}"
        return PlantedTruth(
            what=incident.kind,
            since=since,
            until=until,
            slice=place,
            causes=incident.causes,
        )


def simulate(
    settings: ServiceSettings | None = None,
    incidents: Sequence[PlantedIncident] = (),
    *,
    seed: int = 0,
) -> SimulatedService:
    """A service's time, with what goes wrong in it.

    Args:
        settings: How large, how busy and how good it is.
        incidents: What goes wrong, and when.
        seed: Of every draw.

    Example:
        >>> quiet = simulate(ServiceSettings(days=28, daily=5), seed=1)
        >>> rows = quiet.interactions()
        >>> rows[0].ended, rows == sorted(rows, key=lambda row: row.at)
        ('answered', True)
    """
    settings = settings or ServiceSettings()
    rng = np.random.default_rng(seed)
    words = vocabulary(
        settings.topics,
        settings.regions,
        rng,
    )
    requests = draw_requests(
        settings,
        incidents,
        rng,
    )
    strengths = Strengths(
        incidents,
        requests,
        settings.days,
    )
    answers = draw_answers(
        settings,
        strengths,
        rng,
    )
    outcomes = draw_outcomes(
        settings,
        strengths,
        answers,
        rng,
    )
    recorder = Recorder(
        settings=settings,
        incidents=tuple(incidents),
        words=words,
        requests=requests,
        answers=answers,
        outcomes=outcomes,
        seed=seed,
        lost=lost_rows(requests, incidents, settings.days, rng),
    )
    return SimulatedService(settings, tuple(incidents), recorder)


def _end_of(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC)


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")
