"""Tests on traffic looked at all the time: false verdicts, coverage, and how soon harm is caught.

`python -m bench gateway/experiments`; RUNS (300) a cell, PEEKS (60), USERS (1,000). Each run is one
test with 1 to 20 requests a person. Beside ours: the test of means that takes every request for a
person of its own and looks as often; the same with people as rows, looking as often; GrowthBook's
sequential interval (its documented formula, tuned to 5,000 users, on people).
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from bench.machine import keep
from tunewell.compare.experiment.checks import sample_ratio
from tunewell.compare.experiment.effects import Effects
from tunewell.compare.experiment.exposures import Exposures, Floats
from tunewell.experiment_design import TrafficExperiment
from tunewell.stats import proportion
from tunewell.testing.traffic import MadeTraffic, seen_by

RUNS = int(os.environ.get("RUNS", "300"))
PEEKS = int(os.environ.get("PEEKS", "60"))
USERS = int(os.environ.get("USERS", "1000"))

DESIGN = TrafficExperiment.model_validate(
    {
        "name": "bench",
        "candidate": "b",
        "control": "a",
        "outcome": {"kind": "thumb"},
        "margin": 0.04,
    }
)
STEPPED = DESIGN.model_copy(
    update={
        "steps": TrafficExperiment.model_validate(
            {
                **DESIGN.model_dump(),
                "steps": [
                    {"share": 0.1, "candidate": 0.1},
                    {"share": 0.4, "candidate": 0.3},
                    {"share": 1.0, "candidate": 0.5},
                ],
            }
        ).steps
    }
)

EQUAL = {
    "correlation .3": MadeTraffic(),
    "independent requests": MadeTraffic(alike=0.0),
    "correlation .8": MadeTraffic(alike=0.8),
    "rare outcome": MadeTraffic(rate=0.05),
    "one request each": MadeTraffic(most=1),
    "asks until it is solved": MadeTraffic(until_solved=True, rate=0.4),
    "ramp of three steps": MadeTraffic(steps=((0.1, 0.1), (0.3, 0.3), (0.6, 0.5))),
}
EFFECTS = {
    "+8 points": MadeTraffic(effect=0.08),
    "-20 points": MadeTraffic(effect=-0.2),
    "+3 points, rare": MadeTraffic(rate=0.05, effect=0.03),
    "+8 points, ramp": MadeTraffic(effect=0.08, steps=((0.1, 0.1), (0.3, 0.3), (0.6, 0.5))),
}
BROKEN = {
    "a fifth of the arm is lost": MadeTraffic(users=5_000, most=4, lost=0.2),
    "1.5 times slower": MadeTraffic(slower=1.5),
    "twice as long": MadeTraffic(longer=2.0),
    "10 points more errors": MadeTraffic(errors=0.1),
    "20 points worse": MadeTraffic(effect=-0.2),
}


def _design(traffic: MadeTraffic) -> TrafficExperiment:
    return STEPPED if traffic.steps else DESIGN


def looks(traffic: MadeTraffic, rng: np.random.Generator) -> list[Effects]:
    """One test as it is seen at every peek."""
    exposures = traffic.make(rng)
    ends = np.linspace(0, exposures.requests, PEEKS + 1)[1:].astype(int)
    return [Effects(_design(traffic), seen_by(exposures, int(end))) for end in ends]


def ours(effects: Effects) -> set[str]:
    """What we say at a peek."""
    said = set()
    effect = effects.effect()
    fewest = min(effects.known(candidate=True), effects.known(candidate=False))
    if effect is not None and fewest >= DESIGN.least and not effect.low <= 0 <= effect.high:
        said.add("verdict")
    if any(guard.broken for guard in effects.guards()):
        said.add("guard")
    if sample_ratio(effects).status == "found":
        said.add("ratio")
    return said


def per_request(exposures: Exposures) -> bool:
    """Whether a test of means over requests is significant."""
    values, mine = exposures.measures["outcome"], exposures.candidate
    return _z(values[mine], values[~mine])


def per_person(effects: Effects) -> bool:
    """Whether a test of means over people is significant."""
    mine = effects.units.candidate
    return _z(effects.outcomes[mine], effects.outcomes[~mine])


def _z(a: Floats, b: Floats) -> bool:
    if min(a.size, b.size) < DESIGN.least:
        return False
    error = math.sqrt(a.var(ddof=1) / a.size + b.var(ddof=1) / b.size)
    return bool(abs(a.mean() - b.mean()) > 1.96 * error)


def growthbook(effects: Effects) -> bool:
    """Whether GrowthBook's sequential interval of the difference of means over people excludes 0.

    Source:
        GrowthBook's documentation, "Sequential testing" (confidence sequences, tuning parameter
        5,000), on the difference of means.
    """
    mine = effects.units.candidate
    a, b = effects.outcomes[mine], effects.outcomes[~mine]
    if min(a.size, b.size) < DESIGN.least:
        return False
    alpha = 0.05
    n = a.size + b.size
    rho = math.sqrt((-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / 5_000)
    spread = n * (a.var(ddof=1) / a.size + b.var(ddof=1) / b.size)
    scaled = n * rho**2
    half = math.sqrt(spread) * math.sqrt(
        2 * (scaled + 1) * math.log(math.sqrt(scaled + 1) / alpha) / (n * scaled)
    )
    return bool(abs(a.mean() - b.mean()) > half)


def _share(hits: int) -> dict[str, Any]:
    return {"share": hits / RUNS, "interval": str(proportion(hits, RUNS))}


def equal_arms(traffic: MadeTraffic, seed: int) -> dict[str, Any]:
    """How often each rule says something of equal arms at any peek."""
    rng = np.random.default_rng(seed)
    hits: Counter[str] = Counter()
    for _ in range(RUNS):
        said: set[str] = set()
        for effects in looks(traffic, rng):
            mine = ours(effects)
            said |= mine
            said |= {"any of ours"} if mine else set()
            said |= {"per request"} if per_request(effects.exposures) else set()
            said |= {"per person, peeking"} if per_person(effects) else set()
            said |= {"GrowthBook"} if growthbook(effects) else set()
        hits.update(said)
    names = ("verdict", "guard", "ratio", "any of ours")
    theirs = ("GrowthBook", "per person, peeking", "per request")
    return {name: _share(hits[name]) for name in (*names, *theirs)}


def coverage(traffic: MadeTraffic, seed: int) -> dict[str, Any]:
    """How often the interval holds the effect at every peek, and at the last one."""
    rng = np.random.default_rng(seed)
    always = last = 0
    for _ in range(RUNS):
        holds = []
        for effects in looks(traffic, rng):
            fewest = min(effects.known(candidate=True), effects.known(candidate=False))
            effect = effects.effect()
            if effect is not None and fewest >= DESIGN.least:
                holds.append(effect.low <= traffic.effect <= effect.high)
        always += all(holds)
        last += holds[-1]
    return {"at every peek": _share(always), "at the last": _share(last)}


def caught(traffic: MadeTraffic, seed: int) -> dict[str, Any]:
    """How often a broken arm is caught, and after how many people."""
    rng = np.random.default_rng(seed)
    after = []
    by: Counter[str] = Counter()
    for _ in range(RUNS):
        for effects in looks(traffic, rng):
            said = ours(effects)
            if said:
                by.update(said)
                after.append(effects.units.count)
                break
    return {
        "caught": _share(len(after)),
        "by": dict(by),
        "people, median": float(np.median(after)) if after else None,
    }


def main() -> None:
    """Run it and keep the result."""
    began = time.process_time()
    sized = {name: replace(each, users=max(each.users, USERS)) for name, each in BROKEN.items()}
    result = {
        "runs": RUNS,
        "peeks": PEEKS,
        "people": USERS,
        "equal": {
            name: equal_arms(replace(each, users=USERS), 100 + n)
            for n, (name, each) in enumerate(EQUAL.items())
        },
        "coverage": {
            name: coverage(replace(each, users=USERS), 200 + n)
            for n, (name, each) in enumerate(EFFECTS.items())
        },
        "broken": {name: caught(each, 300 + n) for n, (name, each) in enumerate(sized.items())},
    }
    result["cpu_seconds"] = round(time.process_time() - began, 1)
    print(result)
    keep("gateway-experiments", result)


if __name__ == "__main__":
    main()
