"""What the live demo came to."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from tunewell.decide import QualityReading
from tunewell.decide.wording import points
from tunewell.demo.live_decay import RepairedService
from tunewell.types import Alarm, Decision, Estimate


@dataclass(frozen=True)
class Moment:
    """A stop of the replay.

    Attributes:
        at: When, UTC.
        alarms: What the detectors had raised by then.
        decision: What was decided.
    """

    at: dt.datetime
    alarms: tuple[Alarm, ...]
    decision: Decision


@dataclass(frozen=True)
class TriedVersion:
    """A version that might replace the one that serves.

    Attributes:
        name: What it is.
        gain: Right answers less those of the version that serves, on the same later questions, as a
            share; None where too few were asked.
    """

    name: str
    gain: Estimate | None

    @property
    def is_earned(self) -> bool:
        """Whether it is clearly better."""
        return self.gain is not None and self.gain.low > 0

    @property
    def told(self) -> str:
        """The difference, and what comes of it."""
        if self.gain is None:
            return "promotion refused: it was not asked"
        figure = f"{points(self.gain)} on {self.gain.n:,} later questions"
        if self.is_earned:
            return f"{figure}; promotion earned"
        if self.gain.high < 0:
            return f"{figure}; promotion refused: it is worse"
        return f"{figure}; promotion refused: not clearly better"


@dataclass(frozen=True)
class LiveStory:
    """What the replay came to.

    Attributes:
        source: Whose questions were replayed.
        moments: Where it stopped, with what was seen and decided.
        weeks: Share of wrong answers in each week of the replay.
        tried: The retrained version, then the embedded model.
        repaired: The made-up service that decays.
        picture: The page that shows all of it.
    """

    source: str
    moments: tuple[Moment, ...]
    weeks: tuple[QualityReading, ...]
    tried: tuple[TriedVersion, ...]
    repaired: RepairedService
    picture: Path
