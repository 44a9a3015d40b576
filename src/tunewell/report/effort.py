"""What the way to a verdict took: days, people's minutes, machine hours, money, memory."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from tunewell.people import WorkStore
from tunewell.report.results import Results
from tunewell.types import Run


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


def effort(results: Results) -> Effort | None:
    """What the stages took, or None where nothing has run."""
    runs = tuple(results.runs.values())
    if not runs:
        return None
    everything = results.store.runs()
    started = min(run.started for run in runs)
    ended = max(run.started + dt.timedelta(seconds=run.seconds) for run in runs)
    machine = sum(run.seconds for run in runs)
    minutes, how = _people(results)
    money, money_how = _money(results, machine, minutes, runs)
    return Effort(
        runs=runs,
        others=len(everything) - len(runs),
        started=started,
        ended=ended,
        machine_s=machine,
        machine_total_s=sum(run.seconds for run in everything),
        people_min=minutes,
        people_how=how,
        money=money,
        currency=results.file.spec.costs.currency,
        money_how=money_how,
        peak_bytes=max(run.peak_bytes for run in runs),
    )


def _people(results: Results) -> tuple[float, str]:
    """Minutes that people gave: as recorded with what they said, else by the definition's minutes per verdict."""
    assumed = results.file.spec.people.minutes_per_verdict
    recorded = guessed = 0.0
    count = 0
    for kind in ("judgement", "approval", "acceptance"):
        for event in results.store.said(kind):
            minutes = event.record.get("minutes")
            count += 1
            if isinstance(minutes, int | float) and 0 <= minutes < 10_000:
                recorded += minutes
            elif kind == "judgement":
                guessed += assumed
    for batch in (book := WorkStore(results.store)).batches():
        for said in book.verdicts(batch.id, all_words=True):
            count += 1
            recorded += said.seconds / 60
            guessed += 0.0 if said.seconds > 0 else batch.minutes
    if not count:
        return 0.0, "nobody has approved or judged anything yet"
    if guessed:
        return (
            recorded + guessed,
            f"{count} records; where no time was kept, as estimated beforehand",
        )
    return recorded, f"{count} records, as timed" if recorded else f"{count} records, no time kept"


def _money(
    results: Results, machine_s: float, minutes: float, runs: tuple[Run, ...]
) -> tuple[float | None, str]:
    costs = results.file.spec.costs
    tokens = sum(run.counts.get("billed_tokens", 0) for run in runs)
    parts = [
        ("machine", machine_s / 3600 * costs.machine_hour, costs.machine_hour),
        ("people", minutes / 60 * costs.person_hour, costs.person_hour),
        ("tokens", tokens / 1e6 * costs.million_tokens, costs.million_tokens),
    ]
    priced = [(name, value) for name, value, price in parts if price > 0]
    if not priced:
        return None, "no prices are given under costs in tunewell.yaml"
    return sum(v for _, v in priced), " + ".join(f"{name} {value:,.2f}" for name, value in priced)
