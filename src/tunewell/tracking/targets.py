"""Where runs can be sent, and what was sent."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Final, Protocol

from tunewell.errors import MissingExtraError, UserError
from tunewell.store import Store
from tunewell.tracking.run_facts import RunFacts
from tunewell.types import Run, Value

TRACKERS: Final = {
    "mlflow": "a tracking server or database: mlflow:http://127.0.0.1:5000, mlflow:sqlite:///m.db",
    "tensorboard": "a folder of event files: tensorboard:runs",
    "otlp": "a collector of OpenTelemetry spans: otlp:http://127.0.0.1:4318",
}
"""Kinds of target, and what stands behind the colon."""


class SentRuns(Value):
    """What became of the runs.

    Attributes:
        target: Where they went.
        sent: Ids of the runs that were new there.
        known: Ids of those that were there already.
    """

    target: str
    sent: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


class Tracker(Protocol):
    """One target."""

    def knows(self, facts: RunFacts) -> bool:
        """Whether the run is there already."""

    def take(self, facts: RunFacts, *, rows: int) -> None:
        """Take a run over, with so many of its held-out rows at most."""

    def close(self) -> None:
        """Wait until all has arrived."""


def tracker_for(target: str, *, project: str) -> Tracker:
    """The tracker that a target names.

    Args:
        target: Kind and place, such as ``tensorboard:runs``.
        project: Under which name runs are filed.

    Raises:
        UserError: There is no such kind, or no place.
        MissingExtraError: What it needs is not installed.
    """
    kind, _, place = target.partition(":")
    if kind not in TRACKERS or not place:
        known = "\n  ".join(TRACKERS.values())
        raise UserError(
            f"{target!r} names no tracker; there are\n  {known}", hint="tunewell track --help"
        )
    try:
        module = importlib.import_module(f"tunewell.tracking.to_{kind}")
        made: Tracker = module.tracker(place, project)
    except ModuleNotFoundError as error:
        raise MissingExtraError(kind, needed_for=f"sending runs to {target}") from error
    return made


def send(
    runs: Sequence[Run],
    store: Store,
    target: str,
    *,
    project: str,
    rows: int = 0,
) -> SentRuns:
    """Send runs to a tracker; those that are there already are left alone.

    Args:
        runs: The runs; only finished and failed ones are sent.
        store: Where their artifacts are.
        target: Kind and place, such as ``tensorboard:runs``.
        project: Under which name runs are filed.
        rows: Held-out rows of each evaluation that go along, texts included.

    Raises:
        UserError: There is no such tracker.
        MissingExtraError: What it needs is not installed.
    """
    tracker = tracker_for(target, project=project)
    new, known = [], []
    try:
        for run in runs:
            facts = RunFacts(run, store)
            if run.status == "started":
                continue
            if tracker.knows(facts):
                known.append(run.id)
                continue
            tracker.take(facts, rows=rows)
            new.append(run.id)
    finally:
        tracker.close()
    return SentRuns(target=target, sent=tuple(new), known=tuple(known))
