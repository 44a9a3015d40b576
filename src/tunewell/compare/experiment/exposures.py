"""The requests of a test on traffic as columns: who was drawn where, and what came of it."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import starmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.checks.broken.refusals import refusal
from tunewell.experiment_design import GuardRail, TrafficExperiment, TrafficOutcome
from tunewell.types import Feedback, Interaction

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_Measure = Callable[[Interaction, Sequence[Feedback]], float]

OUTCOME = "outcome"
JUDGE = "judge"
OF_REQUEST = frozenset({"key", "endpoint", "prompt_version"})


@dataclass(frozen=True)
class Exposures:
    """One row a request, in the order of their time; codes are counted from 0.

    Attributes:
        unit: Code of the drawn unit, shape (requests,).
        cluster: Code of the person behind it, shape (requests,).
        conversation: Code, shape (requests,).
        candidate: Whether it was assigned to the candidate, shape (requests,).
        step: Step of the ramp that let the unit in, from 1, shape (requests,).
        hours: Since the first request, shape (requests,).
        elsewhere: Whether another arm served it, shape (requests,).
        measures: By name, shape (requests,); NaN where there is none.
        slices: Value of each slice, by its name.
        versions: That each arm served: the candidate's, then the control's.
    """

    unit: Ints
    cluster: Ints
    conversation: Ints
    candidate: Bools
    step: Ints
    hours: Floats
    elsewhere: Bools
    measures: Mapping[str, Floats]
    slices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    versions: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    @property
    def requests(self) -> int:
        """How many there are."""
        return int(self.unit.size)


def exposures_of(
    design: TrafficExperiment,
    rows: Iterable[Interaction],
    said: Iterable[Feedback],
    *,
    now: dt.datetime,
) -> Exposures:
    """What a test has seen by a moment.

    Args:
        design: Of the test.
        rows: Interactions in order of time; those of other times and tests are left aside.
        said: Feedback; what came after the moment is left aside.
        now: The moment.
    """
    ours = [row for row in rows if _belongs(row, design, now)]
    about: dict[str, list[Feedback]] = defaultdict(list)
    for each in said:
        if each.received <= now:
            about[each.interaction].append(each)

    def column(value: Callable[[Interaction], Any], kind: type) -> Any:
        return np.fromiter(map(value, ours), dtype=kind, count=len(ours))

    began = ours[0].at if ours else now
    return Exposures(
        unit=_codes(map(partial(_unit, unit=design.unit), ours)),
        cluster=_codes(map(_person, ours)),
        conversation=_codes(map(_conversation, ours)),
        candidate=column(lambda row: row.assigned == design.candidate, np.bool_),
        step=column(lambda row: row.step, np.int64),
        hours=column(lambda row: _hours(row.at - began), np.float64),
        elsewhere=column(_is_served_elsewhere, np.bool_),
        measures=_measures(design, ours, about, now=now),
        slices={name: list(map(partial(_slice, name=name), ours)) for name in design.slices},
        versions=(_versions(ours, design.candidate), _versions(ours, design.control)),
    )


def _belongs(row: Interaction, design: TrafficExperiment, now: dt.datetime) -> bool:
    return row.experiment == design.name and not row.shadow_of and row.at <= now


def _conversation(row: Interaction) -> str:
    return row.conversation or row.id


def _person(row: Interaction) -> str:
    return row.user or _conversation(row)


def _unit(row: Interaction, *, unit: str) -> str:
    return _person(row) if unit == "user" else _conversation(row)


def _is_served_elsewhere(row: Interaction) -> bool:
    return row.served not in ("", row.assigned)


def _codes(names: Iterable[str]) -> Ints:
    known: dict[str, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)


def _hours(passed: dt.timedelta) -> float:
    return passed.total_seconds() / 3600


def _versions(rows: Iterable[Interaction], arm: str) -> tuple[str, ...]:
    served = dict.fromkeys(row.version for row in rows if arm == row.assigned == row.served)
    served.pop("", None)
    return tuple(served)


def _slice(row: Interaction, *, name: str) -> str:
    if name in OF_REQUEST:
        return str(getattr(row, name))
    metadata = row.request.get("metadata")
    value = metadata.get(name) if isinstance(metadata, dict) else None
    return "" if value is None else str(value)[:100]


def _measures(
    design: TrafficExperiment,
    rows: Sequence[Interaction],
    about: Mapping[str, Sequence[Feedback]],
    *,
    now: dt.datetime,
) -> dict[str, Floats]:
    wanted: dict[str, _Measure] = {OUTCOME: partial(_outcome, outcome=design.outcome, now=now)}
    if design.judge:
        scale = TrafficOutcome(kind="rating", name=design.judge, low=-math.inf, high=math.inf)
        wanted[JUDGE] = partial(_outcome, outcome=scale, now=now)
    for guard in design.guards:
        wanted[str(guard)] = partial(_guarded, guard=guard)

    known = [(row, about.get(row.id, ())) for row in rows]
    return {name: np.array(list(starmap(value, known))) for name, value in wanted.items()}


def _outcome(
    row: Interaction, said: Sequence[Feedback], *, outcome: TrafficOutcome, now: dt.datetime
) -> float:
    """What came of a request; NaN if that is not known, or not yet."""
    if _hours(now - row.at) < outcome.wait_hours:
        return math.nan
    if outcome.kind == "event":
        return float(_happened(said, outcome.name))
    named = [each for each in said if each.kind == outcome.kind and outcome.is_named(each.name)]
    if not named:
        return math.nan
    # Who changes their mind has said the last word.
    value = max(named, key=lambda each: (each.at, each.received)).value
    if value is None or not outcome.low <= value <= outcome.high:
        return math.nan
    return value


def _happened(said: Sequence[Feedback], name: str) -> bool:
    return any(each.kind == "event" and each.name == name for each in said)


def _guarded(row: Interaction, said: Sequence[Feedback], *, guard: GuardRail) -> float:
    """A request's value of a guard: logarithms where the limit is a ratio; NaN if unknown."""
    if guard.metric == "event":
        return float(_happened(said, guard.name))
    if guard.metric == "errors":
        return float(_went_wrong(row))
    if row.ended != "answered":
        return math.nan
    if guard.metric == "refusals":
        return float(bool(refusal(row.response)[0]))
    if guard.metric == "length":
        return math.log1p(len(row.response))
    amount = {
        "latency": row.total_s,
        "first token": row.first_token_s,
        "cost": row.cost,
    }[guard.metric]
    return math.log(amount) if amount and amount > 0 else math.nan


def _went_wrong(row: Interaction) -> bool:
    """Whether the arm did not answer; that another one did in its place does not help it."""
    took_over = _is_served_elsewhere(row) and bool(row.error)
    return took_over or row.ended in ("failed", "server_gone")
