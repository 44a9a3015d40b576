"""The questions of the live demo: a half year of a public forum, or of a made-up service."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tunewell.demo.areas import AREAS, AreaQuestion, read_questions
from tunewell.testing.service import PlantedIncident, ServiceSettings, simulate

BEGIN: Final = dt.datetime(2023, 7, 1, tzinfo=dt.UTC)
END: Final = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)

MISTAKEN: Final = 0.3
"""Share of made-up askers who choose another area than their question is about: as in the forum,
where people agree with what an asker chose in about seven of ten."""

MADE_UP: Final = ServiceSettings(start=dt.date(2023, 1, 2), days=364, daily=18, release_days=0)
WAVE: Final = PlantedIncident(kind="event", day=197, days=28, topic=1, size=1.4)
CLOCK: Final = PlantedIncident(kind="clock", day=330, size=8.0)


@dataclass(frozen=True)
class LiveQuestions:
    """What is replayed.

    Attributes:
        source: Whose questions they are, in a sentence.
        areas: That a question may be about.
        every: All questions of the year, in the order of their time; those of no area among them.
    """

    source: str
    areas: tuple[str, ...]
    every: tuple[AreaQuestion, ...]

    @property
    def history(self) -> list[AreaQuestion]:
        """Those from before the replay whose area is known."""
        return [row for row in self.every if row.at < BEGIN and row.area]

    @property
    def asked(self) -> list[AreaQuestion]:
        """Those of the replay."""
        return [row for row in self.every if BEGIN <= row.at < END]


def live_questions(data: Path) -> LiveQuestions:
    """The forum's questions where they are there, else made-up ones.

    Args:
        data: Folder that may hold ``thunderbird/questions.jsonl.gz``.
    """
    file = data / "thunderbird" / "questions.jsonl.gz"
    if file.is_file():
        rows = read_questions(file, until=END)
        return LiveQuestions(
            source=f"questions of a public support forum, from {file}",
            areas=AREAS,
            every=tuple(rows),
        )
    rows = made_up_questions()
    return LiveQuestions(
        source=f"made-up questions of tunewell.testing.service: there is no {file}",
        areas=tuple(sorted({row.area for row in rows})),
        every=tuple(rows),
    )


def made_up_questions() -> list[AreaQuestion]:
    """A year of a made-up service with a wave of questions in July and a clock step in November."""
    rng = np.random.default_rng(11)
    service = simulate(MADE_UP, [WAVE, CLOCK], seed=4)
    rows = []
    for number, asked in enumerate(service.interactions()):
        topic = str(asked.request["metadata"]["topic"])
        text = str(asked.request["messages"][-1]["content"])
        rows.append(AreaQuestion(id=f"m{number}", at=asked.at, text=text, area=topic))
    topics = sorted({row.area for row in rows})
    return [_as_chosen(row, topics, rng) for row in rows]


def _as_chosen(
    row: AreaQuestion,
    topics: Sequence[str],
    rng: np.random.Generator,
) -> AreaQuestion:
    """The question with the area that its asker chose."""
    if rng.random() >= MISTAKEN:
        return row
    chosen = topics[int(rng.integers(len(topics)))]
    return AreaQuestion(id=row.id, at=row.at, text=row.text, area=chosen)
