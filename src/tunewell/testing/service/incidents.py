"""What goes wrong in the made-up service, and whose doing it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import (
    Final,
    Literal,
    get_args,
)

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tunewell.testing.service.settings import ServiceSettings
from tunewell.types import Cause, Value

IncidentKind = Literal[
    "campaign",
    "mix",
    "newcomers",
    "fact",
    "event",
    "behaviour",
    "slow",
    "failing",
    "judge",
    "clock",
    "renamed",
    "field_gone",
    "template",
    "lost",
    "relabelled",
    "widget",
    "outage",
]
"""Kinds of incident.

``campaign``: everybody asks more. ``mix``: one topic is asked more. ``newcomers``: one region asks
more. ``fact``: right answers of a topic changed. ``event``: something new happened, and people ask
about it by its name. ``behaviour``: the model answers otherwise. ``slow``, ``failing``: its server
does. ``judge``: it scores otherwise. ``clock``: time stamps shift. ``renamed``: values of a field
get other names. ``field_gone``: a field is no longer filled. ``template``: the prompt's template
changes. ``lost``: rows are missing. ``relabelled``: topics are renamed backwards in time.
``widget``: users rate on another scale. ``outage``: nobody reaches the service for hours.
"""

CAUSE_OF: Final[Mapping[IncidentKind, tuple[Cause, ...]]] = {
    "campaign": ("traffic",),
    "mix": ("traffic",),
    "newcomers": ("traffic",),
    "fact": ("knowledge",),
    # A wave of questions about something new is both, as in the streams of real support desks.
    "event": ("knowledge", "traffic"),
    "behaviour": ("model",),
    "slow": ("model",),
    "failing": ("model",),
    "judge": ("judge",),
    "clock": ("instrumentation",),
    "renamed": ("instrumentation",),
    "field_gone": ("instrumentation",),
    "template": ("instrumentation",),
    "lost": ("instrumentation",),
    "relabelled": ("instrumentation",),
    "widget": ("instrumentation",),
    "outage": ("traffic",),
}
"""The causes that are right; "cannot tell" is never wrong."""

KINDS: Final[tuple[IncidentKind, ...]] = get_args(IncidentKind)

SHORT: Final = frozenset({"lost", "outage"})
"""Kinds that last days at most."""


class PlantedIncident(Value):
    """One thing that went wrong.

    Attributes:
        kind: What.
        day: Its first day, counted from the service's first.
        days: How long it lasts; 0 to the end.
        ramp: Days over which it grows to its size; 0 at once.
        topic: The topic that it is about, by its number; -1 for all.
        region: The region that it is about; -1 for all.
        size: How large, in the kind's own measure: how many times as many questions, how much of a
            topic's answers go wrong, hours of the clock, share of the rows that are lost …
        announced: Whether versions tell of it: the model's, the judge's, the template's.
    """

    kind: IncidentKind
    day: int = Field(ge=0)
    days: int = Field(default=0, ge=0)
    ramp: int = Field(default=0, ge=0)
    topic: int = -1
    region: int = -1
    size: float = 1.0
    announced: bool = False

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The causes that are right for it."""
        return CAUSE_OF[self.kind]

    def strength(self, days: int) -> NDArray[np.float64]:
        """How much of it there is on each day, in [0, 1], shape (days,)."""
        day = np.arange(days)
        grown = np.minimum((day - self.day + 1) / max(self.ramp, 1), 1.0)
        strength = np.where(day >= self.day, np.maximum(grown, 0.0), 0.0)
        if self.days:
            strength[self.day + self.days :] = 0.0
        return strength


SIZES: Final[Mapping[IncidentKind, tuple[float, float]]] = {
    "campaign": (0.4, 1.2),
    "mix": (0.9, 2.5),
    "newcomers": (0.8, 2.0),
    "fact": (0.35, 0.7),
    "event": (0.6, 1.6),
    "behaviour": (0.12, 0.3),
    "slow": (0.4, 1.2),
    "failing": (0.05, 0.2),
    "judge": (0.12, 0.3),
    "clock": (2.0, 10.0),
    "renamed": (1.0, 1.0),
    "field_gone": (0.8, 1.0),
    "template": (0.2, 0.5),
    "lost": (0.6, 0.95),
    "relabelled": (1.0, 1.0),
    "widget": (1.0, 1.0),
    "outage": (8.0, 30.0),
}


def draw_incident(
    seed: int,
    settings: ServiceSettings,
    *,
    kind: IncidentKind | None = None,
    after: int = 140,
) -> PlantedIncident:
    """An incident drawn at random.

    Args:
        seed: Of the draw.
        settings: Of the service that it happens to.
        kind: Which; drawn evenly if None.
        after: It begins on this day or in the three weeks after.
    """
    rng = np.random.default_rng([seed, 77])
    chosen = kind or KINDS[int(rng.integers(len(KINDS)))]
    low, high = SIZES[chosen]
    size = float(rng.uniform(low, high))
    if chosen == "clock":
        size = float(round(size)) * (1 if rng.random() < 0.5 else -1)
    if chosen in ("behaviour", "judge", "template") and rng.random() < 0.3:
        size = -size
    about_topic = chosen in ("mix", "fact", "event", "renamed", "relabelled")
    return PlantedIncident(
        kind=chosen,
        day=after + int(rng.integers(21)),
        days=_length(chosen, rng),
        topic=int(rng.integers(min(settings.topics, 4))) if about_topic else -1,
        region=int(rng.integers(settings.regions)) if chosen == "newcomers" else -1,
        size=size,
        announced=bool(rng.random() < 0.5),
    )


def _length(kind: IncidentKind, rng: np.random.Generator) -> int:
    if kind == "outage":
        return 1
    if kind == "lost":
        return int(rng.integers(1, 3))
    return 0
