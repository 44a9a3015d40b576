"""What the way to a verdict took: days, people's minutes, machine hours, money, memory."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from tunewell.people import WorkStore
from tunewell.plurals import plural
from tunewell.report.results import Results
from tunewell.types import Run

MOST_MINUTES: Final = 10_000
"""Minutes of one record beyond which they are a mistake."""


@dataclass(frozen=True)
class Effort:
    """What it took.

    Attributes:
        runs: The run of each stage that led here.
        others: Further runs in the project: repeats, failures, earlier versions.
        started: When the first of ``runs`` began.
        ended: When the last of them ended.
        machine_s: Wall time of ``runs``, seconds.
        machine_total_s: The same of every run in the project.
        people_min: Minutes of people's time.
        people_how: How those were counted.
        money: In ``currency``; None where no price is given.
        currency: As in tunewell.yaml.
        money_how: What is in it.
        peak_bytes: Highest peak memory of a stage.
    """

    runs: tuple[Run, ...]
    others: int
    started: dt.datetime
    ended: dt.datetime
    machine_s: float
    machine_total_s: float
    people_min: float
    people_how: str
    money: float | None
    currency: str
    money_how: str
    peak_bytes: int

    @property
    def days(self) -> float:
        """Calendar days from the first stage's start to the last one's end."""
        return (self.ended - self.started).total_seconds() / 86_400


@dataclass
class _Minutes:
    """Minutes that people gave, as they are counted up.

    Attributes:
        records: Records of what people said.
        recorded: Minutes that were kept with them.
        assumed: Minutes of those with which none were kept, as the definition estimates them.
    """

    records: int = 0
    recorded: float = 0.0
    assumed: float = 0.0

    @property
    def how(self) -> str:
        """How they were counted."""
        if not self.records:
            return "nobody has approved or judged anything yet"
        count = plural(self.records, "record")
        if self.assumed:
            return f"{count}; estimated where no time was recorded"
        return f"{count}, timed" if self.recorded else f"{count}, no time recorded"


def end_of(run: Run) -> dt.datetime:
    """When a run ended."""
    return run.started + dt.timedelta(seconds=run.seconds)


def effort(results: Results) -> Effort | None:
    """What the stages took, or None where nothing has run."""
    runs = tuple(results.runs.values())
    if not runs:
        return None
    every = results.store.runs()
    machine_s = sum(run.seconds for run in runs)
    minutes = _minutes_of_people(results)
    people_min = minutes.recorded + minutes.assumed
    money, money_how = _money(results, machine_s, people_min)
    return Effort(
        runs=runs,
        others=len(every) - len(runs),
        started=min(run.started for run in runs),
        ended=max(map(end_of, runs)),
        machine_s=machine_s,
        machine_total_s=sum(run.seconds for run in every),
        people_min=people_min,
        people_how=minutes.how,
        money=money,
        currency=results.file.spec.costs.currency,
        money_how=money_how,
        peak_bytes=max(run.peak_bytes for run in runs),
    )


def _minutes_of_people(results: Results) -> _Minutes:
    """As recorded with what they said, else by the minutes per verdict that were planned."""
    found = _Minutes()
    for kind in ("judgement", "approval", "acceptance"):
        for event in results.store.said(kind):
            found.records += 1
            minutes = event.record.get("minutes")
            if isinstance(minutes, int | float) and 0 <= minutes < MOST_MINUTES:
                found.recorded += minutes
            elif kind == "judgement":
                found.assumed += results.file.spec.people.minutes_per_verdict

    book = WorkStore(results.store)
    for batch in book.batches():
        for said in book.verdicts(batch.id, all_words=True):
            found.records += 1
            found.recorded += said.seconds / 60
            if said.seconds <= 0:
                found.assumed += batch.minutes
    return found


def _money(
    results: Results,
    machine_s: float,
    people_min: float,
) -> tuple[float | None, str]:
    """What it cost at the prices of the definition, and what is in it."""
    costs = results.file.spec.costs
    runs = results.runs.values()
    tokens = sum(run.counts.get("billed_tokens", 0) for run in runs)
    parts = (
        ("machine", machine_s / 3600, costs.machine_hour),
        ("people", people_min / 60, costs.person_hour),
        ("tokens", tokens / 1e6, costs.million_tokens),
    )
    total = 0.0
    names = []
    for name, amount, price in parts:
        if price > 0:
            total += amount * price
            names.append(f"{name} {amount * price:,.2f}")
    if not names:
        return None, "no prices are given under costs in tunewell.yaml"
    return total, " + ".join(names)
