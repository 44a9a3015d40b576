"""Planted incidents in made-up services: whether the cause that is named is right.

Each incident happens to a service of its own, drawn from the ranges that rules were never tuned on
(``held_out``); a fortnight later the whole look is made, and its alarms are explained. A quarter of
the services cannot ask their model or judge again, as with imported records; half of the others
have ids without numbers. An incident's cause is the one that most of its alarms name: right, wrong,
or "cannot tell"; incidents without an alarm have no cause, and are counted.
Usage: ``python -m bench.monitor.causes [INCIDENTS] [held_out|tuning] [OUTCOMES.jsonl]``; with a
file, incidents that are in it are not made again.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bench.machine import keep
from tunewell.monitor.cause import explain
from tunewell.monitor.watch import look
from tunewell.stats import proportion
from tunewell.testing.service import draw_incident, draw_settings, simulate
from tunewell.testing.service.anchored import anchors_on, simulated_anchors
from tunewell.testing.service.columns import dated_records
from tunewell.testing.service.incidents import KINDS, PlantedIncident
from tunewell.types import Alarm, Value

AFTER_DAYS = 14
"""How long after its beginning an incident is looked at."""

RELEVANT_DAYS = 4
"""Alarms that say that they began further from an incident are not its own."""


class Outcome(Value):
    """What was said of one incident."""

    seed: int
    incident: PlantedIncident
    imported: bool
    verdict: str
    causes: tuple[str, ...]
    others: int


def one(seed: int, *, held_out: bool) -> Outcome:
    """One incident, from the service to the cause."""
    settings = draw_settings(seed, held_out=held_out)
    # Topics that are renamed backwards in time move nothing in what one fetch holds.
    kinds = [kind for kind in KINDS if kind != "relabelled"]
    incident = draw_incident(seed, settings, kind=kinds[seed % len(kinds)])
    service = simulate(settings, [incident], seed=seed)
    imported = not settings.model_follows
    records = dated_records(
        service,
        days=incident.day + AFTER_DAYS,
        number_ids=imported or seed // len(kinds) % 2 == 0,
    )
    watched = look(records)
    reading = anchors_on(service, simulated_anchors(service), incident.day + AFTER_DAYS - 1)
    explained = explain(watched, [records], anchors=[reading] if reading else [])
    since = dt.datetime.combine(settings.start, dt.time(), dt.UTC)
    since += dt.timedelta(days=incident.day)
    own = list(_own(explained.alarms, since))
    return Outcome(
        seed=seed,
        incident=incident,
        imported=imported,
        verdict=verdict(own, incident),
        causes=tuple(alarm.cause for alarm in own),
        others=len(explained.alarms) - len(own),
    )


def _own(alarms: Iterable[Alarm], since: dt.datetime) -> Iterator[Alarm]:
    near = dt.timedelta(days=RELEVANT_DAYS)
    for alarm in alarms:
        if alarm.since_low - near <= since <= alarm.since_high + near:
            yield alarm


def verdict(alarms: list[Alarm], incident: PlantedIncident) -> str:
    """Whether the alarms of an incident name its cause."""
    if not alarms:
        return "no alarm"
    told = [alarm.cause for alarm in alarms if alarm.cause != "cannot tell"]
    if not told:
        return "cannot tell"
    right = sum(cause in incident.causes for cause in told)
    if 2 * right == len(told):
        return "cannot tell"
    return "right" if 2 * right > len(told) else "wrong"


def main(incidents: int = 2_000, ranges: str = "held_out", file: str = "") -> None:
    """Plant incidents, and keep what was said of them."""
    started = time.process_time()
    path = Path(file) if file else None
    outcomes = _read(path) if path and path.exists() else []
    known = {outcome.seed for outcome in outcomes}
    for seed in range(incidents):
        if seed in known:
            continue
        outcome = one(seed, held_out=ranges != "tuning")
        outcomes.append(outcome)
        if path is not None:
            with path.open("a", encoding="utf-8") as out:
                out.write(outcome.model_dump_json() + "\n")
        elif outcome.verdict in ("wrong", "cannot tell"):
            print(outcome, flush=True)
    result = summary(outcomes)
    result["settings"] = ranges
    result["cpu_seconds"] = round(time.process_time() - started)
    for name, value in result.items():
        print(name, value)
    if ranges != "tuning":
        keep("monitor-causes", result)


def _read(path: Path) -> list[Outcome]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Outcome.model_validate_json(line) for line in lines]


def summary(outcomes: list[Outcome]) -> dict[str, Any]:
    """Shares over all incidents that raised an alarm, and by kind."""
    seen = [outcome for outcome in outcomes if outcome.verdict != "no alarm"]
    counts = Counter(outcome.verdict for outcome in seen)
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    by_alarm: Counter[str] = Counter()
    for outcome in outcomes:
        by_kind[outcome.incident.kind][outcome.verdict] += 1
        for cause in outcome.causes:
            right = cause in outcome.incident.causes
            by_alarm["right" if right else cause if cause == "cannot tell" else "wrong"] += 1
    honest = proportion(counts["right"] + counts["cannot tell"], len(seen))
    unknown = proportion(counts["cannot tell"], len(seen))
    imported = Counter(outcome.verdict for outcome in seen if outcome.imported)
    return {
        "incidents": len(outcomes),
        "with an alarm": len(seen),
        "verdicts": dict(counts),
        "right or cannot tell": honest.model_dump(),
        "cannot tell": unknown.model_dump(),
        "without anchors": dict(imported),
        "single alarms": dict(by_alarm),
        "alarms of nothing planted": sum(outcome.others for outcome in outcomes),
        "by kind": {kind: dict(found) for kind, found in sorted(by_kind.items())},
    }


if __name__ == "__main__":
    main(*(int(word) if word.isdigit() else word for word in sys.argv[1:]))  # type: ignore[arg-type]
