"""How long a look at a project's traffic takes, from nothing and a day later.

A made-up service with words of its own, fields, ratings and a judge: as many records as asked for,
over four hundred days. The full look reads everything; then one more day comes in, and the look is
taken again beside what the first one kept.
Usage: ``python -m bench.monitor.speed [RECORDS [FOLDER]]``; a service that is in the folder is used
again, so that real-time priority is needed for the looks alone.
"""

from __future__ import annotations

import datetime as dt
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from loky import get_reusable_executor

from bench.machine import keep
from tunewell.gateway.keep import feedback_line, interaction_line
from tunewell.monitor.found import Watched
from tunewell.monitor.kept_blocks import forget_kept
from tunewell.project import Project
from tunewell.store import Store
from tunewell.store.traffic_tables import feedback, interactions
from tunewell.types import Feedback, Interaction
from tunewell.watching import look_at_traffic
from tunewell.watching_traffic import traffic_of

DAYS = 400
START = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
TASK = """\
version: 1
task:
  name: speed
  about: Answers of a service desk.
  input: A question.
  output: An answer.
data: [{path: rows.jsonl}]
slices: [{field: region}]
"""
FIELDS = {
    "region": ("north", "south", "east"),
    "topic": ("bill", "login", "order", "refund", "address", "outage", "other"),
    "plan": ("free", "team", "firm"),
    "device": ("phone", "desktop"),
}


class Talk:
    """Words by Zipf's law, drawn in blocks."""

    def __init__(
        self,
        seed: int,
        words: int = 8_000,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
        lengths = self.rng.integers(3, 10, words)
        self.words = ["".join(self.rng.choice(letters, size)) for size in lengths.tolist()]
        weights = 1 / np.arange(2, words + 2)
        self.added = np.cumsum(weights / weights.sum())

    def texts(
        self,
        count: int,
        length: int,
    ) -> list[str]:
        """So many texts of so many words."""
        places = np.searchsorted(self.added, self.rng.random((count, length)))
        return [" ".join(self.words[i] for i in row) for row in places.tolist()]


def day_of(
    talk: Talk,
    day: int,
    count: int,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of one day, and what came of them."""
    rng = talk.rng
    seconds = np.sort(rng.integers(0, 86_400, count)).tolist()
    asked = talk.texts(count, 12)
    said = talk.texts(count, 25)
    drawn = {name: rng.choice(values, count).tolist() for name, values in FIELDS.items()}
    rows = []
    told = []
    for i in range(count):
        at = START + dt.timedelta(days=day, seconds=seconds[i])
        request = {
            "messages": [{"role": "user", "content": asked[i]}],
            "metadata": {name: values[i] for name, values in drawn.items()},
        }
        row = Interaction(
            id=f"{day:05}-{i:06}",
            at=at,
            conversation=f"c{day}-{i // 2}",
            user=f"u{int(rng.integers(20_000))}",
            assigned="main",
            served="main",
            version="v1",
            request=request,
            response=said[i],
            finish="stop" if rng.random() < 0.97 else "length",
            prompt_tokens=14,
            answer_tokens=int(rng.integers(20, 60)),
            first_token_s=float(rng.gamma(4, 0.1)),
            total_s=float(rng.gamma(4, 0.5)),
        )
        rows.append(interaction_line(row))
        if rng.random() < 0.1:
            told.append(feedback_line(rated(row, "judge", float(rng.random()))))
        if rng.random() < 0.05:
            told.append(feedback_line(rated(row, "stars", float(rng.integers(1, 6)))))
    return rows, told


def rated(
    row: Interaction,
    name: str,
    value: float,
) -> Feedback:
    """A rating, a minute later."""
    at = row.at + dt.timedelta(seconds=60)
    return Feedback(
        key=f"{row.id}-{name}",
        interaction=row.id,
        kind="rating",
        name=name,
        value=value,
        at=at,
        received=at,
    )


def put_day(
    store: Store,
    talk: Talk,
    day: int,
    count: int,
) -> None:
    """Write one day."""
    rows, told = day_of(talk, day, count)
    with store.connection(write=True) as connection:
        connection.execute(sa.insert(interactions), rows)
        if told:
            connection.execute(sa.insert(feedback), told)


def processor_s() -> float:
    """Processor time of this process and of those that it started, s."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


def looked(project: Project) -> tuple[Watched, dict[str, float]]:
    """One look at the traffic with its processor and wall time."""
    wall = time.perf_counter()
    processor = processor_s()
    watched = look_at_traffic(project, traffic_of(project))
    # Time of other processes is counted once they have ended.
    get_reusable_executor().shutdown(wait=True)
    return watched, {
        "processor_s": round(processor_s() - processor, 2),
        "wall_s": round(time.perf_counter() - wall, 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main(
    records: int = 100_000,
    folder: str = "",
) -> None:
    """Look at everything, and again after one more day, three times."""
    with tempfile.TemporaryDirectory() as made:
        place = Path(folder or made)
        service(place, records // DAYS)
        forget(place)
        with Project.open(place) as project:
            full, first = looked(project)
            print("full", first, len(full.channels), len(full.alarms), flush=True)
            later = [a_day_later(project, records // DAYS) for _ in range(3)]
    result = {
        "records": records,
        "channels": len(full.channels),
        "alarms": len(full.alarms),
        "load": os.getloadavg()[0],
        "full": first,
        "a_day_later": later,
    }
    size = f"{records // 1_000_000}m" if records >= 1_000_000 else f"{records // 1_000}k"
    keep(f"monitor-speed-{size}", result)


def service(
    place: Path,
    daily: int,
) -> None:
    """The rows of four hundred days, where they are not there yet."""
    if (place / "tunewell.yaml").exists():
        return
    place.mkdir(exist_ok=True)
    (place / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    talk = Talk(3)
    with Project.open(place) as project:
        for day in range(DAYS):
            put_day(project.store, talk, day, daily)


def forget(place: Path) -> None:
    """As if nobody had looked yet."""
    with Project.open(place) as project:
        forget_kept(project.store)


def a_day_later(
    project: Project,
    daily: int,
) -> dict[str, float]:
    """A look after one more day."""
    last = project.store.value(sa.select(sa.func.max(interactions.c.at)))
    day = (dt.datetime.fromisoformat(last) - START).days + 1
    talk = Talk(3)
    # The same words, drawn anew.
    talk.rng = np.random.default_rng(day)
    put_day(project.store, talk, day, daily)
    _, took = looked(project)
    print("a day later", took, flush=True)
    return took


if __name__ == "__main__":
    main(*(int(word) if word.isdigit() else word for word in sys.argv[1:]))  # type: ignore[arg-type]
