"""Made-up traffic for tests on it: people who ask again and again, with a known effect."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tunewell.compare.experiment.exposures import JUDGE, OUTCOME, Exposures

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MadeTraffic:
    """What the people of a test do.

    Attributes:
        users: That are drawn.
        most: Requests of the most active one, from 1; drawn evenly.
        rate: Share of good outcomes with the control.
        effect: Added to it by the candidate.
        alike: Intraclass correlation of one person's outcomes.
        candidate: Share drawn to the candidate.
        steps: Shares of the people that belong to each step, with their own weights.
        lost: Share of the candidate's people that is never recorded.
        slower: Ratio of the candidate's latency.
        longer: Ratio of the candidate's length.
        errors: Added to the candidate's share of errors.
        answered: Share of the requests with an outcome.
        candidate_answered: The same in the candidate's arm; as ``answered`` if None.
        wears_off: Whether the effect is there in a person's first 72 hours alone.
        hours: That the test lasts.
        judge: Probability that the judge says what the outcome is; None = no judge.
        conversations: Share of the requests that are in a conversation with somebody else.
        until_solved: Whether people ask until the outcome is good, at most ``most`` times: what one
            of them gets then depends on what came before.
    """

    users: int = 1000
    most: int = 20
    rate: float = 0.6
    effect: float = 0.0
    alike: float = 0.3
    candidate: float = 0.5
    steps: tuple[tuple[float, float], ...] = ()
    lost: float = 0.0
    slower: float = 1.0
    longer: float = 1.0
    errors: float = 0.0
    answered: float = 1.0
    candidate_answered: float | None = None
    wears_off: bool = False
    hours: float = 336.0
    judge: float | None = None
    conversations: float = 0.0
    until_solved: bool = False

    def make(self, rng: np.random.Generator) -> Exposures:
        """The requests, in order of time; people arrive evenly over the first three quarters."""
        step, weight = self._steps(rng)
        assigned = rng.random(self.users) < weight
        requests = rng.integers(1, self.most + 1, self.users)
        needed = rng.geometric(self.rate, self.users)
        if self.until_solved:
            requests = np.minimum(needed, self.most)
        recorded = ~(assigned & (rng.random(self.users) < self.lost))
        requests = np.where(recorded, requests, 0)
        user = np.repeat(np.arange(self.users), requests)
        arrival = np.sort(rng.random(self.users)) * 0.75 * self.hours
        first = np.concatenate([[True], user[1:] != user[:-1]])
        wait = np.where(first, 0.0, rng.random(user.size)) * 0.25 * self.hours
        hours = arrival[user] + wait
        order = np.argsort(hours, kind="stable")
        user, hours, age = user[order], hours[order], wait[order]
        candidate = assigned[user]

        unit = np.unique(user, return_inverse=True)[1].astype(np.int64)
        unit = _by_first_sight(unit)
        shared = rng.random(user.size) < self.conversations
        measures = self._measures(rng, user, candidate, age)
        if self.until_solved:
            last = _last_of_each(user)
            measures[OUTCOME] = (last & (needed <= self.most)[user]).astype(np.float64)
        conversation = np.where(shared, rng.integers(0, max(self.users // 4, 1), user.size), -1)
        return Exposures(
            unit=unit,
            cluster=unit,
            conversation=_by_first_sight(np.where(shared, conversation, self.users + user)),
            candidate=candidate,
            step=step[user],
            hours=hours,
            elsewhere=np.zeros(user.size, dtype=np.bool_),
            measures=measures,
        )

    def _steps(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], Floats]:
        """Step of each person and the candidate's weight in it: later people, later steps."""
        if not self.steps:
            ones = np.ones(self.users, dtype=np.int64)
            return ones, np.full(self.users, self.candidate)
        ends = np.cumsum([share for share, _ in self.steps])
        at = np.searchsorted(ends, np.arange(self.users) / self.users, side="right")
        step = np.minimum(at, len(self.steps) - 1)
        return step + 1, np.array([weight for _, weight in self.steps])[step]

    def _measures(
        self,
        rng: np.random.Generator,
        user: NDArray[np.int64],
        candidate: NDArray[np.bool_],
        age: Floats,
    ) -> dict[str, Floats]:
        acts = candidate & ((age < 72) | (not self.wears_off))
        spread = (1 - self.alike) / self.alike if self.alike else np.inf
        base = np.full(self.users, self.rate)
        if self.alike:
            base = rng.beta(self.rate * spread, (1 - self.rate) * spread, self.users)
        # The effect is on each person's own rate, kept within [0, 1] by mixing.
        chance = base[user]
        toward = float(self.effect > 0)
        room = (1 - self.rate) if self.effect > 0 else self.rate
        mixed = abs(self.effect) / room
        chance = np.where(acts, chance + mixed * (toward - chance), chance)
        happened = rng.random(user.size) < chance

        share = self.answered if self.candidate_answered is None else self.candidate_answered
        known = rng.random(user.size) < np.where(candidate, share, self.answered)
        outcome = np.where(known, happened.astype(np.float64), np.nan)

        pace = rng.normal(0.0, 0.3, self.users)[user] + rng.normal(0.0, 0.5, user.size)
        words = rng.normal(0.0, 0.2, self.users)[user] + rng.normal(0.0, 0.6, user.size)
        failed = rng.random(user.size) < 0.01 + self.errors * candidate
        found = {
            OUTCOME: outcome,
            "latency": pace + np.log(self.slower) * candidate,
            "length": 6.0 + words + np.log(self.longer) * candidate,
            "errors": failed.astype(np.float64),
            "refusals": (rng.random(user.size) < 0.02).astype(np.float64),
        }
        if self.judge is not None:
            agrees = rng.random(user.size) < self.judge
            found[JUDGE] = np.where(agrees, happened, ~happened).astype(np.float64)
        return found


def seen_by(exposures: Exposures, rows: int) -> Exposures:
    """The first requests of a test alone."""
    return replace(
        exposures,
        unit=exposures.unit[:rows],
        cluster=exposures.cluster[:rows],
        conversation=exposures.conversation[:rows],
        candidate=exposures.candidate[:rows],
        step=exposures.step[:rows],
        hours=exposures.hours[:rows],
        elsewhere=exposures.elsewhere[:rows],
        measures={name: values[:rows] for name, values in exposures.measures.items()},
        slices={name: values[:rows] for name, values in exposures.slices.items()},
    )


def _last_of_each(user: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a row is the last one of its person."""
    is_last = np.zeros(user.size, dtype=np.bool_)
    newest_first = user[::-1]
    _, at = np.unique(newest_first, return_index=True)
    is_last[user.size - 1 - at] = True
    return is_last


def _by_first_sight(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same codes, numbered in the order in which they are first seen."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(first.size)
    return rank[inverse]
