"""How many people ask what on which day, and when in the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewell.testing.service.incidents import PlantedIncident
from tunewell.testing.service.settings import ServiceSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HOURS: Final = np.array(
    [2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 11, 9, 10, 11, 11, 10, 9, 8, 8, 8, 7, 5, 3], np.float64
)
"""Relative load of each hour of the day, UTC."""

DAY_S: Final = 86_400
RELEASE_BUMP: Final = 0.12
REBOUND: Final = 0.5
"""Share of those who could not ask during an outage that ask afterwards."""


@dataclass(frozen=True)
class Requests:
    """Who asked what and when: arrays of shape (n,), in the order of time.

    Attributes:
        day: From the service's first, 0 on.
        second: Of the day, in [0, 86,400).
        topic: By its number.
        region: By its number.
        user: By its number.
        asks_event: Whether it is about something new (``event``, ``fact``).
    """

    day: Ints
    second: Floats
    topic: Ints
    region: Ints
    user: Ints
    asks_event: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.day)

    def only(self, kept: NDArray[np.bool_]) -> Requests:
        """Those that are kept."""
        return Requests(
            day=self.day[kept],
            second=self.second[kept],
            topic=self.topic[kept],
            region=self.region[kept],
            user=self.user[kept],
            asks_event=self.asks_event[kept],
        )


def draw_requests(
    settings: ServiceSettings,
    incidents: Sequence[PlantedIncident],
    rng: np.random.Generator,
) -> Requests:
    """All requests of a service's time."""
    rates = _rates(
        settings,
        incidents,
        rng,
    )
    counts = rng.poisson(rates)
    cells = np.repeat(np.arange(counts.size), counts.ravel())
    day, topic, region = np.unravel_index(cells, counts.shape)
    found = Requests(
        day=day.astype(np.int64),
        second=_seconds(len(cells), rng),
        topic=topic.astype(np.int64),
        region=region.astype(np.int64),
        user=_users(settings, len(cells), rng),
        asks_event=_about_new(incidents, settings.days, day, topic, rng),
    )
    for incident in incidents:
        if incident.kind == "outage":
            found = _without_outage(
                found,
                incident,
                rng,
            )
    return _in_order(found)


def _rates(
    settings: ServiceSettings,
    incidents: Sequence[PlantedIncident],
    rng: np.random.Generator,
) -> Floats:
    """Expected requests, shape (days, topics, regions)."""
    topic = 1 / (np.arange(settings.topics) + 1.5)
    region = 1 / (np.arange(settings.regions) + 1.0)
    base = np.multiply.outer(topic / topic.sum(), region / region.sum())
    rates: Floats = settings.daily * _calendar(settings, rng)[:, None, None] * base[None]
    for incident in incidents:
        more = 1 + incident.size * incident.strength(settings.days)
        if incident.kind == "campaign":
            rates = rates * more[:, None, None]
        elif incident.kind in ("mix", "event"):
            rates[:, incident.topic] *= more[:, None]
        elif incident.kind == "newcomers":
            rates[:, :, incident.region] *= more[:, None]
    return rates


def _calendar(settings: ServiceSettings, rng: np.random.Generator) -> Floats:
    """The day's load beside an average day's: weekday, season, holidays, releases, luck."""
    day = np.arange(settings.days)
    weekday = (day + settings.start.weekday()) % 7
    of_year = day + settings.start.timetuple().tm_yday
    load = np.where(
        weekday >= 5,
        settings.weekend,
        1.0,
    )
    load = load * (1 + settings.season * np.sin(2 * np.pi * of_year / 365.25))
    if settings.holidays:
        load = np.where((of_year - 1) % 365 >= 355, 0.65 * load, load)
    if settings.release_days:
        since = day % settings.release_days
        load = load * (1 + RELEASE_BUMP * np.exp(-since / 3))
    luck = np.empty(settings.days)
    fresh = rng.normal(size=settings.days)
    luck[0] = fresh[0]
    for t in range(1, settings.days):
        kept = settings.memory * luck[t - 1]
        luck[t] = kept + np.sqrt(1 - settings.memory**2) * fresh[t]
    factor: Floats = load * np.exp(settings.spread * luck)
    relative: Floats = factor / factor[: min(settings.days, 140)].mean()
    return relative


def _seconds(n: int, rng: np.random.Generator) -> Floats:
    hour = rng.choice(24, size=n, p=HOURS / HOURS.sum())
    seconds: Floats = hour * 3600.0 + rng.random(n) * 3600
    return seconds


def _users(
    settings: ServiceSettings,
    n: int,
    rng: np.random.Generator,
) -> Ints:
    """Some ask much more often than others."""
    skewed = rng.beta(
        0.6,
        2.0,
        size=n,
    )
    return np.minimum((skewed * settings.users).astype(np.int64), settings.users - 1)


def _about_new(
    incidents: Sequence[PlantedIncident],
    days: int,
    day: Ints,
    topic: Ints,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Which questions name what is new."""
    new = np.zeros(len(day), bool)
    for incident in incidents:
        if incident.kind not in ("event", "fact"):
            continue
        strength = incident.strength(days)[day] * (topic == incident.topic)
        # Of an event's questions all that came on top name it; a changed fact is named by a third.
        share = incident.size / (1 + incident.size) if incident.kind == "event" else 0.3
        new |= rng.random(len(day)) < share * strength
    return new


def _without_outage(
    requests: Requests,
    incident: PlantedIncident,
    rng: np.random.Generator,
) -> Requests:
    """Requests of the hours without service are gone; half of the people ask afterwards."""
    begin = incident.day * DAY_S + 6 * 3600
    end = begin + incident.size * 3600
    at = requests.day * DAY_S + requests.second
    during = (at >= begin) & (at < end)
    later = during & (rng.random(len(at)) < REBOUND)
    moved = np.where(later, end + rng.exponential(3 * 3600, len(at)), at)
    kept = ~during | later
    changed = Requests(
        day=(moved // DAY_S).astype(np.int64),
        second=moved % DAY_S,
        topic=requests.topic,
        region=requests.region,
        user=requests.user,
        asks_event=requests.asks_event,
    )
    return changed.only(kept)


def _in_order(requests: Requests) -> Requests:
    order = np.argsort(requests.day * DAY_S + requests.second, kind="stable")
    return Requests(
        day=requests.day[order],
        second=requests.second[order],
        topic=requests.topic[order],
        region=requests.region[order],
        user=requests.user[order],
        asks_event=requests.asks_event[order],
    )
