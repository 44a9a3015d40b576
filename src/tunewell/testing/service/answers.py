"""What the made-up model answers: right or wrong, how long, how fast, under which version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewell.testing.service.incidents import IncidentKind, PlantedIncident
from tunewell.testing.service.load import Requests
from tunewell.testing.service.settings import ServiceSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

REFUSED: Final = 0.015
CUT: Final = 0.01
FAILED: Final = 0.004
MOST_WORDS: Final = 180


@dataclass(frozen=True)
class SimulatedAnswers:
    """What became of each request, shape (n,) each.

    Attributes:
        right: Whether a person who knows would pass the answer.
        words: Its length.
        refused: Whether the model declined.
        cut: Whether the limit of tokens ended it.
        failed: Whether the server answered with an error.
        first_s: Seconds to the first piece.
        total_s: Seconds to the end.
        version: Of the model: 0, or 1 once a new one was announced.
        template: Of the prompt, likewise.
    """

    right: Bools
    words: Ints
    refused: Bools
    cut: Bools
    failed: Bools
    first_s: Floats
    total_s: Floats
    version: Ints
    template: Ints


@dataclass(frozen=True)
class Strengths:
    """How much of each kind of incident there is at each request.

    Attributes:
        incidents: What happens.
        requests: To which requests.
        days: Length of the service's time.
    """

    incidents: Sequence[PlantedIncident]
    requests: Requests
    days: int

    def of(
        self,
        kind: IncidentKind,
        *,
        sized: bool = True,
    ) -> Floats:
        """Size times strength by request, of all incidents of a kind, shape (n,)."""
        found = np.zeros(len(self.requests))
        for incident in self.incidents:
            if incident.kind != kind:
                continue
            strength = incident.strength(self.days)[self.requests.day]
            if incident.topic >= 0:
                strength = strength * (self.requests.topic == incident.topic)
            found += (incident.size if sized else 1.0) * strength
        return found

    def announced(self, kind: IncidentKind) -> Ints:
        """1 where a version tells of an incident of this kind, shape (n,)."""
        found = np.zeros(len(self.requests), np.int64)
        for incident in self.incidents:
            if incident.kind == kind and incident.announced:
                found |= (incident.strength(self.days)[self.requests.day] > 0).astype(np.int64)
        return found


def topic_quality(settings: ServiceSettings) -> Floats:
    """Share of right answers by topic: some are harder than others."""
    spread = np.linspace(
        0.06,
        -0.1,
        settings.topics,
    )
    quality: Floats = np.clip(settings.right + spread - spread.mean(), 0.05, 0.98)
    return quality


def draw_answers(
    settings: ServiceSettings,
    strengths: Strengths,
    rng: np.random.Generator,
) -> SimulatedAnswers:
    """An answer to every request."""
    requests = strengths.requests
    n = len(requests)
    worse = strengths.of("behaviour")
    changed = np.abs(worse)
    quality = topic_quality(settings)[requests.topic] * (1 - strengths.of("fact")) - worse
    right = rng.random(n) < np.clip(quality, 0.02, 0.99)

    refused = rng.random(n) < REFUSED + 0.25 * changed
    usual = 40 + 4 * (requests.topic % 5)
    longer = (1 - 1.5 * worse) * (1 + strengths.of("template"))
    words = np.exp(rng.normal(np.log(usual * np.clip(longer, 0.3, 3.0)), 0.35))
    words = np.where(refused, 9, np.clip(words, 3, MOST_WORDS)).astype(np.int64)
    cut = (rng.random(n) < CUT + 0.1 * changed) & ~refused

    slower = 1 + strengths.of("slow")
    first = np.exp(rng.normal(np.log(0.35), 0.25, n)) * slower
    total = first + words * 0.028 * slower * np.exp(rng.normal(0, 0.12, n))
    failed = rng.random(n) < FAILED + strengths.of("failing")
    return SimulatedAnswers(
        right=right & ~refused & ~failed,
        words=np.where(failed, 0, words),
        refused=refused & ~failed,
        cut=cut & ~failed,
        failed=failed,
        first_s=first,
        total_s=total,
        version=strengths.announced("behaviour"),
        # A template that changes is another template, whether or not its version says so.
        template=strengths.announced("template"),
    )
