"""Streams of real questions whose intents shift from a chosen week, or that leave the scope.

Questions of clinc150 and of MultiDoGO (customers' turns of three domains) come at about sixty a
day, drawn by intents of unequal popularity, none twice. From a chosen week on nothing happens, one
intent is asked several times as often, or a share of the questions is out of scope: clinc150's own
out-of-scope questions, and questions of another domain for MultiDoGO. Sets are read from a folder
that holds ``clinc150`` and ``multidogo``; the watching knows neither intents nor scope.
Usage: ``python -m bench.monitor.intents FOLDER [SEEDS]``.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.machine import keep
from tunewell.monitor.records import DatedRecords
from tunewell.monitor.watch import look
from tunewell.types import Alarm

START = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
DAYS, A_DAY, CHANGED = 210, 50, 147
WEEK = np.array([1.1, 1.15, 1.15, 1.1, 1.0, 0.75, 0.75])
WITHIN_DAYS = 28
"""Alarms that are raised so long after the change, and say that it began near it, are of it."""

NEAR_DAYS = 7

Pool = dict[str, list[str]]
"""Questions by intent."""


@dataclass(frozen=True)
class Change:
    """What happens from a week on.

    Attributes:
        name: As it is called in the result.
        times: How many times as often one intent is asked.
        outside: Share of the questions that are out of scope.
    """

    name: str
    times: float = 1.0
    outside: float = 0.0


CHANGES = (
    Change("quiet"),
    Change("one intent x3", times=3.0),
    Change("one intent x5", times=5.0),
    Change("5 % out of scope", outside=0.05),
    Change("10 % out of scope", outside=0.10),
    Change("20 % out of scope", outside=0.20),
)


def clinc(folder: Path) -> tuple[Pool, list[str]]:
    """Questions in scope by intent, and those out of scope."""
    parts = json.loads((folder / "data_full.json").read_text(encoding="utf-8"))
    pool: Pool = defaultdict(list)
    outside = []
    for name, rows in parts.items():
        for text, intent in rows:
            if name.startswith("oos"):
                outside.append(text)
            else:
                pool[intent].append(text)
    return pool, outside


def multidogo(folder: Path) -> tuple[Pool, list[str]]:
    """Turns of the airline's customers by intent; those of the other two are out of scope."""
    pool: Pool = defaultdict(list)
    outside = []
    for domain in sorted(each for each in folder.iterdir() if each.is_dir()):
        for path in sorted(domain.glob("*.tsv")):
            with path.open(encoding="utf-8", newline="") as lines:
                for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
                    intent = row["intent"] or "content"
                    if intent.startswith(("content", "opening", "closing")):
                        continue
                    if domain.name == "airline":
                        pool[intent].append(row["utterance"])
                    else:
                        outside.append(row["utterance"])
    return {name: texts for name, texts in pool.items() if len(texts) >= 20}, outside


def stream(
    pool: Pool,
    outside: list[str],
    change: Change,
    seed: int,
) -> DatedRecords:
    """One stream with a change in it."""
    rng = np.random.default_rng(seed)
    intents = sorted(pool)
    left = {name: rng.permutation(pool[name]).tolist() for name in intents}
    strange = rng.permutation(outside).tolist()
    weights = np.array([len(pool[name]) for name in intents]) * rng.gamma(2, 0.5, len(intents))
    weights /= weights.sum()
    chosen = int(np.argmin(np.abs(weights - 1 / len(intents))))
    seconds: list[int] = []
    texts: list[str] = []
    for day in range(DAYS):
        changed = day >= CHANGED
        now = weights.copy()
        now[chosen] *= change.times if changed else 1.0
        share = change.outside if changed else 0.0
        count = int(rng.poisson(A_DAY * WEEK[day % 7] * rng.gamma(40, 1 / 40)))
        at = _seconds(rng, count)
        for i, intent in enumerate(rng.choice(len(intents), count, p=now / now.sum()).tolist()):
            source = strange if rng.random() < share else left[intents[intent]]
            if not source:
                # An intent that is used up begins anew, in another order.
                source += rng.permutation(pool[intents[intent]]).tolist()
            texts.append(source.pop())
            seconds.append(day * 86_400 + int(at[i]))
    start = int(START.timestamp())
    return DatedRecords(
        name="questions",
        ids=[f"q{i}" for i in range(len(texts))],
        seconds=np.array(seconds, dtype=np.int64) + start,
        as_of=START + dt.timedelta(days=DAYS),
        texts={"asked": texts},
        topics={"asked": "input"},
    )


def _seconds(
    rng: np.random.Generator,
    count: int,
) -> NDArray[np.int64]:
    """Moments of a day, ascending, most of them by day."""
    hours = np.exp(-0.5 * ((np.arange(24) - 13) / 4.0) ** 2) + 0.02
    hour = rng.choice(24, count, p=hours / hours.sum())
    return np.sort(hour * 3600 + rng.integers(0, 3600, count))


def is_of_change(alarm: Alarm) -> bool:
    """Whether an alarm is of the change, by when it was raised and since when it says it holds."""
    turn = START + dt.timedelta(days=CHANGED)
    in_time = turn <= alarm.raised <= turn + dt.timedelta(days=WITHIN_DAYS)
    near = dt.timedelta(days=NEAR_DAYS)
    return in_time and alarm.since_low - near <= turn <= alarm.since_high + near


def cell(
    pool: Pool,
    outside: list[str],
    change: Change,
    seeds: int,
) -> dict[str, Any]:
    """What is found of one change, over some streams."""
    turn = START + dt.timedelta(days=CHANGED)
    delays: list[int] = []
    others = 0
    by: dict[str, int] = defaultdict(int)
    for seed in range(seeds):
        alarms = look(stream(pool, outside, change, seed)).alarms
        own = [alarm for alarm in alarms if is_of_change(alarm) and change.name != "quiet"]
        others += len(alarms) - len(own)
        if own:
            delays.append(min((alarm.raised - turn).days for alarm in own))
        for channel in {alarm.channel.partition(": ")[2].partition("=")[0] for alarm in own}:
            by[channel] += 1
    years = seeds * (DAYS - 112) / 365
    return {
        "streams": seeds,
        "found": len(delays),
        "median delay in days": float(np.median(delays)) if delays else None,
        "by channel": dict(by),
        "other alarms": others,
        "other alarms a year": round(others / years, 2),
    }


def main(
    folder: str,
    seeds: int = 4,
) -> None:
    """Both sets, every change."""
    started = time.process_time()
    result: dict[str, Any] = {"days": DAYS, "a_day": A_DAY, "changed_on_day": CHANGED}
    for name, read in (("clinc150", clinc), ("multidogo", multidogo)):
        pool, outside = read(Path(folder) / name)
        rows = {}
        for change in CHANGES:
            rows[change.name] = cell(pool, outside, change, seeds)
            print(name, change.name, rows[change.name], flush=True)
        result[name] = rows
    result["processor_s"] = round(time.process_time() - started)
    keep("monitor-intents", result)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
